//! Figures for operators: plain counters of the media plane and counts of the control plane, as Prometheus text.
//!
//! Nothing is registered or locked where packets flow: shards publish plain snapshots, and a scrape adds them up.

mod cell;
mod feeds;
mod process;
mod render;
mod rooms;
mod snapshot;
mod viewing;

use std::sync::{Arc, PoisonError, RwLock};

use prometheus::{IntCounter, Registry};

pub use cell::SnapshotCell;
pub use rooms::MOST_ROOMS;
pub use snapshot::{ControlSnapshot, JoinCounts, PacketKind, ShardSnapshot, ViewingTotals, Volume};

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

type Control = Box<dyn Fn() -> ControlSnapshot + Send + Sync>;

/// Everything that `/metrics` shows. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    /// What lives as long as the process: HTTP connections.
    lasting: Registry,
    connections: IntCounter,
    refused_connections: IntCounter,
    shards: RwLock<Vec<Arc<SnapshotCell>>>,
    control: RwLock<Option<Control>>,
}

impl Metrics {
    /// An empty set: no shards, no rooms. Fails only if two metrics had one name.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let lasting = Registry::new();
        let connections = IntCounter::new("plenum_http_connections_total", "HTTP connections accepted.")?;
        let refused_connections =
            IntCounter::new("plenum_http_connections_refused_total", "HTTP connections closed at once: too many.")?;
        lasting.register(Box::new(connections.clone()))?;
        lasting.register(Box::new(refused_connections.clone()))?;
        let (shards, control) = (RwLock::default(), RwLock::default());
        Ok(Metrics { inner: Arc::new(Inner { lasting, connections, refused_connections, shards, control }) })
    }

    /// Says where the shards publish their snapshots, in the order of the shards.
    pub fn set_shards(&self, shards: Vec<Arc<SnapshotCell>>) {
        *self.inner.shards.write().unwrap_or_else(PoisonError::into_inner) = shards;
    }

    /// Says how to count rooms, members and sources. Called once per scrape; must not block.
    pub fn set_control(&self, count: impl Fn() -> ControlSnapshot + Send + Sync + 'static) {
        *self.inner.control.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(count));
    }

    /// Counts an accepted HTTP connection.
    pub fn http_connection(&self) {
        self.inner.connections.inc();
    }

    /// Counts an HTTP connection closed at once because its address has too many.
    pub fn http_connection_refused(&self) {
        self.inner.refused_connections.inc();
    }

    /// The figures of this moment in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let shards = self.inner.shards.read().unwrap_or_else(PoisonError::into_inner);
        let snapshots: Vec<ShardSnapshot> = shards.iter().map(|cell| cell.read()).collect();
        let loads: Vec<f64> = shards.iter().map(|cell| cell.load()).collect();
        let rooms = shards.iter().flat_map(|cell| cell.rooms()).collect();
        drop(shards);
        let control = self.inner.control.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|count| count());
        let control = control.unwrap_or_default();
        let mut families = render::families(&snapshots, &loads, &control)?;
        families.extend(rooms::families(rooms, &control.public));
        families.extend(viewing::families(control.viewing));
        families.extend(process::families());
        families.extend(self.inner.lasting.gather());
        // The encoder refuses a family without metrics, which those by shard are when there is none.
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        prometheus::TextEncoder::new().encode_to_string(&families)
    }
}
