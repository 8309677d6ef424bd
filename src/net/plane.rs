//! The media plane as the control plane holds it: shards by number, mailboxes in and out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use crate::border::{ControlState, DataMessage, FromShard, ToShard};
use crate::id::RoomKey;
use crate::media::feed::Inlet;
use crate::metrics::SnapshotCell;
use crate::net::placement::{Placement, Spread};
use crate::net::tcp::{Acceptor, Listener};
use crate::net::udp::Udp;
use crate::net::worker::{Handle, Worker};
use crate::shard::Shard;
use crate::transport::dtls::Certificate;
use crate::transport::spec::{Candidate, Protocol};

/// Data-channel messages waiting for a shard: beyond this the lane is congested and the message is shed.
const INBOX: usize = 4_096;
/// Samples waiting for the control plane: a second of levels from a thousand rooms.
const OUTBOX: usize = 10_000;

/// Niceness of shards' threads, from -20 to 19: they get 28 times the time of ordinary ones where both want all of a core.
const NICENESS: i32 = -15;

/// Seconds from 1900, where NTP counts from, to 1970 (RFC 5905 §6).
const NTP_OFFSET: u64 = 2_208_988_800;

/// All shards of the process.
pub struct Plane {
    /// `None` = media over UDP only.
    acceptor: Option<Acceptor>,
    shards: Vec<Running>,
    threads: Vec<JoinHandle<()>>,
    certificate: Arc<Certificate>,
    placement: Mutex<Placement>,
}

struct Running {
    handle: Arc<Handle>,
    events: Arc<FromShard>,
    candidates: Vec<Candidate>,
}

/// What the plane needs to start.
pub struct PlaneConfig {
    /// UDP port of shard 0; shard `i` uses `port + i`. 0 = any free ones.
    pub port: u16,
    /// TCP port of all shards. 0 = any free one, `None` = no media over TCP.
    pub tcp_port: Option<u16>,
    /// See [`crate::media::forwarder::Forwarder::set_loudest_above`].
    pub loudest_above: usize,
    /// See [`crate::media::forwarder::Forwarder::set_pacing`].
    pub pacing: bool,
    pub shards: usize,
    pub spread: Spread,
    /// Addresses that browsers are told.
    pub announced: Vec<IpAddr>,
    /// Seed of all randomness in the shards; from the system's generator outside tests.
    pub seed: u64,
    /// Told whenever a shard has news in its mailbox.
    pub news: Arc<Notify>,
}

impl Plane {
    /// Binds every socket and starts one thread per shard.
    ///
    /// # Errors
    ///
    /// A port in use, named with its number.
    pub fn start(config: &PlaneConfig, certificate: Certificate) -> io::Result<Plane> {
        let certificate = Arc::new(certificate);
        let epoch = Instant::now();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let epoch_ntp = (since_1970.as_secs().wrapping_add(NTP_OFFSET) << 32)
            | ((u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000);
        let listeners = config.tcp_port.map(Listener::bind_both).transpose()?.unwrap_or_default();
        let count = config.shards.max(1);
        let mut plane = Plane {
            acceptor: None,
            shards: Vec::new(),
            threads: Vec::new(),
            certificate: certificate.clone(),
            placement: Mutex::new(Placement::new(count, config.spread)),
        };
        let (inlets, others) = (Inlet::mesh(count), Arc::new(OnceLock::new()));
        for index in 0..count {
            let port = if config.port == 0 { 0 } else { config.port.saturating_add(index as u16) };
            let sockets = bind(port)?;
            let candidates = candidates(&sockets, &listeners, &config.announced);
            let inbox = Arc::new(ToShard::new(INBOX));
            let events = Arc::new(FromShard::new(OUTBOX));
            let mut shard = Shard::new(
                certificate.clone(),
                epoch,
                epoch_ntp,
                config.seed.wrapping_add(index as u64),
                events.clone(),
            );
            shard.set_loudest_above(config.loudest_above);
            shard.set_pacing(config.pacing);
            shard.set_feeds(index, inlets.clone());
            let worker = Worker::new(sockets, shard, inbox, config.news.clone(), others.clone())?;
            let handle = worker.handle();
            plane.shards.push(Running { handle, events, candidates });
            let run = || {
                come_first();
                run_or(|| worker.run(), || std::process::abort());
            };
            plane.threads.push(std::thread::Builder::new().name(format!("shard-{index}")).spawn(run)?);
        }
        let handles: Vec<Arc<Handle>> = plane.shards.iter().map(|shard| shard.handle.clone()).collect();
        // Nobody else sets it.
        let _ = others.set(handles.clone());
        if !listeners.is_empty() {
            plane.acceptor = Some(Acceptor::start(listeners, handles)?);
        }
        Ok(plane)
    }

    fn placement(&self) -> MutexGuard<'_, Placement> {
        // Held for look-ups alone; whoever panicked in one left nothing half done.
        self.placement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard for a new browser of `room`.
    pub fn choose(&self, room: RoomKey) -> usize {
        self.placement().choose(room, |shard| self.load(shard))
    }

    /// Where browsers reach a shard.
    pub fn candidates(&self, shard: usize) -> &[Candidate] {
        self.shards.get(shard).map_or(&[], |s| &s.candidates)
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Replaces a cell of a room, on the shards that it concerns.
    pub fn put(&self, room: RoomKey, state: ControlState) {
        let cells = self.placement().put(room, state);
        for (shard, state) in cells {
            self.put_to(shard, state);
        }
    }

    fn put_to(&self, shard: usize, state: ControlState) {
        if let Some(running) = self.shards.get(shard)
            && running.handle.inbox.put(state)
        {
            // A dead poller means a stopped shard, which needs no waking.
            let _ = running.handle.waker.wake();
        }
    }

    /// Queues a data-channel message for its recipient's shard.
    pub fn send_data(&self, message: DataMessage) {
        // A browser that has just gone misses nothing.
        let Some(shard) = self.placement().home(message.transport) else { return };
        if let Some(running) = self.shards.get(shard)
            && running.handle.inbox.send(message)
        {
            // As above.
            let _ = running.handle.waker.wake();
        }
    }

    /// The mailboxes that the control plane empties.
    pub fn events(&self) -> Vec<Arc<FromShard>> {
        self.shards.iter().map(|s| s.events.clone()).collect()
    }

    /// How busy a shard has been for the last seconds, 0 to 1.
    pub fn load(&self, shard: usize) -> f64 {
        self.shards.get(shard).map_or(0.0, |running| running.handle.counters.sustained_load())
    }

    /// Where the counters of each shard are published.
    pub fn counters(&self) -> Vec<Arc<SnapshotCell>> {
        self.shards.iter().map(|s| s.handle.counters.clone()).collect()
    }
}

impl Drop for Plane {
    /// Stops every shard and waits for its thread.
    fn drop(&mut self) {
        self.acceptor = None;
        for running in &self.shards {
            running.handle.stop();
        }
        for thread in self.threads.drain(..) {
            // A shard that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

/// Puts the calling thread before ordinary ones, where the system allows it: as root, with `CAP_SYS_NICE`, or with a limit of
/// niceness. Linux's scheduler lets a thread that had its fair share of a core wait for others up to its next tick, 4 ms in
/// many kernels: signalling of those who join, so, held up the packets of those who are there.
fn come_first() {
    // Elsewhere a niceness is the whole process's.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "media has the priority of everything else; a limit of niceness (LimitNICE=) changes that");
    }
}

/// Runs a shard, and does `otherwise` should it panic. Its rooms would be dead for ever while all else looks well, and as an idle
/// one it would be given every new call; whereas clients come back by themselves to a process that is started anew.
fn run_or(run: impl FnOnce(), otherwise: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!("a media thread ended by a fault of ours: the process ends, so that it can be started anew");
        otherwise();
    }
}

/// Both families on one port; a machine without IPv6 gets IPv4 alone.
fn bind(port: u16) -> io::Result<Vec<Udp>> {
    let named = |error: io::Error| {
        let problem = match error.kind() {
            io::ErrorKind::AddrInUse => "the port is in use already; choose another with --udp-port".to_owned(),
            _ => error.to_string(),
        };
        io::Error::new(error.kind(), format!("cannot listen on UDP port {port}: {problem}"))
    };
    let v4 = Udp::bind(false, port).map_err(named)?;
    match Udp::bind(true, v4.port()) {
        Ok(v6) => Ok(vec![v4, v6]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(named(error)),
        Err(_) => Ok(vec![v4]),
    }
}

/// Every announced address over UDP, and after them all over TCP.
fn candidates(sockets: &[Udp], listeners: &[Listener], announced: &[IpAddr]) -> Vec<Candidate> {
    let udp = sockets.iter().map(|socket| (socket.is_v6(), socket.port()));
    let tcp = listeners.iter().map(|listener| (listener.is_v6(), listener.port()));
    let (udp, tcp): (Vec<_>, Vec<_>) = (udp.collect(), tcp.collect());
    let of = |protocol, ports: Vec<(bool, u16)>| {
        announced.iter().filter_map(move |ip| {
            let (_, port) = ports.iter().find(|(v6, _)| *v6 == ip.is_ipv6())?;
            Some(Candidate { address: SocketAddr::new(*ip, *port), protocol })
        })
    };
    of(Protocol::Udp, udp).chain(of(Protocol::Tcp, tcp)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_panics_is_not_passed_over() {
        let mut ended = 0;
        run_or(|| {}, || ended += 1);
        assert_eq!(ended, 0);
        run_or(|| panic!("for a test"), || ended += 1);
        assert_eq!(ended, 1);
    }
}
