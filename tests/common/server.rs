//! A server in this process on ports of its own, and members whose signalling is a function call.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plenum::id::{MemberId, RoomId, SourceId};
use plenum::media::drop::DropReason;
use plenum::metrics::ShardSnapshot;
use plenum::net::placement::Spread;
use plenum::room::{Ack, Asked, Entry, Handle, LinkId, Moderation, Outbox, Push, Request, RoomConfig};
use plenum::server::{MediaConfig, Planes};
use plenum::signal::protocol::{
    Answer, AppPush, Done, ErrorBody, Farewell, Joined, Leave, Media, MemberTrouble, Offer, Payload, Seats,
    SourceQuality, Wish, Wishes,
};
use tokio::sync::oneshot;

use super::eventually;

/// Both planes on loopback, of one shard where nothing else is said.
pub struct Server {
    planes: Planes,
}

impl Server {
    pub fn start() -> Server {
        Server::announcing(&[[127, 0, 0, 1].into()])
    }

    /// One in which only the loudest are heard in rooms of more than `members`.
    pub fn with_loudest_above(members: usize) -> Server {
        Server::configured(&[[127, 0, 0, 1].into()], members)
    }

    /// One of `shards` shards over which every room spreads: its members live on them in turn.
    pub fn spreading(shards: usize) -> Server {
        Server::spreading_with_loudest_above(shards, usize::MAX)
    }

    /// The same, in which only the loudest are heard in rooms of more than `members`.
    pub fn spreading_with_loudest_above(shards: usize, loudest_above: usize) -> Server {
        let spread = Spread { above: 1, ..Spread::default() };
        Server::build(MediaConfig { shards, spread, loudest_above, ..Server::config(&[[127, 0, 0, 1].into()]) })
    }

    pub fn announcing(addresses: &[IpAddr]) -> Server {
        Server::configured(addresses, usize::MAX)
    }

    fn configured(addresses: &[IpAddr], loudest_above: usize) -> Server {
        Server::build(MediaConfig { loudest_above, ..Server::config(addresses) })
    }

    fn config(addresses: &[IpAddr]) -> MediaConfig {
        MediaConfig {
            udp_port: 0,
            tcp_port: None,
            loudest_above: usize::MAX,
            pacing: true,
            shards: 1,
            spread: Spread::default(),
            announced: addresses.to_vec(),
            rooms: RoomConfig::default(),
        }
    }

    fn build(config: MediaConfig) -> Server {
        Server { planes: Planes::start(config).unwrap() }
    }

    /// Enters the room `room`.
    pub async fn join(&self, room: &str, name: &str) -> Member {
        static LINKS: AtomicU64 = AtomicU64::new(1);
        let link = LinkId(LINKS.fetch_add(1, Ordering::Relaxed));
        let pushes = Arc::new(Pushes::default());
        let (ack, joined) = acknowledgement();
        let outbox = pushes.clone();
        let entry = Entry::new(link, outbox, name, ack);
        let handle = self.planes.rooms().enter(&RoomId(room.into()), entry).await.unwrap();
        Member { link, handle, pushes, joined: joined.await.unwrap().unwrap() }
    }

    /// The shard's counters, at most a second old.
    pub fn counters(&self) -> ShardSnapshot {
        self.shards()[0]
    }

    /// The counters of each shard, at most a second old.
    pub fn shards(&self) -> Vec<ShardSnapshot> {
        self.planes.counters().iter().map(|counters| counters.read()).collect()
    }

    pub fn drops(&self, reason: DropReason) -> u64 {
        let counters = self.counters();
        let index = DropReason::ALL.iter().position(|other| *other == reason).unwrap();
        counters.dropped[index]
    }
}

/// A member, by its signalling.
pub struct Member {
    link: LinkId,
    handle: Handle,
    pushes: Arc<Pushes>,
    pub joined: Joined,
}

impl Member {
    pub fn id(&self) -> &MemberId {
        &self.joined.member
    }

    /// Its camera with its microphone.
    pub fn source(&self) -> SourceId {
        let member = self.joined.room.members.iter().find(|member| member.id == self.joined.member);
        member.unwrap().camera.id
    }

    pub async fn offer(&self, transport: &str, revision: u32, sdp: &str) -> Result<Answer, ErrorBody> {
        let (ack, answer) = acknowledgement();
        let offer = Offer { transport: transport.into(), revision, sdp: sdp.into() };
        self.handle.request(self.link, Request::Offer(offer, ack)).await;
        answer.await.unwrap()
    }

    /// Turns microphone and camera on or off.
    pub async fn media(&self, on: bool) {
        let (ack, done) = acknowledgement::<Done>();
        let media = Media { microphone: on, camera: on, ..Media::default() };
        self.handle.request(self.link, Request::Media(media, ack)).await;
        done.await.unwrap().unwrap();
    }

    /// Leaves for good.
    pub async fn leave(&self) {
        let (ack, done) = acknowledgement::<Done>();
        self.handle.request(self.link, Request::Leave(Leave { soon: false }, ack)).await;
        done.await.unwrap().unwrap();
    }

    /// Asks what hosts ask.
    pub async fn moderate(&self, moderation: Moderation) -> Result<Done, ErrorBody> {
        let (ack, done) = acknowledgement();
        self.handle.request(self.link, Request::Moderate(moderation, ack)).await;
        done.await.unwrap()
    }

    /// Wishes to see one picture alone.
    pub async fn watch(&self, source: SourceId) {
        let (ack, done) = acknowledgement::<Done>();
        let wish = Wish { source, width: 1280, height: 720, priority: 1 };
        let wishes = Wishes { sources: vec![wish], speaker: None };
        self.handle.request(self.link, Request::Wishes(wishes, ack)).await;
        done.await.unwrap().unwrap();
    }

    /// Who sits where, as this member was told last.
    pub fn seats(&self) -> Seats {
        self.pushes.seats.lock().unwrap().clone()
    }

    /// How it receives a source, as it was told last.
    pub fn quality(&self, source: SourceId) -> Option<SourceQuality> {
        let told = self.pushes.quality.lock().unwrap();
        told.iter().rev().find(|quality| quality.source == source).copied()
    }

    /// Who has or had trouble with its own sources, in the order in which it was told.
    pub fn troubles(&self) -> Vec<MemberTrouble> {
        self.pushes.troubles.lock().unwrap().clone()
    }

    /// Waits until `source` sits in the first seat.
    pub async fn sees(&self, source: SourceId) {
        eventually("a seat", || self.seats().seats.first() == Some(&Some(source))).await;
    }
}

/// What a member was told.
#[derive(Default)]
struct Pushes {
    seats: Mutex<Seats>,
    quality: Mutex<Vec<SourceQuality>>,
    troubles: Mutex<Vec<MemberTrouble>>,
}

impl Outbox for Pushes {
    fn push(&self, push: &Push) {
        match push {
            Push::Seats(seats) => *self.seats.lock().unwrap() = seats.clone(),
            Push::Quality(quality) => self.quality.lock().unwrap().extend(&quality.sources),
            Push::Trouble(trouble) => self.troubles.lock().unwrap().push(trouble.clone()),
            _ => {}
        }
    }

    fn relay(&self, _push: &AppPush) {}

    fn ask(&self, _push: &AppPush, _timeout: Duration) -> Asked {
        Box::pin(async { Ok(Payload::Null) })
    }

    fn dismiss(&self, _farewell: Farewell) {}

    fn cut(&self, _why: &'static str) {}
}

fn acknowledgement<T: Send + 'static>() -> (Ack<T>, oneshot::Receiver<Result<T, ErrorBody>>) {
    let (sender, receiver) = oneshot::channel();
    let ack = Ack::new(move |result| {
        // Whoever asked may have stopped listening.
        let _ = sender.send(result);
    });
    (ack, receiver)
}
