//! The receiving side of one browser's connection: plain RTP in, packets for slots out, and the RTCP that asks the
//! browser for repairs, key frames and the right rate.
//!
//! Owns layers with their rings, and everything that is counted on the way in. Knows nothing of subscribers.

mod bind;
mod keyframe;
mod layer;
mod nack;
mod rate;
mod reception;
mod sequence;
mod size;
mod stats;
mod twcc;

use std::time::{Duration, Instant};

use crate::id::{Bps, ExtSeq, Ssrc};
use crate::media::clock::PublisherClock;
use crate::media::drop::DropReason;
use crate::media::packet::{self, PacketInfo, PacketRef};
use crate::media::rtcp;
use crate::media::spec::{SharedMediaSpec, UplinkRole, UplinkSpec};

use bind::Bindings;
use keyframe::KeyFrameRequests;
use layer::Arrival;
use twcc::TransportFeedback;

pub use layer::Layer;
pub use stats::UplinkStats;

/// Octets of one compound RTCP packet: fits every path that IPv6 takes (1,280), sealed and with its headers.
const COMPOUND: usize = 1_100;

/// The first reception report follows soon: with it a browser knows its round trip and may raise its rate.
const FIRST_REPORT: Duration = Duration::from_millis(200);

/// Reception reports, as browsers send them for video.
const REPORT: Duration = Duration::from_secs(1);

/// What a browser without transport-cc may send: camera and screen at their best. Loss in our reports does the rest.
const MAXIMUM: Bps = Bps(6_000_000);

/// Packets asked for in one NACK.
const NACK_LIMIT: usize = 64;

/// The receiving side of one browser's connection.
pub struct Uplink {
    spec: SharedMediaSpec,
    epoch: Instant,
    /// Our SSRC in feedback.
    reporter: Ssrc,
    bindings: Bindings,
    /// By the index of the spec's uplinks.
    lines: Vec<Line>,
    clock: PublisherClock,
    transport: TransportFeedback,
    next_report: Option<Instant>,
    /// Of the packet that `receive` returned last.
    current: Option<PacketInfo>,
    /// Scratch: numbers to ask for.
    lost: Vec<u16>,
    unbound: UplinkStats,
}

struct Line {
    role: UplinkRole,
    active: bool,
    layers: Vec<Layer>,
    key_frames: KeyFrameRequests,
}

/// A packet for the slots that show its layer.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub role: UplinkRole,
    /// Index into [`Uplink::layers`].
    pub layer: usize,
    pub packet: PacketRef<'a>,
    /// The layer's highest number so far.
    pub newest: ExtSeq,
    /// The layer's [`Layer::tenure`] at this packet.
    pub tenure: u32,
    /// It had been lost, and came as a retransmission.
    pub recovered: bool,
    /// See [`Layer::ssrc`].
    pub ssrc: Option<Ssrc>,
    /// See [`Layer::height`].
    pub height: Option<u16>,
}

impl Uplink {
    /// `epoch` is the process's: capture times count from it. `reporter` is our SSRC in feedback.
    pub fn new(spec: SharedMediaSpec, epoch: Instant, reporter: Ssrc) -> Uplink {
        let mut uplink = Uplink {
            bindings: Bindings::new(&spec),
            spec: spec.clone(),
            epoch,
            reporter,
            lines: Vec::new(),
            clock: PublisherClock::default(),
            transport: TransportFeedback::new(epoch),
            next_report: None,
            current: None,
            lost: Vec::with_capacity(NACK_LIMIT),
            unbound: UplinkStats::default(),
        };
        uplink.update(spec);
        uplink
    }

    /// Takes the negotiation of a re-offer. Lines keep their index, and with it their layers and all that is known.
    pub fn update(&mut self, spec: SharedMediaSpec) {
        self.bindings.update(&spec);
        self.lines.truncate(spec.uplinks.len());
        for (index, negotiated) in self.bindings.lines().iter().enumerate() {
            match self.lines.get_mut(index) {
                Some(line) if line.role == negotiated.role => line.update(negotiated),
                Some(line) => *line = Line::new(negotiated),
                None => self.lines.push(Line::new(negotiated)),
            }
        }
        self.spec = spec;
    }

    /// One decrypted RTP packet. RTX is unwrapped (RFC 4588 §4); the packet is stored in the layer's ring and returned
    /// for fan-out.
    ///
    /// # Errors
    /// The reason why there is nothing to forward. The packet has been counted all the same.
    pub fn receive<'a>(&'a mut self, now: Instant, packet: &'a [u8]) -> Result<Received<'a>, DropReason> {
        let header = packet::parse(packet, &self.spec.extensions)?;
        if let Some(seq) = header.extensions.transport_cc {
            self.transport.arrived(now, header.ssrc, seq);
        }
        let (target, negotiated) = self.bindings.resolve(&self.spec, &header)?;
        let mut payload = header.payload(packet);
        let mut seq = header.seq;
        if target.rtx {
            // Padding sent as RTX has no original; it can even be the first packet of a layer.
            let Some((original, rest)) = payload.split_first_chunk::<2>() else {
                self.unbound.padding += 1;
                return Err(DropReason::PaddingOnly);
            };
            (seq, payload) = (u16::from_be_bytes(*original), rest);
        }
        let dependency_descriptor = header.dependency_descriptor(packet);
        let arrival = Arrival {
            now,
            now_us: now.saturating_duration_since(self.epoch).as_micros() as i64,
            header: &header,
            seq,
            codec: negotiated.codec,
            payload,
            dependency_descriptor,
            len: packet.len(),
            direct: !target.rtx,
            nack: negotiated.nack,
            rtx: negotiated.rtx.is_some(),
        };
        self.next_report.get_or_insert(now + FIRST_REPORT);
        let line = self.lines.get_mut(target.line).ok_or(DropReason::UnknownStream)?;
        let (info, recovered) = line.receive(target.layer, &arrival, &mut self.clock)?;
        let packet = PacketRef { info: self.current.insert(info), dependency_descriptor, payload };
        let layer = line.layers.get(target.layer);
        let tenure = layer.map_or(0, Layer::tenure);
        let newest = layer.and_then(|layer| layer.ring().newest()).unwrap_or(packet.info.seq);
        let (ssrc, height) = (layer.and_then(Layer::ssrc), layer.and_then(Layer::height));
        Ok(Received { role: line.role, layer: target.layer, packet, newest, tenure, recovered, ssrc, height })
    }

    /// A sender report of the browser (RFC 3550 §6.4.1): its NTP time in 32.32 fixed point, and the RTP timestamp of
    /// the same moment. Reports of unknown SSRCs are ignored.
    pub fn sender_report(&mut self, now: Instant, ssrc: Ssrc, ntp: u64, rtp: u32) {
        let now_us = now.saturating_duration_since(self.epoch).as_micros() as i64;
        let layers = self.lines.iter_mut().flat_map(|line| &mut line.layers);
        if let Some(layer) = layers.into_iter().find(|layer| layer.ssrc() == Some(ssrc)) {
            layer.sender_report(now, now_us, ntp, rtp, &mut self.clock);
        }
    }

    /// Asks the browser for a key frame, within the budget of the source: one request in 500 ms, and under churn one a
    /// second. The wish is kept until then, and repeated until the key frame comes.
    pub fn request_key_frame(&mut self, now: Instant, role: UplinkRole, layer: usize) {
        if let Some(index) = self.line(role)
            && let Some(line) = self.lines.get_mut(index)
            && line.layers.get(layer).is_some_and(|layer| layer.ssrc().is_some())
        {
            line.key_frames.ask(now, layer);
        }
    }

    /// The newest key frame of `layer` served a subscriber out of its ring.
    pub fn key_frame_reused(&mut self, now: Instant, role: UplinkRole, layer: usize) {
        if let Some(line) = self.line(role).and_then(|index| self.lines.get_mut(index)) {
            line.key_frames.reuse(now, layer);
        }
    }

    /// Appends one compound RTCP packet when something is due; what does not fit stays due. `rtt` is the connection's
    /// round trip.
    pub fn poll_feedback(&mut self, now: Instant, rtt: Duration, out: &mut Vec<u8>) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        let start = out.len();
        self.write_reports(now, out);
        let empty = out.len();
        let reported = empty - start > 8;
        self.write_key_frame_requests(now, out);
        self.write_nacks(now, rtt, start + COMPOUND, out);
        let room = (start + COMPOUND).saturating_sub(out.len());
        if self.transport_due().is_some() {
            self.transport.poll(now, self.reporter, room, out);
        }
        if out.len() == empty && !reported {
            out.truncate(start);
        }
    }

    /// When [`Uplink::poll_feedback`] has something to do next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let lines = self.lines.iter().flat_map(|line| {
            let nacks = line.layers.iter().filter_map(|layer| layer.nack.next());
            nacks.chain(line.key_frames.next())
        });
        lines.chain(self.transport_due()).chain(self.next_report).min()
    }

    /// The layers of a role by rising quality; empty when the browser has no such line.
    pub fn layers(&self, role: UplinkRole) -> &[Layer] {
        self.line(role).and_then(|index| self.lines.get(index)).map_or(&[], |line| &line.layers)
    }

    /// Counters of the whole connection since it began. Retransmitted padding is in `padding` only.
    pub fn stats(&self) -> UplinkStats {
        let mut stats = self.unbound;
        for layer in self.lines.iter().flat_map(|line| &line.layers) {
            stats += layer.stats();
        }
        stats
    }

    /// The line that carries `role`: the active one, should there be several.
    fn line(&self, role: UplinkRole) -> Option<usize> {
        let active = self.lines.iter().position(|line| line.role == role && line.active);
        active.or_else(|| self.lines.iter().position(|line| line.role == role))
    }

    fn transport_due(&self) -> Option<Instant> {
        let agreed = self.spec.payloads.iter().any(|payload| payload.transport_cc);
        agreed.then(|| self.transport.next()).flatten()
    }

    /// Every compound packet begins with a receiver report (RFC 3550 §6.1); when reports are due, it has blocks.
    fn write_reports(&mut self, now: Instant, out: &mut Vec<u8>) {
        let mut blocks = Vec::new();
        if self.next_report.is_some_and(|due| due <= now) {
            blocks.extend(self.lines.iter_mut().flat_map(|line| &mut line.layers).filter_map(|l| l.report(now)));
            self.next_report = (!blocks.is_empty()).then(|| now + REPORT);
        }
        rtcp::receiver_report(out, self.reporter, &blocks);
        let remb = self.spec.payloads.iter().any(|payload| payload.remb);
        if remb && !blocks.is_empty() && !self.spec.payloads.iter().any(|payload| payload.transport_cc) {
            let media: Vec<Ssrc> = blocks.iter().map(|block| block.ssrc).collect();
            rtcp::remb(out, self.reporter, MAXIMUM, &media);
        }
    }

    fn write_key_frame_requests(&mut self, now: Instant, out: &mut Vec<u8>) {
        for line in &mut self.lines {
            for index in line.key_frames.due(now) {
                if let Some(layer) = line.layers.get_mut(index)
                    && let Some(ssrc) = layer.ssrc()
                {
                    layer.counters().plis += 1;
                    rtcp::pli(out, self.reporter, ssrc);
                }
            }
        }
    }

    fn write_nacks(&mut self, now: Instant, rtt: Duration, end: usize, out: &mut Vec<u8>) {
        for layer in self.lines.iter_mut().flat_map(|line| &mut line.layers) {
            // 12 octets before the first number, at most 4 for each.
            let limit = (end.saturating_sub(out.len() + 12) / 4).min(NACK_LIMIT);
            self.lost.clear();
            layer.nack.due(now, rtt, limit, &mut self.lost);
            if let Some(ssrc) = layer.ssrc()
                && !self.lost.is_empty()
            {
                layer.counters().nacks += self.lost.len() as u64;
                rtcp::nack(out, self.reporter, ssrc, &self.lost);
            }
        }
    }
}

impl Line {
    fn new(negotiated: &UplinkSpec) -> Line {
        let mut line = Line {
            role: negotiated.role,
            active: negotiated.active,
            layers: Vec::new(),
            key_frames: KeyFrameRequests::new(),
        };
        line.update(negotiated);
        line
    }

    fn update(&mut self, negotiated: &UplinkSpec) {
        let kind = self.role.kind();
        self.layers.resize_with(bind::layers(negotiated), || Layer::new(kind, None));
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.rid = negotiated.rids.get(index).copied();
        }
        self.active = negotiated.active;
        if !self.active {
            self.key_frames.clear();
            self.layers.iter_mut().for_each(Layer::rest);
        }
    }

    fn receive(
        &mut self,
        index: usize,
        arrival: &Arrival<'_>,
        clock: &mut PublisherClock,
    ) -> Result<(PacketInfo, bool), DropReason> {
        let layer = self.layers.get_mut(index).ok_or(DropReason::UnknownStream)?;
        let undescribed = layer.undescribed;
        let received = layer.receive(arrival, clock)?;
        if layer.undescribed != undescribed {
            // What was begun by a descriptor goes on without one from another key frame only.
            self.key_frames.ask(arrival.now, index);
        }
        for (other, layer) in self.layers.iter_mut().enumerate() {
            if other != index {
                layer.sibling_advanced(arrival.now);
            }
        }
        if layer::starts_key_frame(&received.0.facts) {
            self.key_frames.came(index);
        }
        Ok(received)
    }
}

#[cfg(test)]
mod tests;
