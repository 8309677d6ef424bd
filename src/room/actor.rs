//! The task of one room: takes commands and media news in turn, keeps time, ends when the room is empty.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::Span;

use super::administer::{Announcement, RoomReport};
use super::admission::{Entered, Entry};
use super::member::Link;
use super::outbox::{Ack, LinkId};
use super::program::Program;
use super::registry::{Shared, unix_ms};
use super::room::{Room, RoomFigures, not_joined};
use crate::border::{FromShard, MediaSample, MediaState};
use crate::id::{RoomId, RoomKey};
use crate::signal::protocol::*;
use crate::telemetry;

/// Requests waiting for one room. Each socket waits for its own, so this is reached only by very many members at once.
const QUEUE: usize = 1024;
/// Samples waiting for one room: three seconds of levels, or a burst of data-channel messages.
const SAMPLES: usize = 1024;

/// A request of a member, already checked for its form.
pub enum Request {
    Leave(Leave, Ack<Done>),
    Snapshot(Ack<SnapshotReply>),
    Offer(Offer, Ack<Answer>),
    Media(Media, Ack<Done>),
    Wishes(Wishes, Ack<Done>),
    Rename(Rename, Ack<Done>),
    Hand(Hand, Ack<Done>),
    Chat(ChatSend, Ack<ChatSent>),
    React(React, Ack<Done>),
    Moderate(Moderation, Ack<Done>),
    App(App, Ack<AppAnswer>),
    /// What a program asks for instead of `offer`, `media` and `wishes`.
    Program(Program, Ack<Answer>),
}

/// What hosts ask.
pub enum Moderation {
    Settings(Settings),
    Role(ChangeRole),
    Mute(Mute),
    Allow(Allow),
    Remove(Remove),
    Admit(Admit),
    Deny(Deny),
    End(End),
}

pub(super) enum Command {
    /// Boxed, because it is several times as large as any other.
    Enter(Box<Entry>, oneshot::Sender<Entered>),
    Request(LinkId, Request),
    Lost(LinkId),
    Holds(LinkId, oneshot::Sender<bool>),
    Report(oneshot::Sender<RoomReport>),
    Administer(Moderation, Ack<Done>),
    Create(Settings, Duration, Ack<Done>),
    Announce(Announcement, Ack<AppDelivered>),
}

/// The way to one room.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Command>,
    figures: Arc<Mutex<RoomFigures>>,
}

impl Handle {
    /// Hands a request to the room, in order. A room that is gone has nobody in it: the acknowledgement says so.
    pub async fn request(&self, link: LinkId, request: Request) {
        let _ = self.queue.send(Command::Request(link, request)).await;
    }

    /// Says that a client's signalling connection is gone.
    pub async fn lost(&self, link: LinkId) {
        let _ = self.queue.send(Command::Lost(link)).await;
    }

    /// Whether a client is in the room.
    pub async fn holds(&self, link: LinkId) -> bool {
        let (sender, answer) = oneshot::channel();
        self.queue.send(Command::Holds(link, sender)).await.is_ok() && answer.await.unwrap_or(false)
    }

    /// The room as it is. `None` when it has closed meanwhile.
    pub async fn report(&self) -> Option<RoomReport> {
        let (sender, answer) = oneshot::channel();
        self.queue.send(Command::Report(sender)).await.ok()?;
        answer.await.ok()
    }

    /// Does what a host could. A room that is gone answers that nobody is there.
    pub async fn administer(&self, moderation: Moderation) -> Result<(), ErrorBody> {
        let (sender, answer) = oneshot::channel();
        let ack = Ack::new(move |result: Result<Done, ErrorBody>| drop(sender.send(result)));
        let _ = self.queue.send(Command::Administer(moderation, ack)).await;
        answer.await.unwrap_or_else(|_| Err(not_joined())).map(|Done {}| ())
    }

    /// Sends an application event to members.
    pub async fn announce(&self, announcement: Announcement) -> Result<AppDelivered, ErrorBody> {
        let (sender, answer) = oneshot::channel();
        let ack = Ack::new(move |result| drop(sender.send(result)));
        let _ = self.queue.send(Command::Announce(announcement, ack)).await;
        answer.await.unwrap_or_else(|_| Err(not_joined()))
    }

    /// Hands the command back when the queue is full, or the room is gone.
    pub(super) fn try_send(&self, command: Command) -> Result<(), Box<Command>> {
        self.queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(command) | mpsc::error::TrySendError::Closed(command) => Box::new(command),
        })
    }

    /// Whether the room's task is gone.
    pub fn is_dead(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) fn figures(&self) -> RoomFigures {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The media plane's news for one room.
pub(super) struct Feed {
    mailbox: FromShard,
    wake: Notify,
}

impl Default for Feed {
    fn default() -> Self {
        Feed { mailbox: FromShard::new(SAMPLES), wake: Notify::new() }
    }
}

impl Feed {
    pub(super) fn put(&self, state: MediaState) {
        self.mailbox.put(state);
        self.wake.notify_one();
    }

    pub(super) fn send(&self, sample: MediaSample) {
        self.mailbox.send(sample);
        self.wake.notify_one();
    }
}

/// Opens a room and starts its task.
pub(super) fn open(shared: Arc<Shared>, key: RoomKey, id: RoomId, feed: Arc<Feed>) -> Handle {
    let (queue, commands) = mpsc::channel(QUEUE);
    let figures = Arc::default();
    tokio::spawn(run(Room::new(shared, key, id), commands, feed, Arc::clone(&figures)));
    Handle { queue, figures }
}

async fn run(mut room: Room, mut commands: mpsc::Receiver<Command>, feed: Arc<Feed>, figures: Arc<Mutex<RoomFigures>>) {
    loop {
        let deadline = room.next_deadline();
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => room.take(command, now()),
                None => return,
            },
            () = feed.wake.notified() => {
                let delivery = feed.mailbox.take();
                room.shared.count_shed(delivery.shed);
                let now = now();
                delivery.cells.into_iter().for_each(|cell| room.media_state(cell, now));
                delivery.samples.into_iter().for_each(|sample| room.media_sample(sample));
            }
            () = sleep_until(deadline) => room.tick(now()),
        }
        room.settle(now());
        *figures.lock().unwrap_or_else(PoisonError::into_inner) = room.figures();
        if room.is_deserted() {
            if room.shared.close_if_idle(&room.id, room.key, &mut commands) {
                return;
            }
            room.begin_anew();
        }
    }
}

/// Tokio's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Room {
    fn take(&mut self, command: Command, now: Instant) {
        match command {
            Command::Enter(entry, entered) => {
                let (span, link) = (entry.ack.span().clone(), entry.link);
                let outcome = self.enter(*entry, now);
                self.name_in(&span, link);
                let _ = entered.send(outcome);
            }
            Command::Lost(link) => self.lose(link, now),
            Command::Holds(link, holds) => {
                let _ = holds.send(self.members.iter().any(|member| member.is_linked_by(link)));
            }
            Command::Request(link, request) => self.answer(link, request, now),
            Command::Report(sender) => drop(sender.send(self.report())),
            Command::Administer(moderation, ack) => self.administer(moderation, ack, now),
            Command::Create(settings, time, ack) => {
                self.keep(time, now);
                self.administer(Moderation::Settings(settings), ack, now);
            }
            Command::Announce(announcement, ack) => ack.send(self.announce_data(announcement)),
        }
    }

    pub(super) fn answer(&mut self, link: LinkId, request: Request, now: Instant) {
        match request {
            Request::Leave(leave, ack) => ack.send(self.leave(link, leave.soon, now)),
            Request::Snapshot(ack) => {
                if let Some(index) = self.find(link) {
                    ack.send(Ok(SnapshotReply { room: self.snapshot(index, now) }));
                }
            }
            Request::Offer(offer, ack) => {
                self.name_in(ack.span(), link);
                let answer = ack.span().in_scope(|| telemetry::answer().in_scope(|| self.offer(link, offer, now)));
                ack.send(answer);
            }
            Request::Media(media, ack) => ack.send(self.set_media(link, media)),
            Request::Wishes(wishes, ack) => ack.send(self.wish(link, wishes)),
            Request::Rename(rename, ack) => ack.send(self.rename(link, &rename)),
            Request::Hand(hand, ack) => ack.send(self.raise_hand(link, &hand)),
            Request::Chat(line, ack) => ack.send(self.chat(link, line, unix_ms())),
            Request::App(app, ack) => self.relay(link, app, ack),
            Request::React(react, ack) => ack.send(self.react(link, react)),
            Request::Moderate(moderation, ack) => self.moderate(link, moderation, ack, now),
            Request::Program(program, ack) => {
                self.name_in(ack.span(), link);
                let run = || self.run_program(link, program, now);
                let answer = ack.span().in_scope(|| telemetry::answer().in_scope(run));
                ack.send(answer);
            }
        }
    }

    /// Says in a span whose it is: by numbers that are no secrets.
    fn name_in(&mut self, span: &Span, link: LinkId) {
        span.record("room", tracing::field::display(self.key));
        let index = self.find(link);
        if let Some(member) = index.and_then(|index| self.members.get(index)) {
            span.record("member", tracing::field::display(&member.id));
        }
    }

    pub(super) fn moderate(&mut self, link: LinkId, moderation: Moderation, ack: Ack<Done>, now: Instant) {
        let done = match moderation {
            Moderation::Settings(settings) => self.change_settings(link, &settings, now),
            Moderation::Role(change) => self.change_role(link, &change),
            Moderation::Mute(mute) => self.mute(link, &mute),
            Moderation::Allow(allow) => self.allow(link, &allow),
            Moderation::Remove(remove) => self.expel(link, &remove),
            Moderation::Admit(admit) => self.admit_waiting(link, &admit, now),
            Moderation::Deny(deny) => self.deny_waiting(link, &deny, now),
            Moderation::End(End {}) => match self.end(link) {
                Ok(links) => {
                    // The caller is sent away too, and hears before that it is done.
                    ack.send(Ok(Done {}));
                    return say_farewell(links);
                }
                Err(error) => Err(error),
            },
        };
        ack.send(done);
    }
}

fn say_farewell(links: Vec<Link>) {
    for link in links {
        let message = "a host has ended the room for all".to_owned();
        link.outbox.dismiss(Farewell { reason: FarewellReason::Ended, message });
    }
}
