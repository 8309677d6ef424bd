//! Members that are programs: publishers and players whose offers say all that they want.

use std::time::Instant;

use super::link::Connection;
use super::member::Resident;
use super::outbox::LinkId;
use super::plane::Purpose;
use super::room::{Room, not_joined};
use crate::id::{MemberId, SourceId};
use crate::signal::protocol::{Answer, ErrorBody, ErrorCode, Media, Offer};

/// What a program asks for.
pub enum Program {
    /// Publishes what it offers to send, as far as it may.
    Publish(Offer),
    /// Plays one member.
    Play(Target, Offer),
}

/// Whom a player plays. It is looked up anew whenever somebody comes or goes, so that a publisher that comes back under
/// its name is seen again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// `None` = whoever publishes: the first screen, or else the first camera.
    pub member: Option<Named>,
    pub screen: bool,
}

/// How a member is named to a player.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    Id(MemberId),
    /// The first member of that display name.
    Name(String),
}

impl Room {
    pub(super) fn run_program(&mut self, link: LinkId, program: Program, now: Instant) -> Result<Answer, ErrorBody> {
        match program {
            Program::Publish(offer) => self.publish_offer(link, offer, now),
            Program::Play(target, offer) => self.play(link, target, offer, now),
        }
    }

    fn publish_offer(&mut self, link: LinkId, offer: Offer, now: Instant) -> Result<Answer, ErrorBody> {
        let answer = self.offer_for(link, offer, Purpose::Call, now)?;
        let index = self.find(link).ok_or_else(not_joined)?;
        let Some(member) = self.members.get(index) else { return Err(not_joined()) };
        let sends = member.connection.as_ref().map(Connection::sends).unwrap_or_default();
        let allowed = member.standing(self.facts.rules).publishable();
        if allowed.intersection(sends.kinds()).is_empty() {
            let message = "nothing that the offer sends may be published here now";
            return Err(ErrorBody::new(ErrorCode::Forbidden, message));
        }
        let media = Media::from(sends.kinds().intersection(allowed));
        self.set_media(link, media)?;
        Ok(answer)
    }

    fn play(&mut self, link: LinkId, target: Target, offer: Offer, now: Instant) -> Result<Answer, ErrorBody> {
        let index = self.find(link).ok_or_else(not_joined)?;
        let source = self.target(&target);
        let video = source.and_then(|source| self.sources.get(&source)).and_then(|state| state.video);
        let answer = self.offer_for(link, offer, Purpose::Play { video }, now).map_err(|error| match video {
            Some(codec) => ErrorBody { message: format!("{}; the picture is {codec}", error.message), ..error },
            None => error,
        })?;
        let Some(member) = self.members.get_mut(index) else { return Err(not_joined()) };
        if let Some(codec) = video.filter(|_| member.connection.as_ref().is_some_and(Connection::is_refused_video)) {
            let message = format!("the picture is {codec}, which no video m-line takes: offer it, or no video m-line");
            return Err(ErrorBody::new(ErrorCode::BadSdp, message));
        }
        member.plays = Some(target);
        self.restage_one(index);
        Ok(answer)
    }

    /// The source that a player shall get now.
    pub(super) fn target(&self, target: &Target) -> Option<SourceId> {
        let source = |member: &Resident| if target.screen { member.screen } else { member.camera };
        let publishing = |member: &&Resident| member.plays.is_none() && member.connection.is_some();
        let mut members = self.members.iter().filter(publishing);
        match &target.member {
            Some(Named::Id(id)) => members.find(|member| member.id == *id).map(source),
            Some(Named::Name(name)) => members.find(|member| member.name == *name).map(source),
            None => {
                let screen = members.clone().find(|member| member.media.screen).map(|member| member.screen);
                let live = |member: &&Resident| member.media.camera || member.media.microphone;
                screen.or_else(|| members.find(live).map(|member| member.camera))
            }
        }
    }
}
