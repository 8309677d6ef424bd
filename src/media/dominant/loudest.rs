//! The few loudest of many: what is forwarded of a large room, or gets a subscriber's audio-only lines.

use std::time::{Duration, Instant};

use crate::id::SourceId;
use crate::media::dominant::Voice;

/// A newcomer must be louder for so long than the quietest chosen one, if that one is heard,
const CHALLENGE: Duration = Duration::from_millis(300);
/// by so many dB: twice the power.
const LOUDER_DB: u8 = 3;

/// Keeps a choice of sources. Sticky: a chosen one stays until its place is needed for somebody who speaks.
#[derive(Clone, Debug, Default)]
pub struct Loudest {
    /// In the order in which they were chosen.
    chosen: Vec<SourceId>,
    challenger: Option<(SourceId, Instant)>,
}

impl Loudest {
    /// The chosen sources.
    pub fn chosen(&self) -> &[SourceId] {
        &self.chosen
    }

    /// Chooses at most `count` of `voices`, in any order, each reviewed just before. Best called every 100 ms, or sooner
    /// when somebody begins. True when the choice changed.
    ///
    /// A place that is free, or whose source is in a pause, goes at once to whoever begins to speak; another one after
    /// a while of being louder.
    pub fn review<'a>(
        &mut self,
        now: Instant,
        count: usize,
        voices: impl Iterator<Item = (SourceId, &'a Voice)> + Clone,
    ) -> bool {
        let find = |id: SourceId| voices.clone().find(|(source, _)| *source == id).map(|(_, voice)| voice);
        let before = self.chosen.len();
        self.chosen.retain(|source| find(*source).is_some());
        let mut changed = self.chosen.len() != before;
        while self.chosen.len() > count {
            let Some((place, _)) = self.quietest(&find) else { break };
            self.chosen.remove(place);
            changed = true;
        }
        while let Some((newcomer, level)) = self.newcomer(voices.clone()) {
            if self.chosen.len() < count {
                self.chosen.push(newcomer);
            } else if let Some((place, quietest)) = self.quietest(&find)
                && self.gives_way(now, quietest, newcomer, level)
            {
                self.chosen.remove(place);
                self.chosen.push(newcomer);
            } else {
                return changed;
            }
            self.challenger = None;
            changed = true;
        }
        self.challenger = None;
        changed
    }

    /// The loudest of those who speak and are not chosen; the present challenger before others, lest two of them keep
    /// each other waiting.
    fn newcomer<'a>(&self, voices: impl Iterator<Item = (SourceId, &'a Voice)>) -> Option<(SourceId, u8)> {
        let challenges = |source| self.challenger.is_some_and(|(challenger, _)| challenger == source);
        let speaks = |(source, voice): (SourceId, &Voice)| {
            let speaks = voice.starts() && !self.chosen.contains(&source);
            speaks.then_some((!challenges(source), voice.level(), source))
        };
        voices.filter_map(speaks).min().map(|(_, level, source)| (source, level))
    }

    /// Place and loudness of the quietest chosen one. Of several in a pause, the one chosen first.
    fn quietest<'a>(&self, find: &impl Fn(SourceId) -> Option<&'a Voice>) -> Option<(usize, Option<u8>)> {
        let loudness = |source: &SourceId| find(*source).and_then(Voice::loudness);
        let places = self.chosen.iter().enumerate().map(|(place, source)| (place, loudness(source)));
        places.max_by_key(|(place, loudness)| (loudness.unwrap_or(u8::MAX), usize::MAX - place))
    }

    fn gives_way(&mut self, now: Instant, quietest: Option<u8>, newcomer: SourceId, level: u8) -> bool {
        let Some(quietest) = quietest else { return true };
        if level.saturating_add(LOUDER_DB) > quietest {
            self.challenger = None;
            return false;
        }
        let since = match self.challenger {
            Some((source, since)) if source == newcomer => since,
            _ => now,
        };
        self.challenger = Some((newcomer, since));
        now.saturating_duration_since(since) >= CHALLENGE
    }
}
