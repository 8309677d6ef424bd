//! Reports both ways: sender reports that carry the seat clock (RFC 3550 §6.4.1), and what receiver reports tell.

use std::time::{Duration, Instant};

use crate::id::Ssrc;
use crate::media::rtcp::{self, ReportBlock, SenderInfo};

use super::Downlink;
use super::line::Line;

/// Between two sender reports of a line: browsers estimate lip-sync from the newest two, and the drift of a
/// publisher's clock is far below a millisecond a second.
const INTERVAL: Duration = Duration::from_secs(1);
/// Reports in one compound packet: 16 × (28 + 20) octets stay far below an MTU.
const LINES_PER_PACKET: usize = 16;
/// All lines share the server's clock, so that they share one canonical name (RFC 3550 §6.5.1). The same as in SDP.
const CNAME: &str = "plenum";
/// Round trips beyond this (10 s) are nonsense of a clock or a hostile report.
const LONGEST_RTT: u32 = 10 << 16;

impl Downlink {
    /// Appends one compound RTCP packet with the sender reports that are due, of at most 1,200 octets; appends nothing
    /// when none is due. Call again until then.
    ///
    /// `ntp_now` is the same moment as `now`, as 32.32 fixed-point seconds since 1900.
    pub fn reports(&mut self, now: Instant, ntp_now: u64, out: &mut Vec<u8>) {
        if self.next_report.is_none_or(|due| due > now) {
            return;
        }
        let us = now.saturating_duration_since(self.epoch).as_micros() as i64;
        let mut described = [Ssrc(0); LINES_PER_PACKET];
        let mut count = 0;
        for line in &mut self.lines {
            let Some(place) = described.get_mut(count) else { break };
            if line.tenure.is_some() && line.report_due.is_some_and(|due| due <= now) {
                line.report_due = Some(now + INTERVAL);
                rtcp::sender_report(out, &sender_info(line, us, ntp_now), &[]);
                *place = line.ssrc;
                count += 1;
            }
        }
        for ssrc in described.iter().take(count) {
            rtcp::sdes_cname(out, *ssrc, CNAME);
        }
        let live = self.lines.iter().filter(|line| line.tenure.is_some());
        self.next_report = live.filter_map(|line| line.report_due).min();
    }

    /// When [`Downlink::reports`] has something to say next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_report
    }

    /// Takes a reception report of the browser. `ntp_now` as in [`Downlink::reports`].
    pub fn receiver_report(&mut self, ntp_now: u64, report: &ReportBlock) {
        let Some(owner) = self.owners.get(&report.ssrc) else { return };
        if !owner.rtx
            && let Some(line) = self.lines.get_mut(owner.line)
        {
            line.fraction_lost = report.fraction_lost;
            line.lost = report.lost;
            line.jitter = report.jitter;
        }
        if report.last_report == 0 {
            return;
        }
        let trip = middle(ntp_now).wrapping_sub(report.last_report).wrapping_sub(report.delay);
        if trip < LONGEST_RTT {
            let trip = Duration::from_micros(u64::from(trip) * 1_000_000 / 65_536);
            // 1/8, as RFC 6298 §2.3 smooths.
            self.rtt = Some(self.rtt.map_or(trip, |rtt| (rtt * 7 + trip) / 8));
        }
    }

    /// The round trip to the browser, smoothed. Zero before the first measurement.
    pub fn rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    /// Share of `line`'s packets that the browser lost, as it reported last, 0–1.
    pub fn fraction_lost(&self, line: usize) -> f32 {
        self.lines.get(line).map_or(0.0, |line| f32::from(line.fraction_lost) / 256.0)
    }
}

/// What was sent on one line, and what its browser said of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LineReport {
    pub packets: u64,
    /// Of payload.
    pub octets: u64,
    /// Packets that the browser lost, before repair; negative when duplicates came.
    pub lost: i32,
    /// Packets sent again because the browser asked for them.
    pub repaired: u64,
    /// Interarrival jitter at the browser (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// When a media packet was sent last.
    pub last_sent: Option<Instant>,
}

impl Downlink {
    /// What was sent on `line` since it is there.
    pub fn line_report(&self, line: usize) -> LineReport {
        let Some(line) = self.lines.get(line) else { return LineReport::default() };
        LineReport {
            packets: line.sent.packets,
            octets: line.sent.octets,
            lost: line.lost,
            repaired: line.repaired,
            jitter: Duration::from_micros(u64::from(line.jitter) * 1_000 / line.clock.millisecond().unsigned_abs()),
            last_sent: line.last_sent,
        }
    }
}

/// The middle 32 bits of an NTP time.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

fn sender_info(line: &Line, us: i64, ntp: u64) -> SenderInfo {
    let drift = line.tenure.as_ref().map_or(0, |tenure| tenure.drift.ticks());
    SenderInfo {
        ssrc: line.ssrc,
        ntp,
        rtp: (line.clock.at(us) + drift) as u32,
        packets: line.sent.packets as u32,
        octets: line.sent.octets as u32,
    }
}
