//! The sessions of programs: who they are in their rooms, and when they end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::sync::watch;

use crate::http::connection::network;
use crate::room::{Ack, Asked, Handle, LinkId, Outbox, Program, Push, Request, Rooms, Target};
use crate::sdp::{Fragment, with_credentials};
use crate::signal::protocol::{Answer, AppPush, ConnectionPhase, ErrorBody, ErrorCode, Farewell, Leave, Offer};
use crate::telemetry;

/// How long a program may take to connect, and how long it is kept when its connection is lost: as long as a browser's
/// place is.
const PATIENCE: Duration = Duration::from_secs(30);

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    rooms: Rooms,
    /// Sessions that one address may have at once.
    per_address: usize,
    table: Mutex<HashMap<String, Arc<Session>>>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// One address's leave to have a session; given back when it is dropped.
pub(super) struct Permit {
    sessions: Arc<Inner>,
    address: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut addresses = self.sessions.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// What a program came for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Publish,
    Play(Target),
}

/// A program that has entered its room.
pub(super) struct Guest {
    pub(super) room: Handle,
    pub(super) link: LinkId,
    pub(super) wire: Arc<Wire>,
    pub(super) permit: Permit,
}

/// One program's session.
pub(super) struct Session {
    link: LinkId,
    room: Handle,
    purpose: Purpose,
    wire: Arc<Wire>,
    _permit: Permit,
    /// Locked through a whole negotiation, so that overlapping requests follow each other.
    negotiation: tokio::sync::Mutex<Negotiation>,
}

/// What was negotiated last.
struct Negotiation {
    transport: String,
    revision: u32,
    offer: String,
    /// Names the ICE session (RFC 9725 §4.3.1).
    tag: String,
}

/// An answered offer.
pub(super) struct Opened {
    pub(super) id: String,
    pub(super) tag: String,
    pub(super) answer: String,
}

/// What came of a fragment.
pub(super) enum Patched {
    /// Candidates of the ICE session that there is.
    Trickled,
    /// A new ICE session: its tag and the answer.
    Restarted { tag: String, answer: String },
    /// The tag is not that of the ICE session that there is.
    Outdated,
}

impl Sessions {
    /// `per_address`: sessions that one address may have at once.
    pub fn new(rooms: Rooms, per_address: usize) -> Sessions {
        Sessions(Arc::new(Inner { rooms, per_address, table: Mutex::default(), addresses: Mutex::default() }))
    }

    /// `None` when `address` has as many sessions as it may. An IPv6 address counts as its network, as with connections.
    pub(super) fn permit(&self, address: IpAddr) -> Option<Permit> {
        let address = network(address);
        let mut addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= self.0.per_address {
            return None;
        }
        *count += 1;
        Some(Permit { sessions: self.0.clone(), address })
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.table().get(id).cloned()
    }

    /// Opens the session of a program that has just entered its room. When its offer is refused it leaves again.
    pub(super) async fn open(&self, guest: Guest, purpose: Purpose, offer: String) -> Result<Opened, ErrorBody> {
        let transport = random_letters();
        let session = Session {
            link: guest.link,
            room: guest.room,
            purpose,
            wire: guest.wire,
            _permit: guest.permit,
            negotiation: tokio::sync::Mutex::new(Negotiation {
                transport,
                revision: 0,
                offer: String::new(),
                tag: String::new(),
            }),
        };
        let negotiated = session.negotiate(&mut *session.negotiation.lock().await, offer).await;
        let (tag, answer) = match negotiated {
            Ok(negotiated) => negotiated,
            Err(error) => {
                session.leave().await;
                return Err(error);
            }
        };
        let (id, session) = (random_letters(), Arc::new(session));
        self.table().insert(id.clone(), session.clone());
        tokio::spawn(keep(self.clone(), id.clone(), session));
        Ok(Opened { id, tag, answer })
    }

    /// Ends a session. False when there is none.
    pub(super) async fn close(&self, id: &str) -> bool {
        let Some(session) = self.table().remove(id) else { return false };
        session.wire.end();
        session.leave().await;
        true
    }
}

impl Session {
    /// Takes candidates, or restarts ICE.
    pub(super) async fn patch(
        &self,
        matches: impl Fn(&str) -> bool,
        fragment: &Fragment,
    ) -> Result<Patched, ErrorBody> {
        let mut negotiation = self.negotiation.lock().await;
        if !matches(&negotiation.tag) {
            return Ok(Patched::Outdated);
        }
        if fragment.continues(&negotiation.offer) {
            return Ok(Patched::Trickled);
        }
        let offer = with_credentials(&negotiation.offer, &fragment.ice);
        let (tag, answer) = self.negotiate(&mut negotiation, offer).await?;
        Ok(Patched::Restarted { tag, answer })
    }

    /// Has an offer answered; what was negotiated before stands when that fails.
    async fn negotiate(&self, now: &mut Negotiation, offer: String) -> Result<(String, String), ErrorBody> {
        let revision = now.revision + 1;
        let asked = Offer { transport: now.transport.clone(), revision, sdp: offer.clone() };
        let program = match &self.purpose {
            Purpose::Publish => Program::Publish(asked),
            Purpose::Play(target) => Program::Play(target.clone(), asked),
        };
        let answer: Answer = self.ask(|ack| Request::Program(program, ack.spanning(telemetry::offer()))).await?;
        let ufrag = answer.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        let tag = format!("\"{}\"", ufrag.unwrap_or_default().trim());
        (now.revision, now.offer, now.tag) = (revision, offer, tag.clone());
        Ok((tag, answer.sdp))
    }

    async fn ask<T: Send + 'static>(&self, request: impl FnOnce(Ack<T>) -> Request) -> Result<T, ErrorBody> {
        let (ack, answer) = acknowledgement();
        self.room.request(self.link, request(ack)).await;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(super) async fn leave(&self) {
        // A program that was removed from its room has left already.
        let _ = self.ask(|ack| Request::Leave(Leave::default(), ack)).await;
    }
}

/// Ends a session when its program is gone, does not connect, or is removed from its room.
async fn keep(sessions: Sessions, id: String, session: Arc<Session>) {
    let mut phase = session.wire.0.subscribe();
    loop {
        let patience = match *phase.borrow_and_update() {
            Phase::Ended | Phase::Media(ConnectionPhase::Failed) => break,
            Phase::Media(ConnectionPhase::Connected) => Duration::MAX,
            Phase::Media(_) => PATIENCE,
        };
        tokio::select! {
            changed = phase.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(patience) => break,
        }
    }
    sessions.close(&id).await;
}

/// What a program's session hears from its room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Media(ConnectionPhase),
    Ended,
}

/// A program as its room reaches it. It says nothing to the program: there is nobody who listens.
pub(super) struct Wire(watch::Sender<Phase>);

impl Wire {
    pub(super) fn new() -> Arc<Wire> {
        Arc::new(Wire(watch::Sender::new(Phase::Media(ConnectionPhase::New))))
    }

    fn end(&self) {
        self.0.send_replace(Phase::Ended);
    }
}

impl Outbox for Wire {
    fn push(&self, push: &Push) {
        match push {
            Push::Connection(connection) => {
                self.0.send_if_modified(|phase| {
                    let changed = *phase != Phase::Ended;
                    if changed {
                        *phase = Phase::Media(connection.state);
                    }
                    changed
                });
            }
            Push::Farewell(_) => self.end(),
            _ => {}
        }
    }

    fn relay(&self, _: &AppPush) {}

    fn ask(&self, _: &AppPush, _: Duration) -> Asked {
        Box::pin(async { Err(ErrorBody::new(ErrorCode::Timeout, "the member is a program and answers nothing")) })
    }

    fn dismiss(&self, _: Farewell) {
        self.end();
    }

    fn cut(&self, _: &'static str) {
        self.end();
    }
}

/// An acknowledgement and where it arrives.
pub(super) fn acknowledgement<T: Send + 'static>() -> (Ack<T>, tokio::sync::oneshot::Receiver<Result<T, ErrorBody>>) {
    let (sender, answer) = tokio::sync::oneshot::channel();
    // Whoever asked may be gone.
    (Ack::new(move |result| drop(sender.send(result))), answer)
}

pub(super) fn gone() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotJoined, "the room closed meanwhile; try again")
}

/// 32 letters and digits: 190 bits, so that a session's address is known to its program alone.
fn random_letters() -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(32).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::testing::{FakePlane, FakeSdp};

    #[test]
    fn one_ipv6_network_has_the_sessions_of_one_address() {
        let rooms = Rooms::new(Default::default(), Arc::new(FakePlane::default()), Arc::new(FakeSdp));
        let sessions = Sessions::new(rooms, 1);
        let permit = |address: &str| sessions.permit(address.parse().unwrap());
        let first = permit("2001:db8:0:1::1").unwrap();
        assert!(permit("2001:db8:0:1::2").is_none() && permit("2001:db8:0:2::1").is_some());
        drop(first);
        assert!(permit("2001:db8:0:1::2").is_some());
    }
}
