//! One member of a room: what everybody knows of it, how it is reached, and until when its place is kept. Pure.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use super::chat::Receipts;
use super::codecs::Decoded;
use super::link::Connection;
use super::outbox::{LinkId, Outbox, Push};
use super::program::Target;
use crate::access::{Action, KindSet, Pass, Role, Rules, Standing};
use crate::border::{Received, SeatPlan};
use crate::id::{MemberId, SourceId};
use crate::signal::protocol::Connection as Connected;
use crate::signal::protocol::{
    Codecs, Layers, LeaveReason, Media, Member, Paused, Permissions, Presence, Quality, Seats, Source, SourceQuality,
    Wishes,
};

/// How long a place is kept when neither signalling nor media lives: long enough to change networks or to wake a
/// laptop, short enough that nobody talks to an empty chair.
pub(super) const KEPT: Duration = Duration::from_secs(30);
/// How long a page that announced its going may take to come back: a reload takes one or two seconds.
pub(super) const RELOAD: Duration = Duration::from_secs(3);

/// A member's way out to its client.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) outbox: Arc<dyn Outbox>,
}

pub(super) struct Resident {
    pub(super) id: MemberId,
    /// Counts those that ever came into the room, so that it rises along the roster.
    pub(super) number: u64,
    /// Numbers of those that the client is still to be told of.
    pub(super) untold: Option<Range<u64>>,
    /// Secret by which the member comes back.
    pub(super) resume: String,
    pub(super) name: String,
    pub(super) role: Role,
    /// What its access token grants and says; that of an open room without one.
    pub(super) pass: Pass,
    /// What a moderator has forbidden this member alone.
    pub(super) forbidden: KindSet,
    /// What the client was last told that it may do.
    pub(super) permitted: Permissions,
    /// Where its client is.
    pub(super) address: Option<IpAddr>,
    /// While raised: the number of this raising in the room.
    pub(super) hand: Option<u64>,
    /// Unix time, milliseconds.
    pub(super) joined_at: u64,
    pub(super) camera: SourceId,
    pub(super) screen: SourceId,
    pub(super) media: Media,
    /// `None` while signalling is lost.
    pub(super) link: Option<Link>,
    /// When the member leaves unless it comes back: it announced that its page goes away.
    pub(super) leaving: Option<Instant>,
    /// Since when neither signalling nor media lives.
    pub(super) dead_since: Option<Instant>,
    pub(super) connection: Option<Connection>,
    pub(super) wishes: Option<Wishes>,
    /// What the client was last told.
    pub(super) seats: Seats,
    /// What the shard was last told.
    pub(super) plan: Arc<SeatPlan>,
    pub(super) audio_lines: Vec<Option<SourceId>>,
    /// Reported by the shard.
    pub(super) undecodable: Vec<SourceId>,
    /// Pictures held back for want of bandwidth, as the client was last told.
    pub(super) paused: Paused,
    /// What the member should send of its own pictures, as it was last told.
    pub(super) demand: Vec<Layers>,
    /// What those who may watch the member decode, as it was last told.
    pub(super) codecs: Option<Codecs>,
    /// What it decodes of pictures, as counted for the room. `None` when it sees none.
    pub(super) decodes: Option<Decoded>,
    /// How the member receives others, as the shard reported last.
    pub(super) received: Vec<Received>,
    /// The same as the client was told last.
    pub(super) quality: Vec<SourceQuality>,
    pub(super) receipts: Receipts,
    /// Set for a player: whom its one seat shows.
    pub(super) plays: Option<Target>,
}

impl Resident {
    pub(super) fn public(&self) -> Member {
        let media_lost = self.connection.as_ref().is_some_and(Connection::is_lost);
        let presence = if self.link.is_none() || media_lost { Presence::Reconnecting } else { Presence::Here };
        Member {
            id: self.id.clone(),
            name: self.name.clone(),
            presence,
            role: self.role,
            hand: self.hand.is_some(),
            hand_order: self.hand,
            joined_at: self.joined_at,
            camera: Source { id: self.camera, audio: self.media.microphone, video: self.media.camera },
            screen: Source { id: self.screen, audio: self.media.screen_audio, video: self.media.screen },
            forbidden: self.forbidden,
            metadata: self.pass.metadata.clone(),
        }
    }

    /// Everything that decides what this member may do.
    pub(super) fn standing(&self, rules: Rules) -> Standing<'_> {
        Standing { role: self.role, grants: &self.pass.grants, rules, forbidden: self.forbidden }
    }

    pub(super) fn may(&self, action: Action, rules: Rules) -> bool {
        self.standing(rules).permits(action)
    }

    pub(super) fn permissions(&self, rules: Rules) -> Permissions {
        let standing = self.standing(rules);
        Permissions {
            role: self.role,
            publish: standing.publishable(),
            subscribe: standing.permits(Action::Subscribe),
            chat: standing.permits(Action::Chat),
            data: standing.permits(Action::Data),
            rename: standing.permits(Action::Rename) && self.pass.name.is_none(),
            moderate: standing.permits(Action::Moderate),
            record: standing.permits(Action::Record),
        }
    }

    /// Whether the others do not know of it.
    pub(super) fn is_hidden(&self) -> bool {
        self.pass.grants.hidden
    }

    /// Whether it is a host that the others know.
    pub(super) fn is_host(&self) -> bool {
        self.role == Role::Host && !self.is_hidden()
    }

    /// Whether it may become host of a room that has none.
    pub(super) fn can_inherit(&self) -> bool {
        self.role >= Role::Member && !self.is_hidden() && self.pass.grants.can_be(Role::Host)
    }

    /// Whether it shows a picture to those who watch it.
    pub(super) fn shows(&self) -> bool {
        self.media.camera || self.media.screen
    }

    pub(super) fn own(&self) -> [SourceId; 2] {
        [self.camera, self.screen]
    }

    pub(super) fn tell(&self, push: &Push) {
        if let Some(link) = &self.link {
            link.outbox.push(push);
        }
    }

    /// Tells a client that has just come what it cannot know of its media connection.
    pub(super) fn tell_media(&self) {
        let Some(connection) = &self.connection else { return };
        self.tell(&Push::Connection(Connected { state: connection.state.into() }));
        self.tell(&Push::Seats(self.seats.clone()));
        self.tell(&Push::Paused(self.paused.clone()));
        self.tell(&Push::Quality(Quality { sources: self.quality.clone() }));
        if let Some(codecs) = &self.codecs {
            self.tell(&Push::Codecs(codecs.clone()));
        }
        for layers in &self.demand {
            self.tell(&Push::Layers(layers.clone()));
        }
    }

    /// Whether `token` is this member's secret, in a time that does not tell how much of it is right.
    pub(super) fn proves(&self, token: &str) -> bool {
        self.resume.as_bytes().ct_eq(token.as_bytes()).into()
    }

    pub(super) fn is_linked_by(&self, link: LinkId) -> bool {
        self.link.as_ref().is_some_and(|present| present.id == link)
    }

    /// Starts or stops the clock of a place without signalling and media.
    pub(super) fn note_life(&mut self, now: Instant) {
        let media_alive = self.connection.as_ref().is_some_and(Connection::is_alive);
        if self.link.is_some() || media_alive {
            self.dead_since = None;
        } else if self.dead_since.is_none() {
            self.dead_since = Some(now);
        }
    }

    /// When the place is given up, and why.
    pub(super) fn deadline(&self) -> Option<(Instant, LeaveReason)> {
        let leaves = self.leaving.map(|at| (at, LeaveReason::Left));
        let lost = self.dead_since.map(|since| (since + KEPT, LeaveReason::Lost));
        match (leaves, lost) {
            (Some(leaves), Some(lost)) => Some(if leaves.0 <= lost.0 { leaves } else { lost }),
            (leaves, lost) => leaves.or(lost),
        }
    }
}
