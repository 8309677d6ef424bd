//! Notes what sockets do, for the page: counts every second, and single events while somebody looks at them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};
use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::Socket;
use socketioxide::{TransportType, socket::DisconnectReason};
use tokio::sync::mpsc;

use super::Mode;
use super::views::{Aggregated, Arguments, NamespaceStats, ServerStats, SocketView, handshake, iso, unix_ms};
use crate::signal::PeerInfo;

/// Between two reports of figures; after ten seconds without one the page calls a server unhealthy.
const PERIOD: Duration = Duration::from_secs(2);
/// Events that wait for the page. A server busier than this is not read event by event.
const QUEUE: usize = 4096;
/// Seconds of figures that are kept for a page that is about to connect.
const SECONDS: usize = 64;
/// Longest payload that is shown, in bytes of JSON.
const SHOWN: usize = 16 * 1024;

/// One event for the page.
type Event = (&'static str, Vec<Value>);

/// What sockets do.
pub(in crate::signal) struct Monitor {
    mode: Mode,
    server_id: String,
    started: Instant,
    watching: AtomicUsize,
    events: mpsc::Sender<Event>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    peers: HashMap<String, Arc<PeerFacts>>,
    admins: HashMap<String, Weak<Socket<LocalAdapter>>>,
    counts: VecDeque<Aggregated>,
}

/// A socket as the page knows it.
pub(super) struct PeerFacts {
    /// Random, safe to show; the name of the socket's private room.
    id: String,
    client_id: String,
    nsp: &'static str,
    handshake: Value,
    socket: Weak<Socket<LocalAdapter>>,
    state: Mutex<State>,
}

struct State {
    transport: &'static str,
    rooms: BTreeSet<String>,
}

impl PeerFacts {
    pub(super) fn socket(&self) -> Option<Arc<Socket<LocalAdapter>>> {
        self.socket.upgrade()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_in(&self, room: &str) -> bool {
        self.state().rooms.contains(room)
    }

    fn view(&self) -> SocketView {
        let state = self.state();
        SocketView {
            id: self.id.clone(),
            client_id: self.client_id.clone(),
            transport: state.transport,
            nsp: self.nsp,
            data: json!({}),
            handshake: self.handshake.clone(),
            rooms: state.rooms.clone(),
        }
    }
}

impl Monitor {
    /// Starts to report. Needs a Tokio runtime.
    pub(super) fn start(mode: Mode) -> Arc<Monitor> {
        let (events, queue) = mpsc::channel(QUEUE);
        let monitor = Arc::new(Monitor {
            mode,
            server_id: format!("{:016x}", rand::random::<u64>()),
            started: Instant::now(),
            watching: AtomicUsize::new(0),
            events,
            table: Mutex::default(),
        });
        tokio::spawn(run(Arc::downgrade(&monitor), queue));
        monitor
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody looks at single events.
    fn is_watched(&self) -> bool {
        self.mode == Mode::Development && self.watching.load(Ordering::Relaxed) > 0
    }

    fn tell(&self, event: &'static str, arguments: Vec<Value>) {
        // What does not fit is dropped: whoever lags that far behind could not read it.
        let _ = self.events.try_send((event, arguments));
    }

    /// Counts something that happens often.
    fn count(&self, kind: &'static str, sub_type: Option<&'static str>, count: u64) {
        let timestamp = unix_ms() / 1000 * 1000;
        let mut table = self.table();
        let same = |one: &&mut Aggregated| (one.timestamp, one.kind, one.sub_type) == (timestamp, kind, sub_type);
        match table.counts.iter_mut().rev().take(8).find(same) {
            Some(known) => known.count += count,
            None => {
                if table.counts.len() >= SECONDS * 8 {
                    table.counts.pop_front();
                }
                table.counts.push_back(Aggregated { timestamp, kind, sub_type, count });
            }
        }
    }

    /// A socket has joined a namespace.
    pub(super) fn connected(&self, socket: &Arc<Socket<LocalAdapter>>, nsp: &'static str) -> Arc<PeerFacts> {
        let parts = socket.req_parts();
        let address = parts.extensions.get::<PeerInfo>().map(|info| info.address);
        let id = format!("{:020x}", rand::random::<u128>() >> 48);
        let facts = Arc::new(PeerFacts {
            client_id: id.clone(),
            nsp,
            handshake: handshake(parts, address, false),
            socket: Arc::downgrade(socket),
            state: Mutex::new(State { transport: transport(socket), rooms: BTreeSet::from([id.clone()]) }),
            id: id.clone(),
        });
        self.table().peers.insert(id.clone(), facts.clone());
        self.count("rawConnection", None, 1);
        if self.is_watched() {
            let view = serde_json::to_value(facts.view()).unwrap_or_default();
            self.tell("socket_connected", vec![view, now()]);
            self.tell("room_joined", vec![json!(nsp), json!(id), json!(id), now()]);
        }
        facts
    }

    pub(super) fn disconnected(&self, facts: &PeerFacts, reason: DisconnectReason) {
        let reason = words(reason);
        self.table().peers.remove(&facts.id);
        self.count("rawDisconnection", Some(reason), 1);
        if self.is_watched() {
            for room in std::mem::take(&mut facts.state().rooms) {
                self.tell("room_left", vec![json!(facts.nsp), json!(room), json!(facts.id), now()]);
            }
            self.tell("socket_disconnected", vec![json!(facts.nsp), json!(facts.id), json!(reason), now()]);
        }
    }

    pub(super) fn joined(&self, facts: &PeerFacts, room: String) {
        if facts.state().rooms.insert(room.clone()) && self.is_watched() {
            self.tell("room_joined", vec![json!(facts.nsp), json!(room), json!(facts.id), now()]);
        }
    }

    pub(super) fn left(&self, facts: &PeerFacts, room: &str) {
        if facts.state().rooms.remove(room) && self.is_watched() {
            self.tell("room_left", vec![json!(facts.nsp), json!(room), json!(facts.id), now()]);
        }
    }

    /// An event came in; `text` is its JSON array.
    pub(super) fn received(&self, facts: &PeerFacts, text: &str, bytes: usize) {
        self.count("packetsIn", None, 1);
        self.count("bytesIn", None, bytes as u64);
        if self.is_watched() && text.len() <= SHOWN {
            let shown = serde_json::from_str::<Value>(text).unwrap_or_default();
            self.tell("event_received", vec![json!(facts.nsp), json!(facts.id), shown, now()]);
        }
    }

    /// An event goes out.
    pub(super) fn sent(&self, facts: &PeerFacts, event: &str, payload: &(impl Serialize + ?Sized)) {
        self.count("packetsOut", None, 1);
        if !self.is_watched() {
            return;
        }
        let Ok(text) = serde_json::to_string(payload) else { return };
        self.count("bytesOut", None, text.len() as u64);
        let shown = if text.len() <= SHOWN { serde_json::from_str(&text).unwrap_or_default() } else { json!("…") };
        self.tell("event_sent", vec![json!(facts.nsp), json!(facts.id), json!([event, shown]), now()]);
    }

    /// Sockets of a namespace, all or those of one room or id.
    pub(super) fn chosen(&self, nsp: &str, filter: Option<&str>) -> Vec<Arc<PeerFacts>> {
        let table = self.table();
        let of = |facts: &&Arc<PeerFacts>| facts.nsp == nsp && filter.is_none_or(|room| facts.is_in(room));
        table.peers.values().filter(of).cloned().collect()
    }

    /// An administrator looks from now on.
    pub(super) fn watch(&self, facts: &PeerFacts) {
        self.table().admins.insert(facts.id.clone(), facts.socket.clone());
        self.watching.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unwatch(&self, facts: &PeerFacts) {
        if self.table().admins.remove(&facts.id).is_some() {
            self.watching.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Every socket there is.
    pub(super) fn all(&self) -> Value {
        let views: Vec<SocketView> = self.table().peers.values().map(|facts| facts.view()).collect();
        serde_json::to_value(views).unwrap_or_default()
    }

    fn stats(&self) -> ServerStats {
        let mut table = self.table();
        let in_namespace = |nsp| table.peers.values().filter(|facts| facts.nsp == nsp).count();
        let namespaces = ["/", "/admin"].map(|name| NamespaceStats { name, sockets_count: in_namespace(name) });
        let polling = table.peers.values().filter(|facts| facts.state().transport == "polling").count();
        ServerStats {
            server_id: self.server_id.clone(),
            hostname: hostname(),
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs_f64(),
            clients_count: table.peers.len(),
            polling_clients_count: polling,
            namespaces: namespaces.into(),
            aggregated_events: table.counts.drain(..).collect(),
        }
    }

    /// Notices who was upgraded.
    fn note_transports(&self) {
        let peers: Vec<Arc<PeerFacts>> = self.table().peers.values().cloned().collect();
        for facts in peers {
            let Some(socket) = facts.socket() else { continue };
            let transport = transport(&socket);
            if std::mem::replace(&mut facts.state().transport, transport) != transport && self.is_watched() {
                let update = json!({ "id": facts.id, "nsp": facts.nsp, "transport": transport });
                self.tell("socket_updated", vec![update]);
            }
        }
    }

    fn send(&self, event: &str, arguments: Vec<Value>) {
        let arguments = Arguments(arguments);
        let admins: Vec<_> = self.table().admins.values().filter_map(Weak::upgrade).collect();
        for admin in admins {
            // A page that does not keep up misses something; the next figures are whole again.
            let _ = admin.emit(event, &arguments);
        }
    }
}

/// Tells the page, until there is no monitor any more.
async fn run(monitor: Weak<Monitor>, mut queue: mpsc::Receiver<Event>) {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = queue.recv() => event,
            _ = period.tick() => None,
        };
        let Some(monitor) = monitor.upgrade() else { return };
        match event {
            Some((event, arguments)) => monitor.send(event, arguments),
            None => {
                monitor.note_transports();
                if monitor.watching.load(Ordering::Relaxed) > 0 {
                    let stats = serde_json::to_value(monitor.stats()).unwrap_or_default();
                    monitor.send("server_stats", vec![stats]);
                }
            }
        }
    }
}

fn transport(socket: &Socket<LocalAdapter>) -> &'static str {
    match socket.transport_type() {
        TransportType::Websocket => "websocket",
        TransportType::Polling => "polling",
    }
}

/// In the words of Node's server, which the page explains.
fn words(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TransportClose => "transport close",
        DisconnectReason::HeartbeatTimeout => "ping timeout",
        DisconnectReason::ClientNSDisconnect => "client namespace disconnect",
        DisconnectReason::ServerNSDisconnect => "server namespace disconnect",
        DisconnectReason::ClosingServer => "server shutting down",
        DisconnectReason::PacketParsingError => "parse error",
        DisconnectReason::TransportError | DisconnectReason::MultipleHttpPollingError => "transport error",
    }
}

fn now() -> Value {
    json!(iso(SystemTime::now()))
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "plenum".to_owned() } else { name.trim().to_owned() }
}
