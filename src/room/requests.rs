//! What members ask of their room, beside entering and leaving.

use std::time::Duration;

use super::outbox::{Ack, LinkId, Push};
use super::room::{Room, not_joined};
use super::{chat, name};
use crate::access::Action;
use crate::id::MemberId;
use crate::signal::protocol::*;

/// How long a recipient may take to acknowledge an application event, in milliseconds.
const APP_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 100..=30_000;
/// The same when the sender does not say.
const APP_TIMEOUT_DEFAULT_MS: u32 = 5_000;
/// Longest name of an application event, in characters: as long as other names.
const APP_EVENT_CHARS: usize = name::MAX_NAME;
/// Longest request id of a chat line.
const REQUEST_ID_BYTES: usize = 64;
/// Most pictures a client may wish for: several times what it could seat.
const MAX_WISHES: usize = 512;
/// Longest reaction: an emoji of several code points, such as a family or a flag.
const EMOJI_BYTES: usize = 32;
/// Reactions that are told together; more cannot be seen in a moment.
const MOST_REACTIONS: usize = 64;

impl Room {
    pub(super) fn rename(&mut self, link: LinkId, rename: &Rename) -> Result<Done, ErrorBody> {
        let index = self.permitted(link, Action::Rename)?;
        if self.members.get(index).is_some_and(|member| member.pass.name.is_some()) {
            return Err(ErrorBody::new(ErrorCode::Forbidden, "name: the access token names its bearer"));
        }
        let name = name::display_name(&rename.name)?;
        self.change(index, None, |member| member.name = name);
        Ok(Done {})
    }

    pub(super) fn raise_hand(&mut self, link: LinkId, hand: &Hand) -> Result<Done, ErrorBody> {
        let caller = self.find(link).ok_or_else(not_joined)?;
        let index = hand.member.as_ref().map_or(Ok(caller), |id| self.named(id))?;
        if index != caller {
            if hand.raised {
                return Err(ErrorBody::new(ErrorCode::BadRequest, "member: nobody raises another's hand"));
            }
            self.permitted(link, Action::Moderate)?;
        } else if hand.raised {
            self.permitted(link, Action::RaiseHand)?;
        }
        let raised = self.members.get(index).is_some_and(|member| member.hand.is_some());
        if raised != hand.raised {
            self.hands += u64::from(hand.raised);
            let order = hand.raised.then_some(self.hands);
            self.change(index, None, |member| member.hand = order);
        }
        Ok(Done {})
    }

    /// Shows everybody an emoji, with the others of the moment.
    pub(super) fn react(&mut self, link: LinkId, react: React) -> Result<Done, ErrorBody> {
        let index = self.permitted(link, Action::React)?;
        let fits = (1..=EMOJI_BYTES).contains(&react.emoji.len());
        if !fits || react.emoji.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let message = format!("emoji: 1 to {EMOJI_BYTES} bytes without spaces");
            return Err(ErrorBody::new(ErrorCode::BadRequest, message));
        }
        if let Some(member) = self.members.get(index).filter(|_| self.reactions.len() < MOST_REACTIONS) {
            self.reactions.push(Reaction { from: member.id.clone(), emoji: react.emoji });
        }
        Ok(Done {})
    }

    pub(super) fn set_media(&mut self, link: LinkId, media: Media) -> Result<Done, ErrorBody> {
        let index = self.find(link).ok_or_else(not_joined)?;
        let rules = self.facts.rules;
        let Some(member) = self.members.get(index) else { return Err(not_joined()) };
        for kind in media.kinds().iter() {
            let checked = member.standing(rules).check(Action::Publish(kind));
            checked.map_err(|denied| ErrorBody::new(ErrorCode::Forbidden, format!("{kind}: {denied}")))?;
        }
        let before = member.media;
        self.change(index, None, |member| member.media = media);
        self.put_sources(index);
        if (before.camera, before.screen) != (media.camera, media.screen) {
            self.restage();
        }
        Ok(Done {})
    }

    pub(super) fn wish(&mut self, link: LinkId, wishes: Wishes) -> Result<Done, ErrorBody> {
        let index = self.find(link).ok_or_else(not_joined)?;
        if wishes.sources.len() > MAX_WISHES {
            return Err(ErrorBody::new(ErrorCode::BadRequest, format!("sources: at most {MAX_WISHES}")));
        }
        if let Some(member) = self.members.get_mut(index) {
            member.wishes = Some(wishes);
        }
        self.restage_one(index);
        Ok(Done {})
    }

    pub(super) fn chat(&mut self, link: LinkId, send: ChatSend, unix_ms: u64) -> Result<ChatSent, ErrorBody> {
        let index = self.permitted(link, Action::Chat)?;
        let text = self.check_chat(&send)?;
        let recipient = self.recipient(send.to.as_ref())?;
        let Some(member) = self.members.get_mut(index) else { return Err(not_joined()) };
        if let Some(sent) = send.request.as_deref().and_then(|request| member.receipts.find(request)) {
            return Ok(sent);
        }
        let sent = ChatSent { id: self.history.next_id(), at: unix_ms };
        if let Some(request) = send.request {
            member.receipts.keep(request, sent);
        }
        let line = ChatLine {
            id: sent.id,
            from: member.id.clone(),
            name: member.name.clone(),
            text,
            to: send.to,
            at: unix_ms,
        };
        self.history.remember(line.clone());
        let push = Push::Chat(line);
        match recipient {
            None => self.tell_all(push, None),
            Some(other) => {
                // The sender sees its own line come back too, so that every page shows one order.
                for index in if other == index { vec![index] } else { vec![other, index] } {
                    if let Some(member) = self.members.get(index) {
                        member.tell(&push);
                    }
                }
            }
        }
        Ok(sent)
    }

    fn check_chat(&self, send: &ChatSend) -> Result<String, ErrorBody> {
        let limit = usize::try_from(self.shared.config.limits.chat_chars).unwrap_or(usize::MAX);
        if send.text.chars().count() > limit {
            return Err(ErrorBody::new(ErrorCode::TooLarge, format!("text: at most {limit} characters")));
        }
        if send.request.as_ref().is_some_and(|request| request.len() > REQUEST_ID_BYTES) {
            return Err(ErrorBody::new(ErrorCode::BadRequest, format!("request: at most {REQUEST_ID_BYTES} bytes")));
        }
        let text = chat::clean(&send.text);
        if text.is_empty() {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "text: nothing to say"));
        }
        Ok(text)
    }

    /// `None` = everybody.
    fn recipient(&self, to: Option<&MemberId>) -> Result<Option<usize>, ErrorBody> {
        to.map(|id| {
            let missing = || ErrorBody::new(ErrorCode::NoSuchMember, format!("to: no member {id} in this room"));
            self.position(id).ok_or_else(missing)
        })
        .transpose()
    }

    /// Relays an application event. The acknowledgement of one member is awaited outside of the room.
    pub(super) fn relay(&mut self, link: LinkId, app: App, ack: Ack<AppAnswer>) {
        let index = match self.permitted(link, Action::Data) {
            Ok(index) => index,
            Err(error) => return ack.send(Err(error)),
        };
        let timeout = app.timeout_ms.unwrap_or(APP_TIMEOUT_DEFAULT_MS);
        if app.event.is_empty() || app.event.chars().count() > APP_EVENT_CHARS {
            return ack.refuse(ErrorCode::BadRequest, format!("event: 1 to {APP_EVENT_CHARS} characters"));
        }
        if !APP_TIMEOUT_MS.contains(&timeout) {
            return ack.refuse(ErrorCode::BadRequest, "timeoutMs: 100 to 30000");
        }
        let recipient = match self.recipient(app.to.as_ref()) {
            Ok(recipient) => recipient,
            Err(error) => return ack.send(Err(error)),
        };
        let Some(from) = self.members.get(index).map(|member| member.id.clone()) else { return };
        let push = AppPush { from, event: app.event, args: app.args };
        match recipient {
            Some(other) => self.ask(other, &push, Duration::from_millis(u64::from(timeout)), ack),
            None => {
                let others = self.members.iter().filter(|member| !member.is_linked_by(link));
                let linked = others.filter_map(|member| member.link.as_ref());
                let delivered = linked.map(|link| link.outbox.relay(&push)).count();
                let delivered = u32::try_from(delivered).unwrap_or(u32::MAX);
                ack.send(Ok(AppAnswer::Delivered(AppDelivered { delivered })));
            }
        }
    }

    fn ask(&self, index: usize, push: &AppPush, timeout: Duration, ack: Ack<AppAnswer>) {
        let Some(link) = self.members.get(index).and_then(|member| member.link.as_ref()) else {
            return ack.refuse(ErrorCode::Timeout, "the member is reconnecting");
        };
        let asked = link.outbox.ask(push, timeout);
        tokio::spawn(async move { ack.send(asked.await.map(|reply| AppAnswer::Reply(AppReply { reply }))) });
    }
}
