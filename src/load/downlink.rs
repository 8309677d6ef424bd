//! What a synthetic browser receives: losses, gaps and first frames of each line, and what it asks of the server.

use std::time::{Duration, Instant};

use super::feedback::Arrivals;
use super::measure::{Figures, Quality, note};
use super::picture;
use super::sdp::Answered;
use super::wire::{Out, Seen, Wire};
use super::{line::Line, line::Passing};
use crate::id::Ssrc;
use crate::media::rtcp::{self, ReportBlock, SenderInfo};

/// Those that only sample open one packet of so many.
const SAMPLE: u64 = 32;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Who sees nothing after this long is not served.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often missing packets are looked at while there are any.
const REPAIR_INTERVAL: Duration = Duration::from_millis(20);

/// The receiving half of a peer.
pub(super) struct Downlink {
    pub(super) epoch: Instant,
    own: u32,
    full: bool,
    expects_pictures: bool,
    /// When it began to connect.
    started: Instant,
    lines: Vec<Line>,
    arrivals: Arrivals,
    /// Header extension that numbers packets for `arrivals`.
    transport_cc: Option<u8>,
    next_report: Instant,
    next_repair: Option<Instant>,
    pub(super) quality: Quality,
}

impl Downlink {
    pub(super) fn new(
        epoch: Instant,
        started: Instant,
        answered: &Answered,
        full: bool,
        expects_pictures: bool,
    ) -> Downlink {
        let lines = answered.lines.iter().map(|line| Line::new(line.ssrc, line.rtx, line.video)).collect::<Vec<_>>();
        let quality = Quality { watches: !lines.is_empty(), ..Quality::default() };
        Downlink {
            epoch,
            own: rand::random_range(1..u32::MAX),
            full,
            expects_pictures,
            started,
            lines,
            arrivals: Arrivals::new(epoch),
            transport_cc: answered.transport_cc,
            next_report: started + REPORT_INTERVAL,
            next_repair: None,
            quality,
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        let due = [self.arrivals.next_timeout(), self.next_repair].into_iter().flatten().min();
        due.map_or(self.next_report, |due| due.min(self.next_report))
    }

    /// Takes a sealed packet.
    pub(super) fn receive(&mut self, now: Instant, datagram: &mut [u8], wire: &mut Wire, figures: &mut Figures) {
        let Some(seen) = super::wire::read(datagram, self.transport_cc) else { return };
        if let Some(seq) = seen.transport_seq {
            self.arrivals.arrived(now, seen.ssrc, seq);
        }
        let carries = |line: &Line| line.ssrc == seen.ssrc || line.rtx == Some(seen.ssrc);
        let Some(index) = self.lines.iter().position(carries) else { return };
        let Some(line) = self.lines.get(index) else { return };
        let repeat = line.ssrc != seen.ssrc;
        self.quality.octets += datagram.len() as u64;
        let sampled = self.quality.received.is_multiple_of(SAMPLE);
        // Before its first picture everybody looks inside.
        let opens = self.full || repeat || sampled || (line.video && !line.pictured);
        let mut payload = None;
        if opens {
            match wire.srtp.open_rtp(datagram) {
                Ok(len) => {
                    self.quality.opened += 1;
                    payload = datagram.get(seen.header_len..len);
                }
                // One that overtook its repetition.
                Err(crate::media::drop::DropReason::Replayed) => return,
                Err(_) => return self.quality.unopened += 1,
            }
        }
        match repeat {
            true => self.repaired(now, index, &seen, payload.unwrap_or_default()),
            false => self.arrived(now, index, &seen, payload, figures),
        }
    }

    /// A retransmission (RFC 4588 §4): the original number comes first; without one it is a probe.
    fn repaired(&mut self, now: Instant, index: usize, seen: &Seen, payload: &[u8]) {
        let Some((original, body)) = payload.split_first_chunk::<2>() else { return };
        let Some(line) = self.lines.get_mut(index) else { return };
        let seq = u16::from_be_bytes(*original);
        if line.repaired(seq) {
            self.quality.received += 1;
            self.quality.repaired += 1;
            if line.sees(seen, seq, Some(body)) {
                self.pictured(now);
            }
        }
    }

    fn arrived(&mut self, now: Instant, index: usize, seen: &Seen, payload: Option<&[u8]>, figures: &mut Figures) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let Passing { frame, settled, lost } = line.arrived(now, seen);
        self.quality.received += 1;
        if let Some(frame) = frame {
            self.quality.frames += 1;
            self.quality.late_frames += u64::from(frame.late > super::measure::SEEN_GAP);
            self.quality.longest_gap = self.quality.longest_gap.max(frame.late);
            if frame.froze {
                self.quality.freezes += 1;
                self.quality.frozen += frame.late;
            }
            note(&mut figures.gaps, frame.late);
        }
        if lost {
            self.next_repair.get_or_insert(now + REPAIR_INTERVAL / 2);
        }
        if let Some(stamp) = payload.filter(|_| settled).and_then(picture::stamp) {
            let since = now.saturating_duration_since(self.epoch).as_micros() as u64;
            note(&mut figures.latency, Duration::from_micros(since.saturating_sub(stamp.sent)));
            if let Some(packets) = figures.layers.get_mut(usize::from(stamp.layer)).filter(|_| line.video) {
                *packets += 1;
            }
        }
        let first = if line.video { line.sees(seen, seen.seq, payload) } else { !self.expects_pictures };
        if first {
            self.pictured(now);
        }
    }

    fn pictured(&mut self, now: Instant) {
        self.quality.first_frame.get_or_insert(now.saturating_duration_since(self.started));
    }

    pub(super) fn sender_report(&mut self, now: Instant, info: &SenderInfo) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.ssrc == info.ssrc.0) {
            line.report = Some(((info.ntp >> 16) as u32, now));
        }
    }

    /// Sends what is due: feedback, reports, requests for lost packets and for key frames.
    pub(super) fn handle_timeout(&mut self, now: Instant, wire: &mut Wire, out: &mut Out) {
        self.arrivals.handle_timeout(now, self.own, wire, out);
        let reports = self.next_report <= now;
        if reports {
            self.next_report = now + REPORT_INTERVAL;
            let blocks: Vec<ReportBlock> = self.lines.iter_mut().filter_map(|line| line.block(now)).collect();
            for some in blocks.chunks(31) {
                let mut packet = Vec::with_capacity(32 * some.len());
                rtcp::receiver_report(&mut packet, Ssrc(self.own), some);
                wire.rtcp(&packet, out);
            }
        }
        if reports || self.next_repair.is_some_and(|due| due <= now) {
            self.next_repair = None;
            let mut packet = Vec::new();
            for line in &mut self.lines {
                let asked = line.ask(now);
                self.quality.lost += asked.lost;
                rtcp::nack(&mut packet, Ssrc(self.own), Ssrc(line.ssrc), &asked.again);
                if asked.key_frame {
                    rtcp::pli(&mut packet, Ssrc(self.own), Ssrc(line.ssrc));
                }
                if asked.waits {
                    self.next_repair = Some(now + REPAIR_INTERVAL);
                }
                if packet.len() > 900 {
                    wire.rtcp(&packet, out);
                    packet.clear();
                }
            }
            if !packet.is_empty() {
                wire.rtcp(&packet, out);
            }
        }
    }

    /// How it saw so far. Who came a moment ago need not see anything yet.
    pub(super) fn quality(&self, now: Instant) -> Quality {
        let has_seen = self.quality.first_frame.is_some();
        let young = now.saturating_duration_since(self.started) < PATIENCE;
        let watches = self.quality.watches && (has_seen || !young);
        Quality { watches, young: young && !self.quality.connected, ..self.quality }
    }

    /// Begins to measure anew.
    pub(super) fn begin(&mut self) {
        let Quality { first_frame, checked, connected, watches, weak, .. } = self.quality;
        self.quality = Quality { first_frame, checked, connected, watches, weak, old: true, ..Quality::default() };
    }
}
