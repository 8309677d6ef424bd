//! The forwarder: every uplink and downlink of one shard, and who gets what from whom.
//!
//! Owns the routes (source and layer → lines), the audio-only lines and the turning of feedback into requests. Plain
//! packets only: opening and sealing is the caller's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use smallvec::SmallVec;

use crate::border::{LayerDemand, Received, SeatPlan, SourceKind, SourceLevel, SourceSpec, SourceState};
use crate::id::{AudioLineId, Bps, ExtSeq, RoomKey, SourceId, Ssrc, TransportId};
use crate::media::allocate::OperatingPoint;
use crate::media::dominant::Voice;
use crate::media::downlink::{Downlink, DownlinkStats};
use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use crate::media::packet::{self, PacketRef};
use crate::media::ring::Ring;
use crate::media::spec::{MediaKind, Place, SharedMediaSpec, UplinkRole};
use crate::media::timers::Timers;
use crate::media::uplink::{Layer, Uplink, UplinkStats};

use demand::Demand;
use feeds::{Fed, Feeds, Outfeed};
pub use feeds::{FeedShed, FeedTotals};
use gather::Gathered;
use outlet::Backlog;
pub use pressure::Pressure;
pub use quality::{QualityTotals, TROUBLES};
use review::Round;
use rooms::Retired;
pub use rooms::RoomTotals;
use sound::{Crowd, RoomSound};
use subscriber::Subscriber;

/// Where finished packets go: the owner seals and sends them.
pub trait Sink {
    /// Offers a buffer of at least [`crate::media::packet::MAX_PACKET`] octets to `write`, and sends what it wrote.
    /// Returns the octets that left; 0 when nothing did.
    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize;
    /// Whether so much was sent that it should leave before there is more.
    fn has_enough(&self) -> bool {
        false
    }
    /// Something will be sent to `peer` soon.
    fn prefetch(&self, _peer: usize) {}
    /// The next packet is for `peer`, on [`Outgoing::stream`] `stream`.
    fn prefetch_stream(&self, _peer: usize, _stream: usize) {}
    /// Sends one plain compound RTCP packet.
    fn rtcp(&mut self, peer: usize, packet: &[u8]);
    /// Counts a packet that goes nowhere.
    fn dropped(&mut self, reason: DropReason);
}

/// How often layers are chosen anew and audio-only lines given out: one audio-level window.
const REVIEW: Duration = Duration::from_millis(100);
/// A layer counts as arriving for this long after its last packet: a static screen sends one a second.
const ARRIVING: Duration = Duration::from_secs(2);

/// One subscriber's line that takes a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Route {
    peer: usize,
    line: usize,
}

/// One publisher's source as the shard knows it.
struct Source {
    spec: SourceSpec,
    peer: Option<usize>,
    /// Routes by kind (audio, video), then by layer.
    routes: [Vec<Vec<Route>>; 2],
    voice: Voice,
    /// Its sound is forwarded; not so when others of a large room are louder.
    heard: bool,
    /// When it was asked for key frames because it was about to dominate.
    asked_early: Option<Instant>,
    seen: SourceState,
    told: Option<SourceState>,
    last_audio: Option<Instant>,
    last_video: Option<Instant>,
    /// Since when its picture comes without a longer pause.
    video_since: Option<Instant>,
    demand: Demand,
    /// Where it goes of the other shards of its room.
    feeds: SmallVec<[Outfeed; 1]>,
    /// It is published on another shard.
    fed: Option<Box<Fed>>,
}

/// The sending half of a browser: what it publishes.
struct Publisher {
    uplink: Uplink,
    /// Its camera and its screen.
    sources: [Option<SourceId>; 2],
}

/// News for the control plane.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    Source(SourceId, SourceState),
    AudioLines(TransportId, Vec<(AudioLineId, SourceId)>),
    Undecodable(TransportId, Vec<SourceId>),
    /// Pictures held back for want of bandwidth, with what each needs at least.
    Paused(TransportId, Vec<(SourceId, Bps)>),
    /// What a publisher should send of a source's video.
    Demand(SourceId, LayerDemand),
    /// How a subscriber receives what it should: the whole of it.
    Quality(TransportId, Vec<Received>),
    /// Somebody else dominates a room.
    Dominant(RoomKey, SourceId),
    /// Audible sources of a room, the loudest first.
    Levels(RoomKey, Vec<SourceLevel>),
}

/// What an RTP packet from a browser carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carried {
    Media(MediaKind),
    Retransmission,
    Padding,
    /// Nothing that could be told.
    Other,
}

/// What was counted since the start, browsers that are gone included, and what there is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    pub uplinks: UplinkStats,
    pub downlinks: DownlinkStats,
    /// Layers and audio tracks that arrive now.
    pub tracks: u64,
    /// Lines that show something now.
    pub slots: u64,
    pub quality: QualityTotals,
    /// Subscribers whose network is estimated, and their estimates together.
    pub estimated: u64,
    pub estimate: Bps,
    /// Pictures held back for want of bandwidth, as subscribers were told.
    pub paused: u64,
    pub feeds: FeedTotals,
    /// What the shard gives up now because it works at its limit, and what it took from how many pictures.
    pub pressure: Pressure,
    pub pressed: [u64; Pressure::ALL.len()],
}

/// All of one shard's forwarding. Peers are named by the owner's dense index.
pub struct Forwarder {
    epoch: Instant,
    /// `epoch` as an NTP timestamp (RFC 3550 §4).
    epoch_ntp: u64,
    publishers: Vec<Option<Publisher>>,
    subscribers: Vec<Option<Subscriber>>,
    sources: HashMap<SourceId, Source, ahash::RandomState>,
    /// Peers by transport, so that sources announced before their transport find it.
    peers: HashMap<TransportId, usize>,
    next_review: Instant,
    round: Round,
    /// When each browser has something due, as far as it is known: see `touched`.
    timers: Timers,
    /// When each has something to tell about what it publishes.
    feedback_due: Timers,
    /// Peers of which what is due may have changed since it was worked out last. The review touches everybody, so what
    /// escapes this is late by its period at most.
    touched: Vec<usize>,
    /// Peers of which a line waits for a key frame that nobody was asked for yet.
    waiting: Vec<usize>,
    gathered: Gathered,
    /// Routes changed since the publishers' layers were last looked at.
    rerouted: bool,
    points: Vec<OperatingPoint>,
    rooms: HashMap<RoomKey, RoomSound>,
    crowd: Crowd,
    undecodable: HashMap<TransportId, Vec<SourceId>>,
    news: Vec<News>,
    feedback: Vec<u8>,
    /// Of browsers that are gone.
    retired: (UplinkStats, DownlinkStats),
    retired_rooms: Retired,
    quality: QualityTotals,
    feeds: Feeds,
    pressure: pressure::Gauge,
    /// Pictures that pressure took something from, by [`Pressure`].
    pressed: [u64; Pressure::ALL.len()],
    pacing: bool,
}

fn kind_index(kind: MediaKind) -> usize {
    match kind {
        MediaKind::Audio => 0,
        MediaKind::Video => 1,
    }
}

/// The ring of a source's layer, while somebody carries it.
fn ring_of<'a>(
    sources: &'a HashMap<SourceId, Source, ahash::RandomState>,
    publishers: &'a [Option<Publisher>],
    id: SourceId,
    kind: MediaKind,
    layer: usize,
) -> Option<&'a Ring> {
    sources.get(&id)?.layers(publishers, kind).get(layer).map(Layer::ring)
}

/// Index of a role's source in [`Publisher::sources`].
fn source_index(role: UplinkRole) -> usize {
    match role {
        UplinkRole::Microphone | UplinkRole::Camera => 0,
        UplinkRole::Screen | UplinkRole::ScreenAudio => 1,
    }
}

impl Forwarder {
    /// `epoch` is the origin of server capture time, `epoch_ntp` the same moment as an NTP timestamp.
    pub fn new(epoch: Instant, epoch_ntp: u64) -> Forwarder {
        Forwarder {
            epoch,
            epoch_ntp,
            publishers: Vec::new(),
            subscribers: Vec::new(),
            sources: HashMap::default(),
            peers: HashMap::new(),
            next_review: epoch + REVIEW,
            round: Round::begin(epoch, 0),
            timers: Timers::new(epoch),
            feedback_due: Timers::new(epoch),
            touched: Vec::new(),
            waiting: Vec::new(),
            gathered: Gathered::default(),
            rerouted: false,
            points: Vec::new(),
            rooms: HashMap::new(),
            crowd: Crowd(usize::MAX),
            undecodable: HashMap::new(),
            news: Vec::new(),
            feedback: Vec::with_capacity(2_048),
            retired: Default::default(),
            retired_rooms: Retired::default(),
            quality: QualityTotals::default(),
            feeds: Feeds::default(),
            pressure: pressure::Gauge::default(),
            pressed: Default::default(),
            pacing: true,
        }
    }

    /// Whether packets leave no faster than each browser's network seems to carry; otherwise they leave as they come. To
    /// be said before the first browser is there.
    pub fn set_pacing(&mut self, pacing: bool) {
        self.pacing = pacing;
    }

    /// Adds the browser `transport` under the owner's index `peer`, or applies its re-negotiation.
    pub fn set_peer(
        &mut self,
        now: Instant,
        peer: usize,
        transport: TransportId,
        room: RoomKey,
        spec: SharedMediaSpec,
        rng: &mut impl Rng,
    ) {
        if self.publishers.len() <= peer {
            self.publishers.resize_with(peer + 1, || None);
            self.subscribers.resize_with(peer + 1, || None);
        }
        match (&mut self.publishers[peer], &mut self.subscribers[peer]) {
            (Some(publisher), Some(subscriber)) => {
                publisher.uplink.update(spec.clone());
                subscriber.downlink.update(spec.clone(), rng);
                subscriber.update(now, spec);
                self.note_feedback(peer);
            }
            _ => {
                let reporter = Ssrc(rng.random_range(1..=u32::MAX));
                self.publishers[peer] =
                    Some(Publisher { uplink: Uplink::new(spec.clone(), self.epoch, reporter), sources: [None; 2] });
                let downlink = Downlink::new(spec.clone(), self.epoch, rng);
                self.subscribers[peer] = Some(Subscriber::new(now, transport, room, spec, downlink, self.pacing));
                self.peers.insert(transport, peer);
                let own: Vec<SourceSpec> =
                    self.sources.values().map(|s| s.spec).filter(|s| s.transport == transport).collect();
                for spec in own {
                    self.set_source(now, spec);
                }
                self.room_gains_member(room);
            }
        }
        self.seat(now, peer);
    }

    /// Forgets a browser: its routes end, and its sources stay without packets until another transport carries them.
    pub fn remove_peer(&mut self, peer: usize) {
        self.timers.set(peer, None);
        self.feedback_due.set(peer, None);
        if let Some(subscriber) = self.subscribers.get_mut(peer).and_then(Option::take) {
            self.peers.remove(&subscriber.transport);
            self.room_loses_member(subscriber.room);
            self.undecodable.remove(&subscriber.transport);
            self.retired.1 += subscriber.downlink.stats();
            self.retired_rooms.add(subscriber.room, UplinkStats::default(), subscriber.downlink.stats());
            if let Some(Some(publisher)) = self.publishers.get(peer) {
                self.retired_rooms.add(subscriber.room, publisher.uplink.stats(), DownlinkStats::default());
            }
        }
        if let Some(publisher) = self.publishers.get_mut(peer).and_then(Option::take) {
            self.retired.0 += publisher.uplink.stats();
        }
        for source in self.sources.values_mut() {
            if source.peer == Some(peer) {
                source.peer = None;
            }
            for routes in source.routes.iter_mut().flatten() {
                routes.retain(|route| route.peer != peer);
            }
        }
    }

    /// Whether packets may flow to `peer`: its keys are known and a path is nominated.
    pub fn set_ready(&mut self, now: Instant, peer: usize, ready: bool) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(peer)
            && subscriber.ready != ready
        {
            subscriber.set_ready(now, ready);
            self.touch(peer);
            self.note_feedback(peer);
            self.route(now, peer);
        }
    }

    /// Applies who sits where.
    pub fn set_plan(&mut self, now: Instant, peer: usize, plan: Arc<SeatPlan>) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(peer) {
            subscriber.plan = plan;
            self.seat(now, peer);
        }
    }

    /// Takes the share of its time that the shard has worked lately, 0 to 1: at its limit it gives up pictures, from the
    /// top, with the next review.
    pub fn set_load(&mut self, now: Instant, load: f64) {
        self.pressure.note(now, load);
    }

    /// `now` as an NTP timestamp: 32 bits of seconds, 32 bits of fraction.
    pub fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.epoch);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        self.epoch_ntp.wrapping_add(since.as_secs() << 32).wrapping_add(fraction)
    }

    /// Counters and gauges of all browsers together.
    pub fn totals(&self, now: Instant) -> Totals {
        let (uplinks, downlinks) = self.retired;
        let (quality, feeds) = (self.quality, self.feed_totals());
        let (pressure, pressed) = (self.pressure.level(), self.pressed);
        let mut totals = Totals { uplinks, downlinks, quality, feeds, pressure, pressed, ..Totals::default() };
        for publisher in self.publishers.iter().flatten() {
            totals.uplinks += publisher.uplink.stats();
            let arriving = |layer: &&Layer| layer.last_arrival().is_some_and(|at| now - at < ARRIVING);
            for role in UplinkRole::ALL {
                totals.tracks += publisher.uplink.layers(role).iter().filter(arriving).count() as u64;
            }
        }
        for subscriber in self.subscribers.iter().flatten() {
            totals.downlinks += subscriber.downlink.stats();
            subscriber.add_troubles(&mut totals.quality);
            let lines = 0..subscriber.spec.downlinks.len();
            if let Some(estimator) = &subscriber.estimator {
                totals.estimated += 1;
                totals.estimate.0 += estimator.estimate().0;
                totals.paused += subscriber.pauses.told().count() as u64;
            }
            totals.slots += lines.filter(|line| subscriber.downlink.subscriptions(*line)[0].is_some()).count() as u64;
        }
        totals
    }

    /// What happened since the last call.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The subscriber's downlink, for its statistics.
    pub fn downlink(&self, peer: usize) -> Option<&Downlink> {
        self.subscribers.get(peer)?.as_ref().map(|s| &s.downlink)
    }

    /// The publisher's uplink, for its statistics.
    pub fn uplink(&self, peer: usize) -> Option<&Uplink> {
        self.publishers.get(peer)?.as_ref().map(|p| &p.uplink)
    }
}

mod bandwidth;
mod demand;
mod feedback;
mod feeds;
mod gather;
mod outlet;
mod pressure;
mod quality;
mod review;
mod rooms;
mod routes;
mod serve;
mod sound;
mod sources;
mod subscriber;
