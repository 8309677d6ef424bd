//! The sending side toward one browser: which source each line carries, and everything its packets need to look like
//! one stream. Knows no sockets, no keys and no bandwidth.

mod line;
mod rewrite;
mod seat_clock;
mod select;
mod sequence;

use std::time::{Duration, Instant};

use rand::Rng;

use crate::id::{ExtSeq, SourceId};
use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use crate::media::packet::{OutHeader, PacketRef};
use crate::media::spec::{DownlinkSpec, Extension, SharedMediaSpec};

use line::{Line, Stamp};
use rewrite::Body;
use seat_clock::SeatClock;
use select::Wish;

/// First sequence numbers stay below this, so that the first wrap is half a cycle away and a receiver that joins late
/// cannot guess the roll-over counter wrong (RFC 3711 §3.3.1).
const FIRST_SEQ_BELOW: u64 = 1 << 15;
/// The seat clock starts anywhere in this many microseconds: 2^32 units of 48 kHz, a full cycle of either clock.
const ORIGIN_RANGE_US: i64 = 89_478_485_333;

/// Everything Plenum sends to one browser.
///
/// Lines are named by their index in [`crate::media::spec::MediaSpec::downlinks`]; an index that does not exist is
/// ignored.
pub struct Downlink {
    spec: SharedMediaSpec,
    epoch: Instant,
    lines: Vec<Line>,
    /// The number of the next packet with a transport-wide sequence number.
    transport_cc: u16,
    changed: bool,
}

impl Downlink {
    /// `epoch` is the process's: the zero of [`crate::media::packet::PacketInfo::capture_us`].
    pub fn new(spec: SharedMediaSpec, epoch: Instant, rng: &mut impl Rng) -> Downlink {
        let mut downlink =
            Downlink { spec: SharedMediaSpec::default(), epoch, lines: Vec::new(), transport_cc: 0, changed: false };
        downlink.update(spec, rng);
        downlink
    }

    /// Takes a re-offer's result. Lines keep their numbers, SSRCs and clocks; new ones are appended.
    pub fn update(&mut self, spec: SharedMediaSpec, rng: &mut impl Rng) {
        for (line, update) in self.lines.iter_mut().zip(&spec.downlinks) {
            line.update(&spec, update);
        }
        for line in spec.downlinks.iter().skip(self.lines.len()) {
            let clock = self.clock_for(line, rng);
            let first = ExtSeq(rng.random_range(1..FIRST_SEQ_BELOW));
            let rtx_first = ExtSeq(rng.random_range(1..FIRST_SEQ_BELOW));
            self.lines.push(Line::new(line, clock, first, rtx_first));
        }
        self.spec = spec;
        self.changed = true;
    }

    /// Both halves of a seat get one clock.
    fn clock_for(&self, line: &DownlinkSpec, rng: &mut impl Rng) -> SeatClock {
        let other = self.lines.iter().find(|other| other.place == line.place);
        let origin = other.map_or_else(|| rng.random_range(0..ORIGIN_RANGE_US), |other| other.clock.origin_us());
        SeatClock::new(origin, line.kind)
    }

    /// What `line` shall show; `None` empties it at once. A source before it keeps flowing until the new one's key
    /// frame (video) or first packet (audio).
    pub fn assign(&mut self, line: usize, source: Option<SourceId>) {
        let Some(line) = self.lines.get_mut(line) else { return };
        if line.wish.source != source {
            line.wish = Wish::new(source);
            line.settle();
            self.changed = true;
        }
    }

    /// The highest layer and temporal layer that `line` may take of its source. Ignored when `source` is not the one
    /// assigned. Another layer is taken from its next key frame on; the present one keeps flowing until then.
    pub fn target_layer(&mut self, line: usize, source: SourceId, layer: usize, max_temporal: u8) {
        let Some(line) = self.lines.get_mut(line).filter(|line| line.wish.source == Some(source)) else { return };
        line.wish.max_temporal = max_temporal;
        if line.wish.layer != layer {
            line.wish.layer = layer;
            line.wish.refused = None;
            self.changed = true;
        }
    }

    /// Source and layer that `line` takes now, and what it would switch to.
    pub fn subscriptions(&self, line: usize) -> [Option<(SourceId, usize)>; 2] {
        self.lines.get(line).map_or([None, None], |line| [line.current(), line.pending()])
    }

    /// Whether [`Downlink::subscriptions`] of any line changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The source and layer of which `line` waits for a key frame.
    pub fn wants_key_frame(&self, line: usize) -> Option<(SourceId, usize)> {
        self.lines.get(line)?.wants_key_frame()
    }

    /// Writes one live packet as `line` sends it into `out`, header and payload.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn forward(
        &mut self,
        now: Instant,
        line: usize,
        source: SourceId,
        layer: usize,
        packet: PacketRef<'_>,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let index = line;
        let line = self.lines.get_mut(index).filter(|line| line.active).ok_or(DropReason::NotSelected)?;
        let had = line.current();
        let opens = line.opens(&self.spec, (source, layer), packet.info);
        self.changed |= line.current() != had;
        if opens? {
            let at = line.rising(line.clock.at(packet.info.capture_us));
            line.open(&self.spec, (source, layer), packet.info, now, at)?;
            self.changed = true;
        }
        let stamp = line.stamp(packet.info, None)?;
        self.emit(now, index, packet, stamp, out)
    }

    /// Writes a packet that has got its place.
    fn emit(
        &mut self,
        now: Instant,
        index: usize,
        packet: PacketRef<'_>,
        stamp: Stamp,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let line = self.lines.get_mut(index).ok_or(DropReason::NotSelected)?;
        let tenure = line.tenure.as_ref().ok_or(DropReason::NotSelected)?;
        let transport_cc = tenure.payload.transport_cc && self.spec.extensions.id(Extension::TransportCc).is_some();
        let header = OutHeader {
            pt: tenure.payload.pt,
            seq: stamp.seq.wire(),
            ssrc: line.ssrc,
            csrc: Some(tenure.source),
            mid: Some(line.mid),
            transport_cc: transport_cc.then_some(self.transport_cc),
            abs_send_time: Some(abs_send_time(now.saturating_duration_since(self.epoch))),
            ..header_of(packet, stamp)
        };
        let body = Body { packet, form: tenure.form, offsets: stamp.offsets, original: None, hollow: stamp.hollow };
        let (header_len, len) = rewrite::write(out, &header, &self.spec.extensions, body)?;
        self.transport_cc = self.transport_cc.wrapping_add(u16::from(transport_cc));
        line.count(len - header_len);
        Ok(Outgoing { stream: 2 * index, seq: stamp.seq, header_len, len })
    }
}

/// What media packets and their retransmissions have in common.
fn header_of<'a>(packet: PacketRef<'a>, stamp: Stamp) -> OutHeader<'a> {
    OutHeader {
        marker: stamp.marker,
        timestamp: stamp.timestamp,
        audio_level: packet.info.audio_level,
        orientation: packet.info.orientation,
        playout_delay: packet.info.playout_delay,
        content_type: packet.info.content_type,
        ..OutHeader::default()
    }
}

/// Seconds since the epoch as 6.18 fixed point.
fn abs_send_time(since_epoch: Duration) -> u32 {
    ((since_epoch.as_micros() << 18) / 1_000_000) as u32 & 0xFF_FFFF
}

#[cfg(test)]
mod tests;
