//! One room's state and what each request does to it. No task, no clock, no socket: `now` is a parameter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::chat::History;
use super::codecs::Lacking;
use super::diffs::{AT_ONCE, Diffs, GATHERED, patience};
use super::member::{RELOAD, Resident};
use super::outbox::{Broadcast, LinkId, Push};
use super::password::{Guesses, Password};
use super::registry::Shared;
use super::speakers::SpokenLast;
use super::waiting::{Bans, WaitingRoom};
use crate::access::Action;
use crate::border::{ControlState, SourceState};
use crate::id::{MemberId, RoomId, RoomKey, SourceId};
use crate::signal::protocol::*;

/// What there is in a room, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct RoomFigures {
    pub(super) members: u64,
    pub(super) reconnecting: u64,
    pub(super) cameras: u64,
    pub(super) screens: u64,
    pub(super) microphones: u64,
    pub(super) unsupported: u64,
    pub(super) key: RoomKey,
    pub(super) listed: bool,
}

pub(super) struct Room {
    pub(super) shared: Arc<Shared>,
    pub(super) key: RoomKey,
    pub(super) id: RoomId,
    pub(super) facts: RoomFacts,
    pub(super) password: Option<Password>,
    pub(super) guesses: Guesses,
    pub(super) bans: Bans,
    pub(super) waiting: WaitingRoom,
    /// What those who can admit were last told.
    pub(super) knocks: Knocks,
    pub(super) diffs: Diffs,
    /// When those that have been told of a part of the members are told of the next.
    pub(super) parts_at: Option<Instant>,
    /// Counts those that ever came in.
    pub(super) entered: u64,
    /// What those who see pictures do not decode.
    pub(super) lacking: Lacking,
    /// Told with the next diffs.
    pub(super) reactions: Vec<Reaction>,
    /// When what has been gathered is told.
    flush_at: Option<Instant>,
    /// Until when the room stays though nobody is in it.
    pub(super) kept_until: Option<Instant>,
    /// Counts raised hands.
    pub(super) hands: u64,
    /// In the order of joining.
    pub(super) members: Vec<Resident>,
    pub(super) history: History,
    pub(super) speakers: SpokenLast,
    /// What the shards see of the room's sources.
    pub(super) sources: HashMap<SourceId, SourceState>,
}

impl Room {
    pub(super) fn new(shared: Arc<Shared>, key: RoomKey, id: RoomId) -> Room {
        Room {
            key,
            id,
            facts: RoomFacts {
                listed: false,
                locked: false,
                password: false,
                waiting_room: shared.config.waiting_room,
                rules: Rules::default(),
            },
            password: None,
            guesses: Guesses::default(),
            bans: Bans::default(),
            waiting: WaitingRoom::default(),
            knocks: Knocks::default(),
            diffs: Diffs::default(),
            parts_at: None,
            entered: 0,
            lacking: Lacking::default(),
            reactions: Vec::new(),
            flush_at: None,
            kept_until: None,
            hands: 0,
            members: Vec::new(),
            history: History::default(),
            speakers: SpokenLast::default(),
            sources: HashMap::new(),
            shared,
        }
    }

    /// Whether nobody is here and nobody wants to come in.
    pub(super) fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.waiting.is_empty() && self.kept_until.is_none()
    }

    /// A room that everybody has left keeps nothing for whoever comes next.
    pub(super) fn begin_anew(&mut self) {
        *self = Room::new(self.shared.clone(), self.key, self.id.clone());
    }

    pub(super) fn figures(&self) -> RoomFigures {
        let count = |is: fn(&Resident) -> bool| self.members.iter().filter(|member| is(member)).count() as u64;
        RoomFigures {
            members: self.members.len() as u64,
            reconnecting: count(|member| member.link.is_none()),
            cameras: count(|member| member.media.camera),
            screens: count(|member| member.media.screen),
            microphones: count(|member| member.media.microphone),
            key: self.key,
            listed: self.facts.listed,
            unsupported: self.members.iter().map(|member| member.seats.unsupported_codec.len() as u64).sum(),
        }
    }

    /// Tells all clients but `except`.
    pub(super) fn tell_all(&self, push: Push, except: Option<LinkId>) {
        let broadcast = Broadcast::new(push);
        let links = self.members.iter().filter_map(|member| member.link.as_ref());
        for link in links.filter(|link| Some(link.id) != except) {
            link.outbox.broadcast(&broadcast);
        }
    }

    /// Tells everybody of a change: at once in small rooms, together with others in large ones.
    pub(super) fn announce(&mut self, change: Change, except: Option<LinkId>) {
        self.diffs.note(change);
        if self.members.len() <= AT_ONCE {
            self.tell_changes(except);
        }
    }

    fn tell_changes(&mut self, except: Option<LinkId>) {
        if let Some(diff) = self.diffs.take() {
            self.tell_all(Push::Room(diff), except);
        }
    }

    /// Changes a member, and tells everybody when that shows.
    pub(super) fn change(&mut self, index: usize, except: Option<LinkId>, change: impl FnOnce(&mut Resident)) {
        let Some(resident) = self.members.get_mut(index) else { return };
        let (before, kinds) = (resident.public(), resident.media.kinds());
        change(resident);
        let (member, hidden) = (resident.public(), resident.is_hidden());
        if member != before && !hidden {
            self.announce(Change::Changed { member }, except);
            self.witness_change(index, kinds);
        }
    }

    /// To be called after each turn: brings those at the door up to date, and sees to it that what has been gathered
    /// is told.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.members.is_empty() && !self.waiting.expects() {
            self.waiting.open(now);
        }
        if !self.waiting.is_empty() {
            self.waiting.tell(self.can_admit());
        }
        let knocking = self.waiting.knocks() != self.knocks;
        let soon = (self.diffs.is_urgent() || !self.reactions.is_empty() || knocking).then_some(GATHERED);
        let late = (!self.diffs.is_empty()).then(|| patience(self.members.len()));
        if let Some(wait) = soon.or(late) {
            let at = now + wait;
            self.flush_at = Some(self.flush_at.map_or(at, |due| due.min(at)));
        }
    }

    /// Whether somebody is here who can let others in.
    pub(super) fn can_admit(&self) -> bool {
        let admits = |member: &Resident| member.link.is_some() && member.may(Action::Admit, self.facts.rules);
        self.members.iter().any(admits)
    }

    /// Tells what has been gathered.
    fn flush(&mut self) {
        self.flush_at = None;
        self.tell_changes(None);
        if !self.reactions.is_empty() {
            let reactions = Reactions { reactions: std::mem::take(&mut self.reactions) };
            self.tell_all(Push::Reactions(reactions), None);
        }
        let knocks = self.waiting.knocks();
        if knocks != self.knocks {
            self.knocks = knocks;
            for index in 0..self.members.len() {
                self.tell_knocks(index);
            }
        }
    }

    /// Tells a member who can admit who waits.
    pub(super) fn tell_knocks(&self, index: usize) {
        let admits = |member: &&Resident| member.may(Action::Admit, self.facts.rules);
        if let Some(member) = self.members.get(index).filter(admits) {
            member.tell(&Push::Knocks(self.knocks.clone()));
        }
    }

    /// The member behind a link. Whoever makes a request has come back.
    pub(super) fn find(&mut self, link: LinkId) -> Option<usize> {
        let index = self.members.iter().position(|member| member.is_linked_by(link))?;
        if let Some(member) = self.members.get_mut(index) {
            member.leaving = None;
        }
        Some(index)
    }

    /// The member of that id, when others may know of it.
    pub(super) fn position(&self, id: &MemberId) -> Option<usize> {
        self.members.iter().position(|member| member.id == *id && !member.is_hidden())
    }

    pub(super) fn tell_speakers(&self, index: usize) {
        let speakers = self.speakers.current();
        if let Some(member) = self.members.get(index).filter(|_| speakers != Speakers::default()) {
            member.tell(&Push::Speakers(speakers));
        }
    }

    /// Removes a member: others are told while the roster still holds it.
    pub(super) fn remove(&mut self, index: usize, reason: LeaveReason) {
        let Some(leaver) = self.members.get(index) else { return };
        let (id, link) = (leaver.id.clone(), leaver.link.as_ref().map(|link| link.id));
        info!(room = %self.key, member = %id, ?reason, "left");
        if !leaver.is_hidden() {
            self.announce(Change::Left { member: id, reason }, link);
        }
        let leaver = self.members.remove(index);
        for source in leaver.own() {
            self.sources.remove(&source);
            if leaver.connection.is_some() {
                self.put(ControlState::Source(source, None));
            }
            if let Some(speakers) = self.speakers.forget(source) {
                self.tell_all(Push::Speakers(speakers), None);
            }
        }
        self.shared.routes.remove_sources(leaver.own());
        if let Some(connection) = &leaver.connection {
            self.close(connection.id);
            self.leave_codecs(&leaver);
            self.restage_around(leaver.shows(), None);
        }
        self.seat_host();
        self.publish();
        self.witness_left(&leaver);
    }

    /// Tells the lobby how many are here.
    pub(super) fn publish(&self) {
        let shown = self.members.iter().filter(|member| !member.is_hidden()).count();
        let members = if self.facts.listed { shown } else { 0 };
        self.shared.lobby.count(&self.id, u32::try_from(members).unwrap_or(u32::MAX));
    }

    pub(super) fn leave(&mut self, link: LinkId, soon: bool, now: Instant) -> Result<Done, ErrorBody> {
        if self.waiting.remove(link).is_some() {
            return Ok(Done {});
        }
        let index = self.find(link).ok_or_else(not_joined)?;
        if !soon {
            self.remove(index, LeaveReason::Left);
        } else if let Some(member) = self.members.get_mut(index) {
            member.leaving = Some(now + RELOAD);
        }
        Ok(Done {})
    }

    /// The client's signalling is gone; its place is kept.
    pub(super) fn lose(&mut self, link: LinkId, now: Instant) {
        self.waiting.remove(link);
        let Some(index) = self.members.iter().position(|member| member.is_linked_by(link)) else { return };
        let key = self.key;
        self.change(index, None, |member| {
            info!(room = %key, member = %member.id, "lost its signalling");
            member.link = None;
            member.note_life(now);
        });
    }

    /// Gives up places whose time has come, and tells what has been gathered.
    pub(super) fn tick(&mut self, now: Instant) {
        self.waiting.tick(now);
        self.kept_until = self.kept_until.filter(|until| *until > now);
        let due = |member: &Resident| member.deadline().filter(|(at, _)| *at <= now).map(|(_, reason)| reason);
        while let Some((index, reason)) =
            self.members.iter().enumerate().find_map(|(index, member)| Some((index, due(member)?)))
        {
            self.remove(index, reason);
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
        if self.parts_at.is_some_and(|at| at <= now) {
            self.tell_parts(now);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let places = self.members.iter().filter_map(|member| member.deadline().map(|(at, _)| at)).min();
        [places, self.flush_at, self.parts_at, self.kept_until, self.waiting.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn put(&self, state: ControlState) {
        self.shared.plane.put(self.key, state);
    }
}

/// A room that falls over by a fault of ours takes its members with it, who would otherwise go on in a room that answers
/// nothing: their connections end, so that they come back by themselves, to a room that is opened anew.
impl Drop for Room {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!(room = %self.key, members = self.members.len(), "a room ended by a fault of ours");
        for member in &self.members {
            for source in member.own().into_iter().filter(|_| member.connection.is_some()) {
                self.put(ControlState::Source(source, None));
            }
            self.shared.routes.remove_sources(member.own());
            if let Some(connection) = &member.connection {
                self.close(connection.id);
            }
        }
        let waiting = self.waiting.links();
        for link in self.members.iter().filter_map(|member| member.link.as_ref()).chain(waiting) {
            link.outbox.cut("its room ended by a fault of ours");
        }
    }
}

pub(super) fn not_joined() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotJoined, "join a room first")
}
