//! Who dominates a room by voice, who is about to, and who is worth hearing.
//!
//! The method is that of I. Volfin and I. Cohen, "Dominant speaker identification for multipoint videoconferencing",
//! Computer Speech and Language 27 (2013) 895–910: the speech activity of every source is scored over an immediate, a
//! medium and a long interval, and another source takes over when its scores beat those of the dominant one over all
//! three. The paper looks at the spectrum; a server that decodes nothing has the levels of RFC 6464, so the immediate
//! activity here is how far a level rises above the source's own noise ([`voice`]). Two conditions are added, against
//! coughs in a silence and against two people who talk at once.
//!
//! N1 = 13, N2 = 5, N3 = 10, p = 0.5, λ = 0.78, 24, 47 and C1 = 3, C2 = 2, C3 = 0 are those of two public
//! implementations, which agree: `DominantSpeakerIdentification` of jitsi-utils, written with the paper at hand, and
//! mediasoup's `ActiveSpeakerObserver` after it. They decide every 300 ms; here it is every 100 ms, and the conditions
//! that are added do what their long interval of whole seconds does.
//!
//! Owns one room's decisions. A [`Voice`] belongs to whoever owns the source.

mod loudest;
mod score;
mod voice;

pub use loudest::Loudest;
pub use voice::Voice;

use crate::id::SourceId;
use score::Scores;

/// Thresholds of the paper for the logarithms of the scores' ratios: immediate,
const IMMEDIATE_LEAD: f64 = 3.0;
/// medium,
const MEDIUM_LEAD: f64 = 2.0;
/// and long.
const LONG_LEAD: f64 = 0.0;

/// A source takes over only with so many tenths of a second of speech in the last one: a cough has three.
const SPEECH: u8 = 5;
/// And with so many more than the dominant one: of two who talk at once, neither gains that in a pause for breath, and
/// one who talks on alone gains it in less than a second, as the other's second of speech goes by.
const LONG_AHEAD: u8 = 6;
/// Without a dominant source, this is enough: nobody loses the picture.
const FIRST_SPEECH: u8 = 1;
/// With so many tenths of a second of speech, and no fewer than the dominant one, a source is rising: as its second
/// fills and the other's empties, that is 300 ms before it takes over, in which a key frame comes.
const RISING_SPEECH: u8 = 2;

/// Follows one room.
#[derive(Clone, Debug, Default)]
pub struct Dominance {
    dominant: Option<SourceId>,
    rising: Option<SourceId>,
}

impl Dominance {
    /// Who dominates: stays through pauses until another takes over. `None` before anybody spoke.
    pub fn dominant(&self) -> Option<SourceId> {
        self.dominant
    }

    /// Who will dominate in a moment if it goes on: worth a key frame already.
    pub fn rising(&self) -> Option<SourceId> {
        self.rising
    }

    /// Decides anew over all the room's voices, in any order, each reviewed just before. Best called every 100 ms. True
    /// when another source dominates.
    pub fn review<'a>(&mut self, voices: impl Iterator<Item = (SourceId, &'a Voice)> + Clone) -> bool {
        let dominant = self.dominant.and_then(|id| voices.clone().find(|(source, _)| *source == id));
        let (held, silent) =
            dominant.map_or((Scores::SILENCE, true), |(_, voice)| (voice.scores(), !voice.is_active()));
        let others = || voices.clone().filter(|(source, _)| Some(*source) != self.dominant);
        let best = |leader: &Leader, (source, voice): (SourceId, &Voice)| {
            let next = Leader { medium: voice.scores().medium, speech: voice.speech(), source };
            if next.is_ahead_of(leader) { next } else { *leader }
        };

        let (speech, ahead) = match dominant {
            Some((_, voice)) => (SPEECH, voice.speech() + LONG_AHEAD),
            None => (FIRST_SPEECH, FIRST_SPEECH),
        };
        let takes_over = |(_, voice): &(SourceId, &Voice)| {
            let scores = voice.scores();
            voice.speech() >= speech.max(ahead)
                && scores.immediate - held.immediate > IMMEDIATE_LEAD
                && scores.medium - held.medium > MEDIUM_LEAD
                && scores.long - held.long > LONG_LEAD
        };
        let successor = others()
            .filter(takes_over)
            .fold(None, |leader: Option<Leader>, next| Some(best(&leader.unwrap_or(Leader::NOBODY), next)));
        let enough = dominant.map_or(0, |(_, voice)| voice.speech()).max(RISING_SPEECH);
        let rises = |(_, voice): &(SourceId, &Voice)| silent && voice.is_active() && voice.speech() >= enough;
        let rising = others()
            .filter(rises)
            .fold(None, |leader: Option<Leader>, next| Some(best(&leader.unwrap_or(Leader::NOBODY), next)));

        if let Some(successor) = successor {
            self.dominant = Some(successor.source);
            self.rising = None;
        } else {
            self.rising = rising.map(|leader| leader.source);
        }
        successor.is_some()
    }

    /// Forgets a source that is gone.
    pub fn forget(&mut self, source: SourceId) {
        self.dominant = self.dominant.filter(|id| *id != source);
        self.rising = self.rising.filter(|id| *id != source);
    }
}

/// The foremost of several: by medium activity as in the paper, then by long, then by number, so that the order in
/// which voices come decides nothing.
#[derive(Clone, Copy, Debug)]
struct Leader {
    medium: f64,
    speech: u8,
    source: SourceId,
}

impl Leader {
    const NOBODY: Leader = Leader { medium: f64::MIN, speech: 0, source: SourceId(u32::MAX) };

    fn is_ahead_of(&self, other: &Leader) -> bool {
        let order = self.medium.total_cmp(&other.medium).then(self.speech.cmp(&other.speech));
        order.then(other.source.cmp(&self.source)).is_gt()
    }
}

#[cfg(test)]
mod tests;
