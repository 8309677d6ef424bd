//! Builds both planes and wires them: rooms over shards, offers over `sdp`, news of the shards back to rooms.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};

use tokio::sync::Notify;

use crate::border::{ControlState, DataMessage};
use crate::http::api::Process;
use crate::http::whip::Sessions;
use crate::id::RoomKey;
use crate::metrics::{ControlSnapshot, SnapshotCell};
use crate::net::placement::Spread;
use crate::net::plane::{Plane, PlaneConfig};
use crate::room::{
    MediaPlane, Negotiated, Negotiation, Negotiator, OfferError, Purpose, RoomConfig, Rooms, ShardChoice, Witness,
};
use crate::sdp::{self, ServerSide, Session};
use crate::signal::{self, KillSwitch, PeerInfo, Signal, SignalConfig};
use crate::transport::dtls::Certificate;
use crate::transport::spec::IceCredentials;
use crate::webhook::{Webhook, Webhooks};
use crate::{config, http};

/// Port number of our SCTP end: the one that RFC 8841 §11 shows and browsers offer.
const SCTP_PORT: u16 = 5_000;

/// Between the farewell and the end of the last connection: enough for a page to hear it and say so.
const FAREWELL: Duration = Duration::from_millis(300);

/// A server with both planes behind its front door.
pub struct Running {
    pub planes: Planes,
    pub signal: Signal,
    /// To be served by [`http::Server::serve`].
    pub signalling: Router,
    /// To be served likewise.
    pub programs: Router,
}

impl Running {
    /// Starts both planes for a bound HTTP server. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// A UDP or TCP port in use, or addresses that cannot be read.
    pub fn start(server: &http::Server, process: Arc<dyn Process>) -> io::Result<Running> {
        let config = server.config();
        let mut rooms = RoomConfig {
            access: config.access.build(),
            waiting_room: config.access.waiting_room,
            witness: witness(&config.webhooks),
            ..RoomConfig::default()
        };
        rooms.limits.seats = config.limits.seats;
        rooms.most_load = f64::from(config.limits.shard_load) / 100.0;
        rooms.limits.members = u32::try_from(config.limits.members_per_room).unwrap_or(u32::MAX);
        if config.http.public_url.is_some() && !config.access.require_token {
            tracing::warn!("whoever knows this server's address may open rooms; access.require_token asks for tokens");
        }
        let planes = Planes::start(MediaConfig {
            udp_port: config.media.udp_port,
            tcp_port: config.media.tcp.then_some(config.media.tcp_port),
            loudest_above: config.media.loudest_above,
            pacing: config.media.pacing,
            shards: config.media.shard_count(),
            spread: Spread { above: config.media.spread_above, load: f64::from(config.media.spread_load) / 100.0 },
            announced: config::media_addresses(config, &config::interfaces().map_err(no_addresses)?),
            rooms,
        })?;
        let access = Arc::new(config.access.build());
        let (service, signal) = signal::service(planes.rooms().clone(), SignalConfig::default(), config.admin.build());
        let connections = server.connections().clone();
        let signalling = http::signalling(service).layer(from_fn(move |mut request: Request, next: Next| {
            if let Some(client) = request.extensions().get::<http::Client>() {
                let (address, connections) = (client.address, connections.clone());
                let kill = KillSwitch::new(move |session| connections.kill_session(session, Instant::now()));
                request.extensions_mut().insert(PeerInfo { address, kill });
            }
            next.run(request)
        }));
        server.metrics().set_shards(planes.counters());
        let (rooms, peers) = (planes.rooms().clone(), signal.clone());
        server.metrics().set_control(move || ControlSnapshot { sockets: peers.peers() as u64, ..rooms.figures() });
        let rooms = planes.rooms();
        let sessions = Sessions::new(rooms.clone(), config.limits.connections_per_address);
        let programs = http::whip::router(sessions, access.clone(), &config.media.ice_servers)
            .merge(http::api::router(rooms.clone(), access, process));
        Ok(Running { planes, signal, signalling, programs })
    }

    /// Tells every member that the server is going down, and closes their connections.
    pub async fn drain(signal: &Signal) {
        signal.drain(FAREWELL).await;
    }
}

fn no_addresses(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read this machine's addresses: {error}"))
}

/// Who is told what happens in rooms, if anybody is.
fn witness(webhooks: &[Webhook]) -> Option<Arc<dyn Witness>> {
    if webhooks.is_empty() { None } else { Some(Arc::new(Webhooks::start(webhooks))) }
}

/// What the planes need of the configuration.
#[derive(Clone)]
pub struct MediaConfig {
    pub udp_port: u16,
    /// `None` = no media over TCP.
    pub tcp_port: Option<u16>,
    /// Members of a room beyond which only the loudest voices are forwarded.
    pub loudest_above: usize,
    /// Packets leave no faster than each browser's network seems to carry.
    pub pacing: bool,
    pub shards: usize,
    /// When a room goes on growing on another shard.
    pub spread: Spread,
    pub announced: Vec<IpAddr>,
    pub rooms: RoomConfig,
}

/// Both planes, running.
pub struct Planes {
    shards: Arc<Plane>,
    rooms: Rooms,
}

impl Planes {
    /// Binds the media sockets and starts the shards. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// A UDP or TCP port in use, or no certificate; the text says which.
    pub fn start(config: MediaConfig) -> io::Result<Planes> {
        let certificate = Certificate::generate().map_err(io::Error::other)?;
        let news = Arc::new(Notify::new());
        let plane = PlaneConfig {
            port: config.udp_port,
            tcp_port: config.tcp_port,
            loudest_above: config.loudest_above,
            pacing: config.pacing,
            shards: config.shards,
            spread: config.spread,
            announced: config.announced,
            seed: rand::random(),
            news: news.clone(),
        };
        let shards = Arc::new(Plane::start(&plane, certificate)?);
        let negotiator = Answerer { shards: shards.clone(), max_seats: config.rooms.limits.seats };
        let rooms = Rooms::new(config.rooms, Arc::new(Shards(shards.clone())), Arc::new(negotiator));
        let (events, to) = (shards.events(), rooms.clone());
        tokio::spawn(async move {
            loop {
                news.notified().await;
                for mailbox in &events {
                    let delivery = mailbox.take();
                    to.count_shed(delivery.shed);
                    for cell in delivery.cells {
                        to.media(cell);
                    }
                    for sample in delivery.samples {
                        to.take_sample(sample);
                    }
                }
            }
        });
        Ok(Planes { shards, rooms })
    }

    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Where the counters of each shard are published.
    pub fn counters(&self) -> Vec<Arc<SnapshotCell>> {
        self.shards.counters()
    }
}

/// The shards as rooms see them.
struct Shards(Arc<Plane>);

impl MediaPlane for Shards {
    fn open(&self, room: RoomKey) -> ShardChoice {
        let shard = self.0.choose(room);
        ShardChoice {
            shard,
            candidates: self.0.candidates(shard).to_vec(),
            fingerprint: self.0.certificate().fingerprint().clone(),
        }
    }

    fn load(&self, room: RoomKey) -> f64 {
        self.0.load(self.0.choose(room))
    }

    fn put(&self, room: RoomKey, state: ControlState) {
        self.0.put(room, state);
    }

    fn send_data(&self, _: RoomKey, message: DataMessage) {
        self.0.send_data(message);
    }
}

/// Begins negotiations with the process's certificate.
struct Answerer {
    shards: Arc<Plane>,
    max_seats: u16,
}

impl Negotiator for Answerer {
    fn begin(&self, home: &ShardChoice, purpose: Purpose) -> Box<dyn Negotiation> {
        let server = ServerSide {
            fingerprint: self.shards.certificate().fingerprint().clone(),
            candidates: home.candidates.clone(),
            shard: home.shard,
            max_seats: self.max_seats,
            sctp_port: SCTP_PORT,
        };
        let session = Session::new(IceCredentials::generate(home.shard, &mut rand::rng()), answers(purpose));
        Box::new(Answering { session, server })
    }
}

/// A room's purpose in the words of SDP.
fn answers(purpose: Purpose) -> sdp::Purpose {
    match purpose {
        Purpose::Call => sdp::Purpose::Call,
        Purpose::Play { video } => sdp::Purpose::Play { video },
    }
}

/// One transport's negotiation.
struct Answering {
    session: Session,
    server: ServerSide,
}

impl Negotiation for Answering {
    fn answer(&mut self, offer: &str) -> Result<Negotiated, OfferError> {
        let answered = self
            .session
            .answer(offer, &self.server, &mut rand::rng())
            .map_err(|error| OfferError(error.to_string()))?;
        Ok(Negotiated { sdp: answered.sdp, media: answered.media, connection: answered.connection })
    }
}
