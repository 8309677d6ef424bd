//! One shard: every transport and the forwarding of one core, sans I/O.
//!
//! Joins `transport` and `media`: opens what comes in, seals what goes out, and turns cells from the control plane into
//! calls. No sockets, clocks or logging: `net` drives it, and tests drive it in virtual time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::border::{ConnectionState, ControlState, FromShard, MediaSample, MediaState, TransportSpec};
use crate::id::TransportId;
use crate::media::drop::DropReason;
use crate::media::forwarder::{Forwarder, News, Sink};
use crate::media::outgoing::Outgoing;
use crate::media::packet::MAX_PACKET;
use crate::media::spec::MediaKind;
use crate::metrics::{PacketKind, ShardSnapshot};
use crate::transport::dtls::Certificate;
use crate::transport::ice::target_ufrag;
use crate::transport::spec::{Path, TransportState};
use crate::transport::{Incoming, Transport, TransportOut};

/// Datagrams waiting to be sent, in one buffer that is reused from tick to tick.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<(Path, usize, usize)>,
}

impl Outbox {
    /// The datagrams in the order of sending: where to, and what.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.datagrams.iter().map(|(path, start, end)| (*path, &self.bytes[*start..*end]))
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    /// Lets `write` fill a buffer of `room` octets; what it says it wrote is queued for `path`.
    fn write<E>(
        &mut self,
        path: Path,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let written = write(&mut self.bytes[start..]);
        let len = *written.as_ref().unwrap_or(&0);
        self.bytes.truncate(start + len);
        if len > 0 {
            self.datagrams.push((path, start, start + len));
        }
        written
    }
}

impl TransportOut for Outbox {
    fn send(&mut self, path: Path, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.datagrams.push((path, start, start + bytes.len()));
    }
}

/// One browser as the shard holds it.
struct Link {
    id: TransportId,
    transport: Transport,
    spec: Arc<TransportSpec>,
    told: ConnectionState,
    /// Where authenticated checks came from, oldest first.
    paths: VecDeque<Path>,
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
    /// Where the search for a handshake step goes on, so that no browser waits for ever.
    next_step: usize,
    counters: ShardSnapshot,
    events: Arc<FromShard>,
    /// Something new lies in `events`.
    reported: bool,
}

/// Seals what the forwarder wrote and queues it.
struct Sealer<'a> {
    links: &'a mut [Option<Link>],
    outbox: &'a mut Outbox,
    counters: &'a mut ShardSnapshot,
}

/// Paths remembered of one browser: it has a few interfaces and changes ports at every restart.
const MAX_PATHS: usize = 16;

/// Room for the SRTP tag behind the largest packet: 16 octets for GCM, 10 for SHA1; SRTCP adds 4 for its index.
const TAG_ROOM: usize = 20;

impl Sink for Sealer<'_> {
    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) {
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        let Some(path) = link.transport.send_path() else {
            return self.counters.drop(DropReason::NotConnected);
        };
        let Link { transport, spec, .. } = link;
        let mut kind = PacketKind::Rtx;
        let sealed = self.outbox.write(path, MAX_PACKET + TAG_ROOM, |buffer| {
            let Outgoing { stream, seq, header_len, len } = write(&mut buffer[..MAX_PACKET])?;
            let line = spec.media.downlinks.get(stream / 2).ok_or(DropReason::NotSelected)?;
            let ssrc = match (stream % 2, line.kind) {
                (0, MediaKind::Audio) => (kind = PacketKind::Audio, line.ssrc).1,
                (0, MediaKind::Video) => (kind = PacketKind::Video, line.ssrc).1,
                _ => line.rtx_ssrc.ok_or(DropReason::NotRetransmittable)?,
            };
            transport.seal_rtp(stream, ssrc, seq, header_len, buffer, len)
        });
        match sealed {
            Ok(len) => self.counters.send(kind, len),
            Err(reason) => self.counters.drop(reason),
        }
    }

    fn rtcp(&mut self, peer: usize, packet: &[u8]) {
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        let Some(path) = link.transport.send_path() else { return };
        let transport = &mut link.transport;
        let sealed = self.outbox.write(path, packet.len() + TAG_ROOM, |buffer| {
            buffer[..packet.len()].copy_from_slice(packet);
            transport.seal_rtcp(buffer, packet.len())
        });
        match sealed {
            Ok(len) => self.counters.send(PacketKind::Rtcp, len),
            Err(reason) => self.counters.drop(reason),
        }
    }

    fn dropped(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}

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
            next_step: 0,
            counters: ShardSnapshot::default(),
            events,
            reported: false,
        }
    }

    /// Applies one cell.
    pub fn apply(&mut self, now: Instant, state: ControlState, outbox: &mut Outbox) {
        match state {
            ControlState::Transport(id, Some(spec)) => self.set_transport(now, id, spec),
            ControlState::Transport(id, None) => self.close(now, id, outbox),
            ControlState::Source(_, Some(spec)) => self.forwarder.set_source(spec),
            ControlState::Source(id, None) => self.forwarder.remove_source(now, id),
            ControlState::Seats(id, plan) => {
                if let Some(peer) = self.by_id.get(&id) {
                    self.forwarder.set_plan(now, *peer, plan);
                }
            }
        }
    }

    /// One datagram from the network, decrypted in place.
    pub fn receive(&mut self, now: Instant, path: Path, datagram: &mut [u8], outbox: &mut Outbox) {
        let size = datagram.len();
        let first = datagram.first().copied().unwrap_or(0);
        let Some(peer) = self.find(path, datagram) else {
            return self.counters.drop(DropReason::UnknownAddress);
        };
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        match link.transport.handle(now, path, datagram, outbox) {
            Ok(Incoming::Rtp(len)) => {
                let mut sealer = Sealer { links: &mut self.links, outbox, counters: &mut self.counters };
                let kind = self.forwarder.receive_rtp(now, peer, &mut datagram[..len], &mut sealer);
                self.counters.receive(
                    match kind {
                        Some(MediaKind::Audio) => PacketKind::Audio,
                        Some(MediaKind::Video) => PacketKind::Video,
                        None => PacketKind::Rtx,
                    },
                    size,
                );
            }
            Ok(Incoming::Rtcp(len)) => {
                self.counters.receive(PacketKind::Rtcp, size);
                let ntp = self.forwarder.ntp(now);
                let mut sealer = Sealer { links: &mut self.links, outbox, counters: &mut self.counters };
                self.forwarder.receive_rtcp(now, ntp, peer, &datagram[..len], &mut sealer);
            }
            Ok(Incoming::Consumed) => {
                // RFC 7983 §7: STUN begins below 4, DTLS at 20.
                self.counters.receive(if first < 4 { PacketKind::Stun } else { PacketKind::Dtls }, size);
                if first < 4 && !link.paths.contains(&path) {
                    self.learn(peer, path);
                }
                self.note_state(now, peer);
            }
            Err(reason) => self.counters.drop(reason),
        }
    }

    /// When [`Shard::handle_timeout`] wants to be called.
    pub fn next_timeout(&self, now: Instant) -> Instant {
        if self.links.iter().flatten().any(|link| link.transport.wants_step()) {
            return now;
        }
        let transports = self.links.iter().flatten().filter_map(|link| link.transport.next_timeout());
        transports.min().map_or(self.forwarder.next_timeout(), |at| at.min(self.forwarder.next_timeout()))
    }

    /// Timers, at most one handshake step, and news for the control plane.
    pub fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) {
        self.step(now, outbox);
        for peer in 0..self.links.len() {
            if let Some(link) = &mut self.links[peer]
                && link.transport.next_timeout().is_some_and(|at| at <= now)
            {
                link.transport.handle_timeout(now, outbox);
                self.note_state(now, peer);
            }
        }
        if self.forwarder.next_timeout() <= now {
            let ntp = self.forwarder.ntp(now);
            let mut sealer = Sealer { links: &mut self.links, outbox, counters: &mut self.counters };
            self.forwarder.handle_timeout(now, ntp, &mut sealer);
        }
        self.report();
    }

    /// Whether the control plane has something to fetch, since this was asked last.
    pub fn take_reported(&mut self) -> bool {
        std::mem::take(&mut self.reported)
    }

    /// Counts a datagram that the socket refused.
    pub fn count_drop(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }

    /// A copy of the counters.
    pub fn snapshot(&self) -> ShardSnapshot {
        let mut counters = self.counters;
        use ConnectionState::{Connected, Connecting, Disconnected, Failed, New};
        for state in [New, Connecting, Connected, Disconnected, Failed] {
            let count = self.links.iter().flatten().filter(|link| link.told == state).count();
            counters.set_connections(state, count as u64);
        }
        counters
    }

    /// Whose datagram this is: by path, or by the ufrag of a connectivity check from a new one.
    fn find(&self, path: Path, datagram: &[u8]) -> Option<usize> {
        if let Some(ufrag) = target_ufrag(datagram) {
            return self.by_ufrag.get(ufrag).copied();
        }
        self.by_path.get(&path).copied()
    }

    /// Remembers that an authenticated check of `peer` came by `path`.
    fn learn(&mut self, peer: usize, path: Path) {
        let Some(link) = self.links.get_mut(peer).and_then(Option::as_mut) else { return };
        if link.paths.len() >= MAX_PATHS
            && let Some(oldest) = link.paths.pop_front()
        {
            self.by_path.remove(&oldest);
        }
        link.paths.push_back(path);
        if let Some(other) = self.by_path.insert(path, peer)
            && other != peer
            && let Some(Some(link)) = self.links.get_mut(other)
        {
            link.paths.retain(|p| *p != path);
        }
    }

    fn set_transport(&mut self, now: Instant, id: TransportId, spec: Arc<TransportSpec>) {
        let peer = match self.by_id.get(&id) {
            Some(peer) => *peer,
            None => {
                let seed = rand::Rng::random(&mut self.rng);
                let transport = Transport::new(&spec.connection, &self.certificate, now, seed);
                let peer = self.free.pop().unwrap_or(self.links.len());
                if peer == self.links.len() {
                    self.links.push(None);
                }
                self.links[peer] = Some(Link {
                    id,
                    transport,
                    spec: spec.clone(),
                    told: ConnectionState::New,
                    paths: VecDeque::new(),
                });
                self.by_id.insert(id, peer);
                peer
            }
        };
        if let Some(link) = &mut self.links[peer] {
            link.transport.update(&spec.connection);
            link.spec = spec.clone();
        }
        self.by_ufrag.insert(spec.connection.local.ufrag.clone(), peer);
        self.forwarder.set_peer(now, peer, id, spec.room, spec.media.clone(), &mut self.rng);
    }

    fn close(&mut self, now: Instant, id: TransportId, outbox: &mut Outbox) {
        let Some(peer) = self.by_id.remove(&id) else { return };
        self.forwarder.remove_peer(peer);
        self.by_path.retain(|_, p| *p != peer);
        self.by_ufrag.retain(|_, p| *p != peer);
        if let Some(mut link) = self.links[peer].take() {
            link.transport.close(now, outbox);
        }
        self.free.push(peer);
    }

    /// Runs at most one handshake step, of the next browser in turn that waits for one.
    fn step(&mut self, now: Instant, outbox: &mut Outbox) {
        let count = self.links.len();
        for offset in 0..count {
            let peer = (self.next_step + offset) % count;
            if let Some(link) = &mut self.links[peer]
                && link.transport.wants_step()
            {
                link.transport.step(now, outbox);
                self.next_step = peer + 1;
                self.note_state(now, peer);
                return;
            }
        }
    }

    /// Passes on a transport's state and its data-channel messages.
    fn note_state(&mut self, now: Instant, peer: usize) {
        let Some(link) = &mut self.links[peer] else { return };
        let state = match link.transport.state() {
            TransportState::New => ConnectionState::New,
            TransportState::Connecting => ConnectionState::Connecting,
            TransportState::Connected => ConnectionState::Connected,
            TransportState::Disconnected => ConnectionState::Disconnected,
            TransportState::Failed => ConnectionState::Failed,
        };
        if state != link.told {
            link.told = state;
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
                News::Undecodable(id, sources) => self.events.put(MediaState::Undecodable(id, sources)),
                News::Levels(room, levels) => self.events.send(MediaSample::Levels(room, levels)),
            };
        }
    }
}
