//! One shard: every transport and the forwarding of one core, sans I/O.
//!
//! Joins `transport` and `media`: opens what comes in, seals what goes out, and turns cells from the control plane into
//! calls. No sockets, clocks or logging: `net` drives it, and tests drive it in virtual time.

mod links;
mod outbox;
mod sealer;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::border::{ConnectionState, ControlState, DataMessage, FromShard, MediaSample, MediaState};
use crate::id::TransportId;
use crate::media::drop::DropReason;
use crate::media::feed::Inlet;
use crate::media::forwarder::{Carried, Forwarder, News, RoomTotals};
use crate::media::histogram::DURATIONS_MS;
use crate::media::spec::MediaKind;
use crate::media::timers::Timers;
use crate::metrics::{MOST_ROOMS, PacketKind, ShardSnapshot};
use crate::transport::dtls::Certificate;
use crate::transport::spec::{Path, TransportState};
use crate::transport::{Incoming, Transport};
use links::Steps;
pub use outbox::Outbox;
use outbox::is_stun;
use sealer::Sealer;

/// One browser as the shard holds it.
struct Link {
    id: TransportId,
    transport: Transport,
    told: ConnectionState,
    /// When its offer came.
    opened: Instant,
    /// The handshake was completed.
    established: bool,
    /// Where authenticated checks came from, oldest first.
    paths: VecDeque<Path>,
    /// It is among [`Shard::steps`].
    waits_for_step: bool,
}

/// Transports and forwarding of one core.
pub struct Shard {
    certificate: Arc<Certificate>,
    links: Vec<Option<Link>>,
    free: Vec<usize>,
    by_id: HashMap<TransportId, usize>,
    /// Learned from authenticated checks only.
    by_path: HashMap<Path, usize, ahash::RandomState>,
    by_ufrag: HashMap<String, usize, ahash::RandomState>,
    forwarder: Forwarder,
    rng: StdRng,
    /// When each transport has something due.
    timers: Timers,
    /// Browsers that wait for a handshake step.
    steps: Steps,
    counters: ShardSnapshot,
    events: Arc<FromShard>,
    /// Something new lies in `events`.
    reported: bool,
}

/// Paths remembered of one browser: it has a few interfaces and changes ports at every restart.
const MAX_PATHS: usize = 16;

impl Shard {
    /// `epoch` is the origin of server capture time and `epoch_ntp` the same moment as an NTP timestamp; `seed` feeds
    /// every random choice.
    pub fn new(
        certificate: Arc<Certificate>,
        epoch: Instant,
        epoch_ntp: u64,
        seed: u64,
        events: Arc<FromShard>,
    ) -> Shard {
        Shard {
            certificate,
            links: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            by_path: HashMap::default(),
            by_ufrag: HashMap::default(),
            forwarder: Forwarder::new(epoch, epoch_ntp),
            rng: StdRng::seed_from_u64(seed),
            timers: Timers::new(epoch),
            steps: Steps::default(),
            counters: ShardSnapshot::default(),
            events,
            reported: false,
        }
    }

    /// See [`Forwarder::set_loudest_above`].
    pub fn set_loudest_above(&mut self, members: usize) {
        self.forwarder.set_loudest_above(members);
    }

    /// See [`Forwarder::set_pacing`].
    pub fn set_pacing(&mut self, pacing: bool) {
        self.forwarder.set_pacing(pacing);
    }

    /// See [`Forwarder::set_feeds`].
    pub fn set_feeds(&mut self, own: usize, inlets: Vec<Arc<Inlet>>) {
        self.forwarder.set_feeds(own, inlets);
    }

    /// See [`Forwarder::take_fed`].
    pub fn take_fed(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.forwarder.take_fed()
    }

    /// Takes a batch of what other shards gave, which ends with [`Shard::end_batch`]. True when more may be waiting.
    pub fn take_feeds(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        let waiting = self.forwarder.waiting_feeds();
        self.begin_batch(waiting, outbox);
        self.forwarder.take_feeds(now, &mut Sealer::new(&mut self.links, outbox, &mut self.counters))
    }

    /// See [`Forwarder::set_load`].
    pub fn set_load(&mut self, now: Instant, load: f64) {
        self.forwarder.set_load(now, load);
    }

    /// Applies one cell.
    pub fn apply(&mut self, now: Instant, state: ControlState, outbox: &mut Outbox) {
        match state {
            ControlState::Transport(id, Some(spec)) => self.set_transport(now, id, spec),
            ControlState::Transport(id, None) => self.close(now, id, outbox),
            ControlState::Source(_, Some(spec)) => self.forwarder.set_source(now, spec),
            ControlState::Source(id, None) => self.forwarder.remove_source(now, id),
            ControlState::Span(room, span) => self.forwarder.set_span(room, span),
            ControlState::Seats(id, plan) => {
                if let Some(peer) = self.by_id.get(&id) {
                    self.forwarder.set_plan(now, *peer, plan);
                }
            }
        }
    }

    /// Says that `media` media packets have come together: those of one picture are sent together, with what follows in
    /// further batches, at the latest with [`Shard::end_batch`].
    pub fn begin_batch(&mut self, media: usize, outbox: &mut Outbox) {
        outbox.expect(media);
        self.forwarder.gather(media > 0);
    }

    /// Whether so much came together that [`Shard::forward_gathered`] should be called before more is received.
    pub fn has_gathered_enough(&self) -> bool {
        self.forwarder.has_gathered_enough()
    }

    /// Forwards what came together. True when it has not come to everybody yet: send what waits, and call this again.
    pub fn forward_gathered(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        outbox.expect(self.forwarder.gathered());
        self.forwarder.forward_some(now, &mut Sealer::new(&mut self.links, outbox, &mut self.counters))
    }

    /// What came together has been handed over: the rest of it is forwarded.
    pub fn end_batch(&mut self, now: Instant, outbox: &mut Outbox) {
        self.forwarder.forward_gathered(now, &mut Sealer::new(&mut self.links, outbox, &mut self.counters));
        self.begin_batch(0, outbox);
    }

    /// One datagram from the network, decrypted in place.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &mut [u8], outbox: &mut Outbox) {
        let size = datagram.len();
        let stun = is_stun(datagram);
        let Some(peer) = self.find(path, datagram) else {
            return self.counters.drop(DropReason::UnknownAddress);
        };
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        match link.transport.handle(now, path, datagram, outbox) {
            Ok(Incoming::Rtp(len)) => {
                let mut sealer = Sealer::new(&mut self.links, outbox, &mut self.counters);
                let carried = self.forwarder.receive_rtp(now, peer, &datagram[..len], &mut sealer);
                drop(sealer);
                let kind = match carried {
                    Carried::Media(MediaKind::Audio) => PacketKind::Audio,
                    Carried::Media(MediaKind::Video) => PacketKind::Video,
                    Carried::Retransmission => PacketKind::Rtx,
                    Carried::Padding => PacketKind::Probe,
                    Carried::Other => PacketKind::Other,
                };
                self.counters.receive(kind, size);
            }
            Ok(Incoming::Rtcp(len)) => {
                self.counters.receive(PacketKind::Rtcp, size);
                let ntp = self.forwarder.ntp(now);
                let mut sealer = Sealer::new(&mut self.links, outbox, &mut self.counters);
                self.forwarder.receive_rtcp(now, ntp, peer, &datagram[..len], &mut sealer);
            }
            Ok(Incoming::Consumed) => {
                self.counters.receive(if stun { PacketKind::Stun } else { PacketKind::Dtls }, size);
                if stun && !link.paths.contains(&path) {
                    self.learn(peer, path);
                }
                self.note_state(now, peer);
            }
            Err(reason) => self.counters.drop(reason),
        }
        self.schedule(peer);
    }

    /// When [`Shard::handle_timeout`] wants to be called.
    pub fn next_timeout(&mut self, now: Instant) -> Instant {
        if !self.steps.is_empty() {
            return now;
        }
        let forwarder = self.forwarder.next_timeout(now);
        self.timers.next().map_or(forwarder, |at| at.min(forwarder))
    }

    /// Timers, at most one handshake step, and news for the control plane.
    pub fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        self.step(now, outbox);
        let mut from = 0;
        while let Some(peer) = self.timers.due(now, from) {
            if let Some(Some(link)) = self.links.get_mut(peer) {
                link.transport.handle_timeout(now, outbox);
                self.note_state(now, peer);
            }
            self.schedule(peer);
            from = peer + 1;
        }
        if self.forwarder.next_timeout(now) <= now {
            let ntp = self.forwarder.ntp(now);
            let mut sealer = Sealer::new(&mut self.links, outbox, &mut self.counters);
            self.forwarder.handle_timeout(now, ntp, &mut sealer);
        }
        let [stun, dtls] = outbox.take_volumes();
        self.counters.sent[PacketKind::Stun as usize] += stun;
        self.counters.sent[PacketKind::Dtls as usize] += dtls;
        self.report();
    }

    /// Sends a data-channel message to its browser.
    pub fn send_data(&mut self, now: Instant, message: &DataMessage, outbox: &mut Outbox) {
        // A browser that has just gone misses nothing.
        let Some(peer) = self.by_id.get(&message.transport) else { return };
        let Some(Some(link)) = self.links.get_mut(*peer) else { return };
        if let Err(reason) = link.transport.send_data(now, message.lane, &message.payload, outbox) {
            self.counters.drop(reason);
        }
        let peer = *peer;
        self.schedule(peer);
    }

    /// Whether the control plane has something to fetch, since this was asked last.
    pub fn take_reported(&mut self) -> bool {
        std::mem::take(&mut self.reported)
    }

    /// Whether somebody's authenticated check came by `path`, and its transport still lives.
    pub fn knows(&self, path: Path) -> bool {
        self.by_path.contains_key(&path)
    }

    /// Forgets a path whose TCP connection is gone.
    pub fn path_closed(&mut self, path: Path) {
        if let Some(peer) = self.by_path.remove(&path)
            && let Some(Some(link)) = self.links.get_mut(peer)
        {
            link.paths.retain(|known| *known != path);
            link.transport.path_closed(path);
        }
    }

    /// For what the driver of the shard counts.
    pub fn counters_mut(&mut self) -> &mut ShardSnapshot {
        &mut self.counters
    }

    /// Counts datagrams that did not leave.
    pub fn count_drops(&mut self, reason: DropReason, datagrams: u64) {
        self.counters.drop_many(reason, datagrams);
    }

    /// Counts datagrams that the kernel refused: no route, or an address that is gone.
    pub fn count_send_errors(&mut self, datagrams: u64) {
        self.counters.send_errors += datagrams;
    }

    /// Counts data-channel messages that found the way to this shard full.
    pub fn count_shed(&mut self, messages: u64) {
        self.counters.shed += messages;
    }

    /// A copy of the counters; how busy the shard is, its driver knows.
    pub fn snapshot(&self, now: Instant) -> ShardSnapshot {
        let mut counters = self.counters;
        let totals = self.forwarder.totals(now);
        counters.nacks_received = totals.downlinks.nacks;
        counters.nacks_sent = totals.uplinks.nacks;
        counters.plis_received = totals.downlinks.plis;
        counters.plis_sent = totals.uplinks.plis;
        counters.switches = totals.downlinks.switches;
        counters.replays = totals.downlinks.replays;
        counters.tracks = totals.tracks;
        counters.slots = totals.slots;
        counters.quality = totals.quality;
        counters.recovered = totals.uplinks.recovered;
        (counters.estimated, counters.estimate) = (totals.estimated, totals.estimate.0);
        counters.paused = totals.paused;
        counters.feeds = totals.feeds;
        (counters.pressure, counters.pressed) = (totals.pressure, totals.pressed);
        use ConnectionState::{Connected, Connecting, Disconnected, Failed, New};
        for state in [New, Connecting, Connected, Disconnected, Failed] {
            let count = self.links.iter().flatten().filter(|link| link.told == state).count();
            counters.set_connections(state, count as u64);
        }
        counters
    }

    /// What the largest rooms carry.
    pub fn rooms(&mut self, now: Instant) -> Vec<RoomTotals> {
        self.forwarder.rooms(now, MOST_ROOMS)
    }

    /// Passes on a transport's state and its data-channel messages.
    fn note_state(&mut self, now: Instant, peer: usize) {
        let Some(link) = &mut self.links[peer] else { return };
        while let Some((lane, payload)) = link.transport.poll_data() {
            let message = DataMessage { transport: link.id, lane, payload };
            self.reported |= self.events.send(MediaSample::Data(message));
        }
        let state = match link.transport.state() {
            TransportState::New => ConnectionState::New,
            TransportState::Connecting => ConnectionState::Connecting,
            TransportState::Connected => ConnectionState::Connected,
            TransportState::Disconnected => ConnectionState::Disconnected,
            TransportState::Failed => ConnectionState::Failed,
        };
        if state != link.told {
            link.told = state;
            if state == ConnectionState::Connected && !std::mem::replace(&mut link.established, true) {
                self.counters.handshakes += 1;
                let took = now.saturating_duration_since(link.opened).as_millis() as u64;
                self.counters.connect.add(&DURATIONS_MS, took);
            }
            self.reported |= self.events.put(MediaState::Transport(link.id, state));
            let ready = matches!(state, ConnectionState::Connected | ConnectionState::Disconnected);
            self.forwarder.set_ready(now, peer, ready);
        }
    }

    fn report(&mut self) {
        for news in self.forwarder.take_news() {
            self.reported |= match news {
                News::Source(id, state) => self.events.put(MediaState::Source(id, state)),
                News::AudioLines(id, lines) => self.events.put(MediaState::AudioLines(id, lines)),
                News::Paused(id, sources) => self.events.put(MediaState::Paused(id, sources)),
                News::Demand(id, demand) => self.events.put(MediaState::Demand(id, demand)),
                News::Quality(id, received) => self.events.put(MediaState::Quality(id, received)),
                News::Undecodable(id, sources) => self.events.put(MediaState::Undecodable(id, sources)),
                News::Dominant(room, source) => self.events.put(MediaState::Dominant(room, source)),
                News::Levels(room, levels) => self.events.send(MediaSample::Levels(room, levels)),
            };
        }
    }
}
