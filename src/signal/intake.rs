//! Takes a client's events in the order of the wire, within limits, and queues them for its session.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, MessageHandler};
use socketioxide::socket::Socket;
use socketioxide_core::Value;
use tokio::sync::mpsc;

use super::message::Message;
use super::peer::Peer;
use super::protocol::{Done, ErrorBody, ErrorCode};
use super::rate::Bucket;

/// Events of one client that may wait: a page sends some ten at once when it starts.
pub(super) const QUEUE: usize = 256;
/// Binary attachments of one message: the stock JavaScript client takes ten, and closes the connection on more.
pub(super) const ATTACHMENTS: usize = 10;
/// Bytes of one client's events that may wait: eight of the largest.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// An event in the queue, boxed there: a queue keeps room for 32, and mostly none waits.
pub(super) struct Envelope {
    pub(super) message: Message,
    pub(super) ack: AckSender,
    /// Frees its share of the queue's bytes when the event has been handled.
    _share: Share,
}

/// Registered as the fallback of every socket, before the client knows that it is connected: no event precedes it.
pub(super) struct Intake {
    peer: Arc<Peer>,
    queue: mpsc::Sender<Box<Envelope>>,
    bucket: Mutex<Bucket>,
    waiting: Arc<AtomicUsize>,
    /// Largest message in bytes.
    limit: usize,
}

/// Tells our implementation of socketioxide's handler traits from those for closures.
pub(super) struct Ours;

impl Intake {
    pub(super) fn new(peer: Arc<Peer>, queue: mpsc::Sender<Box<Envelope>>, bucket: Bucket, limit: usize) -> Intake {
        Intake { peer, queue, bucket: Mutex::new(bucket), waiting: Arc::default(), limit }
    }

    fn admit(&self, size: usize, attachments: usize) -> Result<(), ErrorBody> {
        // One token each, also for those refused for their size.
        let allowed = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if size > self.limit {
            return Err(ErrorBody::new(ErrorCode::TooLarge, format!("a message has at most {} bytes", self.limit)));
        }
        if attachments > ATTACHMENTS {
            return Err(too_many_attachments());
        }
        if !allowed || self.waiting.load(Ordering::Relaxed) + size > QUEUE_BYTES {
            return Err(too_many());
        }
        Ok(())
    }
}

impl MessageHandler<LocalAdapter, Ours> for Intake {
    /// Runs on the reader's task, in wire order. Must neither wait nor panic nor register handlers.
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: Value, ack_id: Option<i64>) {
        let Ok(ack) = AckSender::from_message_parts(&socket, &mut value, &ack_id);
        let Value::Str(text, attachments) = value else { return };
        let attachments = attachments.unwrap_or_default();
        let size = text.len() + attachments.iter().map(Bytes::len).sum::<usize>();
        if let Some(watched) = &self.peer.watched {
            watched.received(&text, size);
        }
        if let Err(error) = self.admit(size, attachments.len()) {
            return self.peer.acknowledge::<Done>(ack, &Err(error));
        }
        let envelope = Box::new(Envelope {
            message: Message { text: text.to_string(), attachments: attachments_of(attachments) },
            ack,
            _share: Share::new(&self.waiting, size),
        });
        if let Err(mpsc::error::TrySendError::Full(envelope)) = self.queue.try_send(envelope) {
            self.peer.acknowledge::<Done>(envelope.ack, &Err(too_many()));
        }
    }
}

fn attachments_of(attachments: VecDeque<Bytes>) -> Vec<Bytes> {
    attachments.into()
}

pub(super) fn too_many_attachments() -> ErrorBody {
    ErrorBody::new(ErrorCode::TooLarge, format!("a message has at most {ATTACHMENTS} binary attachments"))
}

fn too_many() -> ErrorBody {
    ErrorBody::new(ErrorCode::RateLimited, "too many requests; try again after a second")
}

/// A part of the bytes that a client's waiting events may have.
struct Share {
    waiting: Arc<AtomicUsize>,
    size: usize,
}

impl Share {
    fn new(waiting: &Arc<AtomicUsize>, size: usize) -> Share {
        waiting.fetch_add(size, Ordering::Relaxed);
        Share { waiting: waiting.clone(), size }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.size, Ordering::Relaxed);
    }
}
