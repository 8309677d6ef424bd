//! The publisher's time on the server's clock: RTP timestamps become the moment of capture, in microseconds since the
//! process's epoch.
//!
//! One [`PublisherClock`] per browser: all its streams report against the same NTP clock (RFC 3550 §6.4.1), so they
//! share one offset to ours and stay aligned with each other. One [`StreamClock`] per RTP stream.

use crate::media::spec::MediaKind;

/// How long a minimum counts at least; at most twice as long. Clocks that run apart by 100 ppm shift by 1 ms meanwhile,
/// and a network shows its shortest delay within ten seconds.
const WINDOW_US: i64 = 10_000_000;

/// A publisher's clock that is off by more was set anew: no network delays a packet for so long and recovers.
const JUMP_US: i64 = 2_000_000;

/// A packet cannot be captured after it arrived. Reports and offsets are rounded and smoothed, so a little is forgiven.
const EARLY_US: i64 = 250_000;

/// Arriving this long after its capture, a packet's timestamp no longer fits the last report: browsers let a stream's
/// timestamps stand while it has no track, and report again seconds later.
const LATE_US: i64 = 1_500_000;

/// Timestamps whose moment is remembered. At 30 frames a second one second: as long as a retransmission may take.
const REMEMBERED: usize = 32;

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;

/// RTP clock rate in Hz: that of every codec of the kind.
pub(super) fn clock_rate(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48_000,
        MediaKind::Video => 90_000,
    }
}

/// An NTP timestamp (RFC 5905 §6: 32.32 fixed point) in microseconds since 1900, rounded down.
fn ntp_us(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64;
    let fraction = ((ntp & 0xFFFF_FFFF) * MICROS as u64) >> 32;
    seconds * MICROS + fraction as i64
}

/// The smallest of the values seen in the last one to two windows.
#[derive(Clone, Copy, Debug, Default)]
struct WindowedMin {
    started: i64,
    current: Option<i64>,
    previous: Option<i64>,
}

impl WindowedMin {
    fn add(&mut self, now_us: i64, value: i64) {
        let age = now_us - self.started;
        if self.current.is_none() || age >= 2 * WINDOW_US {
            *self = WindowedMin { started: now_us, current: Some(value), previous: None };
        } else if age >= WINDOW_US {
            *self = WindowedMin { started: now_us, current: Some(value), previous: self.current };
        } else {
            self.current = self.current.min(Some(value));
        }
    }

    fn get(&self) -> Option<i64> {
        match (self.current, self.previous) {
            (Some(current), Some(previous)) => Some(current.min(previous)),
            (current, previous) => current.or(previous),
        }
    }
}

/// A publisher's NTP clock against ours: the shortest way from capture to arrival that was seen lately.
#[derive(Clone, Debug, Default)]
pub struct PublisherClock {
    /// Arrival minus NTP time, in microseconds.
    offset: WindowedMin,
    /// The offset before the publisher's clock was set anew, for streams that have not reported since.
    before: Option<i64>,
    /// Counts how often it was.
    era: u32,
}

impl PublisherClock {
    /// Takes a sender report of `stream` that arrived at `now_us` (RFC 3550 §6.4.1). An NTP time of 0 means that the
    /// sender has no clock: ignored.
    pub fn report(&mut self, stream: &mut StreamClock, now_us: i64, ntp: u64, rtp: u32) {
        if ntp == 0 {
            return;
        }
        let ntp_us = ntp_us(ntp);
        let offset = now_us - ntp_us;
        if let Some(known) = self.offset.get()
            && (offset - known).abs() > JUMP_US
        {
            self.before = Some(known);
            self.era = self.era.wrapping_add(1);
            self.offset = WindowedMin::default();
        }
        self.offset.add(now_us, offset);
        let ticks = stream.unwrap(rtp);
        stream.report = Some(Report { ntp_us, ticks, era: self.era });
    }

    /// The moment of capture of the frame with RTP `timestamp`, of which a packet arrived at `arrival_us`. A packet
    /// that was retransmitted (`fresh` false) says nothing about delays.
    ///
    /// One timestamp yields one moment while it is remembered.
    pub fn capture_us(&mut self, stream: &mut StreamClock, arrival_us: i64, timestamp: u32, fresh: bool) -> i64 {
        if let Some(moment) = stream.remembered(timestamp) {
            return moment;
        }
        let ticks = stream.unwrap(timestamp);
        let moment = match self.by_report(stream, arrival_us, ticks, fresh) {
            Some(moment) => moment,
            None => stream.by_arrival(arrival_us, ticks, fresh),
        };
        stream.remember(timestamp, moment);
        moment
    }

    /// By the last sender report, while that is plausible.
    fn by_report(&mut self, stream: &StreamClock, arrival_us: i64, ticks: i64, fresh: bool) -> Option<i64> {
        let report = stream.report?;
        let ntp_us = report.ntp_us + stream.ticks_to_us(ticks - report.ticks);
        let offset = match self.era.wrapping_sub(report.era) {
            0 => self.offset.get()?,
            1 => self.before?,
            _ => return None,
        };
        let delay = arrival_us - (ntp_us + offset);
        if fresh && !(-EARLY_US..=LATE_US).contains(&delay) {
            return None;
        }
        if fresh && report.era == self.era {
            self.offset.add(arrival_us, arrival_us - ntp_us);
            return self.offset.get().map(|offset| ntp_us + offset);
        }
        Some(ntp_us + offset)
    }
}

/// What a sender report said: `ticks` of the stream are `ntp_us` of the publisher's clock.
#[derive(Clone, Copy, Debug)]
struct Report {
    ntp_us: i64,
    ticks: i64,
    era: u32,
}

/// The clock of one RTP stream.
#[derive(Clone, Debug)]
pub struct StreamClock {
    rate: i64,
    /// The newest timestamp, extended to 64 bits.
    newest: Option<i64>,
    report: Option<Report>,
    /// Arrival minus stream time: stands in for the publisher's clock until the first report.
    arrival: WindowedMin,
    recent: [(u32, i64); REMEMBERED],
    recent_len: usize,
    recent_at: usize,
}

impl StreamClock {
    pub fn new(kind: MediaKind) -> StreamClock {
        StreamClock {
            rate: i64::from(clock_rate(kind)),
            newest: None,
            report: None,
            arrival: WindowedMin::default(),
            recent: [(0, 0); REMEMBERED],
            recent_len: 0,
            recent_at: 0,
        }
    }

    /// The timestamp extended to 64 bits, following wraps in both directions.
    fn unwrap(&mut self, timestamp: u32) -> i64 {
        let Some(newest) = self.newest else {
            self.newest = Some(i64::from(timestamp));
            return i64::from(timestamp);
        };
        let ticks = newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32);
        self.newest = Some(newest.max(ticks));
        ticks
    }

    fn ticks_to_us(&self, ticks: i64) -> i64 {
        ticks.saturating_mul(MICROS) / self.rate
    }

    /// By arrival alone: the stream's own pace, never later than its packets come.
    fn by_arrival(&mut self, arrival_us: i64, ticks: i64, fresh: bool) -> i64 {
        let stream_us = self.ticks_to_us(ticks);
        let offset = arrival_us - stream_us;
        if self.arrival.get().is_some_and(|known| offset - known > LATE_US || known - offset > EARLY_US) && fresh {
            self.arrival = WindowedMin::default();
        }
        if fresh || self.arrival.get().is_none() {
            self.arrival.add(arrival_us, offset);
        }
        stream_us + self.arrival.get().unwrap_or(offset)
    }

    fn remembered(&self, timestamp: u32) -> Option<i64> {
        let known = self.recent.get(..self.recent_len)?;
        known.iter().find(|(at, _)| *at == timestamp).map(|(_, moment)| *moment)
    }

    fn remember(&mut self, timestamp: u32, moment: i64) {
        if let Some(place) = self.recent.get_mut(self.recent_at) {
            *place = (timestamp, moment);
        }
        self.recent_at = (self.recent_at + 1) % REMEMBERED;
        self.recent_len = (self.recent_len + 1).min(REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// 2026-01-01 in NTP seconds.
    const NTP_START_US: i64 = 3_976_214_400 * MICROS;

    fn ntp(us: i64) -> u64 {
        let fraction = ((us % MICROS) as u64 * (1 << 32)).div_ceil(MICROS as u64);
        ((us / MICROS) as u64) << 32 | fraction
    }

    /// A publisher whose clock is `ppm` off ours. Its streams start at arbitrary timestamps.
    struct Publisher {
        ppm: f64,
    }

    impl Publisher {
        fn local(&self, server_us: i64) -> i64 {
            server_us + (server_us as f64 * self.ppm / 1e6) as i64
        }

        fn ntp_us(&self, server_us: i64) -> i64 {
            NTP_START_US + self.local(server_us)
        }

        fn rtp(&self, server_us: i64, rate: i64, start: u32) -> u32 {
            start.wrapping_add((self.local(server_us) as i128 * i128::from(rate) / i128::from(MICROS)) as u32)
        }
    }

    /// Runs audio and video for `seconds` over a jittery network of 20 ms and returns the largest error of either, and
    /// of the two against each other, in microseconds, after the first ten seconds.
    fn largest_errors(ppm: f64, seconds: i64) -> (i64, i64) {
        let publisher = Publisher { ppm };
        let mut rng = StdRng::seed_from_u64(7);
        let mut clock = PublisherClock::default();
        let (mut audio, mut video) = (StreamClock::new(MediaKind::Audio), StreamClock::new(MediaKind::Video));
        let (audio_start, video_start) = (0xFFFF_0000, 0xFFF0_0000);
        let (mut error, mut skew) = (0, 0);
        for frame in 0..seconds * 50 {
            let captured = frame * 20_000;
            if frame % 50 == 7 {
                let arrival = captured + 20_000 + rng.random_range(0..30_000);
                let rtp = publisher.rtp(captured, 48_000, audio_start);
                clock.report(&mut audio, arrival, ntp(publisher.ntp_us(captured)), rtp);
                let rtp = publisher.rtp(captured, 90_000, video_start);
                clock.report(&mut video, arrival, ntp(publisher.ntp_us(captured)), rtp);
            }
            let arrival = captured + 20_000 + rng.random_range(0..30_000);
            let rtp = publisher.rtp(captured, 48_000, audio_start);
            let heard = clock.capture_us(&mut audio, arrival, rtp, true);
            let rtp = publisher.rtp(captured, 90_000, video_start);
            let seen = clock.capture_us(&mut video, arrival + 40_000, rtp, true);
            if captured > 10 * MICROS {
                error = error.max((heard - captured - 20_000).abs());
                skew = skew.max((heard - seen).abs());
            }
        }
        (error, skew)
    }

    #[test]
    fn capture_time_stays_bounded_when_clocks_drift_apart() {
        for ppm in [-100.0, 0.0, 100.0] {
            let (error, skew) = largest_errors(ppm, 1_200);
            assert!(error < 6_000, "{ppm} ppm: {error} µs off");
            assert!(skew < 2_000, "{ppm} ppm: sound and picture {skew} µs apart");
        }
    }

    #[test]
    fn one_timestamp_is_one_moment() {
        let mut clock = PublisherClock::default();
        let mut stream = StreamClock::new(MediaKind::Video);
        let first = clock.capture_us(&mut stream, 1_000_000, 90_000, true);
        assert_eq!(first, 1_000_000, "without a report, arrival counts");
        clock.report(&mut stream, 1_001_000, ntp(NTP_START_US), 90_000);
        assert_eq!(clock.capture_us(&mut stream, 1_300_000, 90_000, false), first);
    }

    #[test]
    fn before_the_first_report_packets_keep_the_pace_of_their_timestamps() {
        let mut clock = PublisherClock::default();
        let mut stream = StreamClock::new(MediaKind::Video);
        let start = u32::MAX - 3_000;
        let arrivals = [0, 40_000, 66_667, 140_000, 133_334];
        let moments: Vec<i64> = (0_u32..)
            .zip(arrivals)
            .map(|(i, arrival)| clock.capture_us(&mut stream, arrival, start.wrapping_add(3_000 * i), true))
            .collect();
        for pair in moments.windows(2) {
            assert!((pair[1] - pair[0] - 33_333).abs() <= 1, "{moments:?}");
        }
    }

    #[test]
    fn a_publisher_that_sets_its_clock_does_not_move_its_streams() {
        let mut clock = PublisherClock::default();
        let (mut audio, mut video) = (StreamClock::new(MediaKind::Audio), StreamClock::new(MediaKind::Video));
        let mut ntp_start = NTP_START_US;
        for second in 0..20_i64 {
            let now = second * MICROS;
            if second == 10 {
                ntp_start += 3_600 * MICROS;
            }
            clock.report(&mut audio, now + 10_000, ntp(ntp_start + now), (second * 48_000) as u32);
            // Between the two reports, the other stream still lives by the old clock.
            let seen = clock.capture_us(&mut video, now + 30_000, (second * 90_000) as u32, true);
            assert!((seen - now - 10_000).abs() < 30_000, "second {second}: {}", seen - now);
            clock.report(&mut video, now + 10_000, ntp(ntp_start + now), (second * 90_000) as u32);
            let heard = clock.capture_us(&mut audio, now + 20_000, (second * 48_000 + 480) as u32, true);
            assert!((heard - now - 20_000).abs() < 30_000, "second {second}: {}", heard - now);
        }
    }

    #[test]
    fn a_stream_whose_timestamps_stood_still_lives_by_arrival_until_it_reports() {
        let mut clock = PublisherClock::default();
        let mut stream = StreamClock::new(MediaKind::Audio);
        clock.report(&mut stream, 10_000, ntp(NTP_START_US), 0);
        assert_eq!(clock.capture_us(&mut stream, 30_000, 960, true), 30_000);
        // A minute without a track, in which the timestamp did not move.
        let resumed = 60 * MICROS;
        let moment = clock.capture_us(&mut stream, resumed, 1_920, true);
        assert_eq!(moment, resumed);
        assert_eq!(clock.capture_us(&mut stream, resumed + 25_000, 2_880, true), resumed + 20_000);
        clock.report(&mut stream, resumed + 40_000, ntp(NTP_START_US + resumed + 30_000), 3_360);
        let moment = clock.capture_us(&mut stream, resumed + 50_000, 3_840, true);
        assert!((moment - resumed - 50_000).abs() <= 1_000, "{moment}");
    }

    #[test]
    fn a_report_without_a_clock_is_ignored() {
        let mut clock = PublisherClock::default();
        let mut stream = StreamClock::new(MediaKind::Audio);
        clock.report(&mut stream, 5, 0, 77);
        assert_eq!(clock.capture_us(&mut stream, 1_000, 960, true), 1_000);
    }
}
