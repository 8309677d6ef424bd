//! What one client's events mean, one after the other.

use std::sync::Arc;
use std::time::Instant;

use serde::de::DeserializeOwned;
use socketioxide::extract::AckSender;
use tokio::sync::mpsc;

use super::intake::Envelope;
use super::layer::SignalConfig;
use super::message::Message;
use super::peer::Peer;
use super::protocol::*;
use super::rate::Bucket;
use crate::access::{Access, Pass, TokenError};
use crate::id::RoomId;
use crate::room::{Ack, Entry, Handle, Moderation, Request, Rooms};
use crate::telemetry;

/// One client's place in the server.
pub(super) struct Session {
    peer: Arc<Peer>,
    rooms: Rooms,
    /// From `auth`.
    resume: Option<String>,
    /// What `auth.token` says, or why it does not count.
    pass: Result<Option<Pass>, ErrorBody>,
    /// The room that the client is in, or in whose waiting room it is.
    room: Option<(RoomId, Handle)>,
    app: Bucket,
    talk: Bucket,
    offers: Bucket,
}

/// Checks an access token.
pub(super) fn check(access: &Access, token: Option<&str>) -> Result<Option<Pass>, ErrorBody> {
    let checked = token.map(|token| access.verify(token)).transpose();
    checked.map_err(|error| {
        let code = if error == TokenError::Expired { ErrorCode::TokenExpired } else { ErrorCode::BadToken };
        ErrorBody::new(code, format!("token: {error}"))
    })
}

impl Session {
    pub(super) fn new(
        peer: Arc<Peer>,
        rooms: Rooms,
        resume: Option<String>,
        pass: Result<Option<Pass>, ErrorBody>,
        config: &SignalConfig,
    ) -> Session {
        let [app, talk, offers] =
            [config.app, config.talk, config.offers].map(|rate| Bucket::new(rate, Instant::now()));
        Session { peer, rooms, resume, pass, room: None, app, talk, offers }
    }

    /// Handles events until the client is gone; what it had sent before still counts.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Box<Envelope>>) {
        loop {
            tokio::select! {
                biased;
                () = self.peer.ended() => break,
                envelope = queue.recv() => match envelope {
                    Some(envelope) => self.handle(*envelope).await,
                    None => break,
                },
            }
        }
        queue.close();
        while let Some(envelope) = queue.recv().await {
            self.handle(*envelope).await;
        }
        if let Some((_, room)) = self.room.take() {
            room.lost(self.peer.link).await;
        }
        self.rooms.unwatch(self.peer.link);
    }

    async fn handle(&mut self, envelope: Envelope) {
        let Envelope { message, ack, .. } = envelope;
        let Some(event) = message.event() else {
            return self.refuse(ack, ErrorCode::BadRequest, "an event begins with its name");
        };
        match event.as_str() {
            "join" => self.join(&message, ack).await,
            "leave" => self.leave(&message, ack).await,
            "snapshot" => self.ask(&message, ack, |Snapshot {}, ack| Request::Snapshot(ack)).await,
            "offer" if self.offers.take(Instant::now()) => {
                let spanning = |offer, ack: Ack<_>| Request::Offer(offer, ack.spanning(telemetry::offer()));
                self.ask(&message, ack, spanning).await;
            }
            "offer" => self.refuse(ack, ErrorCode::RateLimited, "too many offers; try again after a second"),
            "media" => self.ask(&message, ack, Request::Media).await,
            "wishes" => self.ask(&message, ack, Request::Wishes).await,
            "viewing" => self.viewing(&message, ack),
            "rename" => self.ask(&message, ack, Request::Rename).await,
            "hand" => self.ask(&message, ack, Request::Hand).await,
            "chat" if self.talks() => self.ask(&message, ack, Request::Chat).await,
            "react" if self.talks() => self.ask(&message, ack, Request::React).await,
            "chat" | "react" => self.refuse(ack, ErrorCode::RateLimited, "too much said; try again after a second"),
            "settings" => self.moderate(&message, ack, Moderation::Settings).await,
            "role" => self.moderate(&message, ack, Moderation::Role).await,
            "mute" => self.moderate(&message, ack, Moderation::Mute).await,
            "allow" => self.moderate(&message, ack, Moderation::Allow).await,
            "remove" => self.moderate(&message, ack, Moderation::Remove).await,
            "admit" => self.moderate(&message, ack, Moderation::Admit).await,
            "deny" => self.moderate(&message, ack, Moderation::Deny).await,
            "end" => self.moderate(&message, ack, Moderation::End).await,
            "app" => self.app(message, ack).await,
            "lobby" => self.lobby(&message, ack),
            _ => self.refuse(ack, ErrorCode::UnknownEvent, "no such event; application events travel in `app`"),
        }
    }

    fn refuse(&self, ack: AckSender, code: ErrorCode, message: &str) {
        self.peer.acknowledge::<Done>(ack, &Err(ErrorBody::new(code, message)));
    }

    /// Whether one more line or reaction is within the rate.
    fn talks(&mut self) -> bool {
        self.talk.take(Instant::now())
    }

    async fn moderate<P: DeserializeOwned>(&self, message: &Message, ack: AckSender, of: fn(P) -> Moderation) {
        self.ask(message, ack, |payload, ack| Request::Moderate(of(payload), ack)).await;
    }

    /// Reads the payload and hands the request to the room.
    async fn ask<P, R>(&self, message: &Message, ack: AckSender, request: impl FnOnce(P, Ack<R>) -> Request)
    where
        P: DeserializeOwned,
        R: serde::Serialize + 'static,
    {
        match message.payload() {
            Ok(payload) => self.send(request(payload, self.peer.ack(ack))).await,
            Err(error) => self.peer.acknowledge::<Done>(ack, &Err(error)),
        }
    }

    /// Without a room the request is dropped, and its acknowledgement says so.
    async fn send(&self, request: Request) {
        if let Some((_, room)) = &self.room {
            room.request(self.peer.link, request).await;
        }
    }

    async fn join(&mut self, message: &Message, ack: AckSender) {
        let join: Join = match message.payload() {
            Ok(join) => join,
            Err(error) => return self.peer.acknowledge::<Done>(ack, &Err(error)),
        };
        if let Some((room, handle)) = &self.room
            && *room != join.room
        {
            if handle.holds(self.peer.link).await {
                return self.refuse(ack, ErrorCode::AlreadyJoined, "leave the present room first");
            }
            // Nobody waits at two doors.
            handle.lost(self.peer.link).await;
        }
        let pass = match &join.token {
            Some(token) => check(self.rooms.access(), Some(token)),
            None => self.pass.clone(),
        };
        let entry = Entry {
            listed: join.listed,
            waiting_room: join.waiting_room,
            password: join.password,
            resume: self.resume.clone(),
            pass,
            address: self.peer.address,
            ..Entry::new(self.peer.link, self.peer.clone(), join.name, self.peer.ack(ack).spanning(telemetry::join()))
        };
        if let Some(handle) = self.rooms.enter(&join.room, entry).await {
            if let Some(watched) = &self.peer.watched {
                watched.entered(&join.room);
            }
            self.room = Some((join.room, handle));
        }
    }

    async fn leave(&mut self, message: &Message, ack: AckSender) {
        match message.payload::<Leave>() {
            Ok(leave) => {
                let soon = leave.soon;
                self.send(Request::Leave(leave, self.peer.ack(ack))).await;
                if !soon {
                    if let (Some(watched), Some((room, _))) = (&self.peer.watched, &self.room) {
                        watched.went(room);
                    }
                    self.room = None;
                    // Who has left does not come back as the same member.
                    self.resume = None;
                }
            }
            Err(error) => self.peer.acknowledge::<Done>(ack, &Err(error)),
        }
    }

    async fn app(&mut self, message: Message, ack: AckSender) {
        if !self.app.take(Instant::now()) {
            return self.refuse(ack, ErrorCode::RateLimited, "too many application events; try again after a second");
        }
        match message.app() {
            Ok(app) => self.send(Request::App(app, self.peer.ack(ack))).await,
            Err(error) => self.peer.acknowledge::<Done>(ack, &Err(error)),
        }
    }

    /// Counted for the whole server; what is told outside of a room is of no call.
    fn viewing(&self, message: &Message, ack: AckSender) {
        let viewing: Viewing = match message.payload() {
            Ok(viewing) => viewing,
            Err(error) => return self.peer.acknowledge::<Done>(ack, &Err(error)),
        };
        if let Some((field, most)) = viewing.out_of_range() {
            let message = format!("{field}: at most {most}; tell every ten seconds what is new");
            return self.refuse(ack, ErrorCode::BadRequest, &message);
        }
        // Of a client that asks for nothing else, this is how it learns that its room fell over.
        if self.room.as_ref().is_none_or(|(_, room)| room.is_dead()) {
            return self.refuse(ack, ErrorCode::NotJoined, "join a room first");
        }
        self.rooms.view(viewing);
        self.peer.acknowledge(ack, &Ok(Done {}));
    }

    fn lobby(&self, message: &Message, ack: AckSender) {
        if self.rooms.access().is_required() && !matches!(self.pass, Ok(Some(_))) {
            let message = "auth.token: nobody sees the public rooms of this server without one";
            return self.refuse(ack, ErrorCode::TokenRequired, message);
        }
        match message.payload::<Lobby>() {
            Ok(Lobby { watch: true }) => {
                self.rooms.watch(self.peer.link, self.peer.clone(), self.peer.ack(ack));
            }
            Ok(Lobby { watch: false }) => {
                self.rooms.unwatch(self.peer.link);
                self.peer.acknowledge(ack, &Ok(LobbyReply::default()));
            }
            Err(error) => self.peer.acknowledge::<Done>(ack, &Err(error)),
        }
    }
}
