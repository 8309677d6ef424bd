//! What the reception reports on one stream are made of (RFC 3550 §6.4.1, §A.3, §A.8).

use std::time::Instant;

use crate::id::Ssrc;
use crate::media::rtcp::ReportBlock;

/// Counts one stream. Retransmissions do not count as received: the sender shall see what its path loses.
#[derive(Clone, Debug, Default)]
pub(super) struct Reception {
    received: u64,
    repaired: u64,
    reported_expected: u64,
    reported_received: u64,
    /// Of 256, between the last two reports.
    fraction_lost: u8,
    transit: Option<u32>,
    /// In 1/16 of timestamp units.
    jitter: u32,
    /// The middle of the last sender report's NTP time, and when it came.
    sender_report: Option<(u32, Instant)>,
}

impl Reception {
    /// A lost packet came as a retransmission.
    pub(super) fn repaired(&mut self) {
        self.repaired += 1;
    }

    /// A packet with `timestamp` came, at `now_us` on a clock of microseconds. `rate` is the timestamp's clock rate.
    pub(super) fn received(&mut self, now_us: i64, timestamp: u32, rate: u32) {
        self.received += 1;
        let ticks = (i128::from(now_us) * i128::from(rate) / 1_000_000) as u32;
        let transit = ticks.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A timestamp that jumps (a stream that paused) is no jitter.
            if difference < rate {
                self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
            }
        }
    }

    /// A sender report with the NTP time `ntp` came.
    pub(super) fn sender_report(&mut self, now: Instant, ntp: u64) {
        self.sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// Of `expected` packets, those that did not come in any way.
    pub(super) fn missing(&self, expected: u64) -> u64 {
        expected.saturating_sub(self.received + self.repaired)
    }

    /// Share of packets lost between the last two reports, before repair.
    pub(super) fn loss(&self) -> f32 {
        f32::from(self.fraction_lost) / 256.0
    }

    /// In timestamp units.
    pub(super) fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    /// The block on `ssrc`, of which `expected` packets were sent as far as we know, the last with the extended number
    /// `highest_seq`.
    pub(super) fn report(&mut self, now: Instant, ssrc: Ssrc, expected: u64, highest_seq: u32) -> ReportBlock {
        let expected_now = expected.saturating_sub(self.reported_expected);
        let received_now = self.received.saturating_sub(self.reported_received);
        let lost_now = expected_now.saturating_sub(received_now);
        self.fraction_lost = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        self.reported_expected = expected;
        self.reported_received = self.received;
        let (last_report, delay) = match self.sender_report {
            Some((ntp, at)) => (ntp, (now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000) as u32),
            None => (0, 0),
        };
        let lost = expected as i64 - self.received as i64;
        ReportBlock {
            ssrc,
            fraction_lost: self.fraction_lost,
            lost: lost.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            highest_seq,
            jitter: self.jitter(),
            last_report,
            delay,
        }
    }
}
