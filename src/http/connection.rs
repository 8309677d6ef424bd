//! What is known about each TCP connection, and the means to end it from outside.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::warn;

/// One TCP connection, as a request extension. Cheap to clone; does not keep the connection open.
#[derive(Clone, Debug)]
pub struct Connection {
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Facts {
    peer: SocketAddr,
    encrypted: bool,
    kill: CancellationToken,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, encrypted: bool, kill: CancellationToken) -> Connection {
        let (received, sent) = Default::default();
        Connection { facts: Arc::new(Facts { peer, encrypted, kill, received, sent }) }
    }

    /// The other end of the TCP connection: a proxy's address when there is one. [`super::Client`] looks behind it.
    pub fn peer(&self) -> SocketAddr {
        self.facts.peer
    }

    /// Whether our own TLS protects it.
    pub fn is_encrypted(&self) -> bool {
        self.facts.encrypted
    }

    /// Resets the connection at once, whatever is queued on it and whether or not the peer reads. Whoever reads or
    /// writes on it gets an error; Socket.IO then runs its disconnect handler.
    pub fn kill(&self) {
        self.facts.kill.cancel();
    }

    /// Whether [`Connection::kill`] was called.
    pub fn is_killed(&self) -> bool {
        self.facts.kill.is_cancelled()
    }

    /// Bytes received and sent so far, inside TLS.
    pub fn bytes(&self) -> (u64, u64) {
        (self.facts.received.load(Ordering::Relaxed), self.facts.sent.load(Ordering::Relaxed))
    }

    pub(super) fn killed(&self) -> WaitForCancellationFutureOwned {
        self.facts.kill.clone().cancelled_owned()
    }

    pub(super) fn count_received(&self, bytes: usize) {
        self.facts.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        self.facts.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// How long requests of a killed session are refused. Longer than engine.io's ping interval and time-out together
/// (5 s + 5 s), after which the engine has forgotten it too.
const REMEMBER_KILLED: Duration = Duration::from_secs(30);

/// Between two lines of the log about refused connections: who is refused tries again, and many may be.
const REFUSALS: Duration = Duration::from_secs(10);

/// Every open connection: counted, limited by address, found by session.
pub struct Connections {
    limit: usize,
    /// Parent of every connection's kill token.
    kill_all: CancellationToken,
    open: watch::Sender<usize>,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    by_address: HashMap<IpAddr, usize>,
    /// The websocket of each engine.io session that was upgraded from polling.
    upgraded: HashMap<String, Weak<Facts>>,
    /// Size of `upgraded` at which entries of closed connections are swept out.
    sweep_at: usize,
    killed: HashMap<String, Instant>,
    /// When the log last spoke of a connection that was refused.
    refusal_told: Option<Instant>,
}

impl Connections {
    /// Allows `limit` connections from one address. An IPv6 address counts as its /64 network, which one household
    /// has to itself.
    pub fn new(limit: usize) -> Arc<Connections> {
        let (kill_all, open, tables) = (CancellationToken::new(), watch::Sender::new(0), Mutex::default());
        Arc::new(Connections { limit, kill_all, open, tables })
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection from `peer` in until the ticket is dropped. `None` when it has too many. `unlimited` peers
    /// are proxies; this machine itself is never limited.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, unlimited: bool) -> Option<Ticket> {
        let key = network(peer);
        let mut tables = self.tables();
        let count = tables.by_address.entry(key).or_default();
        if *count >= self.limit && !unlimited && !key.is_loopback() {
            return None;
        }
        *count += 1;
        drop(tables);
        self.open.send_modify(|open| *open += 1);
        Some(Ticket { connections: self.clone(), key })
    }

    /// Says in the log, now and then, that an address has too many connections.
    pub(super) fn tell_refusal(&self, peer: IpAddr, now: Instant) {
        let mut tables = self.tables();
        if tables.refusal_told.is_none_or(|told| now.duration_since(told) >= REFUSALS) {
            tables.refusal_told = Some(now);
            drop(tables);
            let limit = self.limit;
            warn!(address = %peer, limit, "closed a new connection: its address has as many as limits.connections_per_address allows");
        }
    }

    pub(super) fn kill_token(&self) -> CancellationToken {
        self.kill_all.child_token()
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Returns when none is open.
    pub async fn closed(&self) {
        // Fails only when the sender is gone, and `self` holds it.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Resets every connection.
    pub fn kill_all(&self) {
        self.kill_all.cancel();
    }

    /// Ends the engine.io session `sid`, wherever it is by now: an upgraded session's handshake request came over
    /// another connection than its websocket, so [`Connection::kill`] of the handshake is not enough. Later requests
    /// of the session are refused, and a polling session dies of its missing pong.
    pub fn kill_session(&self, sid: &str, now: Instant) {
        let mut tables = self.tables();
        tables.killed.retain(|_, since| now.duration_since(*since) < REMEMBER_KILLED);
        tables.killed.insert(sid.to_owned(), now);
        let socket = tables.upgraded.remove(sid).and_then(|facts| facts.upgrade());
        drop(tables);
        if let Some(facts) = socket {
            facts.kill.cancel();
        }
    }

    pub(super) fn is_killed(&self, sid: &str) -> bool {
        self.tables().killed.contains_key(sid)
    }

    pub(super) fn upgraded(&self, sid: &str, connection: &Connection) {
        let mut tables = self.tables();
        if tables.upgraded.len() >= tables.sweep_at {
            tables.upgraded.retain(|_, facts| facts.strong_count() > 0);
            tables.sweep_at = (tables.upgraded.len() * 2).max(64);
        }
        tables.upgraded.insert(sid.to_owned(), Arc::downgrade(&connection.facts));
    }
}

/// What one customer of an access provider has to itself.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// Keeps one connection counted.
pub(super) struct Ticket {
    connections: Arc<Connections>,
    key: IpAddr,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tables = self.connections.tables();
        if let Some(count) = tables.by_address.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                tables.by_address.remove(&self.key);
            }
        }
        drop(tables);
        self.connections.open.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_only_so_many_connections_and_closing_one_makes_room() {
        let connections = Connections::new(2);
        let first = connections.admit(ip("192.0.2.1"), false).unwrap();
        let _second = connections.admit(ip("::ffff:192.0.2.1"), false).unwrap();
        assert!(connections.admit(ip("192.0.2.1"), false).is_none());
        assert!(connections.admit(ip("192.0.2.2"), false).is_some());
        drop(first);
        assert!(connections.admit(ip("192.0.2.1"), false).is_some());
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let connections = Connections::new(1);
        let _first = connections.admit(ip("2001:db8:0:1::1"), false).unwrap();
        assert!(connections.admit(ip("2001:db8:0:1::2"), false).is_none());
        assert!(connections.admit(ip("2001:db8:0:2::1"), false).is_some());
    }

    #[test]
    fn proxies_and_this_machine_are_not_limited() {
        let connections = Connections::new(1);
        let all = [("10.0.0.1", true), ("10.0.0.1", true), ("127.0.0.1", false), ("127.0.0.1", false)];
        let tickets: Vec<_> = all.iter().map(|(peer, proxy)| connections.admit(ip(peer), *proxy).unwrap()).collect();
        assert_eq!(connections.open(), 4);
        drop(tickets);
        assert_eq!(connections.open(), 0);
    }

    #[test]
    fn killing_a_session_reaches_the_websocket_that_it_was_upgraded_to() {
        let connections = Connections::new(1);
        let socket = Connection::new("192.0.2.1:1".parse().unwrap(), false, connections.kill_token());
        let other = Connection::new("192.0.2.1:2".parse().unwrap(), false, connections.kill_token());
        connections.upgraded("one", &socket);
        connections.upgraded("two", &other);
        connections.kill_session("one", Instant::now());
        assert!(socket.is_killed() && !other.is_killed());
        assert!(connections.is_killed("one") && !connections.is_killed("two"));
        connections.kill_all();
        assert!(other.is_killed());
    }
}
