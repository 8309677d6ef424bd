//! One thread of peers: their sockets, their timers, what their networks lose, and what they measured.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use super::measure::{Figures, Quality};
use super::peer::{Peer, Spec};
use super::weather::{Delayed, Fate, Way, fate};
use super::wire::Out;
use crate::net::udp::{Buffers, Udp};
use crate::transport::spec::{Path, Protocol};

const WAKER: Token = Token(usize::MAX);
/// The socket that all peers share when server and tester are on one machine.
const SHARED: Token = Token(usize::MAX - 1);
/// Longest sleep.
const MOST_SLEEP: Duration = Duration::from_millis(20);
/// How often the gauges are set: as often as anybody looks.
const GAUGES_EVERY: Duration = Duration::from_millis(50);
/// Batches read from one socket before timers get their turn: few, so that what publishers send is not bunched by what the
/// tester receives.
const BATCHES: usize = 2;

/// What a thread is told.
pub(super) enum Command {
    Add(Box<Spec>),
    Remove(u32),
    /// Measure from now on.
    Begin,
    /// Tell what was measured.
    Collect(tokio::sync::oneshot::Sender<Figures>),
}

/// What can be read of a thread at any time.
#[derive(Default)]
pub(super) struct Gauges {
    pub(super) received: AtomicU64,
    pub(super) connected: AtomicU64,
    pub(super) pictured: AtomicU64,
    /// Why it can go on no longer.
    pub(super) failure: Mutex<Option<String>>,
}

/// A running thread. It ends when this is dropped.
pub(super) struct Engine {
    commands: Option<Sender<Command>>,
    waker: Waker,
    pub(super) gauges: Arc<Gauges>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// `shared`: all peers use one socket, each by a loopback address of its own.
    ///
    /// # Errors
    ///
    /// When the system gives no socket, poller or thread.
    pub(super) fn start(number: usize, epoch: Instant, shared: bool) -> io::Result<Engine> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let mut socket = if shared { Some(Udp::bind(false, 0)?) } else { None };
        if let Some(socket) = &mut socket {
            poll.registry().register(socket.source(), SHARED, Interest::READABLE)?;
        }
        let (commands, inbox) = channel();
        let gauges = Arc::new(Gauges::default());
        let worker = Worker {
            poll,
            inbox,
            gauges: gauges.clone(),
            epoch,
            shared: socket,
            peers: HashMap::default(),
            own: HashMap::new(),
            timers: BinaryHeap::new(),
            delayed: Delayed::default(),
            out: Out::default(),
            figures: Figures::default(),
            began: Instant::now(),
            gone: 0,
            next_gauges: epoch,
            more: false,
        };
        let name = format!("load-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
        Ok(Engine { commands: Some(commands), waker, gauges, thread: Some(thread) })
    }

    pub(super) fn tell(&self, command: Command) {
        // A thread that is gone has said why in its gauges.
        let _ = self.commands.as_ref().map(|commands| commands.send(command));
        let _ = self.waker.wake();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        // A dead poller needs no waking.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // Its panic was printed.
            let _ = thread.join();
        }
    }
}

/// The loopback address of a peer: all of 127/8 leads to this machine.
pub(super) fn loopback(id: u32) -> Ipv4Addr {
    let [_, a, b, c] = (id + 256).to_be_bytes();
    Ipv4Addr::new(127, 1 + a % 250, b, c)
}

struct Slot {
    peer: Peer,
    local: IpAddr,
    /// The earliest entry in the heap of timers.
    due: Instant,
    /// Media packets sent when the measuring began.
    sent_before: u64,
}

struct Worker {
    poll: Poll,
    inbox: Receiver<Command>,
    gauges: Arc<Gauges>,
    epoch: Instant,
    shared: Option<Udp>,
    peers: HashMap<u32, Slot, ahash::RandomState>,
    /// Sockets of peers that share none. Without receive offload, so that nothing comes in trains.
    own: HashMap<u32, UdpSocket>,
    timers: BinaryHeap<Reverse<(Instant, u32)>>,
    delayed: Delayed,
    out: Out,
    figures: Figures,
    /// When the measuring began.
    began: Instant,
    /// Packets received by peers that left.
    gone: u64,
    next_gauges: Instant,
    /// The shared socket may hold more than was read.
    more: bool,
}

impl Worker {
    fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        let mut buffers = Buffers::new();
        loop {
            let now = Instant::now();
            let due = [self.timers.peek().map(|Reverse((due, _))| *due), self.delayed.next()];
            let due = if self.more { now } else { due.into_iter().flatten().min().unwrap_or(now + MOST_SLEEP) };
            // An interrupted wait is an empty one.
            let _ = self.poll.poll(&mut events, Some(due.saturating_duration_since(now).min(MOST_SLEEP)));
            let woken = Instant::now();
            loop {
                match self.inbox.try_recv() {
                    Ok(command) => self.obey(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.receive(&events, &mut buffers);
            self.arrive();
            self.tick();
            self.flush();
            self.figures.busy += woken.elapsed();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(spec) => self.add(*spec),
            Command::Remove(id) => {
                self.own.remove(&id);
                if let Some(slot) = self.peers.remove(&id) {
                    self.retire(&slot);
                }
            }
            Command::Begin => self.begin(),
            Command::Collect(reply) => {
                let mut figures = std::mem::take(&mut self.figures);
                let now = Instant::now();
                figures.span = now.duration_since(self.began);
                for slot in self.peers.values_mut() {
                    figures.members.push(slot.peer.downlink.quality(now));
                    figures.sent += slot.peer.sent() - slot.sent_before;
                }
                // Nobody may wait for it any more.
                let _ = reply.send(figures);
                self.begin();
            }
        }
    }

    /// Keeps what a peer measured that goes.
    fn retire(&mut self, slot: &Slot) {
        let quality = slot.peer.downlink.quality(Instant::now());
        self.figures.members.push(Quality { gone: true, ..quality });
        self.figures.sent += slot.peer.sent() - slot.sent_before;
        self.gone += slot.peer.downlink.quality.received;
    }

    fn begin(&mut self) {
        (self.figures, self.began) = (Figures::default(), Instant::now());
        for slot in self.peers.values_mut() {
            slot.peer.downlink.begin();
            slot.sent_before = slot.peer.sent();
        }
    }

    fn add(&mut self, spec: Spec) {
        let now = Instant::now();
        let id = spec.id;
        if self.shared.is_none() {
            let v6 = spec.candidates.first().is_some_and(SocketAddr::is_ipv6);
            let any = if v6 { IpAddr::from([0_u16; 8]) } else { IpAddr::from([0_u8; 4]) };
            let bound = UdpSocket::bind(SocketAddr::new(any, 0)).and_then(|mut socket| {
                self.poll.registry().register(&mut socket, Token(id as usize), Interest::READABLE)?;
                Ok(socket)
            });
            match bound {
                Ok(socket) => drop(self.own.insert(id, socket)),
                Err(error) => return self.fail(&super::LoadError::of_socket(error).to_string()),
            }
        }
        let local = IpAddr::V4(loopback(id));
        let peer = Peer::new(now, self.epoch, spec);
        self.peers.insert(id, Slot { peer, local, due: now, sent_before: 0 });
        self.timers.push(Reverse((now, id)));
    }

    fn fail(&self, error: &str) {
        let mut failure = self.gauges.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| error.to_owned());
    }

    fn receive(&mut self, events: &Events, buffers: &mut Buffers) {
        let Worker { peers, figures, out, delayed, timers, shared, own, more, .. } = self;
        let mut take = |id: u32, from: SocketAddr, now: Instant, datagram: &mut [u8]| {
            let Some(slot) = peers.get_mut(&id) else { return };
            match fate(slot.peer.part().weather.as_ref(), datagram) {
                Fate::Passes => slot.receive(now, id, from, datagram, figures, out, timers),
                Fate::Lost => {}
                Fate::Late(late) => delayed.push(now + late, id, Way::In(from), datagram),
            }
        };
        if let Some(socket) = shared {
            *more = true;
            for _ in 0..BATCHES {
                // An error belongs to one earlier datagram (ICMP).
                let Ok(Some(mut batch)) = socket.receive(buffers) else {
                    *more = false;
                    break;
                };
                batch.each_as_it_came(|path, came, datagram| {
                    if let Some(id) = owner(path.local.ip()) {
                        take(id, path.remote, came, datagram);
                    }
                });
            }
        }
        let mut buffer = [0; 2_048];
        for Token(id) in events.iter().map(mio::event::Event::token) {
            let Some(socket) = own.get(&(id as u32)) else { continue };
            // Until it would block: the next event comes only after that.
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                take(id as u32, from, Instant::now(), buffer.get_mut(..len).unwrap_or_default());
            }
        }
    }

    /// Delayed datagrams whose time has come.
    fn arrive(&mut self) {
        let now = Instant::now();
        while let Some((id, way, mut datagram)) = self.delayed.pop(now) {
            let Some(slot) = self.peers.get_mut(&id) else { continue };
            match way {
                Way::In(from) => {
                    slot.receive(now, id, from, &mut datagram, &mut self.figures, &mut self.out, &mut self.timers);
                }
                Way::Out(to) => self.send(id, to, &datagram),
            }
        }
    }

    fn tick(&mut self) {
        let began = Instant::now();
        let mut now = began;
        while let Some(Reverse((due, id))) = self.timers.peek().copied() {
            // What became due meanwhile has its turn after what was received.
            if due > began {
                break;
            }
            self.timers.pop();
            // An entry that a later one replaced, or of a peer that left.
            let Some(slot) = self.peers.get_mut(&id).filter(|slot| slot.due == due) else { continue };
            self.out.peer = id;
            slot.peer.handle_timeout(now, &mut self.out);
            slot.due = slot.peer.next_timeout().max(now + Duration::from_micros(100));
            self.timers.push(Reverse((slot.due, id)));
            if let Some(failure) = slot.peer.failure.take() {
                self.fail(&failure);
            }
            // At once: what waits for others' turns would look late, with the server's help or not.
            if !self.out.is_empty() {
                self.flush();
            }
            now = Instant::now();
        }
        if self.next_gauges <= now {
            self.next_gauges = now + GAUGES_EVERY;
            self.show();
        }
    }

    fn show(&self) {
        let (mut received, mut connected, mut pictured) = (self.gone, 0, 0);
        for slot in self.peers.values() {
            received += slot.peer.downlink.quality.received;
            connected += u64::from(slot.peer.is_connected());
            pictured += u64::from(slot.peer.downlink.quality.first_frame.is_some());
        }
        self.gauges.received.store(received, Ordering::Relaxed);
        self.gauges.connected.store(connected, Ordering::Relaxed);
        self.gauges.pictured.store(pictured, Ordering::Relaxed);
    }

    fn flush(&mut self) {
        let now = Instant::now();
        let out = std::mem::take(&mut self.out);
        for (id, to, datagram) in out.iter() {
            let weather = self.peers.get(&id).and_then(|slot| slot.peer.part().weather);
            match fate(weather.as_ref(), datagram) {
                Fate::Passes => self.send(id, to, datagram),
                Fate::Lost => {}
                Fate::Late(late) => self.delayed.push(now + late, id, Way::Out(to), datagram),
            }
        }
        self.out = out;
        self.out.clear();
    }

    fn send(&mut self, id: u32, to: SocketAddr, datagram: &[u8]) {
        let sent = match (&self.shared, self.own.get(&id), self.peers.get(&id)) {
            (Some(socket), _, Some(slot)) => {
                let path = Path { protocol: Protocol::Udp, local: SocketAddr::new(slot.local, 0), remote: to };
                socket.send(path, datagram, datagram.len())
            }
            (_, Some(socket), _) => socket.send_to(datagram, to).map(|_| ()),
            _ => return,
        };
        self.figures.unsent += u64::from(sent.is_err());
    }
}

/// Whose loopback address this is.
fn owner(local: IpAddr) -> Option<u32> {
    let IpAddr::V4(address) = local else { return None };
    let [_, a, b, c] = address.octets();
    u32::from_be_bytes([0, a.checked_sub(1)?, b, c]).checked_sub(256)
}

impl Slot {
    #[expect(clippy::too_many_arguments, reason = "parts of a worker that are borrowed apart")]
    fn receive(
        &mut self,
        now: Instant,
        id: u32,
        from: SocketAddr,
        datagram: &mut [u8],
        figures: &mut Figures,
        out: &mut Out,
        timers: &mut BinaryHeap<Reverse<(Instant, u32)>>,
    ) {
        out.peer = id;
        self.peer.receive(now, from, datagram, figures, out);
        let due = self.peer.next_timeout();
        if due < self.due {
            self.due = due;
            timers.push(Reverse((due, id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_loopback_address_of_its_own() {
        for id in [0, 1, 255, 256, 65_535, 65_536, 1 << 20] {
            assert_eq!(owner(loopback(id).into()), Some(id));
        }
    }
}
