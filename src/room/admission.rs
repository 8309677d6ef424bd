//! Who comes into a room: anew, as the member it was, or not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::member::{Link, Resident};
use super::name;
use super::outbox::{Ack, LinkId, Outbox};
use super::password::{MAX_PASSWORD, Password};
use super::registry::{random_id, unix_ms};
use super::room::Room;
use super::waiting::{Standing, Waiter};
use crate::access::{Pass, Role};
use crate::id::MemberId;
use crate::signal::protocol::*;

/// A request to enter.
pub struct Entry {
    pub link: LinkId,
    pub outbox: Arc<dyn Outbox>,
    /// Not read when the access token names its bearer.
    pub name: String,
    /// Counts for the first member only.
    pub listed: bool,
    /// Counts for the first member only, if it may be host.
    pub waiting_room: bool,
    /// Given to the room by the first member, if it may be host.
    pub password: Option<String>,
    /// The secret of an earlier entry.
    pub resume: Option<String>,
    /// What a checked access token says, or why it does not count. Not read for members that come back.
    pub pass: Result<Option<Pass>, ErrorBody>,
    /// Where the client is.
    pub address: Option<IpAddr>,
    /// Is told of everybody at once, however many are there.
    pub whole: bool,
    pub ack: Ack<Joined>,
}

impl Entry {
    /// An entry without more than a name.
    pub fn new(link: LinkId, outbox: Arc<dyn Outbox>, name: impl Into<String>, ack: Ack<Joined>) -> Entry {
        Entry {
            link,
            outbox,
            name: name.into(),
            listed: false,
            waiting_room: false,
            password: None,
            resume: None,
            pass: Ok(None),
            address: None,
            whole: false,
            ack,
        }
    }
}

/// What came of an [`Entry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entered {
    Joined,
    Resumed,
    /// Somebody has to admit it.
    Waits,
    Refused,
}

/// What shall become of somebody new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Enters,
    /// With whether somebody was banned where it comes from.
    Waits {
        banned: bool,
    },
}

impl Room {
    pub(super) fn enter(&mut self, mut entry: Entry, now: Instant) -> Entered {
        let returning = self.members.iter().position(|member| {
            member.is_linked_by(entry.link) || entry.resume.as_deref().is_some_and(|token| member.proves(token))
        });
        let fixed = match (returning.and_then(|index| self.members.get(index)), &entry.pass) {
            (Some(member), _) => member.pass.name.clone(),
            (None, Ok(pass)) => pass.as_ref().and_then(|pass| pass.name.clone()),
            (None, Err(_)) => None,
        };
        let name = match name::display_name(fixed.as_deref().unwrap_or(&entry.name)) {
            Ok(name) => name,
            Err(error) => return refuse(entry.ack, error),
        };
        if let Some(index) = returning {
            self.welcome_back(index, entry, name, now);
            return Entered::Resumed;
        }
        let pass = match std::mem::replace(&mut entry.pass, Ok(None)) {
            Ok(pass) => pass,
            Err(error) => return refuse(entry.ack, error),
        };
        match self.judge(&entry, pass.as_ref(), now) {
            Ok(Verdict::Enters) => {
                self.admit(entry, name, pass, now);
                Entered::Joined
            }
            Ok(Verdict::Waits { banned }) => {
                self.wait(entry, name, pass.as_ref(), banned);
                Entered::Waits
            }
            Err(error) => refuse(entry.ack, error),
        }
    }

    fn welcome_back(&mut self, index: usize, entry: Entry, name: String, now: Instant) {
        let link = Link { id: entry.link, outbox: entry.outbox };
        self.change(index, Some(entry.link), |member| {
            let old = member.link.replace(link);
            if let Some(old) = old.filter(|old| old.id != entry.link) {
                let message = "this member came back through another connection".to_owned();
                old.outbox.dismiss(Farewell { reason: FarewellReason::Replaced, message });
            }
            member.leaving = None;
            member.note_life(now);
            member.name = name;
            member.address = entry.address;
        });
        self.greet(index, true, (!entry.whole).then_some(now), entry.ack);
        if let Some(member) = self.members.get(index) {
            info!(room = %self.key, member = %member.id, "came back");
            member.tell_media();
        }
        self.tell_troubles(index);
        self.tell_speakers(index);
    }

    /// Acknowledges an entry with everything that the client cannot know; some of it later when it may be told in parts
    /// from some time on.
    fn greet(&mut self, index: usize, resumed: bool, parts: Option<Instant>, ack: Ack<Joined>) {
        let rules = self.facts.rules;
        let room = match parts {
            Some(now) => self.snapshot(index, now),
            None => self.snapshot_for(index),
        };
        let Some(member) = self.members.get_mut(index) else { return };
        member.permitted = member.permissions(rules);
        let (permissions, member, resume) = (member.permitted, member.id.clone(), member.resume.clone());
        ack.send(Ok(Joined {
            chat: self.history.told(&member),
            member,
            resume,
            resumed,
            room,
            permissions,
            limits: self.shared.config.limits,
        }));
        if !self.knocks.waiting.is_empty() {
            self.tell_knocks(index);
        }
    }

    /// Whether somebody new may come in.
    fn judge(&mut self, entry: &Entry, pass: Option<&Pass>, now: Instant) -> Result<Verdict, ErrorBody> {
        let refused = |code, message: &str| Err(ErrorBody::new(code, message));
        if pass.is_none() && self.shared.config.access.is_required() {
            return refused(ErrorCode::TokenRequired, "token: nobody enters without one; ask who runs this server");
        }
        if let Some(pass) = pass.filter(|pass| !pass.grants.room.matches(&self.id.0)) {
            let message = format!("token: it is for `{}`, not for this room", pass.grants.room);
            return Err(ErrorBody::new(ErrorCode::BadToken, message));
        }
        if self.shared.is_draining() {
            return refused(ErrorCode::Draining, "this server is going down; join again in a moment");
        }
        let limits = self.shared.config.limits;
        if self.members.len() >= usize::try_from(limits.members).unwrap_or(usize::MAX) {
            return Err(ErrorBody::new(ErrorCode::RoomFull, format!("the room holds {} members", limits.members)));
        }
        let most_load = self.shared.config.most_load;
        if most_load < 1.0 && self.shared.plane.load(self.key) >= most_load {
            let message = "this server works at its limit, and one more would spoil the call for all; try again later";
            return refused(ErrorCode::Overloaded, message);
        }
        let subject = pass.and_then(|pass| pass.subject.as_ref());
        if self.bans.holds(subject) {
            return refused(ErrorCode::Banned, "a host of this room has banned you for as long as it lives");
        }
        match self.waiting.of(entry.link) {
            Some(Standing::Admitted { .. }) => return Ok(Verdict::Enters),
            Some(Standing::Denied { .. }) => return refused(ErrorCode::Denied, "nobody here lets you in"),
            Some(Standing::Waits) | None => {}
        }
        if pass.is_some_and(|pass| pass.grants.role == Role::Host) {
            return Ok(Verdict::Enters);
        }
        if self.facts.locked {
            return refused(ErrorCode::Locked, "a host has locked the room");
        }
        self.check_password(entry, now)?;
        let banned = self.bans.suspects(subject, entry.address);
        let opens = pass.is_none_or(|pass| pass.grants.can_be(Role::Host)) && !banned;
        match banned || self.facts.waiting_room {
            true if self.members.is_empty() && !self.waiting.expects() && opens => Ok(Verdict::Enters),
            true if self.waiting.is_full() && self.waiting.of(entry.link).is_none() => {
                refused(ErrorCode::RoomFull, "too many wait for this room already")
            }
            true => Ok(Verdict::Waits { banned }),
            false => Ok(Verdict::Enters),
        }
    }

    fn check_password(&mut self, entry: &Entry, now: Instant) -> Result<(), ErrorBody> {
        let Some(password) = &self.password else { return Ok(()) };
        let Some(guess) = &entry.password else {
            return Err(ErrorBody::new(ErrorCode::PasswordRequired, "password: the room has one"));
        };
        if !self.guesses.allows(entry.address, now) {
            let message = "password: too many wrong ones; try again after a minute";
            return Err(ErrorBody::new(ErrorCode::RateLimited, message));
        }
        if !password.is(guess) {
            self.guesses.count(entry.address, now);
            return Err(ErrorBody::new(ErrorCode::WrongPassword, "password: it is another one"));
        }
        Ok(())
    }

    fn wait(&mut self, entry: Entry, name: String, pass: Option<&Pass>, banned: bool) {
        let message = match self.can_admit() {
            true => "a host has to admit you; `waiting` tells how that goes",
            false => "nobody is here yet who could admit you; `waiting` tells when that changes",
        };
        entry.ack.refuse(ErrorCode::Waiting, message);
        self.waiting.add(Waiter {
            id: MemberId(random_id()),
            name,
            link: Link { id: entry.link, outbox: entry.outbox },
            since: unix_ms(),
            opens: pass.is_none_or(|pass| pass.grants.can_be(Role::Host)) && !banned,
            banned,
            state: Standing::Waits,
            told: None,
        });
    }

    fn admit(&mut self, entry: Entry, name: String, pass: Option<Pass>, now: Instant) {
        self.waiting.remove(entry.link);
        let pass = pass.unwrap_or_default();
        if self.members.is_empty() {
            self.facts.listed = entry.listed;
            if pass.grants.can_be(Role::Host) {
                self.facts.waiting_room |= entry.waiting_room;
                self.set_first_password(entry.password.as_deref());
            }
        }
        let link = Link { id: entry.link, outbox: entry.outbox };
        let resident = self.shared.new_resident(name, link, pass, entry.address);
        self.shared.routes.add_sources(self.key, resident.own());
        self.enrol(resident, entry.link);
        self.greet(self.members.len() - 1, false, (!entry.whole).then_some(now), entry.ack);
        self.tell_speakers(self.members.len() - 1);
        self.publish();
    }

    fn set_first_password(&mut self, password: Option<&str>) {
        let fits = |text: &&str| !text.is_empty() && text.chars().count() <= MAX_PASSWORD;
        if let Some(text) = password.filter(fits).filter(|_| self.password.is_none()) {
            self.password = Some(Password::new(text));
            self.facts.password = true;
        }
    }

    /// Puts a member on the roster, as host where there is none, and tells the others.
    fn enrol(&mut self, mut resident: Resident, link: LinkId) {
        if !self.has_host() && resident.can_inherit() {
            resident.role = Role::Host;
        }
        let (member, hidden) = (resident.public(), resident.is_hidden());
        resident.number = self.entered;
        self.entered += 1;
        info!(room = %self.key, member = %resident.id, "joined");
        self.members.push(resident);
        if !hidden {
            self.announce(Change::Joined { member }, Some(link));
        }
        self.witness_joined(self.members.len() - 1);
    }
}

fn refuse(ack: Ack<Joined>, error: ErrorBody) -> Entered {
    ack.send(Err(error));
    Entered::Refused
}
