//! One layer of one line: its ring, its numbers, what is missing, and how well it comes.

use std::time::{Duration, Instant};

use crate::id::{Bps, ExtSeq, Rid, Ssrc};
use crate::media::clock::{PublisherClock, StreamClock, clock_rate};
use crate::media::codec::dd::DdReader;
use crate::media::codec::{self, Facts};
use crate::media::drop::DropReason;
use crate::media::feed::{LayerFacts, Parcel};
use crate::media::packet::{PacketInfo, PacketRef, RtpHeader};
use crate::media::ring::{Ring, RingCapacity};
use crate::media::rtcp::ReportBlock;
use crate::media::spec::{Codec, MediaKind};
use crate::media::uplink::nack::NackGenerator;
use crate::media::uplink::rate::RateWindow;
use crate::media::uplink::reception::Reception;
use crate::media::uplink::sequence::{Placed, Sequence};
use crate::media::uplink::size;
use crate::media::uplink::stats::UplinkStats;

/// A layer is silent when nothing came for this long,
const SILENT: Duration = Duration::from_millis(300);
/// while a sibling went on over at least this long: so a slow screen share, whose layers come in turn, is not.
const SIBLING_ADVANCE: Duration = Duration::from_millis(200);

/// A layer without a packet for this long has no rate now.
const MEASURED: Duration = Duration::from_secs(1);

/// Without a packet for this long, an SSRC gets no more reports.
const REPORTED: Duration = Duration::from_secs(3);

/// One packet for a layer, as it came.
pub(super) struct Arrival<'a> {
    pub(super) now: Instant,
    /// Microseconds since the epoch.
    pub(super) now_us: i64,
    pub(super) header: &'a RtpHeader,
    /// The number of the packet, or of the one that this retransmission repeats.
    pub(super) seq: u16,
    pub(super) codec: Codec,
    pub(super) payload: &'a [u8],
    pub(super) dependency_descriptor: &'a [u8],
    /// Octets of the whole packet.
    pub(super) len: usize,
    /// Not an RTX packet.
    pub(super) direct: bool,
    /// Lost packets may be asked for.
    pub(super) nack: bool,
    /// Retransmissions come on an SSRC of their own.
    pub(super) rtx: bool,
}

/// One layer of a line: a simulcast stream, or the line's only stream.
pub struct Layer {
    pub(super) rid: Option<Rid>,
    kind: MediaKind,
    ssrc: Option<Ssrc>,
    codec: Option<Codec>,
    ring: Ring,
    tenure: u32,
    sequence: Sequence,
    pub(super) nack: NackGenerator,
    clock: StreamClock,
    rate: RateWindow,
    last_arrival: Option<Instant>,
    /// First and last packet of a sibling since ours.
    sibling: Option<(Instant, Instant)>,
    /// The timestamp of the newest key frame.
    key_frame: Option<u32>,
    descriptors: DdReader,
    /// A codec of which the sender describes some frames only, as Firefox does with key frames of VP9: a receiver that read
    /// those would look for the others in vain.
    pub(super) undescribed: Option<Codec>,
    height: Option<u16>,
    reception: Reception,
    stats: UplinkStats,
}

impl Layer {
    pub(in crate::media) fn new(kind: MediaKind, rid: Option<Rid>) -> Layer {
        Layer {
            rid,
            kind,
            ssrc: None,
            codec: None,
            // Takes its memory with the first packet: most of the lines of a browser never send.
            ring: Ring::new(RingCapacity { packets: 0, bytes: 0 }),
            tenure: 0,
            sequence: Sequence::new(capacity(kind).packets as u64),
            nack: NackGenerator::new(),
            clock: StreamClock::new(kind),
            rate: RateWindow::default(),
            last_arrival: None,
            sibling: None,
            key_frame: None,
            descriptors: DdReader::default(),
            undescribed: None,
            height: None,
            reception: Reception::default(),
            stats: UplinkStats::default(),
        }
    }

    /// The layer's last packets. Numbers rise for the whole life of the layer, over changes of SSRC too.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The simulcast stream's name; `None` without simulcast.
    pub fn rid(&self) -> Option<Rid> {
        self.rid
    }

    /// The SSRC that sends the layer now; `None` before its first packet.
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.ssrc
    }

    /// Codec of the newest packet.
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Counts the streams that the layer has had: a new SSRC, or a sender that started over, shares no timestamps,
    /// counters or references with its predecessor. Its first packets need a key frame.
    pub fn tenure(&self) -> u32 {
        self.tenure
    }

    /// Whether the layer sends as far as anybody can tell: false before its first packet, and after 300 ms without one
    /// in which a sibling went on. A source that rests as a whole is alive.
    pub fn alive(&self, now: Instant) -> bool {
        let Some(last) = self.last_arrival else { return false };
        let silent = now.saturating_duration_since(last) >= SILENT;
        !(silent && self.sibling.is_some_and(|(first, last)| last.saturating_duration_since(first) >= SIBLING_ADVANCE))
    }

    /// Whether anything came in the last second.
    pub fn arrives(&self, now: Instant) -> bool {
        self.last_arrival.is_some_and(|last| now.saturating_duration_since(last) < MEASURED)
    }

    /// When the newest packet came.
    pub fn last_arrival(&self) -> Option<Instant> {
        self.last_arrival
    }

    /// Picture height in pixels, of the highest spatial layer, in the newest key frame that told its size.
    pub fn height(&self) -> Option<u16> {
        self.height
    }

    /// What the stream's dependency descriptors say: structure, sizes, decode targets that are active.
    pub fn descriptors(&self) -> &DdReader {
        &self.descriptors
    }

    /// Payloads and headers of the last second, each packet once.
    pub fn bitrate(&self, now: Instant) -> Bps {
        self.rate.rate(now, u8::MAX, u8::MAX)
    }

    /// As [`Layer::bitrate`], of the packets up to the spatial and temporal layers given.
    pub fn bitrate_up_to(&self, now: Instant, spatial: u8, temporal: u8) -> Bps {
        self.rate.rate(now, spatial, temporal)
    }

    /// The highest spatial and temporal layer of which anything came in the last second.
    pub fn highest_layers(&self) -> (u8, u8) {
        self.rate.highest()
    }

    /// Picture height in pixels up to `spatial`, as the stream's dependency structure tells.
    pub fn spatial_height(&self, spatial: u8) -> Option<u16> {
        // A sender that changed its codec may have left a structure behind.
        self.codec.filter(|codec| is_described(*codec))?;
        let (_, height) = self.descriptors.structure()?.resolution(spatial)?;
        u16::try_from(height).ok()
    }

    /// Share of packets lost on the way here between the last two reception reports, before repair: 0 to 1.
    pub fn loss(&self) -> f32 {
        self.reception.loss()
    }

    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub fn jitter(&self) -> Duration {
        let ticks = u64::from(self.reception.jitter());
        Duration::from_micros(ticks * 1_000_000 / u64::from(clock_rate(self.kind)))
    }

    /// Counters since the layer began.
    pub fn stats(&self) -> UplinkStats {
        UplinkStats { lost: self.stats.lost + self.reception.missing(self.sequence.expected()), ..self.stats }
    }

    pub(super) fn counters(&mut self) -> &mut UplinkStats {
        &mut self.stats
    }

    /// A sibling had a packet.
    pub(in crate::media) fn sibling_advanced(&mut self, now: Instant) {
        let first = self.sibling.map_or(now, |(first, _)| first);
        self.sibling = Some((first, now));
    }

    /// Takes a packet that this layer's like on another shard took: counted, repaired and told about it is there.
    pub(in crate::media) fn follow(&mut self, parcel: &Parcel) {
        let PacketRef { info, dependency_descriptor, .. } = parcel.packet();
        (self.ssrc, self.height) = (parcel.ssrc.or(self.ssrc), parcel.height.or(self.height));
        if is_described(info.codec) && !dependency_descriptor.is_empty() {
            // Only what the structure says of sizes is wanted; the packet's own facts have been read.
            let _ = self.descriptors.read(dependency_descriptor, info.seq);
        }
        self.store(info.arrival, parcel.len, parcel.packet());
    }

    /// Takes what another shard says of this layer's like.
    pub(in crate::media) fn learn(&mut self, facts: &LayerFacts) {
        (self.ssrc, self.codec) = (facts.ssrc.or(self.ssrc), self.codec.or(facts.codec));
        (self.height, self.last_arrival) = (facts.height.or(self.height), self.last_arrival.max(facts.last_arrival));
    }

    /// The line rests: nothing is waited for.
    pub(super) fn rest(&mut self) {
        self.nack.clear();
        self.sibling = None;
    }

    /// Takes a packet: counts it, stores it and returns what is known of it, and whether it was a repair.
    pub(super) fn receive(
        &mut self,
        arrival: &Arrival<'_>,
        publisher: &mut PublisherClock,
    ) -> Result<(PacketInfo, bool), DropReason> {
        if arrival.direct && self.ssrc != Some(arrival.header.ssrc) {
            self.adopt(arrival.header.ssrc);
        }
        let (seq, repair) = self.place(arrival)?;
        self.count(arrival, repair);
        if arrival.payload.is_empty() {
            self.sequence.remove(seq);
            self.stats.padding += 1;
            return Err(DropReason::PaddingOnly);
        }
        let facts = self.facts(arrival, seq)?;
        let extensions = &arrival.header.extensions;
        let timestamp = arrival.header.timestamp;
        if starts_key_frame(&facts) {
            self.nack.forget_before(seq);
            self.height = self.told_height(arrival).or(self.height);
        }
        let info = PacketInfo {
            seq: self.sequence.outward(seq),
            timestamp,
            marker: arrival.header.marker,
            codec: arrival.codec,
            arrival: arrival.now,
            capture_us: publisher.capture_us(&mut self.clock, arrival.now_us, timestamp, !repair),
            audio_level: extensions.audio_level,
            orientation: extensions.orientation,
            playout_delay: extensions.playout_delay,
            content_type: extensions.content_type,
            facts,
        };
        let Arrival { payload, dependency_descriptor, .. } = *arrival;
        self.store(arrival.now, arrival.len, PacketRef { info: &info, dependency_descriptor, payload });
        Ok((info, repair))
    }

    /// A sender report of this layer's SSRC came.
    pub(super) fn sender_report(
        &mut self,
        now: Instant,
        now_us: i64,
        ntp: u64,
        rtp: u32,
        publisher: &mut PublisherClock,
    ) {
        publisher.report(&mut self.clock, now_us, ntp, rtp);
        self.reception.sender_report(now, ntp);
    }

    /// The block on this layer for a reception report, while packets come.
    pub(super) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        self.last_arrival.filter(|last| now.saturating_duration_since(*last) < REPORTED)?;
        Some(self.reception.report(now, ssrc, self.sequence.expected(), self.sequence.reported()))
    }

    /// Another SSRC sends the layer from now on.
    fn adopt(&mut self, ssrc: Ssrc) {
        if self.ssrc.replace(ssrc).is_some() {
            let expected = self.sequence.expected();
            self.sequence.succeed();
            self.begin(expected);
        }
    }

    /// A stream begins that has nothing in common with its predecessor.
    fn begin(&mut self, expected_before: u64) {
        self.tenure += 1;
        self.stats.lost += self.reception.missing(expected_before);
        self.nack.clear();
        self.clock = StreamClock::new(self.kind);
        self.key_frame = None;
        self.descriptors = DdReader::default();
        self.reception = Reception::default();
    }

    fn place(&mut self, arrival: &Arrival<'_>) -> Result<(ExtSeq, bool), DropReason> {
        let expected = self.sequence.expected();
        match self.sequence.place(arrival.seq, arrival.direct) {
            Placed::First(seq) => {
                if expected > 0 {
                    self.begin(expected);
                }
                Ok((seq, !arrival.direct))
            }
            Placed::Newest { seq, missing } => {
                if arrival.nack {
                    self.nack.lost(arrival.now, missing, seq);
                }
                Ok((seq, !arrival.direct))
            }
            Placed::Late(seq) => {
                let asked = self.nack.found(arrival.now, seq, arrival.direct && arrival.rtx);
                let repair = !arrival.direct || (!arrival.rtx && asked.is_some_and(|tries| tries > 0));
                Ok((seq, repair))
            }
            Placed::Duplicate => {
                self.stats.duplicates += 1;
                Err(DropReason::Duplicate)
            }
            Placed::TooOld => Err(DropReason::TooOld),
        }
    }

    fn count(&mut self, arrival: &Arrival<'_>, repair: bool) {
        self.stats.packets += 1;
        self.stats.bytes += arrival.len as u64;
        self.stats.recovered += u64::from(repair);
        if repair {
            self.reception.repaired();
        } else {
            self.reception.received(arrival.now_us, arrival.header.timestamp, clock_rate(self.kind));
        }
    }

    fn facts(&mut self, arrival: &Arrival<'_>, seq: ExtSeq) -> Result<Facts, DropReason> {
        let described = is_described(arrival.codec) && self.undescribed != Some(arrival.codec);
        let dd = match arrival.dependency_descriptor {
            descriptor if described && !descriptor.is_empty() => Some(self.descriptors.read(descriptor, seq)?),
            // VP8 is whole without: what cannot be read says nothing.
            descriptor if arrival.codec == Codec::Vp8 && !descriptor.is_empty() => {
                self.descriptors.read(descriptor, seq).ok()
            }
            _ => None,
        };
        let mut facts = codec::facts(arrival.codec, arrival.payload, arrival.header.marker, dd)?;
        if described && dd.is_none() && facts.frame_start && self.descriptors.structure().is_some() {
            self.undescribed = Some(arrival.codec);
            self.descriptors = DdReader::default();
        }
        let timestamp = arrival.header.timestamp;
        if facts.key_frame {
            self.key_frame = Some(timestamp);
        } else if arrival.codec == Codec::Vp8 && !facts.frame_start && self.key_frame == Some(timestamp) {
            // VP8 says so in the frame's first packet only.
            facts.key_frame = true;
        }
        Ok(facts)
    }

    fn told_height(&self, arrival: &Arrival<'_>) -> Option<u16> {
        let told = size::height(arrival.codec, arrival.payload);
        told.or_else(|| {
            let structure = self.descriptors.structure().filter(|_| !arrival.dependency_descriptor.is_empty())?;
            let heights = (0..4).filter_map(|spatial| structure.resolution(spatial)).map(|(_, height)| height);
            heights.max().and_then(|height| u16::try_from(height).ok())
        })
    }

    fn store(&mut self, now: Instant, len: usize, packet: PacketRef<'_>) {
        let info = packet.info;
        self.last_arrival = self.last_arrival.max(Some(now));
        self.sibling = None;
        self.codec = Some(info.codec);
        self.rate.add(now, info.facts.spatial, info.facts.temporal, len);
        if self.ring.newest().is_none() {
            self.ring = Ring::new(capacity(self.kind));
        }
        self.ring.push(packet);
    }
}

/// Whether the packet begins a key picture. Its upper spatial layers begin later, and need what is before them.
pub(super) fn starts_key_frame(facts: &Facts) -> bool {
    facts.key_frame && facts.frame_start && facts.spatial == 0
}

/// Whether a dependency descriptor stands for what the payload says.
fn is_described(codec: Codec) -> bool {
    matches!(codec, Codec::Vp9 { .. } | Codec::Av1 { .. })
}

fn capacity(kind: MediaKind) -> RingCapacity {
    match kind {
        MediaKind::Audio => RingCapacity::AUDIO,
        MediaKind::Video => RingCapacity::VIDEO,
    }
}
