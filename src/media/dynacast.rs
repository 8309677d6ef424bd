//! Which layers a publisher's line should send: those that somebody takes, and none that nobody has taken for a while.
//!
//! Owns the desired state and its version. Who takes what, and bringing the state to the publisher, is the owner's; one
//! `setParameters` in flight is the client's.

use std::time::{Duration, Instant};

/// A layer that nobody takes goes on for so long: subscribers come back to it (a tile scrolls, a speaker pauses), and a
/// layer that starts anew costs a key frame.
const UNWANTED: Duration = Duration::from_secs(5);

/// A set of layers of one line, by index: simulcast layers from the lowest, or spatial layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Layers(u8);

impl Layers {
    /// Layers told apart. Browsers send three.
    pub const MAX: usize = 8;
    pub const NONE: Layers = Layers(0);

    /// The `count` lowest layers, at most [`Layers::MAX`].
    pub fn lowest(count: usize) -> Layers {
        Layers((0..count.min(Layers::MAX)).fold(0, |bits, layer| bits | 1 << layer))
    }

    /// With `layer`; one that is not below [`Layers::MAX`] is ignored.
    pub fn with(self, layer: usize) -> Layers {
        if layer < Layers::MAX { Layers(self.0 | 1 << layer) } else { self }
    }

    pub fn without(self, layer: usize) -> Layers {
        if layer < Layers::MAX { Layers(self.0 & !(1 << layer)) } else { self }
    }

    pub fn contains(self, layer: usize) -> bool {
        layer < Layers::MAX && self.0 & 1 << layer != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Lowest first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Layers::MAX).filter(move |layer| self.contains(*layer))
    }

    fn and(self, other: Layers) -> Layers {
        Layers(self.0 & other.0)
    }
}

impl FromIterator<usize> for Layers {
    fn from_iter<I: IntoIterator<Item = usize>>(layers: I) -> Layers {
        layers.into_iter().fold(Layers::NONE, Layers::with)
    }
}

/// What the publisher should send. Of two, the one with the higher version counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Desired {
    pub version: u64,
    pub layers: Layers,
}

/// The desired state of one publisher's line.
#[derive(Clone, Debug)]
pub struct Dynacast {
    /// Those that the line has.
    all: Layers,
    desired: Desired,
    taken: Layers,
    /// When each layer was last taken, or the line began.
    last: [Instant; Layers::MAX],
}

impl Dynacast {
    /// A line of `count` layers, all of which the publisher sends when it begins. `version` is the last that this
    /// publisher was given for the line, 0 for none.
    pub fn new(now: Instant, count: usize, version: u64) -> Dynacast {
        let all = Layers::lowest(count);
        Dynacast { all, desired: Desired { version, layers: all }, taken: Layers::NONE, last: [now; Layers::MAX] }
    }

    /// What the publisher should send now.
    pub fn desired(&self) -> Desired {
        self.desired
    }

    /// Takes which layers anybody takes or waits for. `Some` when the publisher should be told, with a higher version
    /// than ever before.
    ///
    /// Whoever takes any layer keeps the lowest one going: it is everybody's way down.
    pub fn demand(&mut self, now: Instant, layers: Layers) -> Option<Desired> {
        let wanted = layers.and(self.all);
        self.note(now);
        self.taken = if wanted.is_empty() { Layers::NONE } else { wanted.with(0) };
        self.note(now);
        self.review(now)
    }

    /// When [`Dynacast::handle_timeout`] wants to be called: `None` while nothing but demand can change anything.
    pub fn next_timeout(&self) -> Option<Instant> {
        let idle = self.desired.layers.iter().filter(|layer| !self.taken.contains(*layer));
        idle.filter_map(|layer| self.last.get(layer)).min().map(|last| *last + UNWANTED)
    }

    /// Pauses what nobody has taken for five seconds. `Some` when the publisher should be told.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Desired> {
        self.note(now);
        self.review(now)
    }

    fn note(&mut self, now: Instant) {
        for layer in self.taken.iter() {
            if let Some(last) = self.last.get_mut(layer) {
                *last = now;
            }
        }
    }

    fn review(&mut self, now: Instant) -> Option<Desired> {
        let recent =
            |layer: &usize| self.last.get(*layer).is_some_and(|last| now.saturating_duration_since(*last) < UNWANTED);
        let kept = |layer: &usize| self.desired.layers.contains(*layer) && recent(layer);
        let layers = self.all.iter().filter(|layer| self.taken.contains(*layer) || kept(layer)).collect();
        if layers == self.desired.layers {
            return None;
        }
        self.desired = Desired { version: self.desired.version + 1, layers };
        Some(self.desired)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn layers(layers: &[usize]) -> Layers {
        layers.iter().copied().collect()
    }

    fn after(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_wish_is_passed_on_at_once() {
        let start = Instant::now();
        let mut line = Dynacast::new(start, 3, 7);
        assert_eq!(line.handle_timeout(start + after(5_000)), Some(Desired { version: 8, layers: Layers::NONE }));
        let told = line.demand(start + after(5_001), layers(&[2]));
        assert_eq!(told, Some(Desired { version: 9, layers: layers(&[0, 2]) }), "with the way down");
        assert_eq!(line.demand(start + after(5_002), layers(&[2])), None);
        let told = line.demand(start + after(5_003), layers(&[1, 2]));
        assert_eq!(told, Some(Desired { version: 10, layers: layers(&[0, 1, 2]) }));
    }

    #[test]
    fn what_nobody_takes_is_paused_after_five_seconds() {
        let start = Instant::now();
        let mut line = Dynacast::new(start, 3, 0);
        assert_eq!(line.demand(start, layers(&[0, 1, 2])), None, "the publisher sends them anyway");
        assert_eq!(line.next_timeout(), None);
        assert_eq!(line.demand(start + after(60_000), layers(&[1])), None);
        assert_eq!(line.next_timeout(), Some(start + after(65_000)));
        assert_eq!(line.handle_timeout(start + after(64_999)), None);
        let told = line.handle_timeout(start + after(65_000));
        assert_eq!(told, Some(Desired { version: 1, layers: layers(&[0, 1]) }));
        assert_eq!(
            line.handle_timeout(start + after(600_000)),
            None,
            "the lowest is not paused while somebody watches"
        );
    }

    #[test]
    fn a_short_absence_goes_unnoticed() {
        let start = Instant::now();
        let mut line = Dynacast::new(start, 3, 0);
        for round in 0..20 {
            let at = start + after(round * 8_000);
            assert_eq!(line.demand(at, layers(&[0, 1, 2])), None);
            assert_eq!(line.demand(at + after(4_000), Layers::NONE), None);
        }
    }

    #[test]
    fn nobody_watching_pauses_all_and_the_first_wish_resumes() {
        let start = Instant::now();
        let mut line = Dynacast::new(start, 1, 0);
        line.demand(start, layers(&[0]));
        assert_eq!(line.demand(start + after(9_000), Layers::NONE), None);
        assert_eq!(line.handle_timeout(start + after(14_000)).map(|desired| desired.layers), Some(Layers::NONE));
        assert_eq!(line.next_timeout(), None);
        let resumed = line.demand(start + after(99_000), layers(&[0]));
        assert_eq!(resumed, Some(Desired { version: 2, layers: layers(&[0]) }));
    }

    #[test]
    fn layers_that_the_line_has_not_are_nobodys() {
        let start = Instant::now();
        let mut line = Dynacast::new(start, 2, 0);
        assert_eq!(line.demand(start, layers(&[0, 1, 2, 7, 8, 300])), None);
        assert_eq!(line.desired().layers, layers(&[0, 1]));
    }

    proptest! {
        #[test]
        fn at_rest_what_is_sent_is_what_is_taken(
            count in 0_usize..9, steps in vec((0_u64..7_000, 0_u8..=255, any::<bool>()), 1..40),
        ) {
            let mut now = Instant::now();
            let mut line = Dynacast::new(now, count, 0);
            let mut told = line.desired();
            let mut demand = Layers::NONE;
            for (passed, bits, only_time) in steps {
                now += after(passed);
                let news = if only_time {
                    line.handle_timeout(now)
                } else {
                    demand = Layers(bits);
                    line.demand(now, demand)
                };
                if let Some(news) = news {
                    prop_assert!(news.version > told.version && news.layers != told.layers);
                    told = news;
                }
                prop_assert_eq!(line.desired(), told);
                prop_assert!(demand.iter().filter(|layer| *layer < count).all(|layer| told.layers.contains(layer)));
                prop_assert!(line.next_timeout().is_none_or(|at| at > now));
            }
            while let Some(at) = line.next_timeout() {
                prop_assert!(line.handle_timeout(at).is_some(), "a time-out that does nothing");
            }
            let wanted = demand.and(Layers::lowest(count));
            let at_rest = if wanted.is_empty() { wanted } else { wanted.with(0) };
            prop_assert_eq!(line.desired().layers, at_rest);
        }
    }
}
