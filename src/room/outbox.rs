//! The way from a room to one client: pushes, questions and acknowledgements. Knows no Socket.IO.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
#[derive(Clone, PartialEq, Debug)]
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

/// The answer to a question that a room asked a client.
pub type Asked = Pin<Box<dyn Future<Output = Result<Payload, ErrorBody>> + Send>>;

/// One client, as rooms reach it. Nothing here waits: a client that does not keep up is cut.
pub trait Outbox: Send + Sync + 'static {
    fn push(&self, push: &Push);
    /// Relays an application event without waiting for an acknowledgement.
    fn relay(&self, push: &AppPush);
    /// Relays an application event at once; the future is the acknowledgement.
    fn ask(&self, push: &AppPush, timeout: Duration) -> Asked;
    /// Says farewell and closes the connection.
    fn dismiss(&self, farewell: Farewell);
}

/// The acknowledgement of one request. It is called inside the room, so that it leaves in order with the room's
/// pushes: a snapshot never overtakes or trails its diffs. Dropped uncalled, it answers that nobody is in a room.
pub struct Ack<T>(Option<SendAck<T>>);

type SendAck<T> = Box<dyn FnOnce(Result<T, ErrorBody>) + Send>;

impl<T> Ack<T> {
    pub fn new(send: impl FnOnce(Result<T, ErrorBody>) + Send + 'static) -> Self {
        Ack(Some(Box::new(send)))
    }

    pub fn send(mut self, result: Result<T, ErrorBody>) {
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
