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
type Decoded = [bool; FORMS.len()];

impl Room {
    /// Tells members with a connection which codecs all those decode who may watch them. Of a player counts what it plays.
    pub(super) fn review_codecs(&mut self) {
        let watching: Vec<Option<Decoded>> = self.members.iter().map(|member| self.decoded_by(member)).collect();
        let mut lacking = [0_usize; FORMS.len()];
        let mut players: Vec<(SourceId, Decoded)> = Vec::new();
        for (member, decoded) in self.members.iter().zip(&watching) {
            let Some(decoded) = decoded else { continue };
            match &member.plays {
                Some(target) => players.extend(self.target(target).map(|source| (source, *decoded))),
                None => count_lacking(&mut lacking, decoded),
            }
        }
        for (member, own) in self.members.iter_mut().zip(&watching) {
            if member.connection.is_none() || member.plays.is_some() {
                continue;
            }
            let mut lacking = lacking;
            for (_, decoded) in players.iter().filter(|(source, _)| member.own().contains(source)) {
                count_lacking(&mut lacking, decoded);
            }
            let own = own.unwrap_or([true; FORMS.len()]);
            // Nobody watches itself.
            let common = lacking.iter().zip(own).map(|(lacking, own)| *lacking == usize::from(!own));
            let video = FORMS.iter().zip(common).filter(|(_, common)| *common);
            let codecs = Codecs { video: video.map(|(codec, _)| CodecName::from(*codec)).collect() };
            if member.codecs.as_ref() != Some(&codecs) {
                member.tell(&Push::Codecs(codecs.clone()));
                member.codecs = Some(codecs);
            }
        }
    }

    /// `None` for a member that sees no pictures.
    fn decoded_by(&self, member: &Resident) -> Option<Decoded> {
        let sees = |connection: &&Connection| connection.seats() > 0 && member.may(Action::Subscribe, self.facts.rules);
        let connection = member.connection.as_ref().filter(sees)?;
        Some(FORMS.map(|codec| connection.decodes(codec)))
    }
}

fn count_lacking(lacking: &mut [usize; FORMS.len()], decoded: &Decoded) {
    for (lacking, decoded) in lacking.iter_mut().zip(decoded) {
        *lacking += usize::from(!decoded);
    }
}
