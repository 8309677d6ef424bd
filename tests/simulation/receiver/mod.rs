//! The model receiver: what a browser does with what it gets, as libwebrtc does it.
//!
//! Parses real packets, asks for lost ones at once and again each round trip (ten times at most), unwraps
//! retransmissions, assembles frames, decodes what its counters say is decodable, shows it after an adaptive delay and
//! asks for a key frame when nothing could be decoded for a while although packets come. Every payload's mark then tells
//! whether what was shown is what was sent.

mod feedback;
mod frames;
mod line;
mod playout;
mod repair;

use std::collections::HashMap;

use plenum::id::Ssrc;
use plenum::media::packet;
use plenum::media::rtcp::{self, ReportBlock, Rtcp};
use plenum::media::spec::{MediaKind, SharedMediaSpec};

use crate::time::{MS, SECOND, Us};

use feedback::{ReceiverEstimate, TransportFeedback};
pub use line::Line;

/// How often missing packets are looked after: libwebrtc's interval of its NACK module.
const TICK: Us = 20 * MS;

/// Reception reports: libwebrtc's interval for video.
const REPORT: Us = SECOND;

/// How a receiver waits.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    /// Without a decodable frame for this long while packets come, a key frame is asked for. libwebrtc waits 200 ms while
    /// it needs a key frame.
    pub patience: Us,
}

impl Default for Temper {
    fn default() -> Temper {
        Temper { patience: 250 * MS }
    }
}

/// One browser's receiving side.
pub struct Receiver {
    spec: SharedMediaSpec,
    /// Its SSRC in feedback.
    sender: Ssrc,
    temper: Temper,
    /// By index of the downlinks.
    pub lines: Vec<Line>,
    owners: HashMap<u32, (usize, bool)>,
    transport: TransportFeedback,
    estimate: Option<ReceiverEstimate>,
    next_tick: Us,
    next_report: Us,
    lost: Vec<u16>,
    /// Packets that no line knows.
    pub strangers: u64,
}

impl Receiver {
    pub fn new(spec: SharedMediaSpec, sender: Ssrc, temper: Temper) -> Receiver {
        let transport_cc = spec.payloads.iter().any(|payload| payload.transport_cc);
        let mut owners = HashMap::new();
        for (index, line) in spec.downlinks.iter().enumerate() {
            owners.insert(line.ssrc.0, (index, false));
            line.rtx_ssrc.map(|rtx| owners.insert(rtx.0, (index, true)));
        }
        Receiver {
            lines: spec.downlinks.iter().map(|line| Line::new(line.kind, line.ssrc)).collect(),
            spec,
            sender,
            temper,
            owners,
            transport: TransportFeedback::default(),
            estimate: (!transport_cc).then(ReceiverEstimate::default),
            next_tick: Us::MAX,
            next_report: Us::MAX,
            lost: Vec::new(),
            strangers: 0,
        }
    }

    /// The video line of `seat`.
    pub fn video(&self, seat: usize) -> &Line {
        &self.lines[2 * seat + 1]
    }

    /// The audio line of `seat`.
    pub fn audio(&self, seat: usize) -> &Line {
        &self.lines[2 * seat]
    }

    /// When [`Receiver::poll`] has something to do next.
    pub fn next(&self) -> Us {
        let feedback = self.transport.next().unwrap_or(Us::MAX);
        let estimate = self.estimate.as_ref().map_or(Us::MAX, ReceiverEstimate::next);
        self.next_tick.min(self.next_report).min(feedback).min(estimate)
    }

    /// One RTP packet.
    pub fn rtp(&mut self, now: Us, bytes: &[u8]) {
        let Ok(header) = packet::parse(bytes, &self.spec.extensions) else {
            self.strangers += 1;
            return;
        };
        if let Some(number) = header.extensions.transport_cc {
            self.transport.arrived(now, number, header.ssrc);
        }
        if let (Some(estimate), Some(sent)) = (&mut self.estimate, header.extensions.abs_send_time) {
            let way = now as i64 - ((i64::from(sent) * SECOND as i64) >> 18);
            estimate.arrived(now, bytes.len(), way);
        }
        let Some(&(index, rtx)) = self.owners.get(&header.ssrc.0) else {
            self.strangers += 1;
            return;
        };
        let csrc = packet::first_csrc(bytes).unwrap_or(0);
        self.next_tick = self.next_tick.min(now + TICK);
        self.next_report = self.next_report.min(now + REPORT / 2);
        let line = &mut self.lines[index];
        if line.take(now, &header, header.payload(bytes), csrc, rtx) {
            self.next_tick = now;
        }
    }

    /// A sender report says when; the reception report repeats it.
    pub fn rtcp(&mut self, now: Us, part: &Rtcp<'_>) {
        if let Rtcp::SenderReport { info, .. } = part
            && let Some(&(index, false)) = self.owners.get(&info.ssrc.0)
        {
            self.lines[index].sender_report = Some(((info.ntp >> 16) as u32, now));
        }
    }

    /// Appends the RTCP that is due.
    pub fn poll(&mut self, now: Us, rtt: Option<Us>, out: &mut Vec<Vec<u8>>) {
        let mut compound = Vec::new();
        if self.next_report <= now {
            self.next_report = now + REPORT;
            let blocks: Vec<ReportBlock> = self.lines.iter_mut().filter_map(|line| line.report(now)).collect();
            rtcp::receiver_report(&mut compound, self.sender, &blocks);
        }
        if self.next_tick <= now {
            self.next_tick = now + TICK;
            self.ask(now, rtt, &mut compound);
        }
        self.transport.poll(now, self.sender, &mut compound);
        if let Some(estimate) = &mut self.estimate {
            let media: Vec<Ssrc> = self.lines.iter().map(|line| line.ssrc).collect();
            estimate.poll(now, self.sender, &media, &mut compound);
        }
        if !compound.is_empty() {
            out.push(compound);
        }
    }

    /// Asks for missing packets and key frames.
    fn ask(&mut self, now: Us, rtt: Option<Us>, out: &mut Vec<u8>) {
        for line in self.lines.iter_mut().filter(|line| line.kind == MediaKind::Video) {
            self.lost.clear();
            line.repairs.due(now, rtt, &mut self.lost);
            rtcp::nack(out, self.sender, line.ssrc, &self.lost);
            if line.wants_key_frame(now, self.temper.patience) {
                rtcp::pli(out, self.sender, line.ssrc);
            }
        }
    }
}
