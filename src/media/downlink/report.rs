//! Reports both ways: sender reports that carry the seat clock (RFC 3550 §6.4.1), and what receiver reports tell.

use std::time::{Duration, Instant};

use crate::id::Ssrc;

use super::Downlink;
use super::line::Line;

/// Between two sender reports of a line: browsers estimate lip-sync from the newest two, and the drift of a
/// publisher's clock is far below a millisecond a second.
const INTERVAL: Duration = Duration::from_secs(1);
/// Reports in one compound packet: 16 × (28 + 20) octets stay far below an MTU.
const LINES_PER_PACKET: usize = 16;
/// All lines share the server's clock, so that they share one canonical name (RFC 3550 §6.5.1). The same as in SDP.
const CNAME: &str = "plenum";
/// RTCP packet types (RFC 3550 §12.1).
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
/// Round trips beyond this (10 s) are nonsense of a clock or a hostile report.
const LONGEST_RTT: u32 = 10 << 16;

/// A reception report block about one of our streams (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReceptionReport {
    pub ssrc: Ssrc,
    /// Share of packets lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// The middle 32 bits of the NTP time of the newest sender report that the browser had; 0 = none.
    pub last_sender_report: u32,
    /// Since that report's arrival, in 1/65,536 s.
    pub delay: u32,
}

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
                sender_report(line, us, ntp_now, out);
                *place = line.ssrc;
                count += 1;
            }
        }
        for ssrc in &described[..count] {
            description(*ssrc, out);
        }
        let live = self.lines.iter().filter(|line| line.tenure.is_some());
        self.next_report = live.filter_map(|line| line.report_due).min();
    }

    /// When [`Downlink::reports`] has something to say next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_report
    }

    /// Takes a reception report of the browser. `ntp_now` as in [`Downlink::reports`].
    pub fn receiver_report(&mut self, ntp_now: u64, report: ReceptionReport) {
        let Some(owner) = self.owners.get(&report.ssrc) else { return };
        if !owner.rtx
            && let Some(line) = self.lines.get_mut(owner.line)
        {
            line.fraction_lost = report.fraction_lost;
        }
        if report.last_sender_report == 0 {
            return;
        }
        let trip = middle(ntp_now).wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
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

/// The middle 32 bits of an NTP time.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

fn sender_report(line: &Line, us: i64, ntp_now: u64, out: &mut Vec<u8>) {
    let drift = line.tenure.as_ref().map_or(0, |tenure| tenure.drift.ticks());
    out.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
    out.extend_from_slice(&line.ssrc.0.to_be_bytes());
    out.extend_from_slice(&ntp_now.to_be_bytes());
    out.extend_from_slice(&((line.clock.at(us) + drift) as u32).to_be_bytes());
    out.extend_from_slice(&(line.sent.packets as u32).to_be_bytes());
    out.extend_from_slice(&(line.sent.octets as u32).to_be_bytes());
}

/// A source description with one chunk, its CNAME (RFC 3550 §6.5).
fn description(ssrc: Ssrc, out: &mut Vec<u8>) {
    // SSRC, item header, text, and at least one octet that ends the list, padded to words.
    let chunk = (4 + 2 + CNAME.len() + 1).next_multiple_of(4);
    out.extend_from_slice(&[0x81, SOURCE_DESCRIPTION, 0, (chunk / 4) as u8]);
    let end = out.len() + chunk;
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    out.extend_from_slice(&[1, CNAME.len() as u8]);
    out.extend_from_slice(CNAME.as_bytes());
    out.resize(end, 0);
}
