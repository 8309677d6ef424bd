//! One member's signalling: it comes in through the front door, stays, and leaves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::LoadError;
use super::dtls::Identity;
use super::engine::loopback;
use super::http::Target;
use super::ice;
use super::options::AUDIO_LINES;
use super::peer::Spec;
use super::plan::{Entrance, Part};
use super::program::Program;
use super::sdp::{self, Offered, Wanted};
use super::socketio::{Client, Transport};
use crate::access::{Access, Claims};
use crate::id::RoomId;
use crate::signal::protocol::{Join, Leave, Media, Offer};

/// How long a token counts that is signed here: longer than any test.
const TOKEN_LASTS: Duration = Duration::from_secs(24 * 3600);

/// How the rooms of a run are called.
pub(super) struct Rooms {
    name: String,
    numbered: bool,
}

impl Rooms {
    /// `count` rooms of that name; without one, rooms that no other run has.
    pub(super) fn new(name: Option<&str>, count: usize) -> Rooms {
        let name = name.map_or_else(|| format!("load-{}", ice::random(8)), str::to_owned);
        Rooms { name, numbered: count > 1 }
    }

    fn name(&self, number: usize) -> String {
        if self.numbered { format!("{}-{number}", self.name) } else { self.name.clone() }
    }

    /// A token for all of them.
    pub(super) fn token(&self, access: &Access) -> Result<String, LoadError> {
        let pattern = if self.numbered { format!("{}-*", self.name) } else { self.name.clone() };
        let room = pattern.parse().map_err(|problem| LoadError::Options(format!("--room: {problem}")))?;
        access.mint(&Claims { room: Some(room), ..Claims::lasting(TOKEN_LASTS) }).map_err(LoadError::Token)
    }
}

/// What all members of a run have in common.
pub(super) struct Door {
    pub(super) target: Target,
    pub(super) transport: Transport,
    pub(super) identity: Identity,
    /// Addresses of this machine.
    pub(super) own: Vec<IpAddr>,
    pub(super) rooms: Rooms,
    /// Access token.
    pub(super) token: Option<String>,
}

/// A member that came in, as the server's control plane knows it.
pub(super) enum Presence {
    Page(Box<Client>),
    Program(Program),
}

impl Door {
    /// Comes in as member `id`, in `room`.
    pub(super) async fn enter(&self, id: u32, room: usize, part: Part) -> Result<(Presence, Spec), LoadError> {
        let started = Instant::now();
        let from = self.target.address.ip().is_loopback().then(|| IpAddr::V4(loopback(id)));
        let room = self.rooms.name(room);
        let (ufrag, pwd) = (ice::random(8), ice::random(24));
        let pictures = part.publishing.as_ref().and_then(|publishing| publishing.pictures.as_ref());
        let wanted = Wanted {
            ufrag: &ufrag,
            pwd: &pwd,
            fingerprint: &self.identity.fingerprint,
            layers: pictures.filter(|pictures| !pictures.screen).map_or(1, |pictures| pictures.layers.len()),
            screen: pictures.is_some_and(|pictures| pictures.screen),
            seats: part.seats,
            audio_lines: if part.seats > 0 { AUDIO_LINES } else { 0 },
            transport_cc: true,
        };
        let (presence, answer) = match part.entrance {
            Entrance::Page => self.page(from, room, &part, &wanted).await?,
            Entrance::Whip | Entrance::Whep { .. } => {
                let offer = sdp::offer_of(&wanted, &program_lines(&part));
                let token = self.token.as_deref();
                let (program, answer) = Program::enter(&self.target, from, token, &room, &part, offer).await?;
                (Presence::Program(program), answer)
            }
        };
        let strange = || LoadError::Strange {
            server: self.target.authority.clone(),
            problem: "an answer without ICE credentials or UDP candidates".to_owned(),
        };
        let answered = sdp::read(&answer).ok_or_else(strange)?;
        let candidates = self.reachable(&answered.candidates);
        Ok((presence, Spec { id, part, identity: self.identity.clone(), ufrag, pwd, answered, candidates, started }))
    }

    /// Comes in as a page does; the answer to its offer beside.
    async fn page(
        &self,
        from: Option<IpAddr>,
        room: String,
        part: &Part,
        wanted: &Wanted<'_>,
    ) -> Result<(Presence, String), LoadError> {
        let mut client = Client::connect(&self.target, self.transport, from).await?;
        let join = Join {
            room: RoomId(room),
            name: part.name.clone(),
            password: None,
            token: self.token.clone(),
            listed: false,
            waiting_room: false,
        };
        client.request("join", &join).await?;
        let offer = Offer { transport: ice::random(12), revision: 1, sdp: sdp::offer(wanted) };
        let answer = client.request("offer", &offer).await?;
        let answer = answer.get("sdp").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(publishing) = &part.publishing {
            let pictures = publishing.pictures.is_some();
            let media = Media {
                microphone: publishing.sound,
                camera: pictures && !wanted.screen,
                screen: pictures && wanted.screen,
                screen_audio: false,
            };
            client.request("media", &media).await?;
        }
        Ok((Presence::Page(Box::new(client)), answer))
    }

    /// Candidates to check: those on this machine if there are any, else those of one address family.
    fn reachable(&self, candidates: &[std::net::SocketAddr]) -> Vec<std::net::SocketAddr> {
        let of = |wanted: &dyn Fn(&IpAddr) -> bool| -> Vec<_> {
            candidates.iter().copied().filter(|candidate| wanted(&candidate.ip())).collect()
        };
        let here = of(&|ip| ip.is_ipv4() && self.is_here(ip));
        if !here.is_empty() {
            return here;
        }
        let v4 = of(&IpAddr::is_ipv4);
        if v4.is_empty() { candidates.to_vec() } else { v4 }
    }

    pub(super) fn is_here(&self, ip: &IpAddr) -> bool {
        ip.is_loopback() || self.own.contains(ip)
    }
}

/// What a program offers: to send its sound and its picture, or to receive one of each.
fn program_lines(part: &Part) -> Vec<Offered> {
    let sends = part.publishing.is_some();
    let sound = part.publishing.as_ref().is_none_or(|publishing| publishing.sound);
    let pictures = part.publishing.as_ref().map_or(part.expects_pictures, |publishing| publishing.pictures.is_some());
    let line = |mid: &str, video| Offered { mid: mid.to_owned(), video, sends };
    let lines = [sound.then(|| line(sdp::MICROPHONE, false)), pictures.then(|| line(sdp::CAMERA, true))];
    lines.into_iter().flatten().collect()
}

/// A member that is in.
pub(super) struct Member {
    leave: oneshot::Sender<()>,
    task: JoinHandle<Option<LoadError>>,
}

impl Member {
    /// Keeps the connection of one that came in; a program has none that is kept.
    pub(super) fn stay(presence: Presence) -> Member {
        let (leave, asked) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let mut client = match presence {
                Presence::Page(client) => client,
                Presence::Program(program) => {
                    // Dropped unasked is asked, too.
                    let _ = asked.await;
                    program.leave().await;
                    return None;
                }
            };
            tokio::select! {
                ended = client.stay() => Some(ended),
                _ = asked => {
                    // Whether the server says goodbye matters to nobody.
                    let _ = client.request("leave", &Leave::default()).await;
                    None
                }
            }
        });
        Member { leave, task }
    }

    /// Whether the server ended its connection.
    pub(super) fn is_lost(&self) -> bool {
        self.task.is_finished()
    }

    /// Leaves; the task goes on until the server has heard it.
    pub(super) fn leave(self) -> JoinHandle<Option<LoadError>> {
        // One whose connection broke has left already.
        let _ = self.leave.send(());
        self.task
    }
}

/// Shared by the tasks that come in.
pub(super) type SharedDoor = Arc<Door>;
