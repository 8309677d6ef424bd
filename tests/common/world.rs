//! Publishers and subscribers around one forwarder or several, in virtual time: what the property tests play with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plenum::border::{SeatPlan, SeatedSource, SourceKind, SourceSpec, Span};
use plenum::id::{Pt, RoomKey, SeatId, SourceId, Ssrc, Token, TransportId};
use plenum::media::drop::DropReason;
use plenum::media::feed::{Inlet, QUEUE};
use plenum::media::forwarder::{FeedShed, Forwarder, Pressure, Sink};
use plenum::media::outgoing::Outgoing;
use plenum::media::packet::MAX_PACKET;
use plenum::media::spec::{
    Codec, DownlinkSpec, Extension, ExtensionMap, MediaKind, MediaSpec, PayloadType, Place, UplinkRole, UplinkSpec,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Unmarshal;

use super::offer::{LEVEL, MID, OPUS, REPAIRED_RID, RID, RTX, VP8};
use super::picture;
use publish::{Publisher, Stream};

mod publish;

const ROOM: RoomKey = RoomKey(1);
/// 1 January 2026 as NTP seconds; which moment the epoch is does not matter.
const NTP: u64 = 3_976_214_400 << 32;
/// What one turn of the world takes, in microseconds.
pub const STEP: i64 = 10_000;
/// Simulcast layers of each publisher.
pub const LAYERS: usize = 2;
const RIDS: &[u8; LAYERS] = b"qf";

/// One packet that left, as its subscriber reads it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub peer: usize,
    pub stream: usize,
    pub seq: u64,
    pub ssrc: u32,
    pub timestamp: u32,
    pub csrc: Vec<u32>,
    pub payload: Bytes,
}

/// Which timestamp of a line is which moment, in microseconds after the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub us: i64,
    pub timestamp: u32,
}

#[derive(Default)]
struct Net {
    sent: Vec<Sent>,
    rtcp: Vec<(usize, Vec<u8>)>,
}

impl Sink for Net {
    fn has_enough(&self) -> bool {
        true
    }

    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize {
        let mut buffer = [0; MAX_PACKET];
        let Ok(Outgoing { stream, seq, len, .. }) = write(&mut buffer) else { return 0 };
        let packet = Packet::unmarshal(&mut &buffer[..len]).unwrap();
        assert_eq!(packet.header.sequence_number, seq.wire());
        let (ssrc, timestamp, csrc) = (packet.header.ssrc, packet.header.timestamp, packet.header.csrc);
        self.sent.push(Sent { peer, stream, seq: seq.0, ssrc, timestamp, csrc, payload: packet.payload });
        len
    }

    fn rtcp(&mut self, peer: usize, packet: &[u8]) {
        self.rtcp.push((peer, packet.to_vec()));
    }

    fn dropped(&mut self, _reason: DropReason) {}
}

/// How the network between publishers and the server is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Percent of packets.
    pub lost: u32,
    pub doubled: u32,
    /// Largest delay in microseconds. Packets overtake one another only where some are lost, too.
    pub jitter: i64,
}

pub struct World {
    epoch: Instant,
    pub us: i64,
    /// Browsers live on them in turn.
    shards: Vec<Forwarder>,
    pub rng: StdRng,
    net: Net,
    pub publishers: Vec<Publisher>,
    subscribers: usize,
    plans: Vec<SeatPlan>,
    seats: Vec<u16>,
    pub weather: Weather,
    /// Under way to the server: by arrival, then by order of sending.
    flying: BTreeMap<(i64, u64), (usize, Vec<u8>)>,
    order: u64,
    last_arrival: Vec<i64>,
    /// By maker and number of a picture or a sound: when it was captured.
    pub captured: HashMap<(u8, u32), i64>,
    /// The latest sender report of each line, by its SSRC.
    pub reports: HashMap<u32, Report>,
    /// Parts of pictures that the network took: maker, number.
    pub lost: HashSet<(u8, u32)>,
}

fn mid(text: &str) -> Token {
    Token::new(text.as_bytes()).unwrap()
}

fn payload_type(pt: u8, codec: Codec, rtx: Option<u8>) -> PayloadType {
    PayloadType { pt: Pt(pt), codec, rtx: rtx.map(Pt), nack: true, transport_cc: false, remb: false }
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    map.set(Extension::Mid, MID);
    map.set(Extension::AudioLevel, LEVEL);
    map.set(Extension::Rid, RID);
    map.set(Extension::RepairedRid, REPAIRED_RID);
    map
}

/// A microphone, a camera and `seats` seats: line 2 n is seat n's sound, 2 n + 1 its picture.
fn spec(peer: usize, seats: u16) -> MediaSpec {
    let uplink = |role: UplinkRole, name: &str, pts: &[u8]| UplinkSpec {
        role,
        mid: mid(name),
        rids: if role == UplinkRole::Camera {
            RIDS.iter().map(|rid| Token::new(&[*rid]).unwrap()).collect()
        } else {
            Default::default()
        },
        ssrcs: Default::default(),
        payloads: pts.iter().map(|pt| Pt(*pt)).collect(),
        active: true,
    };
    let line = |seat: u16, kind: MediaKind| {
        let video = kind == MediaKind::Video;
        let ssrc = 1_000_000 * (peer as u32 + 1) + u32::from(seat) * 10 + if video { 2 } else { 0 };
        DownlinkSpec {
            mid: mid(&format!("{}{seat}", if video { 'v' } else { 'a' })),
            kind,
            place: Place::Seat(SeatId(seat)),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: video.then_some(Ssrc(ssrc + 1)),
            payloads: [Pt(if video { VP8 } else { OPUS })].into_iter().collect(),
            active: true,
        }
    };
    MediaSpec {
        payloads: vec![payload_type(OPUS, Codec::Opus, None), payload_type(VP8, Codec::Vp8, Some(RTX))],
        extensions: extensions(),
        uplinks: vec![uplink(UplinkRole::Microphone, "0", &[OPUS]), uplink(UplinkRole::Camera, "1", &[VP8])],
        downlinks: (0..seats).flat_map(|seat| [line(seat, MediaKind::Audio), line(seat, MediaKind::Video)]).collect(),
    }
}

impl World {
    /// Peers 0 to `publishers` publish, those after them watch in `seats` seats each.
    pub fn new(seed: u64, publishers: usize, subscribers: usize, seats: u16) -> World {
        World::spread(seed, 1, publishers, subscribers, seats)
    }

    /// The same over several shards.
    pub fn spread(seed: u64, shards: usize, publishers: usize, subscribers: usize, seats: u16) -> World {
        World::spread_with(seed, shards, QUEUE, publishers, subscribers, seats)
    }

    /// The same, with room for `waiting` packets on the way to each shard.
    pub fn spread_with(
        seed: u64,
        shards: usize,
        waiting: usize,
        publishers: usize,
        subscribers: usize,
        seats: u16,
    ) -> World {
        let epoch = Instant::now();
        let mut rng = StdRng::seed_from_u64(seed);
        let inlets: Vec<Arc<Inlet>> = (0..shards).map(|_| Arc::new(Inlet::holding(waiting))).collect();
        let mut all_shards: Vec<Forwarder> = (0..shards).map(|_| Forwarder::new(epoch, NTP)).collect();
        let span = Span { shards: (0..shards).collect(), members: publishers + subscribers };
        let span = (shards > 1).then(|| Arc::new(span));
        for (index, shard) in all_shards.iter_mut().enumerate() {
            shard.set_feeds(index, inlets.clone());
            shard.set_span(ROOM, span.clone());
        }
        for peer in 0..publishers + subscribers {
            let seats = if peer < publishers { 0 } else { seats };
            let shard = &mut all_shards[peer % shards];
            shard.set_peer(epoch, peer, TransportId(peer as u64 + 1), ROOM, Arc::new(spec(peer, seats)), &mut rng);
            shard.set_ready(epoch, peer, true);
        }
        let mut all = Vec::new();
        for peer in 0..publishers {
            let source = peer as u32 + 1;
            let mut stream = |index: u32, rid| Stream {
                ssrc: source * 100 + index,
                rid,
                // Soon a wrap.
                seq: rng.random_range(0xFF00..=0xFFFF),
                rtx_seq: 1,
                timestamp: rng.random(),
                number: 0,
                key: true,
                sent: HashMap::new(),
            };
            let audio = stream(0, None);
            let layers = (0..LAYERS).map(|layer| stream(layer as u32 * 2 + 2, Some(RIDS[layer]))).collect();
            let (ppm, wall) = (0, rng.random::<u64>() >> 1);
            all.push(Publisher { source, ppm, wall, audio, layers, sending: LAYERS });
            let spec = SourceSpec {
                id: SourceId(source),
                room: ROOM,
                transport: TransportId(u64::from(source)),
                shard: peer % shards,
                kind: SourceKind::Camera,
                audio_allowed: true,
                video_allowed: true,
            };
            all_shards.iter_mut().for_each(|shard| shard.set_source(epoch, spec));
        }
        World {
            epoch,
            us: 0,
            shards: all_shards,
            rng,
            net: Net::default(),
            publishers: all,
            subscribers,
            plans: vec![SeatPlan::default(); subscribers],
            seats: vec![seats; subscribers],
            weather: Weather::default(),
            flying: BTreeMap::new(),
            order: 0,
            last_arrival: vec![0; publishers],
            captured: HashMap::new(),
            reports: HashMap::new(),
            lost: HashSet::new(),
        }
    }

    pub fn now(&self) -> Instant {
        self.epoch + Duration::from_micros(self.us as u64)
    }

    /// Where a browser lives.
    fn home(&self, peer: usize) -> usize {
        peer % self.shards.len()
    }

    /// Lines that show something, and layers and audio tracks that arrive.
    pub fn slots_and_tracks(&self) -> (u64, u64) {
        let totals = self.shards.iter().map(|shard| shard.totals(self.now()));
        totals.fold((0, 0), |sum, totals| (sum.0 + totals.slots, sum.1 + totals.tracks))
    }

    /// Sources of other shards whose pictures come to each shard.
    pub fn open_feeds(&self) -> Vec<u64> {
        self.shards.iter().map(|shard| shard.totals(self.now()).feeds.pictures).collect()
    }

    /// Packets that wait for a shard.
    pub fn waiting(&self, shard: usize) -> usize {
        self.shards[shard].waiting_feeds()
    }

    /// What a shard did not give to others, by reason.
    pub fn shed(&self, shard: usize) -> [u64; FeedShed::ALL.len()] {
        self.shards[shard].totals(self.now()).feeds.shed
    }

    /// Says how much of their time the shards have worked.
    pub fn set_load(&mut self, load: f64) {
        let now = self.now();
        self.shards.iter_mut().for_each(|shard| shard.set_load(now, load));
    }

    /// Pictures that the first shard took something from because it was at its limit, by what.
    pub fn pressed(&self) -> [u64; Pressure::ALL.len()] {
        self.shards[0].totals(self.now()).pressed
    }

    /// All that left so far.
    pub fn sent(&self) -> &[Sent] {
        &self.net.sent
    }

    /// Forgets what left.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.net.sent)
    }

    /// Puts `source` into a subscriber's seat, and out of any other: nobody sits twice.
    pub fn seat(&mut self, subscriber: usize, seat: u16, source: Option<u32>) {
        let plan = &mut self.plans[subscriber].seats;
        plan.retain(|seated| seated.seat != SeatId(seat) && Some(seated.source.0) != source);
        if let Some(source) = source {
            plan.push(SeatedSource { seat: SeatId(seat), source: SourceId(source), max_height: u16::MAX, priority: 1 });
        }
        let plan = Arc::new(self.plans[subscriber].clone());
        let (now, peer) = (self.now(), self.publishers.len() + subscriber);
        let home = self.home(peer);
        self.shards[home].set_plan(now, peer, plan);
    }

    /// A subscriber offers again, with at least `seats` seats: lines never go away.
    pub fn re_offer(&mut self, subscriber: usize, seats: u16) {
        let seats = self.seats[subscriber].max(seats);
        self.seats[subscriber] = seats;
        let (now, peer) = (self.now(), self.publishers.len() + subscriber);
        let spec = Arc::new(spec(peer, seats));
        let home = self.home(peer);
        self.shards[home].set_peer(now, peer, TransportId(peer as u64 + 1), ROOM, spec, &mut self.rng);
    }

    /// A publisher's next pictures are key frames.
    pub fn key_frame(&mut self, publisher: usize) {
        self.publishers[publisher].layers.iter_mut().for_each(|layer| layer.key = true);
    }

    /// A subscriber asks again for the packet that it got `back` packets ago.
    pub fn nack(&mut self, subscriber: usize, back: usize) {
        let peer = self.publishers.len() + subscriber;
        let own = self.net.sent.iter().rev().filter(|sent| sent.peer == peer && sent.stream % 4 == 2);
        let Some((ssrc, seq)) = own.map(|sent| (sent.ssrc, sent.seq as u16)).nth(back) else { return };
        let [high, low] = seq.to_be_bytes();
        let mut packet = vec![0x81, 205, 0, 3, 0, 0, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet.extend([high, low, 0, 0]);
        self.hear(peer, &packet);
    }

    /// A subscriber asks for a key frame in a seat.
    pub fn pli(&mut self, subscriber: usize, seat: u16) {
        let peer = self.publishers.len() + subscriber;
        let ssrc = spec(peer, seat + 1).downlinks[usize::from(seat) * 2 + 1].ssrc;
        let mut packet = vec![0x81, 206, 0, 2, 0, 0, 0, 1];
        packet.extend(ssrc.0.to_be_bytes());
        self.hear(peer, &packet);
    }

    fn hear(&mut self, peer: usize, packet: &[u8]) {
        let (now, home) = (self.now(), self.home(peer));
        let shard = &mut self.shards[home];
        shard.receive_rtcp(now, shard.ntp(now), peer, packet, &mut self.net);
    }

    /// Everybody leaves.
    pub fn clear(&mut self) {
        let now = self.now();
        for peer in 0..self.publishers.len() + self.subscribers {
            let home = self.home(peer);
            self.shards[home].remove_peer(peer);
        }
        for publisher in &self.publishers {
            self.shards.iter_mut().for_each(|shard| shard.remove_source(now, SourceId(publisher.source)));
        }
    }

    /// One step of time: captures, arrivals, timers, answers to feedback.
    pub fn step(&mut self) {
        self.step_without(usize::MAX);
    }

    /// The same while the shard `stuck` does nothing.
    pub fn step_without(&mut self, stuck: usize) {
        self.us += STEP;
        for index in 0..self.publishers.len() {
            let turn = self.us / STEP + index as i64;
            if turn % 4 == 0 {
                self.capture_picture(index);
            }
            if turn % 2 == 0 {
                self.capture_sound(index);
            }
            if turn % 100 == 5 {
                self.report(index);
            }
        }
        // As a worker does with what one batch brought, two times of three.
        let together = self.us / STEP % 3 != 0;
        self.shards.iter_mut().for_each(|shard| shard.gather(together));
        self.arrive();
        let now = self.now();
        for (_, shard) in self.shards.iter_mut().enumerate().filter(|(index, _)| *index != stuck) {
            while shard.take_feeds(now, &mut self.net) {}
            // Browser by browser, as a worker does whose caches are full.
            while shard.forward_some(now, &mut self.net) {}
            shard.gather(false);
            if shard.next_timeout(now) <= now {
                shard.handle_timeout(now, shard.ntp(now), &mut self.net);
            }
        }
        for (peer, packet) in std::mem::take(&mut self.net.rtcp) {
            match peer < self.publishers.len() {
                true => self.obey(peer, &packet),
                false => self.read_reports(&packet),
            }
        }
    }

    /// What subscribers are told of their lines' clocks.
    fn read_reports(&mut self, compound: &[u8]) {
        for packet in rtc_rtcp::packet::unmarshal(&mut &compound[..]).unwrap() {
            if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
                let us = ((u128::from(report.ntp_time.wrapping_sub(NTP)) * 1_000_000) >> 32) as i64;
                self.reports.insert(report.ssrc, Report { us, timestamp: report.rtp_time });
            }
        }
    }

    /// Lets everything that is under way arrive.
    fn arrive(&mut self) {
        while let Some(first) = self.flying.first_entry() {
            if first.key().0 > self.us {
                return;
            }
            let ((at, _), (peer, packet)) = first.remove_entry();
            let now = self.epoch + Duration::from_micros(at as u64);
            let home = self.home(peer);
            let shard = &mut self.shards[home];
            if matches!(packet[1], 192..=223) {
                shard.receive_rtcp(now, shard.ntp(now), peer, &packet, &mut self.net);
            } else {
                shard.receive_rtp(now, peer, &packet, &mut self.net);
            }
        }
    }
}

/// Of which picture a packet is: maker, number, part; and whether that is a key frame's first.
pub fn name(payload: &[u8]) -> Option<(u8, u32, u8, bool)> {
    let vp8 = picture::read(payload)?;
    let at = if vp8.key {
        10
    } else if vp8.start {
        3
    } else {
        0
    };
    let name = picture::body(payload).get(at..at + 6)?;
    Some((name[0], u32::from_be_bytes(name[1..5].try_into().ok()?), name[5], vp8.key))
}

/// Of which sound a packet is: maker, number.
pub fn sound_name(payload: &[u8]) -> (u8, u32) {
    (payload[1], u32::from_be_bytes(payload[2..6].try_into().unwrap()))
}
