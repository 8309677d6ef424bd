//! One connected client: owns everything that is sent to it. Nothing else in Plenum emits.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::socket::Socket;
use socketioxide::{AckError, SendError, SocketError};
use tokio::sync::Notify;

use super::admin::Watched;
use super::intake::{ATTACHMENTS, too_many_attachments};
use super::message::Acknowledgement;
use super::peer_info::{KillSwitch, PeerInfo};
use super::protocol::{AppPush, ErrorBody, ErrorCode, Farewell};
use crate::room::{Ack, Asked, Broadcast, LinkId, Outbox, Push};

/// How long a farewell may take to reach the client before its connection is closed.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Between two attempts to close a connection whose outbound queue is full.
const RETRY: Duration = Duration::from_millis(500);
/// How often that is attempted: longer than the heartbeat takes to notice by itself.
const RETRIES: usize = 60;

/// Why a client is cut to which too much waits to be sent; see `OUTBOUND` of the layer.
const BEHIND: &str = "1,024 messages wait for it: it does not read what it is sent, or the server is overloaded";

/// A connected client.
pub(super) struct Peer {
    pub(super) link: LinkId,
    /// Weak, because the socket owns the handlers that own this.
    socket: Weak<Socket<LocalAdapter>>,
    pub(super) address: Option<IpAddr>,
    kill: Option<KillSwitch>,
    gone: AtomicBool,
    ended: Notify,
    /// What the admin page knows of it, where there is one.
    pub(super) watched: Option<Watched>,
}

impl Peer {
    pub(super) fn new(link: LinkId, socket: &Arc<Socket<LocalAdapter>>, watched: Option<Watched>) -> Arc<Peer> {
        let info = socket.req_parts().extensions.get::<PeerInfo>().cloned();
        Arc::new(Peer {
            link,
            socket: Arc::downgrade(socket),
            address: info.as_ref().map(|info| info.address),
            kill: info.map(|info| info.kill),
            gone: AtomicBool::new(false),
            ended: Notify::new(),
            watched,
        })
    }

    /// Marks the client as gone: nothing is sent to it any more and its session ends.
    pub(super) fn end(&self) {
        self.gone.store(true, Ordering::Release);
        self.ended.notify_one();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Returns once [`Peer::end`] was called. For one waiter.
    pub(super) async fn ended(&self) {
        if !self.is_gone() {
            self.ended.notified().await;
        }
    }

    fn socket(&self) -> Option<SocketRef> {
        if self.is_gone() { None } else { self.socket.upgrade().map(SocketRef::from) }
    }

    /// A client that does not keep up is cut: a lost event or acknowledgement would leave it wrong for ever.
    fn check(&self, sent: Result<(), SendError>) {
        match sent {
            Ok(()) | Err(SendError::Socket(SocketError::Closed)) => {}
            Err(SendError::Socket(SocketError::InternalChannelFull)) => self.end_at_once(BEHIND),
            Err(SendError::Serialize(error)) => tracing::error!(%error, "an event could not be written"),
        }
    }

    /// Ends a client whose outbound queue may be full: at once for everybody else, and its connection as soon as it can be.
    fn end_at_once(&self, why: &'static str) {
        if self.gone.swap(true, Ordering::AcqRel) {
            return;
        }
        self.ended.notify_one();
        tracing::info!(address = ?self.address, why, "cut a client's connection");
        let Some(socket) = self.socket.upgrade() else { return };
        if let Some(kill) = &self.kill {
            kill.kill(socket.id.as_str());
        }
        // Without a kill switch, or while polling, the polite way is tried until the queue has room for it.
        tokio::spawn(close(self.socket.clone()));
    }

    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &str, payload: &T) {
        if let Some(socket) = self.socket() {
            if let Some(watched) = &self.watched {
                watched.sent(event, payload);
            }
            self.check(socket.emit(event, payload));
        }
    }

    /// Wraps Socket.IO's acknowledgement in ours: `{ok: true, …}` or `{ok: false, error}`.
    pub(super) fn ack<T: Serialize + 'static>(self: &Arc<Self>, sender: AckSender) -> Ack<T> {
        let peer = self.clone();
        Ack::new(move |result: Result<T, ErrorBody>| peer.acknowledge(sender, &result))
    }

    pub(super) fn acknowledge<T: Serialize>(&self, sender: AckSender, result: &Result<T, ErrorBody>) {
        if self.is_gone() {
            return;
        }
        let sent = match result {
            Ok(body) => sender.send(&Accepted { ok: true, body }),
            Err(error) => sender.send(&Refused { ok: false, error }),
        };
        self.check(sent);
    }
}

#[derive(Serialize)]
struct Accepted<'a, T> {
    ok: bool,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Serialize)]
struct Refused<'a> {
    ok: bool,
    error: &'a ErrorBody,
}

/// Closes a socket as soon as its outbound queue has room for saying so.
async fn close(socket: Weak<Socket<LocalAdapter>>) {
    for _ in 0..RETRIES {
        let Some(socket) = socket.upgrade() else { return };
        if socket.disconnect().is_ok() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Outbox for Peer {
    fn push(&self, push: &Push) {
        self.emit(push.event(), push);
    }

    fn broadcast(&self, broadcast: &Broadcast) {
        match broadcast.json() {
            Some(json) => self.emit(broadcast.push().event(), json),
            None => self.push(broadcast.push()),
        }
    }

    fn relay(&self, push: &AppPush) {
        self.emit("app", push);
    }

    fn ask(&self, push: &AppPush, timeout: Duration) -> Asked {
        let gone = || ErrorBody::new(ErrorCode::Timeout, "the member's connection is gone");
        let Some(socket) = self.socket() else { return Box::pin(async move { Err(gone()) }) };
        if let Some(watched) = &self.watched {
            watched.sent("app", push);
        }
        match socket.timeout(timeout).emit_with_ack("app", push) {
            Ok(reply) => Box::pin(async move {
                let reply = reply.await.map_err(|error| match error {
                    AckError::Timeout => ErrorBody::new(ErrorCode::Timeout, "the member did not acknowledge in time"),
                    AckError::Socket(_) => gone(),
                    AckError::Decode(_) => {
                        ErrorBody::new(ErrorCode::BadRequest, "the member's acknowledgement could not be read")
                    }
                });
                let Acknowledgement(reply) = reply?;
                if reply.attachments() > ATTACHMENTS { Err(too_many_attachments()) } else { Ok(reply) }
            }),
            Err(error) => {
                self.check(Err(error));
                Box::pin(async move { Err(gone()) })
            }
        }
    }

    fn dismiss(&self, farewell: Farewell) {
        self.emit("farewell", &farewell);
        self.end();
        let socket = self.socket.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            close(socket).await;
        });
    }

    fn cut(&self, why: &'static str) {
        self.end_at_once(why);
    }
}
