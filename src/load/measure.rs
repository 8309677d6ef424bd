//! What receivers measure: of each one how well it saw, of all together histograms.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// A wait of this much more than the sender's clock explains is seen; the quality limit.
pub(super) const SEEN_GAP: Duration = Duration::from_millis(50);
/// Longest time that histograms tell apart from longer ones.
const LONGEST: u64 = 60_000_000;

/// Most layers of a picture: as many as there are rids.
pub(super) const LAYERS: usize = super::sdp::RIDS.len();

/// A histogram of times in microseconds, exact to a hundredth.
pub(super) type Times = Histogram<u64>;

pub(super) fn times() -> Times {
    // These bounds are valid ones; a histogram without bounds would do, too.
    Histogram::new_with_bounds(1, LONGEST, 2)
        .unwrap_or_else(|_| Histogram::new_with_max(u64::MAX / 2, 2).unwrap_or_else(|_| unreachable!()))
}

pub(super) fn note(times: &mut Times, time: Duration) {
    times.saturating_record((time.as_micros() as u64).max(1));
}

/// How well one member saw and heard since the measuring began.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Quality {
    /// Media packets, repaired ones included.
    pub(super) received: u64,
    pub(super) octets: u64,
    /// Never came, asked for again or not.
    pub(super) lost: u64,
    /// Came when asked for again.
    pub(super) repaired: u64,
    /// Decrypted.
    pub(super) opened: u64,
    /// Did not open with the connection's keys: always a fault.
    pub(super) unopened: u64,
    pub(super) frames: u64,
    /// Frames that came later than [`SEEN_GAP`] after the one before, beyond what the sender's clock explains.
    pub(super) late_frames: u64,
    pub(super) longest_gap: Duration,
    pub(super) freezes: u64,
    pub(super) frozen: Duration,
    /// Since it began to connect; `None` = nothing came yet.
    pub(super) first_frame: Option<Duration>,
    /// The server answered its checks: the handshake began.
    pub(super) checked: bool,
    pub(super) connected: bool,
    pub(super) watches: bool,
    /// Its network is bad on purpose.
    pub(super) weak: bool,
    /// It left.
    pub(super) gone: bool,
    /// It came a moment ago and need not be connected yet.
    pub(super) young: bool,
    /// It was there when the measuring began.
    pub(super) old: bool,
}

impl Quality {
    /// Whether the 99th percentile of its gaps is unseen.
    pub(super) fn is_smooth(&self) -> bool {
        self.late_frames * 100 < self.frames.max(1)
    }
}

/// What one thread's peers measured together.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// From the sender's socket to the receiver's.
    pub(super) latency: Times,
    /// Of frames, beyond what the sender's clock explains.
    pub(super) gaps: Times,
    pub(super) members: Vec<Quality>,
    /// Packets of pictures that were looked into, by layer.
    pub(super) layers: [u64; LAYERS],
    /// Media packets that publishers sent.
    pub(super) sent: u64,
    /// Datagrams that the kernel did not take.
    pub(super) unsent: u64,
    /// Time that the thread worked, and the time that went by.
    pub(super) busy: Duration,
    pub(super) span: Duration,
}

impl Default for Figures {
    fn default() -> Figures {
        let (latency, gaps, members, layers) = (times(), times(), Vec::new(), [0; LAYERS]);
        Figures { latency, gaps, members, layers, sent: 0, unsent: 0, busy: Duration::ZERO, span: Duration::ZERO }
    }
}

impl Figures {
    pub(super) fn add(&mut self, other: Figures) {
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
        let _ = self.gaps.add(&other.gaps);
        self.members.extend(other.members);
        self.layers.iter_mut().zip(other.layers).for_each(|(all, more)| *all += more);
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.busy += other.busy;
        self.span += other.span;
    }
}

/// Percentiles of times, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Percentiles {
    pub(super) fn of(times: &Times) -> Percentiles {
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
        if times.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            count: times.len(),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: times.max() as f64 / 1_000.0,
        }
    }
}
