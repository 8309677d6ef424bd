//! The sending side toward one browser: which source each line carries, and everything its packets need to look like
//! one stream. Knows no sockets, no keys and no bandwidth.

mod history;
mod left_out;
mod line;
mod replay;
mod report;
mod resend;
mod rewrite;
mod seat_clock;
mod select;
mod sequence;
mod tenure;

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use rand::Rng;

use crate::id::{ExtSeq, Pt, SourceId, Ssrc};
use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use crate::media::packet::{OutHeader, PacketInfo, PacketRef, Varying};
use crate::media::spec::{Codec, DownlinkSpec, Extension, MediaKind, MediaSpec, PayloadType, SharedMediaSpec};
use crate::prefetch::prefetch;

use history::{Entry, History};
use line::Line;
pub use replay::{Replay, ReplayLimits};
pub use report::LineReport;
use rewrite::Body;
use seat_clock::SeatClock;
pub use select::LayerTarget;
use select::Wish;
use tenure::Stamp;

/// First sequence numbers stay below this, so that the first wrap is half a cycle away and a receiver that joins late
/// cannot guess the roll-over counter wrong (RFC 3711 §3.3.1).
const FIRST_SEQ_BELOW: u64 = 1 << 15;
/// The seat clock starts anywhere in this many microseconds: 2^32 units of 48 kHz, a full cycle of either clock.
const ORIGIN_RANGE_US: i64 = 89_478_485_333;
/// Beside a round trip, what a browser takes to put a key frame together and to find that it has one.
const DECODED: Duration = Duration::from_millis(50);

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
    owners: AHashMap<Ssrc, Owner>,
    history: History,
    rtt: Option<Duration>,
    /// The line that probes are sent on: without a need for transport-wide numbers, and with.
    padding: [Option<usize>; 2],
    /// Which of the packets sent lately was repeated as a probe last.
    probed: u32,
    /// See [`Downlink::take_beyond_repair`].
    beyond_repair: Option<Ssrc>,
    /// No line's sender report is due before this.
    next_report: Option<Instant>,
    stats: DownlinkStats,
}

/// Whose SSRC it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Owner {
    line: usize,
    rtx: bool,
}

/// Counted since the start, over all lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DownlinkStats {
    /// Media packets, without retransmissions.
    pub packets: u64,
    /// Their octets of RTP, header included.
    pub octets: u64,
    pub retransmitted: u64,
    /// Packets that generic NACKs asked for.
    pub nacks: u64,
    /// Picture loss indications and full intra requests.
    pub plis: u64,
    /// Tenures begun: a line took another source or layer.
    pub switches: u64,
    /// Tenures that a key frame from a ring began.
    pub replays: u64,
    /// Packets sent to measure bandwidth only.
    pub probes: u64,
}

impl AddAssign for DownlinkStats {
    fn add_assign(&mut self, other: DownlinkStats) {
        self.packets += other.packets;
        self.octets += other.octets;
        self.retransmitted += other.retransmitted;
        self.nacks += other.nacks;
        self.plis += other.plis;
        self.switches += other.switches;
        self.replays += other.replays;
        self.probes += other.probes;
    }
}

impl Downlink {
    /// `epoch` is the process's: the zero of [`crate::media::packet::PacketInfo::capture_us`].
    pub fn new(spec: SharedMediaSpec, epoch: Instant, rng: &mut impl Rng) -> Downlink {
        let mut downlink = Downlink {
            spec: SharedMediaSpec::default(),
            epoch,
            lines: Vec::new(),
            transport_cc: 0,
            changed: false,
            owners: AHashMap::new(),
            history: History::default(),
            rtt: None,
            padding: [None; 2],
            probed: 0,
            beyond_repair: None,
            next_report: None,
            stats: DownlinkStats::default(),
        };
        downlink.update(spec, rng);
        downlink
    }

    /// Takes a re-offer's result. Lines keep their numbers, SSRCs and clocks; new ones are appended.
    pub fn update(&mut self, spec: SharedMediaSpec, rng: &mut impl Rng) {
        for (line, update) in self.lines.iter_mut().zip(&spec.downlinks) {
            line.update(&spec, update);
        }
        self.lines.reserve_exact(spec.downlinks.len().saturating_sub(self.lines.len()));
        for line in spec.downlinks.iter().skip(self.lines.len()) {
            let clock = self.clock_for(line, rng);
            let first = ExtSeq(rng.random_range(1..FIRST_SEQ_BELOW));
            let rtx_first = ExtSeq(rng.random_range(1..FIRST_SEQ_BELOW));
            self.lines.push(Line::new(line, clock, first, rtx_first));
        }
        for (index, line) in self.lines.iter().enumerate() {
            self.owners.insert(line.ssrc, Owner { line: index, rtx: false });
            line.rtx_ssrc.map(|rtx| self.owners.insert(rtx, Owner { line: index, rtx: true }));
        }
        self.spec = spec;
        self.padding = [false, true].map(|numbered| self.find_padding_line(numbered));
        self.changed = true;
    }

    /// Both halves of a seat get one clock.
    fn clock_for(&self, line: &DownlinkSpec, rng: &mut impl Rng) -> SeatClock {
        let other = self.lines.iter().find(|other| other.place == line.place);
        let origin = other.map_or_else(|| rng.random_range(0..ORIGIN_RANGE_US), |other| other.clock.origin_us());
        SeatClock::new(origin, line.kind)
    }

    /// What `line` shall show; `None` empties it at once. A picture keeps flowing until the key frame of the one after
    /// it, a voice ends at once.
    pub fn assign(&mut self, line: usize, source: Option<SourceId>) {
        let Some(line) = self.lines.get_mut(line) else { return };
        if line.wish.source != source {
            line.wish = Wish::new(source);
            line.settle();
            self.changed = true;
        }
    }

    /// What `line` may take of its source; `None` pauses it: the source keeps the line, and nothing of it is sent.
    /// Ignored when `source` is not the one assigned. Another stream, or a higher spatial layer, is taken from its next
    /// key frame on; what is taken now keeps flowing until then.
    pub fn target(&mut self, line: usize, source: SourceId, target: Option<LayerTarget>) {
        let Some(line) = self.lines.get_mut(line).filter(|line| line.wish.source == Some(source)) else { return };
        if line.wish.target == target && line.wish.chosen {
            return;
        }
        line.wish.chosen = true;
        let (before, spatial) = (line.wish.pair(), line.wish.target.map(|target| target.spatial));
        line.wish.target = target;
        if line.wish.pair() != before {
            line.wish.refused = None;
            line.settle();
            self.changed = true;
        }
        self.changed |= target.map(|target| target.spatial) != spatial;
    }

    /// The packets of `source` come over another connection from now on, with numbers of their own: the lines that take
    /// it begin anew. Returns whether there are any.
    pub fn restart(&mut self, source: SourceId) -> bool {
        self.lines.iter_mut().for_each(|line| line.forget(source));
        let taking = |line: &&mut Line| line.current().is_some_and(|(current, _)| current == source);
        let mut any = false;
        for line in self.lines.iter_mut().filter(taking) {
            line.tenure = None;
            any = true;
        }
        if any {
            self.history.forget(source);
            self.changed = true;
        }
        any
    }

    /// Source and layer that `line` takes now, and what it would switch to.
    pub fn subscriptions(&self, line: usize) -> [Option<(SourceId, usize)>; 2] {
        self.lines.get(line).map_or([None, None], |line| [line.current(), line.pending()])
    }

    /// What `line` may take of its source; `None` also while [`Downlink::target`] has not said.
    pub fn wished(&self, line: usize) -> Option<LayerTarget> {
        let wish = &self.lines.get(line)?.wish;
        wish.target.filter(|_| wish.chosen)
    }

    /// Whether [`Downlink::subscriptions`] of any line, or the spatial layers that it may take, changed since this was
    /// asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether `seq` of `from` is one that `line` has not come to yet: newer than all that it took, or of a stream that
    /// it does not take yet.
    pub fn is_next(&self, line: usize, from: (SourceId, usize), seq: ExtSeq) -> bool {
        self.lines.get(line).is_some_and(|line| line.is_next(from, seq))
    }

    /// The source and layer of which `line` waits for a key frame.
    pub fn wants_key_frame(&self, line: usize) -> Option<(SourceId, usize)> {
        self.lines.get(line)?.wants_key_frame()
    }

    /// Writes one live packet as `line` sends it into `out`, header and payload.
    ///
    /// A packet that the publisher sent as mere padding takes the same way with an empty payload, so that its number
    /// is not taken for a loss.
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
        let opens = line.opens(&self.spec, (source, layer), packet);
        self.changed |= line.current() != had && line.kind == MediaKind::Video;
        if opens? {
            let at = line.rising(line.clock.at(packet.info.capture_us));
            self.open(now, index, (source, layer), packet, at)?;
        }
        let line = self.lines.get_mut(index).ok_or(DropReason::NotSelected)?;
        match line.stamp(packet, None) {
            Ok(stamp) => self.emit(now, index, packet, &stamp, out),
            Err(reason) => Err(reason),
        }
    }

    /// Begins a tenure of `line` with `packet`, at the extended timestamp `at`.
    fn open(
        &mut self,
        now: Instant,
        line: usize,
        from: (SourceId, usize),
        packet: PacketRef<'_>,
        at: i64,
    ) -> Result<(), DropReason> {
        let line = self.lines.get_mut(line).ok_or(DropReason::NotSelected)?;
        line.open(&self.spec, from, packet, at)?;
        line.report_due = Some(now);
        self.next_report = Some(now);
        self.stats.switches += 1;
        // A voice that begins takes what its line waited for.
        self.changed |= line.kind == MediaKind::Video;
        Ok(())
    }

    /// Writes a packet that has got its place.
    fn emit(
        &mut self,
        now: Instant,
        index: usize,
        packet: PacketRef<'_>,
        stamp: &Stamp,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let since = self.since_epoch(now);
        let line = self.lines.get_mut(index).ok_or(DropReason::NotSelected)?;
        let tenure = line.tenure.as_deref_mut().ok_or(DropReason::NotSelected)?;
        let body = Body { packet, form: tenure.form, offsets: stamp.offsets, original: None, hollow: stamp.hollow };
        let (spec, payload) = (&self.spec, tenure.payload);
        let header = OutHeader {
            pt: payload.pt,
            ssrc: line.ssrc,
            csrc: Some(tenure.source),
            mid: Some(line.mid),
            ..OutHeader::default()
        };
        let with_numbers = || OutHeader {
            audio_level: packet.info.audio_level,
            transport_cc: transport_cc(spec, &payload, self.transport_cc),
            abs_send_time: abs_send_time(spec, since),
            ..header
        };
        let (header_len, len, numbered) = match tenure.template(packet, &spec.extensions, with_numbers) {
            Some(template) => {
                let varying = Varying {
                    marker: stamp.marker,
                    seq: stamp.seq.wire(),
                    timestamp: stamp.timestamp,
                    audio_level: packet.info.audio_level,
                    transport_cc: self.transport_cc,
                    abs_send_time: if template.has_send_time() { send_time(since) } else { 0 },
                };
                let header_len = template.write(out, &varying).ok_or(DropReason::TooLarge)?;
                (header_len, rewrite::write_payload(out, header_len, body)?, template.is_numbered())
            }
            None => {
                let header = OutHeader { seq: stamp.seq.wire(), ..with_numbers() };
                let header = with_packet(header, packet, stamp);
                let (header_len, len) = rewrite::write(out, header, &spec.extensions, body)?;
                (header_len, len, header.transport_cc.is_some())
            }
        };
        self.transport_cc = self.transport_cc.wrapping_add(u16::from(numbered));
        if line.rtx_ssrc.is_some() && payload.rtx.is_some() {
            let from = (tenure.source, tenure.layer);
            self.history.push(Entry::new(index, from, packet.info.seq, *stamp, since));
        }
        line.sent.count(len - header_len);
        line.last_sent = Some(now);
        if tenure.in_key_frame {
            line.key_sent = Some(now);
        }
        self.stats.packets += 1;
        self.stats.octets += len as u64;
        Ok(Outgoing {
            stream: Outgoing::stream_of(index),
            ssrc: line.ssrc,
            kind: line.kind,
            seq: stamp.seq,
            header_len,
            len,
        })
    }

    /// A packet is left out on purpose, so that what follows it on `line` closes up. Does nothing for one that is not
    /// next on the line.
    pub fn leave_out(&mut self, line: usize, source: SourceId, layer: usize, info: &PacketInfo) {
        if let Some(line) = self.lines.get_mut(line).filter(|line| line.current() == Some((source, layer))) {
            line.leave_out(info);
        }
    }

    /// A picture loss indication or full intra request for the stream `ssrc`: the source and layer to ask for a key
    /// frame, unless the line shows nothing, or the browser did not know yet of the one that it was sent: it asks again,
    /// should that not do.
    pub fn picture_lost(&mut self, now: Instant, ssrc: Ssrc) -> Option<(SourceId, usize)> {
        let owner = self.owners.get(&ssrc)?;
        self.stats.plis += 1;
        let sent = self.lines.get(owner.line)?.key_sent;
        let crossed = sent.is_some_and(|sent| now.saturating_duration_since(sent) < self.rtt() + DECODED);
        if crossed { None } else { self.shown_on(ssrc) }
    }

    /// The source whose codec `line`'s browser does not decode, as its packets showed.
    pub fn unsupported(&self, line: usize) -> Option<(SourceId, Codec)> {
        let wish = self.lines.get(line)?.wish;
        wish.source.zip(wish.refused)
    }

    /// What `line` takes now: the stream, and within it the highest spatial and temporal layer, `u8::MAX` = all.
    pub fn taken(&self, line: usize) -> Option<(SourceId, LayerTarget)> {
        let tenure = self.lines.get(line)?.tenure.as_ref()?;
        Some((tenure.source, tenure.gate.passing(tenure.layer)))
    }

    /// Nothing was sent on `line` yet.
    pub fn is_blank(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(|line| line.last_sent.is_none())
    }

    /// The stream of which packets were asked for that would come too late: only a key frame helps it.
    pub fn take_beyond_repair(&mut self) -> Option<Ssrc> {
        self.beyond_repair.take()
    }

    /// The source and layer that `ssrc` shows.
    pub fn shown_on(&self, ssrc: Ssrc) -> Option<(SourceId, usize)> {
        self.lines.get(self.owners.get(&ssrc)?.line)?.current()
    }

    /// Whether there is a line that takes RTX: what probes are sent as. `numbered`: with transport-wide numbers.
    pub fn can_probe(&self, numbered: bool) -> bool {
        self.padding_line(numbered).is_some()
    }

    fn padding_line(&self, numbered: bool) -> Option<usize> {
        self.padding[usize::from(numbered)]
    }

    fn find_padding_line(&self, numbered: bool) -> Option<usize> {
        let takes_rtx = |line: &Line| {
            let repaired = |pt: &Pt| {
                let payload = self.spec.payload(*pt).filter(|payload| payload.rtx.is_some());
                payload.is_some_and(|payload| !numbered || transport_cc(&self.spec, payload, 0).is_some())
            };
            line.active && line.rtx_ssrc.is_some() && line.payloads.iter().any(repaired)
        };
        self.lines.iter().position(takes_rtx)
    }

    /// `line` cannot keep up: what it shows ends here, and a key frame of it is waited for.
    pub fn interrupt(&mut self, line: usize) {
        if let Some(line) = self.lines.get_mut(line)
            && line.tenure.take().is_some()
        {
            self.changed = true;
        }
    }

    /// What `line` carries pauses: it begins anew, without a gap, whenever packets come again. For voices.
    pub fn rest(&mut self, line: usize) {
        if let Some(line) = self.lines.get_mut(line).filter(|line| line.kind == MediaKind::Audio) {
            line.tenure = None;
        }
    }

    /// Whether a packet is of a time that `line` has not come to yet.
    pub fn has_room_for(&self, line: usize, info: &PacketInfo) -> bool {
        self.lines.get(line).is_some_and(|line| line.is_ahead(info))
    }

    fn since_epoch(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }

    /// Something will be forwarded soon.
    pub fn prefetch(&self) {
        prefetch(&self.lines);
        prefetch(&self.spec);
        prefetch(&self.history);
        prefetch(&self.transport_cc);
        prefetch(&self.stats);
    }

    /// A packet will be forwarded on `line` next.
    pub fn prefetch_line(&self, index: usize) {
        if let Some(line) = self.lines.get(index) {
            line.prefetch();
            self.history.prefetch(index, line.next);
        }
    }

    /// The transport-wide sequence number that the next packet gets, when it gets one.
    pub fn next_transport_cc(&self) -> u16 {
        self.transport_cc
    }

    pub fn stats(&self) -> DownlinkStats {
        self.stats
    }
}

/// `header` with what media packets and their retransmissions have in common.
fn with_packet<'a>(header: OutHeader<'a>, packet: PacketRef<'a>, stamp: &Stamp) -> OutHeader<'a> {
    OutHeader {
        marker: stamp.marker,
        timestamp: stamp.timestamp,
        audio_level: packet.info.audio_level,
        orientation: packet.info.orientation,
        playout_delay: packet.info.playout_delay,
        content_type: packet.info.content_type,
        ..header
    }
}

/// `next`, when packets of `payload` are numbered transport-wide.
fn transport_cc(spec: &MediaSpec, payload: &PayloadType, next: u16) -> Option<u16> {
    (payload.transport_cc && spec.extensions.id(Extension::TransportCc).is_some()).then_some(next)
}

/// [`send_time`], when packets tell it.
fn abs_send_time(spec: &MediaSpec, since: Duration) -> Option<u32> {
    spec.extensions.id(Extension::AbsSendTime).map(|_| send_time(since))
}

/// Seconds since the epoch as 6.18 fixed point.
fn send_time(since: Duration) -> u32 {
    let fraction = (u64::from(since.subsec_nanos()) << 18) / 1_000_000_000;
    (since.as_secs() << 18 | fraction) as u32 & 0xFF_FFFF
}

#[cfg(test)]
mod tests;
