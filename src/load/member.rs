//! One member's signalling: it comes in through the front door, stays, and leaves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

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
use super::plan::Part;
use super::sdp::{self, Wanted};
use super::socketio::{Client, Transport};
use crate::id::RoomId;
use crate::signal::protocol::{Join, Leave, Media, Offer};

/// What all members of a run have in common.
pub(super) struct Door {
    pub(super) target: Target,
    pub(super) transport: Transport,
    pub(super) identity: Identity,
    /// Addresses of this machine.
    pub(super) own: Vec<IpAddr>,
    /// Distinguishes the rooms of this run.
    pub(super) run: String,
}

impl Door {
    /// Comes in as member `id`, in `room`.
    pub(super) async fn enter(&self, id: u32, room: usize, part: Part) -> Result<(Client, Spec), LoadError> {
        let started = Instant::now();
        let from = self.target.address.ip().is_loopback().then(|| IpAddr::V4(loopback(id)));
        let mut client = Client::connect(&self.target, self.transport, from).await?;
        let join = Join {
            room: RoomId(format!("load-{}-{room}", self.run)),
            name: format!("load {id}"),
            password: None,
            token: None,
            listed: false,
            waiting_room: false,
        };
        client.request("join", &join).await?;
        let (ufrag, pwd) = (ice::random(8), ice::random(24));
        let pictures = part.publishing.as_ref().and_then(|publishing| publishing.pictures.as_ref());
        let is_screen = pictures.is_some_and(|pictures| pictures.screen);
        let sdp = sdp::offer(&Wanted {
            ufrag: &ufrag,
            pwd: &pwd,
            fingerprint: &self.identity.fingerprint,
            layers: pictures.filter(|pictures| !pictures.screen).map_or(1, |pictures| pictures.layers.len()),
            screen: is_screen,
            seats: part.seats,
            audio_lines: if part.seats > 0 { AUDIO_LINES } else { 0 },
            transport_cc: true,
        });
        let offer = Offer { transport: ice::random(12), revision: 1, sdp };
        let answer = client.request("offer", &offer).await?;
        let answered = answer.get("sdp").and_then(Value::as_str).and_then(sdp::read);
        let strange = || LoadError::Strange {
            server: self.target.authority.clone(),
            problem: "an answer without ICE credentials or UDP candidates".to_owned(),
        };
        let answered = answered.ok_or_else(strange)?;
        if let Some(publishing) = &part.publishing {
            let pictures = publishing.pictures.is_some();
            let media = Media {
                microphone: publishing.sound,
                camera: pictures && !is_screen,
                screen: pictures && is_screen,
                screen_audio: false,
            };
            client.request("media", &media).await?;
        }
        let candidates = self.reachable(&answered.candidates);
        Ok((client, Spec { id, part, identity: self.identity.clone(), ufrag, answered, candidates, started }))
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

/// A member that is in.
pub(super) struct Member {
    leave: oneshot::Sender<()>,
    task: JoinHandle<Option<LoadError>>,
}

impl Member {
    /// Keeps the connection of one that came in.
    pub(super) fn stay(mut client: Client) -> Member {
        let (leave, asked) = oneshot::channel();
        let task = tokio::spawn(async move {
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
