//! What administrators do to a room from outside: look, moderate, keep it open, send data. They are no members.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::actor::Moderation;
use super::member::{Link, Resident};
use super::outbox::{Ack, Asked, LinkId, Outbox, Push};
use super::room::Room;
use crate::access::{Grants, Pass, Role};
use crate::border::SourceState;
use crate::id::{MemberId, RoomId, SourceId};
use crate::signal::protocol::*;

/// A room as administrators see it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomReport {
    pub id: RoomId,
    #[serde(flatten)]
    pub facts: RoomFacts,
    /// In the order of joining, hidden ones included.
    pub members: Vec<MemberReport>,
}

/// A member as administrators see it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberReport {
    #[serde(flatten)]
    pub member: Member,
    /// Others do not know of it.
    pub hidden: bool,
    /// Its media connection; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionPhase>,
    pub sources: Vec<SourceReport>,
}

/// What arrives of one source.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    pub id: SourceId,
    pub kind: SourceName,
    /// Switched on by its member.
    pub audio: bool,
    pub video: bool,
    /// Of packets that arrive; absent while none do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceName {
    Camera,
    Screen,
}

/// An application event from outside of the room.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// `None` = everybody.
    pub to: Option<MemberId>,
    pub event: String,
    pub args: Vec<Payload>,
}

/// In the place of a sender's id: no member has it.
const SERVER: &str = "server";

impl Room {
    pub(super) fn report(&self) -> RoomReport {
        let members = self.members.iter().map(|member| self.report_member(member)).collect();
        RoomReport { id: self.id.clone(), facts: self.facts, members }
    }

    fn report_member(&self, member: &Resident) -> MemberReport {
        let public = member.public();
        let source = |kind, source: Source| {
            let SourceState { audio, video } = self.sources.get(&source.id).copied().unwrap_or_default();
            let name = |codec: crate::media::spec::Codec| codec.to_string();
            let (audio_codec, video_codec) = (audio.map(name), video.map(name));
            SourceReport { id: source.id, kind, audio: source.audio, video: source.video, audio_codec, video_codec }
        };
        MemberReport {
            hidden: member.is_hidden(),
            connection: member.connection.as_ref().map(|connection| connection.state.into()),
            sources: vec![source(SourceName::Camera, public.camera), source(SourceName::Screen, public.screen)],
            member: public,
        }
    }

    /// Does what a host could. For that moment the administrator is a hidden host, of whom nobody hears.
    pub(super) fn administer(&mut self, moderation: Moderation, ack: Ack<Done>, now: Instant) {
        let link = LinkId::unique();
        let grants = Grants { role: Role::Host, moderate: true, hidden: true, admin: true, ..Grants::default() };
        let pass = Pass { grants, ..Pass::default() };
        let outbox = Arc::new(Nobody);
        self.members.push(self.shared.new_resident("administrator".to_owned(), Link { id: link, outbox }, pass, None));
        self.moderate(link, moderation, ack, now);
        self.members.retain(|member| !member.is_linked_by(link));
    }

    /// Keeps the room open for a while though nobody is in it, with its settings.
    pub(super) fn keep(&mut self, time: Duration, now: Instant) {
        self.kept_until = Some(now + time);
    }

    /// Sends an application event. Acknowledged with to how many it was handed.
    pub(super) fn announce_data(&self, announcement: Announcement) -> Result<AppDelivered, ErrorBody> {
        let chosen = announcement.to.as_ref().map(|id| self.named(id)).transpose()?;
        let (event, args) = (announcement.event, announcement.args);
        let push = AppPush { from: MemberId(SERVER.to_owned()), event, args };
        let members = self.members.iter().enumerate().filter(|(index, _)| chosen.is_none_or(|one| one == *index));
        let links = members.filter_map(|(_, member)| member.link.as_ref());
        let delivered = links.map(|link| link.outbox.relay(&push)).count();
        Ok(AppDelivered { delivered: u32::try_from(delivered).unwrap_or(u32::MAX) })
    }
}

/// An administrator hears nothing of the room.
struct Nobody;

impl Outbox for Nobody {
    fn push(&self, _: &Push) {}

    fn relay(&self, _: &AppPush) {}

    fn ask(&self, _: &AppPush, _: Duration) -> Asked {
        Box::pin(async { Err(ErrorBody::new(ErrorCode::Timeout, "an administrator answers nothing")) })
    }

    fn dismiss(&self, _: Farewell) {}

    fn cut(&self, _: &'static str) {}
}
