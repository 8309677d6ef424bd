//! A call: the forwarder in the middle, browsers around it, and the queue of what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plenum::border::{Received, SeatPlan, SeatedSource, SourceKind, SourceSpec};
use plenum::id::{RoomKey, SeatId, SourceId, Ssrc, TransportId};
use plenum::media::codec;
use plenum::media::drop::DropReason;
use plenum::media::forwarder::{Forwarder, News, Sink};
use plenum::media::outgoing::Outgoing;
use plenum::media::packet::{self, MAX_PACKET};
use plenum::media::rtcp;
use plenum::media::spec::{Codec, SharedMediaSpec};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ledger::Ledger;
use crate::network::{Conditions, Link};
use crate::publisher::{Publisher, Tracks};
use crate::receiver::{Receiver, Temper};
use crate::spec::{Abilities, OPUS, VP8, VP8_RTX, negotiate};
use crate::time::{Us, ntp};
use crate::wire::{Mark, is_rtcp};

/// The tag of AES-GCM, which sealing would add.
const TAG: usize = 16;

const ROOM: RoomKey = RoomKey(1);

/// Something that happens.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    AtServer(usize, Vec<u8>),
    AtBrowser(usize, Vec<u8>),
    Server,
    Browser(usize),
}

/// A browser that joins.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    pub tracks: Tracks,
    pub seats: u16,
    pub transport_cc: bool,
    pub up: Conditions,
    pub down: Conditions,
    pub temper: Temper,
}

impl Default for Guest {
    fn default() -> Guest {
        Guest {
            tracks: Tracks::default(),
            seats: 0,
            transport_cc: true,
            up: Conditions::default(),
            down: Conditions::default(),
            temper: Temper::default(),
        }
    }
}

/// A browser with its network.
pub struct Browser {
    pub publisher: Publisher,
    pub receiver: Receiver,
    pub up: Link,
    pub down: Link,
    spec: SharedMediaSpec,
    /// When its next event is due.
    due: Us,
}

/// One run.
pub struct Call {
    now: Us,
    epoch: Instant,
    forwarder: Forwarder,
    queue: BinaryHeap<Reverse<(Us, u64, Event)>>,
    /// Orders events of the same moment by their making.
    made: u64,
    browsers: Vec<Browser>,
    pub ledger: Ledger,
    /// When somebody else dominated, and which source.
    pub dominant: Vec<(Us, u32)>,
    /// What was said of how each browser receives, by its index.
    pub quality: Vec<(Us, usize, Vec<Received>)>,
    server_due: Us,
    out: Out,
    rng: StdRng,
}

/// What the forwarder handed out during one call.
#[derive(Default)]
struct Out {
    packets: Vec<(usize, Option<Outgoing>, Vec<u8>)>,
    scratch: Vec<u8>,
}

impl Sink for Out {
    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize {
        self.scratch.resize(MAX_PACKET, 0);
        match write(&mut self.scratch) {
            Ok(outgoing) => {
                self.packets.push((peer, Some(outgoing), self.scratch[..outgoing.len].to_vec()));
                outgoing.len + TAG
            }
            Err(_) => 0,
        }
    }

    fn rtcp(&mut self, peer: usize, packet: &[u8]) {
        self.packets.push((peer, None, packet.to_vec()));
    }

    fn dropped(&mut self, _: DropReason) {}
}

impl Call {
    /// A call in which only the loudest are heard when there are more than `members`.
    pub fn crowd(seed: u64, members: usize) -> Call {
        let mut call = Call::new(seed);
        call.forwarder.set_loudest_above(members);
        call
    }

    pub fn new(seed: u64) -> Call {
        let epoch = Instant::now();
        Call {
            now: 0,
            epoch,
            forwarder: Forwarder::new(epoch, ntp(0)),
            queue: BinaryHeap::new(),
            made: 0,
            browsers: Vec::new(),
            ledger: Ledger::default(),
            dominant: Vec::new(),
            quality: Vec::new(),
            server_due: Us::MAX,
            out: Out::default(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    pub fn now(&self) -> Us {
        self.now
    }

    fn instant(&self) -> Instant {
        self.epoch + Duration::from_micros(self.now)
    }

    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// Adds a browser that is connected at once. Its camera is source `2 n + 1` and its screen `2 n + 2`, by its index
    /// `n`.
    pub fn join(&mut self, guest: Guest) -> usize {
        use rand::Rng;
        let peer = self.browsers.len();
        let simulcast = guest.tracks.camera.is_none_or(|shape| shape.layers > 1);
        let spec = negotiate(Abilities { seats: guest.seats, transport_cc: guest.transport_cc, simulcast });
        let (camera, screen) = (camera(peer), camera(peer) + 1);
        let mut seed = || self.rng.random();
        let first_ssrc = 0x0A00_0000 + 0x100 * peer as u32;
        let publisher = Publisher::new(guest.tracks, camera, screen, first_ssrc, guest.transport_cc, seed());
        let sender = publisher.first_ssrc().unwrap_or(Ssrc(1));
        let (up, down) = (Link::new(guest.up, seed()), Link::new(guest.down, seed()));
        let receiver = Receiver::new(spec.clone(), sender, guest.temper);
        self.ledger.join(peer, spec.clone());
        self.browsers.push(Browser { publisher, receiver, up, down, spec: spec.clone(), due: Us::MAX });

        let (now, transport) = (self.instant(), TransportId(peer as u64 + 1));
        self.forwarder.set_peer(now, peer, transport, ROOM, spec, &mut self.rng);
        self.forwarder.set_ready(now, peer, true);
        for (kind, id, sends) in [
            (SourceKind::Camera, camera, guest.tracks.camera.is_some() || guest.tracks.voice),
            (SourceKind::Screen, screen, guest.tracks.screen.is_some()),
        ] {
            if sends {
                let id = SourceId(id);
                self.forwarder.set_source(
                    now,
                    SourceSpec { id, room: ROOM, transport, shard: 0, kind, audio_allowed: true, video_allowed: true },
                );
            }
        }
        self.after_server();
        self.arm(peer);
        peer
    }

    pub fn browser(&mut self, peer: usize) -> &mut Browser {
        &mut self.browsers[peer]
    }

    /// Changes what a browser sends.
    pub fn change(&mut self, peer: usize, change: impl FnOnce(&mut Publisher, Us)) {
        change(&mut self.browsers[peer].publisher, self.now);
        self.arm(peer);
    }

    pub fn sender(&self, peer: usize) -> &Publisher {
        &self.browsers[peer].publisher
    }

    pub fn receiver(&self, peer: usize) -> &Receiver {
        &self.browsers[peer].receiver
    }

    /// Seats `sources` in order, all alike.
    pub fn seat(&mut self, peer: usize, sources: &[u32]) {
        let seats = (0..).zip(sources).map(|(seat, source)| SeatedSource {
            seat: SeatId(seat),
            source: SourceId(*source),
            max_height: u16::MAX,
            priority: 1,
        });
        self.plan(peer, SeatPlan { seats: seats.collect() });
    }

    /// Applies a seat plan, as the room does.
    pub fn plan(&mut self, peer: usize, plan: SeatPlan) {
        self.forwarder.set_plan(self.instant(), peer, Arc::new(plan));
        self.after_server();
    }

    /// Lets the call go on for `span`.
    pub fn run(&mut self, span: Us) {
        let until = self.now + span;
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= until) {
            let Some(Reverse((at, _, event))) = self.queue.pop() else { break };
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = until;
    }

    fn push(&mut self, at: Us, event: Event) {
        self.made += 1;
        self.queue.push(Reverse((at, self.made, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::AtServer(peer, bytes) => self.at_server(peer, &bytes),
            Event::AtBrowser(peer, bytes) => {
                self.at_browser(peer, &bytes);
                self.poll(peer);
            }
            Event::Server => self.server_due = Us::MAX,
            Event::Browser(peer) => {
                self.browsers[peer].due = Us::MAX;
                self.poll(peer);
            }
        }
        if self.server_due == Us::MAX || !self.out.packets.is_empty() {
            self.after_server();
        }
    }

    /// As `shard::Shard::receive` does with what it opened.
    fn at_server(&mut self, peer: usize, bytes: &[u8]) {
        let now = self.instant();
        if is_rtcp(bytes) {
            let ntp = self.forwarder.ntp(now);
            self.forwarder.receive_rtcp(now, ntp, peer, bytes, &mut self.out);
        } else {
            if let Some(mark) = self.mark(peer, bytes) {
                self.ledger.came(self.now, &mark);
            }
            self.forwarder.receive_rtp(now, peer, bytes, &mut self.out);
        }
        self.after_server();
    }

    /// Whose packet a publisher's is; `None` for padding.
    fn mark(&self, peer: usize, bytes: &[u8]) -> Option<Mark> {
        let header = packet::parse(bytes, &self.browsers[peer].spec.extensions).ok()?;
        let mut payload = header.payload(bytes);
        if header.pt == VP8_RTX {
            payload = payload.get(2..)?;
        }
        let codec = if header.pt == OPUS { Codec::Opus } else { Codec::Vp8 };
        debug_assert!([OPUS, VP8, VP8_RTX].contains(&header.pt));
        let facts = codec::facts(codec, payload, header.marker, None).ok()?;
        Mark::read(payload, &facts)
    }

    /// Timers of the server as its worker looks after them: after every batch, and when the next is due. Then everything
    /// leaves.
    fn after_server(&mut self) {
        let now = self.instant();
        if self.forwarder.next_timeout(now) <= now {
            let ntp = self.forwarder.ntp(now);
            self.forwarder.handle_timeout(now, ntp, &mut self.out);
        }
        for news in self.forwarder.take_news() {
            if let News::Dominant(_, source) = news {
                self.dominant.push((self.now, source.0));
            }
            if let News::Quality(transport, received) = &news {
                self.quality.push((self.now, transport.0 as usize - 1, received.clone()));
            }
            // What a publisher shall send reaches it over signalling, which is not simulated: it is there at once.
            if let News::Demand(source, demand) = news
                && let Some(browser) = self.browsers.get_mut((source.0 as usize - 1) / 2)
                && source.0 % 2 == 1
            {
                (0..demand.count).for_each(|layer| browser.publisher.set_wanted(layer, demand.layers.contains(layer)));
            }
        }
        for (peer, outgoing, bytes) in std::mem::take(&mut self.out.packets) {
            if let Some(outgoing) = outgoing {
                self.ledger.left(self.now, peer, outgoing, &bytes);
            }
            let sound = outgoing.is_some_and(|_| bytes[1] & 0x7F == OPUS.0);
            let arrivals: Vec<Us> = self.browsers[peer].down.send(self.now, bytes.len(), sound).collect();
            for at in arrivals {
                self.push(at, Event::AtBrowser(peer, bytes.clone()));
            }
        }
        let next = self.forwarder.next_timeout(now).saturating_duration_since(self.epoch).as_micros() as Us;
        // A timer is never due again within the same microsecond.
        let next = next.max(self.now + 1);
        if next < self.server_due {
            self.server_due = next;
            self.push(next, Event::Server);
        }
    }

    fn at_browser(&mut self, peer: usize, bytes: &[u8]) {
        let now = self.now;
        let Browser { publisher, receiver, .. } = &mut self.browsers[peer];
        if !is_rtcp(bytes) {
            return receiver.rtp(now, bytes);
        }
        let mut answers = Vec::new();
        for part in rtcp::walk(bytes) {
            let part = part.expect("the server sends well-formed RTCP");
            publisher.rtcp(now, &part, &mut answers);
            receiver.rtcp(now, &part);
        }
        self.send(peer, answers);
    }

    /// Lets a browser do what is due.
    fn poll(&mut self, peer: usize) {
        let now = self.now;
        let Browser { publisher, receiver, .. } = &mut self.browsers[peer];
        let mut out = Vec::new();
        if publisher.next() <= now {
            publisher.poll(now, &mut out);
        }
        if receiver.next() <= now {
            receiver.poll(now, publisher.rtt(), &mut out);
        }
        self.send(peer, out);
        self.arm(peer);
    }

    /// Sets a browser's alarm for its next event.
    fn arm(&mut self, peer: usize) {
        let Browser { publisher, receiver, due, .. } = &mut self.browsers[peer];
        let next = publisher.next().min(receiver.next()).max(self.now + 1);
        if next < *due {
            *due = next;
            self.push(next, Event::Browser(peer));
        }
    }

    fn send(&mut self, peer: usize, packets: Vec<Vec<u8>>) {
        for bytes in packets {
            let sound = !is_rtcp(&bytes) && bytes[1] & 0x7F == OPUS.0;
            let arrivals: Vec<Us> = self.browsers[peer].up.send(self.now, bytes.len(), sound).collect();
            for at in arrivals {
                self.push(at, Event::AtServer(peer, bytes.clone()));
            }
        }
    }
}

/// The number of the camera source of the browser `peer`.
pub fn camera(peer: usize) -> u32 {
    2 * peer as u32 + 1
}

/// The number of its screen source.
pub fn screen(peer: usize) -> u32 {
    camera(peer) + 1
}

/// The seeds of a scenario, each printed before its run: `count` of them, or the one in `SIMULATION_SEED`.
pub fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let only: Option<u64> = std::env::var("SIMULATION_SEED").ok().and_then(|seed| seed.parse().ok());
    let many: Option<u64> = std::env::var("SIMULATION_SEEDS").ok().and_then(|many| many.parse().ok());
    let range = only.map_or(0..many.unwrap_or(count), |seed| seed..seed + 1);
    range.inspect(|seed| println!("seed {seed}"))
}
