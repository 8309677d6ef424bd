//! Who is speaking, and who dominated last, as the media plane told. Pure.

use crate::border::SourceLevel;
use crate::id::SourceId;
use crate::signal::protocol::{Speaker, Speakers};

/// How many former dominant speakers are remembered: a follower that is itself dominant sees the one before.
const HISTORY: usize = 8;
/// Steps between 0 and 1 of a level: a finer change is not worth a message to everybody.
const STEPS: f32 = 16.0;

/// What a room knows of its speakers.
#[derive(Clone, Debug, Default)]
pub(super) struct SpokenLast {
    /// Dominant speaker first, then those before.
    history: Vec<SourceId>,
    speaking: Vec<Speaker>,
}

impl SpokenLast {
    /// Who dominated last, newest first.
    pub(super) fn history(&self) -> &[SourceId] {
        &self.history
    }

    /// As it would be told to a client that just came.
    pub(super) fn current(&self) -> Speakers {
        Speakers { speaking: self.speaking.clone(), dominant: self.history.first().copied() }
    }

    /// Takes who is audible, loudest first. `Some` when clients should be told.
    pub(super) fn hear(&mut self, levels: &[SourceLevel]) -> Option<Speakers> {
        let quantise = |level: u8| ((127.0 - f32::from(level.min(127))) / 127.0 * STEPS).round() / STEPS;
        let speaking: Vec<Speaker> =
            levels.iter().map(|l| Speaker { source: l.source, level: quantise(l.level) }).collect();
        let changed = speaking != self.speaking;
        self.speaking = speaking;
        changed.then(|| self.current())
    }

    /// Takes who dominates. `Some` when clients should be told.
    pub(super) fn dominate(&mut self, source: SourceId) -> Option<Speakers> {
        if self.history.first() == Some(&source) {
            return None;
        }
        self.history.retain(|id| *id != source);
        self.history.insert(0, source);
        self.history.truncate(HISTORY);
        Some(self.current())
    }

    /// Forgets a source that is gone. `Some` when clients should be told.
    pub(super) fn forget(&mut self, source: SourceId) -> Option<Speakers> {
        let known = self.history.contains(&source) || self.speaking.iter().any(|speaker| speaker.source == source);
        self.history.retain(|id| *id != source);
        self.speaking.retain(|speaker| speaker.source != source);
        known.then(|| self.current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Bps;

    fn level(source: u32, level: u8) -> SourceLevel {
        SourceLevel { source: SourceId(source), level, rate: Bps(0) }
    }

    #[test]
    fn whoever_dominated_before_is_remembered_until_it_leaves() {
        let mut speakers = SpokenLast::default();
        for source in [1, 3, 1, 5] {
            assert!(speakers.dominate(SourceId(source)).is_some());
        }
        assert_eq!(speakers.dominate(SourceId(5)), None);
        assert_eq!(speakers.history(), [SourceId(5), SourceId(1), SourceId(3)]);
        assert_eq!(speakers.forget(SourceId(5)).and_then(|told| told.dominant), Some(SourceId(1)));
    }

    #[test]
    fn an_unchanged_sample_is_not_worth_a_message() {
        let mut speakers = SpokenLast::default();
        assert!(speakers.hear(&[level(1, 30)]).is_some());
        assert!(speakers.hear(&[level(1, 31)]).is_none());
        assert!(speakers.forget(SourceId(1)).is_some());
        assert_eq!(speakers.hear(&[]), None);
    }
}
