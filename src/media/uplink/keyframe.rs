//! Asks one publisher's line for key frames (RFC 4585 §6.3.1), no more often than its encoder can bear.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::media::uplink::bind::LAYERS;

/// Between two requests to one source. Chromium may answer one with key frames on every layer.
const INTERVAL: Duration = Duration::from_millis(500);

/// Under churn the pictures between key frames count as well: a source is never asked more seldom than this.
const INTERVAL_MAX: Duration = Duration::from_secs(1);

/// A wish that nobody repeated for this long is nobody's any more.
const EXPIRY: Duration = Duration::from_secs(4);

/// Wishes for key frames on the layers of one line.
#[derive(Clone, Debug)]
pub(super) struct KeyFrameRequests {
    /// Since when each layer is wished for.
    wanted: [Option<Instant>; LAYERS],
    /// When the last key frame of each layer was used again, for somebody who came later.
    reused: [Option<Instant>; LAYERS],
    last: Option<Instant>,
    interval: Duration,
}

impl KeyFrameRequests {
    pub(super) fn new() -> KeyFrameRequests {
        KeyFrameRequests { wanted: [None; LAYERS], reused: [None; LAYERS], last: None, interval: INTERVAL }
    }

    /// Somebody needs a key frame of `layer`.
    pub(super) fn ask(&mut self, now: Instant, layer: usize) {
        if let Some(wanted) = self.wanted.get_mut(layer) {
            *wanted = Some(now);
        }
    }

    /// The last key frame of `layer` served somebody who came later.
    pub(super) fn reuse(&mut self, now: Instant, layer: usize) {
        if let Some(reused) = self.reused.get_mut(layer) {
            *reused = Some(now);
        }
    }

    /// A key frame of `layer` came.
    pub(super) fn came(&mut self, layer: usize) {
        if let Some(wanted) = self.wanted.get_mut(layer) {
            *wanted = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.wanted = [None; LAYERS];
    }

    /// When the next request is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let asked = self.wanted.iter().flatten().min()?;
        Some(self.last.map_or(*asked, |last| (last + self.interval).max(*asked)))
    }

    /// The layers to ask for now. They are asked again until the key frame comes or the wish expires: a request can be
    /// lost, too.
    pub(super) fn due(&mut self, now: Instant) -> SmallVec<[usize; LAYERS]> {
        if self.next().is_none_or(|due| due > now) {
            return SmallVec::new();
        }
        for wished in self.wanted.iter_mut().chain(&mut self.reused) {
            *wished = wished.filter(|asked| now.saturating_duration_since(*asked) < EXPIRY);
        }
        if self.wanted.iter().all(Option::is_none) {
            return SmallVec::new();
        }
        let churn = self.last.is_some_and(|last| now.saturating_duration_since(last) < 2 * self.interval);
        self.interval = if churn { (self.interval * 3 / 2).min(INTERVAL_MAX) } else { INTERVAL };
        self.last = Some(now);
        // Whoever comes next begins with a layer that others began with, and must not wait behind those who rise.
        let wished = self
            .wanted
            .iter()
            .zip(&self.reused)
            .map(|(wanted, reused)| wanted.is_some() || (churn && reused.is_some()));
        wished.enumerate().filter(|(_, wished)| *wished).map(|(layer, _)| layer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks every 10 ms for `seconds`, answering at once or never; returns when the publisher was asked, in ms.
    fn churn(seconds: u64, answered: bool) -> Vec<u64> {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::new();
        let mut asked = Vec::new();
        for ms in (0..seconds * 1_000).step_by(10) {
            let now = start + Duration::from_millis(ms);
            requests.ask(now, 0);
            if !requests.due(now).is_empty() {
                asked.push(ms);
                if answered {
                    requests.came(0);
                }
            }
        }
        asked
    }

    #[test]
    fn the_first_wish_is_passed_on_at_once_and_the_next_after_half_a_second() {
        assert_eq!(churn(1, true), [0, 500]);
    }

    #[test]
    fn under_churn_requests_stretch_to_one_a_second() {
        let asked = churn(20, true);
        assert!(asked.len() <= 22, "{asked:?}");
        assert!(asked.windows(2).last().is_some_and(|pair| pair[1] - pair[0] == 1_000), "{asked:?}");
    }

    #[test]
    fn under_churn_a_layer_that_others_begin_with_is_asked_for_with_those_that_are_risen_to() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::new();
        let at = |ms| start + Duration::from_millis(ms);
        requests.ask(at(0), 0);
        assert_eq!(requests.due(at(0)).as_slice(), [0]);
        requests.came(0);
        requests.reuse(at(300), 0);
        requests.ask(at(500), 1);
        assert_eq!(requests.due(at(500)).as_slice(), [0, 1]);
        requests.ask(at(1_250), 1);
        assert_eq!(requests.due(at(1_250)).as_slice(), [0, 1]);
        // Nobody came any more: who rises asks for what it needs.
        requests.came(1);
        requests.ask(at(4_500), 1);
        assert_eq!(requests.due(at(4_500)).as_slice(), [1]);
    }

    #[test]
    fn a_wish_without_answer_is_repeated_then_expires() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::new();
        requests.ask(start, 1);
        let mut asked = 0;
        while let Some(due) = requests.next() {
            asked += requests.due(due).len();
        }
        assert!((3..=6).contains(&asked), "{asked}");
    }

    #[test]
    fn a_key_frame_grants_the_wish() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::new();
        requests.ask(start, 2);
        assert_eq!(requests.due(start).as_slice(), [2]);
        requests.came(2);
        assert_eq!(requests.next(), None);
    }
}
