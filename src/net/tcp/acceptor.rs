//! The thread that accepts connections and reads from each just enough to know its shard.
//!
//! Holds strangers for a few seconds at most, and not many of them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::listener::Listener;
use super::stream::{CHUNK, Ended, Stream};
use crate::net::worker::Handle;
use crate::transport::ice::target_ufrag;
use crate::transport::spec::IceCredentials;

const WAKER: Token = Token(usize::MAX);
/// First token of connections; those below are listeners.
const FIRST_TOKEN: usize = 16;
/// From a connection's first octet to its first check. Browsers send it with the end of the TCP handshake; this leaves
/// room for two retransmissions.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that have shown no check yet: a large room that arrives at once. When there are more, the oldest goes:
/// browsers speak at once, so it is the likeliest to be none.
const MAX_WAITING: usize = 512;
/// The same of one address: an office behind one.
const MAX_WAITING_PER_ADDRESS: usize = 64;
/// Connections that a shard has not fetched yet. It does so within milliseconds.
const MAX_ARRIVALS: usize = 512;
/// Connections taken from one listener before those that wait get their turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Pause after accepting failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest sleep: the loop notices a stop within this even when nobody wakes it.
const MAX_SLEEP: Duration = Duration::from_millis(500);

/// A connection whose first frame was read.
pub struct Arrival {
    stream: Stream,
    check: Vec<u8>,
}

impl Arrival {
    /// The connection, and its first frame: a connectivity check that nobody has authenticated yet.
    pub(super) fn into_parts(self) -> (Stream, Vec<u8>) {
        (self.stream, self.check)
    }
}

/// Connections on their way to a shard.
#[derive(Default)]
pub struct Arrivals {
    inner: Mutex<Waiting>,
}

/// What [`Arrivals`] held.
#[derive(Default)]
pub struct Waiting {
    pub arrived: Vec<Arrival>,
    /// Connections that the acceptor closed since this was asked last. It tells the first shard.
    pub refused: u64,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Contents stay consistent between statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes everything out.
    pub fn take(&self) -> Waiting {
        std::mem::take(&mut self.lock())
    }

    /// Queues a connection, or hands it back when too many wait.
    fn push(&self, arrival: Arrival) -> Option<Arrival> {
        let mut waiting = self.lock();
        if waiting.arrived.len() >= MAX_ARRIVALS {
            return Some(arrival);
        }
        waiting.arrived.push(arrival);
        None
    }
}

/// The acceptor as its owner holds it. Dropping it closes the port and waits for the thread.
pub struct Acceptor {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Starts accepting for `shards`, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When the system refuses a poller or a thread.
    pub fn start(listeners: Vec<Listener>, shards: Vec<Arc<Handle>>) -> io::Result<Acceptor> {
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Desk::new(listeners, shards, stop.clone())?;
        let waker = Arc::new(Waker::new(desk.poll.registry(), WAKER)?);
        let thread = Some(std::thread::Builder::new().name("tcp-acceptor".to_owned()).spawn(|| desk.run())?);
        Ok(Acceptor { stop, waker, thread })
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A dead poller needs no waking.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

/// The acceptor's own side: what its thread works with.
struct Desk {
    poll: Poll,
    listeners: Vec<Listener>,
    /// By listener, whether somebody may be waiting.
    knocked: Vec<bool>,
    waiting: Slab<Stranger>,
    shards: Vec<Arc<Handle>>,
    stop: Arc<AtomicBool>,
    chunk: Box<[u8; CHUNK]>,
}

/// A connection that has shown no check yet.
struct Stranger {
    stream: Stream,
    network: IpAddr,
    since: Instant,
}

/// What became of a stranger.
enum Shown {
    /// Not a whole frame yet.
    Nothing,
    /// A check for a shard.
    Check(usize, Vec<u8>),
    /// Something else, or the end.
    Garbage,
}

impl Desk {
    fn new(mut listeners: Vec<Listener>, shards: Vec<Arc<Handle>>, stop: Arc<AtomicBool>) -> io::Result<Desk> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener.socket(), Token(index), Interest::READABLE)?;
        }
        let knocked = vec![true; listeners.len()];
        Ok(Desk { poll, listeners, knocked, waiting: Slab::new(), shards, stop, chunk: Box::new([0; CHUNK]) })
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        while !self.stop.load(Ordering::Acquire) {
            let sleep = if self.knocked.contains(&true) { Duration::ZERO } else { MAX_SLEEP };
            // An interrupted wait is an empty one.
            let _ = self.poll.poll(&mut events, Some(sleep));
            for event in &events {
                match event.token().0 {
                    index if index < self.knocked.len() => self.knocked[index] = true,
                    token => {
                        if let Some(key) = token.checked_sub(FIRST_TOKEN) {
                            self.hear(key);
                        }
                    }
                }
            }
            let now = Instant::now();
            for index in 0..self.knocked.len() {
                if self.knocked[index] {
                    self.knocked[index] = self.accept(now, index);
                }
            }
            self.lose_patience(now);
        }
    }

    /// True when more may be waiting.
    fn accept(&mut self, now: Instant, index: usize) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listeners[index].socket().accept() {
                Ok((socket, remote)) => self.take(now, socket, remote),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept media over TCP");
                    std::thread::sleep(ACCEPT_PAUSE);
                    return true;
                }
            }
        }
        true
    }

    fn take(&mut self, now: Instant, socket: TcpStream, remote: SocketAddr) {
        let network = network(remote.ip());
        let of_network = self.waiting.iter().filter(|(_, other)| other.network == network).count();
        let Ok(mut stream) = Stream::new(socket, remote) else { return self.count_refused() };
        if of_network >= MAX_WAITING_PER_ADDRESS {
            stream.reset();
            return self.count_refused();
        }
        if self.waiting.len() >= MAX_WAITING
            && let Some((oldest, _)) = self.waiting.iter().min_by_key(|(_, other)| other.since)
        {
            self.refuse(oldest);
        }
        let entry = self.waiting.vacant_entry();
        let token = Token(FIRST_TOKEN + entry.key());
        if self.poll.registry().register(stream.source(), token, Interest::READABLE).is_err() {
            return self.count_refused();
        }
        // What has arrived already is reported by the next poll.
        entry.insert(Stranger { stream, network, since: now });
    }

    /// Reads from a stranger and acts on what it shows.
    fn hear(&mut self, key: usize) {
        let Some(stranger) = self.waiting.get_mut(key) else { return };
        let (shard, check) = match shown(&mut stranger.stream, &mut self.chunk) {
            Shown::Nothing => return,
            Shown::Check(shard, check) => (shard, check),
            Shown::Garbage => return self.refuse(key),
        };
        let Some(handle) = self.shards.get(shard) else { return self.refuse(key) };
        let mut stream = self.waiting.remove(key).stream;
        // The shard has a poller of its own. One that was never registered cannot be here.
        let _ = self.poll.registry().deregister(stream.source());
        match handle.arrivals.push(Arrival { stream, check }) {
            // A dead poller means a stopped shard, which needs no waking.
            None => drop(handle.waker.wake()),
            Some(arrival) => {
                arrival.stream.reset();
                self.count_refused();
            }
        }
    }

    fn lose_patience(&mut self, now: Instant) {
        let late = |stranger: &Stranger| now.duration_since(stranger.since) > PATIENCE;
        let late: Vec<usize> = self.waiting.iter().filter(|(_, other)| late(other)).map(|(key, _)| key).collect();
        late.into_iter().for_each(|key| self.refuse(key));
    }

    fn refuse(&mut self, key: usize) {
        if let Some(stranger) = self.waiting.try_remove(key) {
            stranger.stream.reset();
            self.count_refused();
        }
    }

    fn count_refused(&self) {
        if let Some(first) = self.shards.first() {
            first.arrivals.lock().refused += 1;
        }
    }
}

/// Reads until the first frame is whole.
fn shown(stream: &mut Stream, chunk: &mut [u8; CHUNK]) -> Shown {
    loop {
        match stream.read(chunk) {
            Ok(true) => {}
            Ok(false) => return Shown::Nothing,
            Err(Ended) => return Shown::Garbage,
        }
        match stream.framer.next_frame() {
            Ok(None) => {}
            Err(_) => return Shown::Garbage,
            Ok(Some(frame)) => {
                let shard = target_ufrag(frame).and_then(IceCredentials::shard_of);
                return shard.map_or(Shown::Garbage, |shard| Shown::Check(shard, frame.to_vec()));
            }
        }
    }
}

/// Whether accept failed because of the one connection it was about to give.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What counts as one address: of IPv6 the /64 network, which one household has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}
