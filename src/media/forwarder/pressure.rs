//! What a shard gives up when its processor is at its limit: pictures from the top, and never sound.
//!
//! Bandwidth is no question here: everybody on the shard is concerned alike, within the next review. Layers change at key
//! frames and pauses at frames, so that what goes is whole.

use std::time::{Duration, Instant};

use crate::media::allocate::OperatingPoint;

/// A shard that works for more of its time is pressed: queues grow faster than they are worked off soon.
const PRESSED: f64 = 0.95;
/// One that works for less may give back what it took. What a step gives up is about a third of the work.
const RELIEVED: f64 = 0.65;
/// Pressure counts when it lasts: a burst of joins is over sooner.
const LASTS: Duration = Duration::from_secs(1);
/// Nothing is given back sooner, so that pictures do not come and go.
const CALM: Duration = Duration::from_secs(10);
/// When pressure comes back soon, the next calm has to be longer, up to this.
const LONGEST_CALM: Duration = Duration::from_secs(80);

/// What is given up. Labels of the counter of what was shed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Pressure {
    #[default]
    None,
    /// The best third of each picture's layers.
    Upper,
    /// All but the lowest third.
    Middle,
    /// Pictures, but for the smallest of each member's first.
    Pictures,
}

impl Pressure {
    pub const ALL: [Pressure; 4] = [Pressure::None, Pressure::Upper, Pressure::Middle, Pressure::Pictures];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Pressure::None => "none",
            Pressure::Upper => "upper_layers",
            Pressure::Middle => "middle_layers",
            Pressure::Pictures => "pictures",
        }
    }

    fn more(self) -> Pressure {
        match self {
            Pressure::None => Pressure::Upper,
            Pressure::Upper => Pressure::Middle,
            Pressure::Middle | Pressure::Pictures => Pressure::Pictures,
        }
    }

    fn less(self) -> Pressure {
        match self {
            Pressure::Pictures => Pressure::Middle,
            Pressure::Middle => Pressure::Upper,
            Pressure::Upper | Pressure::None => Pressure::None,
        }
    }

    /// How many of a picture's points, worst first, are left: at least the lowest that can be had.
    pub(super) fn keeps(self, points: &[OperatingPoint]) -> usize {
        let kept = match self {
            Pressure::None => return points.len(),
            Pressure::Upper => (2 * points.len()).div_ceil(3),
            Pressure::Middle | Pressure::Pictures => points.len().div_ceil(3),
        };
        let lowest = points.iter().position(|point| point.alive).map_or(0, |lowest| lowest + 1);
        kept.max(lowest)
    }
}

/// How pressed the shard is.
#[derive(Default)]
pub(super) struct Gauge {
    level: Pressure,
    pressed_since: Option<Instant>,
    relieved_since: Option<Instant>,
    /// When something was given back last.
    eased: Option<Instant>,
    calm: Option<Duration>,
}

impl Gauge {
    pub(super) fn level(&self) -> Pressure {
        self.level
    }

    /// Takes the share of its time that the shard has worked lately, 0 to 1.
    pub(super) fn note(&mut self, now: Instant, load: f64) {
        let lasted = |since: &mut Option<Instant>| now.saturating_duration_since(*since.get_or_insert(now));
        let calm = self.calm.unwrap_or(CALM);
        if load >= PRESSED {
            self.relieved_since = None;
            if lasted(&mut self.pressed_since) >= LASTS {
                let relapse = self.eased.is_some_and(|at| now.saturating_duration_since(at) < calm);
                self.calm = Some(if relapse { (calm * 2).min(LONGEST_CALM) } else { CALM });
                (self.level, self.pressed_since) = (self.level.more(), None);
            }
            return;
        }
        self.pressed_since = None;
        if load > RELIEVED {
            self.relieved_since = None;
        } else if lasted(&mut self.relieved_since) >= calm && self.level != Pressure::None {
            (self.level, self.relieved_since, self.eased) = (self.level.less(), None, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is given up each second under `loads`, told four times a second.
    fn levels(loads: impl IntoIterator<Item = f64>) -> Vec<Pressure> {
        let start = Instant::now();
        let mut gauge = Gauge::default();
        let quarters = (0..).zip(loads.into_iter().flat_map(|load| [load; 4]));
        let levels: Vec<Pressure> = quarters
            .map(|(quarter, load)| {
                gauge.note(start + Duration::from_millis(250) * quarter, load);
                gauge.level()
            })
            .collect();
        levels.into_iter().skip(3).step_by(4).collect()
    }

    #[test]
    fn pressure_that_lasts_takes_step_by_step() {
        use Pressure::{Middle, None, Pictures, Upper};
        assert_eq!(levels([0.99; 6]), [None, Upper, Middle, Pictures, Pictures, Pictures]);
        // A burst is over sooner than anybody would see it.
        assert_eq!(levels([1.0, 0.5, 1.0, 0.8, 1.0]), [None; 5]);
    }

    #[test]
    fn calm_gives_back_slowly_and_more_slowly_after_a_relapse() {
        let one_wave = [vec![1.0; 2], vec![0.5; 11]].concat();
        assert_eq!(levels(one_wave.clone()).last(), Some(&Pressure::None));
        let second = [one_wave.clone(), one_wave, vec![0.5; 12]].concat();
        let told = levels(second);
        assert_eq!(told[25], Pressure::Upper, "the second calm is longer");
        assert_eq!(told.last(), Some(&Pressure::None));
    }

    #[test]
    fn between_pressed_and_relieved_all_stays_as_it_is() {
        let told = levels([vec![1.0; 2], vec![0.8; 60]].concat());
        assert!(told[2..].iter().all(|level| *level == Pressure::Upper));
    }
}
