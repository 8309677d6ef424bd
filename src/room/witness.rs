//! What is worth telling outside of a room: its life and that of its members and their sources.

use serde::Serialize;

use super::member::Resident;
use super::registry::unix_ms;
use super::room::Room;
use crate::access::{KindSet, TrackKind};
use crate::id::{MemberId, RoomId};

/// Who wants to know. Called inside of rooms: must neither wait nor call back.
pub trait Witness: Send + Sync + 'static {
    fn saw(&self, event: RoomEvent);
}

/// Something that happened in a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomEvent {
    pub room: RoomId,
    /// Unix time, milliseconds.
    pub at: u64,
    #[serde(flatten)]
    pub what: Happening,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The first member came.
    RoomStarted,
    /// The last member left.
    RoomEnded,
    MemberJoined {
        member: Subject,
    },
    MemberLeft {
        member: Subject,
    },
    SourcePublished {
        member: Subject,
        kind: TrackKind,
    },
    SourceUnpublished {
        member: Subject,
        kind: TrackKind,
    },
}

/// A member as events name it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Subject {
    pub id: MemberId,
    pub name: String,
    /// From its access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Subject {
    fn of(member: &Resident) -> Subject {
        Subject { id: member.id.clone(), name: member.name.clone(), subject: member.pass.subject.clone() }
    }
}

impl Room {
    fn witness(&self, what: Happening) {
        if let Some(witness) = &self.shared.config.witness {
            witness.saw(RoomEvent { room: self.id.clone(), at: unix_ms(), what });
        }
    }

    fn known(&self) -> usize {
        self.members.iter().filter(|member| !member.is_hidden()).count()
    }

    /// To be called when a member is on the roster.
    pub(super) fn witness_joined(&self, index: usize) {
        let Some(member) = self.members.get(index).filter(|member| !member.is_hidden()) else { return };
        if self.known() == 1 {
            self.witness(Happening::RoomStarted);
        }
        self.witness(Happening::MemberJoined { member: Subject::of(member) });
    }

    /// To be called when a member is off the roster.
    pub(super) fn witness_left(&self, leaver: &Resident) {
        if leaver.is_hidden() {
            return;
        }
        self.witness_media(Subject::of(leaver), leaver.media.kinds(), KindSet::NONE);
        self.witness(Happening::MemberLeft { member: Subject::of(leaver) });
        if self.known() == 0 {
            self.witness(Happening::RoomEnded);
        }
    }

    pub(super) fn witness_change(&self, index: usize, before: KindSet) {
        if let Some(member) = self.members.get(index).filter(|member| !member.is_hidden()) {
            self.witness_media(Subject::of(member), before, member.media.kinds());
        }
    }

    fn witness_media(&self, member: Subject, before: KindSet, after: KindSet) {
        for kind in after.without(before).iter() {
            self.witness(Happening::SourcePublished { member: member.clone(), kind });
        }
        for kind in before.without(after).iter() {
            self.witness(Happening::SourceUnpublished { member: member.clone(), kind });
        }
    }
}
