//! Builds both planes and wires them: rooms over shards, offers over `sdp`, news of the shards back to rooms.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::border::{ControlState, DataMessage};
use crate::id::RoomKey;
use crate::metrics::ShardSnapshot;
use crate::net::plane::{Plane, PlaneConfig};
use crate::room::{MediaPlane, Negotiated, Negotiation, Negotiator, OfferError, RoomConfig, Rooms, ShardChoice};
use crate::sdp::{ServerSide, Session};
use crate::transport::dtls::Certificate;
use crate::transport::spec::IceCredentials;

/// Port number of our SCTP end: the one that RFC 8841 §11 shows and browsers offer.
const SCTP_PORT: u16 = 5_000;

/// What the planes need of the configuration.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    pub udp_port: u16,
    pub shards: usize,
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
    /// A UDP port in use, or no certificate; the text says which.
    pub fn start(config: MediaConfig) -> io::Result<Planes> {
        let certificate = Certificate::generate().map_err(io::Error::other)?;
        let news = Arc::new(Notify::new());
        let plane = PlaneConfig {
            port: config.udp_port,
            shards: config.shards,
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

    /// The latest counters, by shard.
    pub fn snapshots(&self) -> Vec<ShardSnapshot> {
        self.shards.snapshots()
    }

    /// The same for a scrape that outlives the borrow.
    pub fn shards(&self) -> Arc<Plane> {
        self.shards.clone()
    }
}

/// The shards as rooms see them.
struct Shards(Arc<Plane>);

impl MediaPlane for Shards {
    fn open(&self, room: RoomKey) -> ShardChoice {
        let shard = self.0.shard_of(room);
        ShardChoice {
            shard,
            candidates: self.0.candidates(shard).to_vec(),
            fingerprint: self.0.certificate().fingerprint().clone(),
        }
    }

    fn put(&self, room: RoomKey, state: ControlState) {
        self.0.put(self.0.shard_of(room), state);
    }

    fn send_data(&self, room: RoomKey, message: DataMessage) {
        self.0.send_data(self.0.shard_of(room), message);
    }
}

/// Begins negotiations with the process's certificate.
struct Answerer {
    shards: Arc<Plane>,
    max_seats: u16,
}

impl Negotiator for Answerer {
    fn begin(&self, home: &ShardChoice) -> Box<dyn Negotiation> {
        let server = ServerSide {
            fingerprint: self.shards.certificate().fingerprint().clone(),
            candidates: home.candidates.clone(),
            shard: home.shard,
            max_seats: self.max_seats,
            sctp_port: SCTP_PORT,
        };
        let session = Session::new(IceCredentials::generate(home.shard, &mut rand::rng()));
        Box::new(Answering { session, server })
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
