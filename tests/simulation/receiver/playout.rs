//! When a decoded frame is shown: an adaptive jitter buffer of at most 300 ms.

use crate::time::{MS, SECOND, Us};
use crate::wire::Mark;

/// Longest delay that the buffer adds.
const LONGEST: f64 = 300_000.0;

/// The delay follows lateness at once and shrinks by this share a frame: within a few seconds, as libwebrtc's.
const SHRINK: f64 = 0.99;

/// The way's shortest delay is forgotten this fast, in microseconds a frame: a clock that runs off by 100 ppm loses 3.3.
const FORGET: i64 = 5;

/// A gap between shown frames that a viewer notices, beyond the distance of frames.
pub const FREEZE: Us = 200 * MS;

/// A frame that was shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub at: Us,
    pub mark: Mark,
    /// How far the frame's timestamp is from the one before it.
    pub interval: Us,
}

/// A stretch without a new picture.
#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    pub from: Us,
    pub to: Us,
}

/// The playout of one video line.
#[derive(Default)]
pub struct Playout {
    timestamp: Option<(u32, i64)>,
    /// Shortest time between a frame's timestamp and its arrival.
    shortest: Option<i64>,
    delay: f64,
    pub shown: Vec<Shown>,
}

impl Playout {
    /// Takes a frame that was decodable at `now`.
    pub fn show(&mut self, now: Us, timestamp: u32, mark: Mark) {
        let ticks = match self.timestamp {
            None => i64::from(timestamp),
            Some((last, ticks)) => ticks + i64::from(timestamp.wrapping_sub(last) as i32),
        };
        let interval = self.timestamp.map_or(0, |(_, last)| (ticks - last).max(0)) as u64 * SECOND / 90_000;
        self.timestamp = Some((timestamp, ticks));
        let stream_us = ticks * SECOND as i64 / 90_000;
        let way = now as i64 - stream_us;
        let shortest = self.shortest.map_or(way, |shortest| way.min(shortest + FORGET));
        self.shortest = Some(shortest);
        let late = (way - shortest) as f64;
        self.delay = (self.delay * SHRINK).max(late).min(LONGEST);
        let due = (stream_us + shortest) as f64 + self.delay;
        let last = self.shown.last().map_or(0, |shown| shown.at);
        let at = now.max(due as Us).max(last);
        self.shown.push(Shown { at, mark, interval });
    }

    /// The delay that the buffer adds now.
    pub fn delay(&self) -> Us {
        self.delay as Us
    }

    /// Stretches between `from` and `to` in which the picture stood for [`FREEZE`] longer than its frames are apart.
    pub fn freezes(&self, from: Us, to: Us) -> Vec<Freeze> {
        let usual = self.usual_interval();
        let mut freezes = Vec::new();
        let mut last = from;
        let times = self.shown.iter().map(|shown| shown.at).filter(|at| (from..to).contains(at)).chain([to]);
        for at in times {
            if at - last > usual + FREEZE {
                freezes.push(Freeze { from: last, to: at });
            }
            last = at;
        }
        freezes
    }

    /// The median distance of frames.
    fn usual_interval(&self) -> Us {
        let mut intervals: Vec<Us> = self.shown.iter().map(|shown| shown.interval).collect();
        let middle = intervals.len() / 2;
        if intervals.is_empty() { 0 } else { *intervals.select_nth_unstable(middle).1 }
    }

    /// The first frame of `source` shown at `from` or later.
    pub fn first_of(&self, source: u32, from: Us) -> Option<Shown> {
        self.shown.iter().find(|shown| shown.at >= from && shown.mark.source == source).copied()
    }

    /// Changes of layer within a source between two moments.
    pub fn switches(&self, from: Us, to: Us) -> usize {
        let shown: Vec<&Shown> = self.shown.iter().filter(|shown| (from..to).contains(&shown.at)).collect();
        let differs = |a: &Shown, b: &Shown| a.mark.source == b.mark.source && a.mark.layer != b.mark.layer;
        shown.windows(2).filter(|pair| differs(pair[0], pair[1])).count()
    }
}
