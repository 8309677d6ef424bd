//! The thin layer over socketioxide: who may connect, and how every connection begins and ends.
//!
//! It closes seven traps of the library: session ids are secrets and never leave this module; events reach one session
//! in wire order, from the first on; what cannot be sent ends the connection instead of vanishing; no library room is
//! used; and a client that does not read is cut from outside.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engineioxide::service::NotFoundService;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, ConnectMiddleware};
use socketioxide::service::SocketIoService;
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide::{ParserConfig, SocketIo};
use socketioxide_core::Value;
use tokio::sync::mpsc;

use super::admin::{self, AdminConfig, Monitor, Watched};
use super::intake::{ATTACHMENTS, Envelope, Intake, Ours, QUEUE};
use super::peer::Peer;
use super::protocol::{Auth, ErrorBody, ErrorCode, Farewell, FarewellReason, PROTOCOL};
use super::rate::{Bucket, Rate};
use super::session::{self, Session};
use crate::access::Pass;
use crate::room::{LinkId, Outbox, Push, Rooms};

/// Outbound packets that may wait for one client. A room of 200 that joins at once is 200 of them; a client further
/// behind is cut.
const OUTBOUND: usize = 1024;
/// Binary attachments of one message that are read at all: more than are taken, so that somewhat too many are refused in
/// words instead of by a closed connection.
const MOST_ATTACHMENTS: usize = 64;
const _: () = assert!(MOST_ATTACHMENTS > ATTACHMENTS);
/// How long a connection may take to join the namespace.
const CONNECT: Duration = Duration::from_secs(8);

/// Limits of signalling.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SignalConfig {
    /// Between two heartbeats.
    pub ping_interval: Duration,
    /// How long a heartbeat may stay unanswered.
    pub ping_timeout: Duration,
    /// Messages of one client.
    pub messages: Rate,
    /// `app` events of one client.
    pub app: Rate,
    /// Lines of chat and reactions of one client: everybody in the room is sent each.
    pub talk: Rate,
    /// Offers of one client: each costs the room milliseconds.
    pub offers: Rate,
}

impl Default for SignalConfig {
    fn default() -> Self {
        SignalConfig {
            ping_interval: Duration::from_secs(5),
            ping_timeout: Duration::from_secs(5),
            // A page sends a dozen messages when it starts and a few a second while its window is resized.
            messages: Rate { burst: 200.0, per_second: 50.0 },
            app: Rate { burst: 20.0, per_second: 20.0 },
            // Faster than anybody types, and a burst for whoever was offline for a while.
            talk: Rate { burst: 30.0, per_second: 5.0 },
            // A call makes one, one more for each step of its seats, and one for each new way through the network.
            offers: Rate { burst: 20.0, per_second: 2.0 },
        }
    }
}

/// The Socket.IO endpoint, to be routed at `/socket.io/`.
pub type SignalService = SocketIoService<NotFoundService>;

/// Signalling as the server sees it. Cheap to clone.
#[derive(Clone)]
pub struct Signal {
    gate: Gate,
    io: SocketIo,
}

/// Builds the Socket.IO endpoint, with namespace `/admin` if that is configured; needs a Tokio runtime. Requests to it may
/// carry a [`super::PeerInfo`] extension.
pub fn service(rooms: Rooms, config: SignalConfig, admin: Option<AdminConfig>) -> (SignalService, Signal) {
    // Twice a message's limit, so that a message somewhat too large is refused in words instead of by a closed
    // connection; polling carries attachments in base64.
    let largest = usize::try_from(rooms.limits().message_bytes).unwrap_or(usize::MAX).saturating_mul(2);
    let parser = ParserConfig::common()
        .max_incoming_binaries(MOST_ATTACHMENTS)
        .max_incoming_binary_buf_size(largest)
        .packet_completion_timeout(CONNECT);
    let (service, io) = SocketIo::builder()
        .req_path("/socket.io")
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .connect_timeout(CONNECT)
        .max_buffer_size(OUTBOUND)
        .max_payload(largest as u64)
        .ws_max_message_size(largest)
        .ws_max_frame_size(largest)
        .with_parser(parser)
        .build_svc();
    let monitor = admin.map(|admin| admin::open(&io, admin));
    let gate = Gate(Arc::new(Inside { rooms, config, monitor, peers: Mutex::default() }));
    io.ns("/", gate.clone().with(gate.clone()));
    (service, Signal { gate, io })
}

impl Signal {
    /// Clients connected now.
    pub fn peers(&self) -> usize {
        self.gate.peers().len()
    }

    /// Takes no new members, says farewell to everybody, and closes all connections after `grace`.
    pub async fn drain(&self, grace: Duration) {
        self.gate.0.rooms.drain();
        let message = "the server is going down".to_owned();
        let push = Push::Farewell(Farewell { reason: FarewellReason::Draining, message });
        let peers: Vec<_> = self.gate.peers().values().cloned().collect();
        for peer in peers {
            peer.push(&push);
        }
        tokio::time::sleep(grace).await;
        self.io.close().await;
    }
}

/// Lets clients in.
#[derive(Clone)]
struct Gate(Arc<Inside>);

struct Inside {
    rooms: Rooms,
    config: SignalConfig,
    /// Tells the admin page what sockets do.
    monitor: Option<Arc<Monitor>>,
    peers: Mutex<HashMap<LinkId, Arc<Peer>>>,
}

/// What the middleware leaves for the connect handler.
#[derive(Clone)]
struct Arrival(Arc<Mutex<Option<Arrived>>>);

/// A session with its queue and its way out.
type Arrived = (Session, mpsc::Receiver<Box<Envelope>>, Arc<Peer>);

impl Gate {
    fn peers(&self) -> MutexGuard<'_, HashMap<LinkId, Arc<Peer>>> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that must be in place before the client learns that it is connected.
    fn receive(&self, socket: &Arc<Socket<LocalAdapter>>, auth: Auth, pass: Result<Option<Pass>, ErrorBody>) {
        let inside = &*self.0;
        let link = LinkId::unique();
        let watched = inside.monitor.as_ref().map(|monitor| Watched::new(monitor, socket));
        let peer = Peer::new(link, socket, watched);
        let (sender, queue) = mpsc::channel(QUEUE);
        let limit = usize::try_from(inside.rooms.limits().message_bytes).unwrap_or(usize::MAX);
        let bucket = Bucket::new(inside.config.messages, Instant::now());
        socket.on_fallback(Intake::new(peer.clone(), sender, bucket, limit));
        let (leaving, gate) = (peer.clone(), self.clone());
        socket.on_disconnect(move |reason: DisconnectReason| {
            if let Some(limit) = limit_behind(reason, &gate.0.config) {
                tracing::info!(address = ?leaving.address, why = %limit, "a client's connection ended");
            } else if reason == DisconnectReason::TransportError {
                // Mostly that the network failed, which is no news.
                let why = "the network failed, it did not read for 5 s, or it sent a message beyond the limit";
                tracing::debug!(address = ?leaving.address, why, "a client's connection ended");
            }
            leaving.end();
            if let Some(watched) = &leaving.watched {
                watched.disconnected(reason);
            }
            gate.peers().remove(&leaving.link);
            async {}
        });
        let session = Session::new(peer.clone(), inside.rooms.clone(), auth.resume, pass, &inside.config);
        socket.extensions.insert(Arrival(Arc::new(Mutex::new(Some((session, queue, peer))))));
    }
}

/// Why a client may not connect, as Socket.IO's `connect_error` carries it: JSON in its message.
struct Rejection(ErrorBody);

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
    }
}

/// Which limit of ours may have ended a connection. `None` when the client or its room ended it.
fn limit_behind(reason: DisconnectReason, config: &SignalConfig) -> Option<String> {
    match reason {
        DisconnectReason::HeartbeatTimeout => Some(format!(
            "no answer to a heartbeat within {:?}: it is gone, or a side is overloaded",
            config.ping_timeout
        )),
        DisconnectReason::PacketParsingError => {
            Some("a message is none of Socket.IO's, or has too many attachments".into())
        }
        DisconnectReason::MultipleHttpPollingError => Some("it polled twice at the same time".into()),
        _ => None,
    }
}

fn check(auth: Option<&Value>) -> Result<Auth, ErrorBody> {
    let text = match auth {
        Some(Value::Str(text, _)) => text.as_str(),
        _ => "{}",
    };
    let auth: Auth =
        serde_json::from_str(text).map_err(|error| ErrorBody::new(ErrorCode::BadRequest, format!("auth: {error}")))?;
    if auth.protocol != PROTOCOL {
        let message = format!("auth.protocol: this server speaks {PROTOCOL}; reload the page");
        return Err(ErrorBody::new(ErrorCode::ProtocolMismatch, message));
    }
    Ok(auth)
}

impl ConnectMiddleware<LocalAdapter, Ours> for Gate {
    async fn call<'a>(
        &'a self,
        socket: Arc<Socket<LocalAdapter>>,
        auth: &'a Option<Value>,
    ) -> Result<(), Box<dyn fmt::Display + Send>> {
        match check(auth.as_ref()) {
            Ok(auth) => {
                let pass = session::check(self.0.rooms.access(), auth.token.as_deref());
                match pass {
                    // Who comes back needs no token any more: one that has expired meanwhile must not end the call.
                    Err(error) if auth.resume.is_none() => Err(Box::new(Rejection(error))),
                    pass => {
                        self.receive(&socket, auth, pass);
                        Ok(())
                    }
                }
            }
            Err(error) => Err(Box::new(Rejection(error))),
        }
    }
}

impl ConnectHandler<LocalAdapter, Ours> for Gate {
    /// Runs when the client is connected: from here on it can be sent to.
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, _: Option<Value>) {
        let Some(Arrival(arrival)) = socket.extensions.remove() else { return };
        let Some((session, queue, peer)) = arrival.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        if !peer.is_gone() {
            self.peers().insert(peer.link, peer.clone());
        }
        // A disconnect between the two lines above removed nothing.
        if peer.is_gone() {
            self.peers().remove(&peer.link);
        }
        tokio::spawn(session.run(queue));
    }
}
