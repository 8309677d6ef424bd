//! Which video codecs a member may publish so that everybody who watches can decode them.

use super::link::Connection;
use super::member::Resident;
use super::outbox::Push;
use super::room::Room;
use crate::access::Action;
use crate::id::SourceId;
use crate::media::spec::{Codec, H264Profile};
use crate::signal::protocol::{CodecName, Codecs};

/// The form of each codec that browsers publish: of H.264 the profile that every encoder makes, in packetization mode 1.
const FORMS: [Codec; 4] = [
    Codec::Vp8,
    Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 },
    Codec::Vp9 { profile: 0 },
    Codec::Av1 { profile: 0 },
];

/// By [`FORMS`]: whether somebody decodes it.
pub(super) type Decoded = [bool; FORMS.len()];

/// By [`FORMS`]: how many of those that see pictures do not decode it, players apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lacking([usize; FORMS.len()]);

impl Lacking {
    fn count(&mut self, decoded: &Decoded) {
        for (lacking, decoded) in self.0.iter_mut().zip(decoded) {
            *lacking += usize::from(!decoded);
        }
    }

    fn discount(&mut self, decoded: &Decoded) {
        for (lacking, decoded) in self.0.iter_mut().zip(decoded) {
            *lacking = lacking.saturating_sub(usize::from(!decoded));
        }
    }

    /// Whether a codec is decoded by all, by all but one, or by fewer: nothing else decides what anybody is told.
    fn pattern(&self) -> [usize; FORMS.len()] {
        self.0.map(|lacking| lacking.min(2))
    }

    /// What others than one that decodes `own` have in common.
    fn common(&self, own: &Decoded) -> Codecs {
        let common = self.0.iter().zip(own).map(|(lacking, own)| *lacking == usize::from(!own));
        let video = FORMS.iter().zip(common).filter(|(_, common)| *common);
        Codecs { video: video.map(|(codec, _)| CodecName::from(*codec)).collect() }
    }
}

/// What a connection decodes.
pub(super) fn decoded_by(connection: &Connection) -> Decoded {
    FORMS.map(|codec| connection.decodes(codec))
}

impl Room {
    /// Tells members with a connection which codecs all those decode who may watch them. Of a player counts what it plays.
    pub(super) fn review_codecs(&mut self) {
        for index in 0..self.members.len() {
            self.count_codecs(index);
        }
        self.tell_codecs(None);
    }

    /// The same when nothing has changed but one member's connection: of thousands nobody else is looked at in vain.
    pub(super) fn review_codecs_of(&mut self, index: usize) {
        let before = self.lacking.pattern();
        self.count_codecs(index);
        self.tell_codecs((self.lacking.pattern() == before).then_some(index));
    }

    /// Counts a leaver out, and tells the others if that matters to them.
    pub(super) fn leave_codecs(&mut self, leaver: &Resident) {
        let before = self.lacking.pattern();
        if let Some(decoded) = &leaver.decodes {
            self.lacking.discount(decoded);
        }
        if leaver.plays.is_some() || self.lacking.pattern() != before {
            self.tell_codecs(None);
        }
    }

    /// Counts what a member decodes instead of what it did. One that sees no pictures counts as nothing.
    fn count_codecs(&mut self, index: usize) {
        let rules = self.facts.rules;
        let Some(member) = self.members.get_mut(index) else { return };
        let sees = |connection: &&Connection| connection.seats() > 0;
        let connection = member.connection.as_ref().filter(|_| member.may(Action::Subscribe, rules)).filter(sees);
        let now = connection.map(Connection::decoded).filter(|_| member.plays.is_none());
        if let Some(before) = std::mem::replace(&mut member.decodes, now) {
            self.lacking.discount(&before);
        }
        if let Some(now) = now {
            self.lacking.count(&now);
        }
    }

    /// Tells all, or one of them, what is news to them.
    fn tell_codecs(&mut self, one: Option<usize>) {
        let players: Vec<(SourceId, Decoded)> = self.members.iter().filter_map(|member| self.played(member)).collect();
        let one = if players.is_empty() { one } else { None };
        let chosen = one.map_or(0..self.members.len(), |index| index..index.saturating_add(1));
        let Some(members) = self.members.get_mut(chosen) else { return };
        for member in members.iter_mut().filter(|member| member.connection.is_some() && member.plays.is_none()) {
            let mut lacking = self.lacking;
            for (_, decoded) in players.iter().filter(|(source, _)| member.own().contains(source)) {
                lacking.count(decoded);
            }
            // Nobody watches itself.
            let codecs = lacking.common(&member.decodes.unwrap_or([true; FORMS.len()]));
            if member.codecs.as_ref() != Some(&codecs) {
                member.tell(&Push::Codecs(codecs.clone()));
                member.codecs = Some(codecs);
            }
        }
    }

    /// What a player plays, and what it decodes of it.
    fn played(&self, member: &Resident) -> Option<(SourceId, Decoded)> {
        let target = member.plays.as_ref()?;
        let connection = member.connection.as_ref().filter(|connection| connection.seats() > 0)?;
        let subscribes = member.may(Action::Subscribe, self.facts.rules);
        Some((self.target(target).filter(|_| subscribes)?, connection.decoded()))
    }
}
