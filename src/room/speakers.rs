//! Who is speaking, and who dominates. Pure.

use crate::border::SourceLevel;
use crate::id::SourceId;
use crate::signal::protocol::{Speaker, Speakers};

/// Samples (one per 100 ms) for which somebody must be the loudest to take over from a dominant speaker who is still
/// audible: shorter, and every cough moves the picture.
const TAKE_OVER: u8 = 6;
/// The same when the dominant speaker has fallen silent.
const TAKE_OVER_SILENCE: u8 = 2;
/// How many former dominant speakers are remembered: a follower that is itself dominant sees the one before.
const HISTORY: usize = 8;
/// Steps between 0 and 1 of a level: a finer change is not worth a message to everybody.
const STEPS: f32 = 16.0;

/// Follows the levels of a room.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener {
    /// Dominant speaker first, then those before.
    history: Vec<SourceId>,
    challenger: Option<(SourceId, u8)>,
    last: Vec<Speaker>,
}

impl Listener {
    /// Who dominated last, newest first.
    pub(super) fn history(&self) -> &[SourceId] {
        &self.history
    }

    /// As it would be told to a client that just came.
    pub(super) fn current(&self) -> Speakers {
        Speakers { speaking: self.last.clone(), dominant: self.history.first().copied() }
    }

    /// Takes a sample, loudest first. `Some` when clients should be told.
    pub(super) fn hear(&mut self, levels: &[SourceLevel]) -> Option<Speakers> {
        let before = self.history.first().copied();
        self.challenge(levels);
        let quantise = |level: u8| ((127.0 - f32::from(level.min(127))) / 127.0 * STEPS).round() / STEPS;
        let speaking: Vec<Speaker> =
            levels.iter().map(|l| Speaker { source: l.source, level: quantise(l.level) }).collect();
        let changed = speaking != self.last || before != self.history.first().copied();
        self.last = speaking;
        changed.then(|| self.current())
    }

    /// Forgets a source that is gone. `Some` when clients should be told.
    pub(super) fn forget(&mut self, source: SourceId) -> Option<Speakers> {
        let known = self.history.contains(&source) || self.last.iter().any(|speaker| speaker.source == source);
        self.history.retain(|id| *id != source);
        self.last.retain(|speaker| speaker.source != source);
        self.challenger = self.challenger.filter(|(id, _)| *id != source);
        known.then(|| self.current())
    }

    fn challenge(&mut self, levels: &[SourceLevel]) {
        let Some(loudest) = levels.first().map(|level| level.source) else { return };
        let Some(dominant) = self.history.first().copied() else {
            self.crown(loudest);
            return;
        };
        if loudest == dominant {
            self.challenger = None;
            return;
        }
        let rounds = match self.challenger {
            Some((source, rounds)) if source == loudest => rounds.saturating_add(1),
            _ => 1,
        };
        self.challenger = Some((loudest, rounds));
        let audible = levels.iter().any(|level| level.source == dominant);
        if rounds >= if audible { TAKE_OVER } else { TAKE_OVER_SILENCE } {
            self.crown(loudest);
        }
    }

    fn crown(&mut self, source: SourceId) {
        self.history.retain(|id| *id != source);
        self.history.insert(0, source);
        self.history.truncate(HISTORY);
        self.challenger = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Bps;

    fn levels(sources: &[(u32, u8)]) -> Vec<SourceLevel> {
        sources.iter().map(|(id, level)| SourceLevel { source: SourceId(*id), level: *level, rate: Bps(0) }).collect()
    }

    #[test]
    fn a_cough_does_not_take_over_but_a_speaker_does() {
        let mut listener = Listener::default();
        listener.hear(&levels(&[(1, 30)]));
        listener.hear(&levels(&[(3, 10), (1, 30)]));
        assert_eq!(listener.current().dominant, Some(SourceId(1)));
        for _ in 0..TAKE_OVER {
            listener.hear(&levels(&[(3, 10), (1, 30)]));
        }
        assert_eq!(listener.history(), [SourceId(3), SourceId(1)]);
    }

    #[test]
    fn the_dominant_speaker_stays_through_pauses() {
        let mut listener = Listener::default();
        listener.hear(&levels(&[(1, 30)]));
        let told = listener.hear(&[]);
        assert_eq!(told.map(|s| (s.speaking.len(), s.dominant)), Some((0, Some(SourceId(1)))));
        assert_eq!(listener.hear(&[]), None);
    }

    #[test]
    fn an_unchanged_sample_is_not_worth_a_message() {
        let mut listener = Listener::default();
        assert!(listener.hear(&levels(&[(1, 30)])).is_some());
        assert!(listener.hear(&levels(&[(1, 31)])).is_none());
        assert!(listener.forget(SourceId(1)).is_some());
        assert_eq!(listener.current().dominant, None);
    }
}
