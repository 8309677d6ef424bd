//! The way from a room to one client: pushes, questions and acknowledgements. Knows no Socket.IO.

use std::cell::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tracing::Span;

use crate::signal::protocol::{
    AppPush, ChatLine, Codecs, Connection, ErrorBody, ErrorCode, Farewell, Knocks, Layers, MemberTrouble, Muted,
    Paused, Payload, Permissions, Quality, Reactions, RoomDiff, RoomsDiff, Seats, Speakers, Waiting,
};

/// One Socket.IO connection of a client. Unique in the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkId(pub u64);

impl LinkId {
    /// One that was never given before.
    pub fn unique() -> LinkId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LinkId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// What the server tells a client unasked.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Push {
    Room(RoomDiff),
    Seats(Seats),
    Paused(Paused),
    Quality(Quality),
    Trouble(MemberTrouble),
    Layers(Layers),
    Codecs(Codecs),
    Speakers(Speakers),
    Chat(ChatLine),
    Reactions(Reactions),
    Permissions(Permissions),
    Muted(Muted),
    Waiting(Waiting),
    Knocks(Knocks),
    Rooms(RoomsDiff),
    Connection(Connection),
    Farewell(Farewell),
}

impl Push {
    /// The event's name on the wire.
    pub fn event(&self) -> &'static str {
        match self {
            Push::Room(_) => "room",
            Push::Seats(_) => "seats",
            Push::Paused(_) => "paused",
            Push::Quality(_) => "quality",
            Push::Trouble(_) => "trouble",
            Push::Layers(_) => "layers",
            Push::Codecs(_) => "codecs",
            Push::Speakers(_) => "speakers",
            Push::Chat(_) => "chat",
            Push::Reactions(_) => "reactions",
            Push::Permissions(_) => "permissions",
            Push::Muted(_) => "muted",
            Push::Waiting(_) => "waiting",
            Push::Knocks(_) => "knocks",
            Push::Rooms(_) => "rooms",
            Push::Connection(_) => "connection",
            Push::Farewell(_) => "farewell",
        }
    }
}

/// The same push for many clients: written once for all of them, since writing it anew was most of what a join of a large
/// room cost.
pub struct Broadcast {
    push: Push,
    json: OnceCell<Option<Box<RawValue>>>,
}

impl Broadcast {
    pub fn new(push: Push) -> Broadcast {
        Broadcast { push, json: OnceCell::new() }
    }

    pub fn push(&self) -> &Push {
        &self.push
    }

    /// The push's payload, ready to be sent. `None` if it cannot be written, which whoever sends the push itself hears.
    pub fn json(&self) -> Option<&RawValue> {
        self.json.get_or_init(|| to_raw_value(&self.push).ok()).as_deref()
    }
}

/// The answer to a question that a room asked a client.
pub type Asked = Pin<Box<dyn Future<Output = Result<Payload, ErrorBody>> + Send>>;

/// One client, as rooms reach it. Nothing here waits: a client that does not keep up is cut.
pub trait Outbox: Send + Sync + 'static {
    fn push(&self, push: &Push);
    /// Takes a push that others get, too.
    fn broadcast(&self, broadcast: &Broadcast) {
        self.push(broadcast.push());
    }
    /// Relays an application event without waiting for an acknowledgement.
    fn relay(&self, push: &AppPush);
    /// Relays an application event at once; the future is the acknowledgement.
    fn ask(&self, push: &AppPush, timeout: Duration) -> Asked;
    /// Says farewell and closes the connection.
    fn dismiss(&self, farewell: Farewell);
    /// Ends the connection without a word, as a network would: the client comes back by itself.
    fn cut(&self, why: &'static str);
}

/// The acknowledgement of one request. It is called inside the room, so that it leaves in order with the room's
/// pushes: a snapshot never overtakes or trails its diffs. Dropped uncalled, it answers that nobody is in a room.
pub struct Ack<T>(Option<SendAck<T>>, Span);

type SendAck<T> = Box<dyn FnOnce(Result<T, ErrorBody>) + Send>;

impl<T> Ack<T> {
    pub fn new(send: impl FnOnce(Result<T, ErrorBody>) + Send + 'static) -> Self {
        Ack(Some(Box::new(send)), Span::none())
    }

    /// Names the span that ends with the acknowledgement.
    pub fn spanning(self, span: Span) -> Self {
        let mut ack = self;
        ack.1 = span;
        ack
    }

    /// See [`Ack::spanning`].
    pub fn span(&self) -> &Span {
        &self.1
    }

    pub fn send(mut self, result: Result<T, ErrorBody>) {
        if let Err(error) = &result {
            self.1.record("error", tracing::field::debug(error.code)).record("otel.status_code", "ERROR");
        }
        if let Some(send) = self.0.take() {
            send(result);
        }
    }

    pub fn refuse(self, code: ErrorCode, message: impl Into<String>) {
        self.send(Err(ErrorBody::new(code, message)));
    }
}

impl<T> Drop for Ack<T> {
    fn drop(&mut self) {
        if let Some(send) = self.0.take() {
            send(Err(ErrorBody::new(ErrorCode::NotJoined, "join a room first")));
        }
    }
}
