//! Webhooks: tells other servers what happens in rooms, signed, in each room's order, again until it is taken.
//!
//! Owns one bounded queue for each address. Rooms never wait for it: what does not fit is dropped, with a line in the log.

mod deliver;
mod sign;

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::mpsc;

use crate::room::{RoomEvent, Witness};

pub use sign::sign;

/// Events that wait for one address: an hour of a lively server whose receiver is down.
const QUEUE: usize = 10_000;

/// Where events go.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `http://…` or `https://…`.
    pub url: String,
    /// Signs what is sent; at least 32 bytes.
    pub secret: crate::access::Secret,
}

/// All configured addresses.
pub struct Webhooks(Vec<mpsc::Sender<Arc<RoomEvent>>>);

impl Webhooks {
    /// Starts the delivery to every address. Needs a Tokio runtime.
    pub fn start(webhooks: &[Webhook]) -> Webhooks {
        let start = |webhook: &Webhook| {
            let (sender, queue) = mpsc::channel(QUEUE);
            tokio::spawn(deliver::run(webhook.clone(), queue));
            sender
        };
        Webhooks(webhooks.iter().map(start).collect())
    }
}

impl Witness for Webhooks {
    fn saw(&self, event: RoomEvent) {
        let event = Arc::new(event);
        for address in &self.0 {
            if address.try_send(event.clone()).is_err() {
                tracing::warn!(room = %event.room, "a webhook does not keep up: an event was dropped");
            }
        }
    }
}
