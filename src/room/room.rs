//! One room's state and what each request does to it. No task, no clock, no socket: `now` is a parameter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::chat::History;
use super::member::{Link, RELOAD, Resident};
use super::outbox::{Ack, LinkId, Push};
use super::registry::Shared;
use super::speakers::Listener;
use super::{name, outbox::Outbox};
use crate::border::{ControlState, SourceState};
use crate::id::{MemberId, RoomId, RoomKey, SourceId};
use crate::signal::protocol::*;

/// A request to enter.
pub struct Entry {
    pub link: LinkId,
    pub outbox: Arc<dyn Outbox>,
    pub name: String,
    /// Counts for the first member only.
    pub listed: bool,
    /// The secret of an earlier entry.
    pub resume: Option<String>,
    pub ack: Ack<Joined>,
}

/// What came of an [`Entry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entered {
    Joined,
    Resumed,
    Refused,
}

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
    revision: u64,
    listed: bool,
    /// In the order of joining.
    pub(super) members: Vec<Resident>,
    pub(super) history: History,
    pub(super) listener: Listener,
    /// What the shards see of the room's sources.
    pub(super) sources: HashMap<SourceId, SourceState>,
}

impl Room {
    pub(super) fn new(shared: Arc<Shared>, key: RoomKey, id: RoomId) -> Room {
        Room {
            shared,
            key,
            id,
            revision: 0,
            listed: false,
            members: Vec::new(),
            history: History::default(),
            listener: Listener::default(),
            sources: HashMap::new(),
        }
    }

    pub(super) fn snapshot(&self) -> RoomSnapshot {
        RoomSnapshot {
            id: self.id.clone(),
            revision: self.revision,
            listed: self.listed,
            members: self.members.iter().map(Resident::public).collect(),
        }
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
            listed: self.listed,
            unsupported: self.members.iter().map(|member| member.seats.unsupported_codec.len() as u64).sum(),
        }
    }

    /// Tells all clients but `except`.
    pub(super) fn tell_all(&self, push: &Push, except: Option<LinkId>) {
        for member in &self.members {
            if except.is_none_or(|link| !member.is_linked_by(link)) {
                member.tell(push);
            }
        }
    }

    fn announce(&mut self, change: Change, except: Option<LinkId>) {
        self.revision += 1;
        self.tell_all(&Push::Room(RoomDiff { revision: self.revision, change }), except);
    }

    /// Changes a member, and tells everybody when that shows.
    pub(super) fn change(&mut self, index: usize, except: Option<LinkId>, change: impl FnOnce(&mut Resident)) {
        let Some(resident) = self.members.get_mut(index) else { return };
        let before = resident.public();
        change(resident);
        let member = resident.public();
        if member != before {
            self.announce(Change::Changed { member }, except);
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

    pub(super) fn position(&self, id: &MemberId) -> Option<usize> {
        self.members.iter().position(|member| member.id == *id)
    }

    pub(super) fn enter(&mut self, entry: Entry, now: Instant) -> Entered {
        let name = match name::display_name(&entry.name) {
            Ok(name) => name,
            Err(error) => {
                entry.ack.send(Err(error));
                return Entered::Refused;
            }
        };
        let returning = self.members.iter().position(|member| {
            member.is_linked_by(entry.link) || entry.resume.as_deref().is_some_and(|token| member.proves(token))
        });
        match returning {
            Some(index) => {
                self.welcome_back(index, entry, name, now);
                Entered::Resumed
            }
            None if self.admit(entry, name) => Entered::Joined,
            None => Entered::Refused,
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
        });
        let Some(member) = self.members.get(index) else { return };
        info!(room = %self.key, member = %member.id, "came back");
        entry.ack.send(Ok(Joined {
            member: member.id.clone(),
            resume: member.resume.clone(),
            resumed: true,
            room: self.snapshot(),
            chat: self.history.told(&member.id, member.joined_at),
            limits: self.shared.config.limits,
        }));
        member.tell_media();
        self.tell_troubles(index);
        self.tell_speakers(index);
    }

    /// True when the client is in the room afterwards.
    fn admit(&mut self, entry: Entry, name: String) -> bool {
        if self.shared.is_draining() {
            entry.ack.refuse(ErrorCode::Draining, "this server is going down; join again in a moment");
            return false;
        }
        let limits = self.shared.config.limits;
        if self.members.len() >= usize::try_from(limits.members).unwrap_or(usize::MAX) {
            entry.ack.refuse(ErrorCode::RoomFull, format!("the room holds {} members", limits.members));
            return false;
        }
        if self.members.is_empty() {
            self.listed = entry.listed;
        }
        let resident = self.shared.new_resident(name, Link { id: entry.link, outbox: entry.outbox });
        self.shared.routes.add_sources(self.key, resident.own());
        let (member, resume, public) = (resident.id.clone(), resident.resume.clone(), resident.public());
        info!(room = %self.key, %member, "joined");
        self.members.push(resident);
        self.announce(Change::Joined { member: public }, Some(entry.link));
        let room = self.snapshot();
        entry.ack.send(Ok(Joined { member, resume, resumed: false, room, chat: Vec::new(), limits }));
        self.tell_speakers(self.members.len() - 1);
        self.publish();
        true
    }

    fn tell_speakers(&self, index: usize) {
        let speakers = self.listener.current();
        if let Some(member) = self.members.get(index).filter(|_| speakers != Speakers::default()) {
            member.tell(&Push::Speakers(speakers));
        }
    }

    /// Removes a member: others are told while the roster still holds it.
    pub(super) fn remove(&mut self, index: usize, reason: LeaveReason) {
        let Some(leaver) = self.members.get(index) else { return };
        let (id, link) = (leaver.id.clone(), leaver.link.as_ref().map(|link| link.id));
        info!(room = %self.key, member = %id, ?reason, "left");
        self.announce(Change::Left { member: id, reason }, link);
        let leaver = self.members.remove(index);
        for source in leaver.own() {
            self.sources.remove(&source);
            if leaver.connection.is_some() {
                self.put(ControlState::Source(source, None));
            }
            if let Some(speakers) = self.listener.forget(source) {
                self.tell_all(&Push::Speakers(speakers), None);
            }
        }
        self.shared.routes.remove_sources(leaver.own());
        if let Some(connection) = leaver.connection {
            self.close(connection.id);
        }
        self.restage();
        self.publish();
    }

    /// Tells the lobby how many are here.
    fn publish(&self) {
        let members = if self.listed { self.members.len() } else { 0 };
        self.shared.lobby.count(&self.id, u32::try_from(members).unwrap_or(u32::MAX));
    }

    pub(super) fn leave(&mut self, link: LinkId, soon: bool, now: Instant) -> Result<Done, ErrorBody> {
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
        let Some(index) = self.members.iter().position(|member| member.is_linked_by(link)) else { return };
        let key = self.key;
        self.change(index, None, |member| {
            info!(room = %key, member = %member.id, "lost its signalling");
            member.link = None;
            member.note_life(now);
        });
    }

    /// Gives up places whose time has come.
    pub(super) fn tick(&mut self, now: Instant) {
        let due = |member: &Resident| member.deadline().filter(|(at, _)| *at <= now).map(|(_, reason)| reason);
        while let Some((index, reason)) =
            self.members.iter().enumerate().find_map(|(index, member)| Some((index, due(member)?)))
        {
            self.remove(index, reason);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.members.iter().filter_map(|member| member.deadline().map(|(at, _)| at)).min()
    }

    pub(super) fn put(&self, state: ControlState) {
        self.shared.plane.put(self.key, state);
    }
}

pub(super) fn not_joined() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotJoined, "join a room first")
}
