//! Delivers one address's events: rooms beside each other, each room's events one after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{QUEUE, Webhook, sign};
use crate::id::RoomId;
use crate::room::RoomEvent;

/// Rooms whose events are under way at once: a receiver is not to be flooded when many rooms start together.
const AT_ONCE: usize = 8;
/// For one attempt. Receivers should answer at once and work afterwards.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Before the second attempt; doubled each time up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Attempts at one event: some twenty minutes. What nobody takes for so long is old news.
const ATTEMPTS: u32 = 25;

type Queue = VecDeque<Arc<RoomEvent>>;

/// Runs until nobody can send events any more and all have been delivered or given up.
pub(super) async fn run(webhook: Webhook, mut events: mpsc::Receiver<Arc<RoomEvent>>) {
    let webhook = Arc::new(webhook);
    let agent = agent();
    // Rooms with events; those under way have theirs taken out one at a time.
    let mut waiting: HashMap<RoomId, Queue> = HashMap::new();
    let (mut idle, mut count, mut tasks) = (VecDeque::<RoomId>::new(), 0, JoinSet::<RoomId>::new());
    let mut open = true;
    while open || count > 0 {
        while tasks.len() < AT_ONCE
            && let Some(room) = idle.pop_front()
        {
            let Some(event) = waiting.get_mut(&room).and_then(Queue::pop_front) else { continue };
            tasks.spawn(attempt(agent.clone(), webhook.clone(), event));
        }
        tokio::select! {
            // Leaves events in the channel, which is bounded, while as many again wait here.
            event = events.recv(), if open && count < QUEUE => match event {
                Some(event) => {
                    count += 1;
                    let room = event.room.clone();
                    let queue = waiting.entry(room.clone()).or_insert_with(|| { idle.push_back(room); Queue::new() });
                    queue.push_back(event);
                }
                None => open = false,
            },
            Some(done) = tasks.join_next() => {
                count -= 1;
                // A panic would have been in our own code; its room's later events then stay where they are.
                let Ok(room) = done else { continue };
                if waiting.get(&room).is_some_and(Queue::is_empty) {
                    waiting.remove(&room);
                } else {
                    idle.push_back(room);
                }
            }
        }
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        // A receiver that moves has to be configured anew: what is signed must not be sent elsewhere.
        .max_redirects(0)
        .http_status_as_error(true)
        .user_agent(concat!("plenum/", env!("CARGO_PKG_VERSION")))
        .build();
    config.into()
}

/// Tries one event until it is taken or given up. Gives its room back.
async fn attempt(agent: ureq::Agent, webhook: Arc<Webhook>, event: Arc<RoomEvent>) -> RoomId {
    let Ok(body) = serde_json::to_string(&*event) else { return event.room.clone() };
    let id = format!("{:032x}", rand::random::<u128>());
    let mut pause = FIRST;
    for attempt in 1..=ATTEMPTS {
        let (agent, webhook, body, id) = (agent.clone(), webhook.clone(), body.clone(), id.clone());
        let sent = tokio::task::spawn_blocking(move || post(&agent, &webhook, &body, &id)).await;
        match sent {
            Ok(Ok(())) => break,
            Ok(Err(error)) => tracing::debug!(attempt, %error, "a webhook was not taken"),
            Err(_) => break,
        }
        if attempt == ATTEMPTS {
            tracing::warn!(room = %event.room, "a webhook was not taken in {ATTEMPTS} attempts and is given up");
        }
        // Between half and the whole, so that receivers that come back are not met by all at once.
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
        pause = (pause * 2).min(LONGEST);
    }
    event.room.clone()
}

fn post(agent: &ureq::Agent, webhook: &Webhook, body: &str, id: &str) -> Result<(), ureq::Error> {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let request = agent
        .post(&webhook.url)
        .header("content-type", "application/json")
        .header("plenum-event-id", id)
        .header("plenum-signature", sign(&webhook.secret, unix, body));
    request.send(body).map(drop)
}
