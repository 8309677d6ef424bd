//! All rooms of the process: finds or opens them, and routes the media plane's news to them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::sync::{mpsc, oneshot};

use super::actor::{self, Command, Feed, Handle};
use super::admission::{Entered, Entry};
use super::lobby::Lobby;
use super::member::{Link, Resident};
use super::name;
use super::outbox::{Ack, LinkId, Outbox};
use super::plane::{MediaPlane, Negotiator};
use super::viewing::Viewings;
use super::witness::Witness;
use crate::access::{Access, KindSet, Pass};
use crate::border::{MediaSample, MediaState, SeatPlan};
use crate::id::{MemberId, RoomId, RoomKey, SourceId, TransportId};
use crate::metrics::{ControlSnapshot, JoinCounts};
use crate::signal::protocol::{
    Done, ErrorBody, ErrorCode, Limits, LobbyReply, Media, Paused, Permissions, Seats, Settings, Viewing,
};

/// Letters of a member's id: 16 of 62 are 95 bits, so that ids are never guessed nor drawn twice.
const MEMBER_ID_LETTERS: usize = 16;

/// What the configuration says of rooms.
#[derive(Clone)]
pub struct RoomConfig {
    pub limits: Limits,
    /// Share of its time that the media thread of a room may work, 0 to 1, and still be given new members. From 1 on: always.
    pub most_load: f64,
    /// Checks access tokens, and says whether they are needed.
    pub access: Access,
    /// Whether new rooms begin with a waiting room.
    pub waiting_room: bool,
    /// Who is told what happens in rooms.
    pub witness: Option<Arc<dyn Witness>>,
}

impl Default for RoomConfig {
    fn default() -> Self {
        // 512 KiB hold an offer of 49 seats with every codec; 49 seats are the largest grid a page shows.
        let limits = Limits { message_bytes: 512 * 1024, chat_chars: 4_000, seats: 49, members: 200 };
        RoomConfig { most_load: 0.9, limits, access: Access::default(), waiting_room: false, witness: None }
    }
}

/// All rooms. Cheap to clone.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

/// What rooms have in common.
pub(super) struct Shared {
    pub(super) config: RoomConfig,
    pub(super) plane: Arc<dyn MediaPlane>,
    pub(super) negotiator: Arc<dyn Negotiator>,
    pub(super) lobby: Lobby,
    pub(super) routes: Routes,
    open: Mutex<HashMap<RoomId, Handle>>,
    draining: AtomicBool,
    last_source: AtomicU32,
    last_transport: AtomicU64,
    last_room: AtomicU64,
    joined: AtomicU64,
    resumed: AtomicU64,
    refused: AtomicU64,
    shed: AtomicU64,
    viewings: Viewings,
}

impl Rooms {
    pub fn new(config: RoomConfig, plane: Arc<dyn MediaPlane>, negotiator: Arc<dyn Negotiator>) -> Rooms {
        Rooms(Arc::new(Shared {
            config,
            plane,
            negotiator,
            lobby: Lobby::default(),
            routes: Routes::default(),
            open: Mutex::default(),
            draining: AtomicBool::new(false),
            last_source: AtomicU32::new(0),
            last_transport: AtomicU64::new(0),
            last_room: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            viewings: Viewings::default(),
        }))
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> Arc<Shared> {
        self.0.clone()
    }

    pub fn limits(&self) -> Limits {
        self.0.config.limits
    }

    pub fn access(&self) -> &Access {
        &self.0.config.access
    }

    /// Enters the room of that name, opening it when nobody is there. `None` when the entry was refused; it has been
    /// acknowledged either way. A handle to a room in whose waiting room the client is comes with a refusal.
    pub async fn enter(&self, room: &RoomId, entry: Entry) -> Option<Handle> {
        let (entered, answer) = oneshot::channel();
        let handle = match name::room_name(&room.0) {
            Ok(id) => self.0.send_entry(id, entry, entered),
            Err(error) => {
                entry.ack.send(Err(error));
                None
            }
        };
        let outcome = match &handle {
            Some(_) => answer.await.unwrap_or(Entered::Refused),
            None => Entered::Refused,
        };
        let counter = match outcome {
            Entered::Joined => Some(&self.0.joined),
            Entered::Resumed => Some(&self.0.resumed),
            Entered::Waits => None,
            Entered::Refused => Some(&self.0.refused),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        handle.filter(|_| outcome != Entered::Refused)
    }

    /// Whether somebody is in the room of that name.
    pub fn is_open(&self, room: &RoomId) -> bool {
        name::room_name(&room.0).is_ok_and(|id| self.0.lock().contains_key(&id))
    }

    /// The rooms that there are, by name.
    pub fn open_rooms(&self) -> Vec<(RoomId, Handle)> {
        let mut rooms: Vec<_> = self.0.lock().iter().map(|(id, handle)| (id.clone(), handle.clone())).collect();
        rooms.sort_by(|a, b| a.0.cmp(&b.0));
        rooms
    }

    /// The room of that name, if it is open.
    pub fn find(&self, room: &RoomId) -> Option<Handle> {
        let id = name::room_name(&room.0).ok()?;
        self.0.lock().get(&id).cloned()
    }

    /// Opens the room of that name where there is none, keeps it for `time` though nobody be in it, and gives it its
    /// settings. True when there was none.
    ///
    /// # Errors
    ///
    /// A bad name or setting, a server that goes down, or a room that is too busy.
    pub async fn create(&self, room: &RoomId, settings: Settings, time: Duration) -> Result<bool, ErrorBody> {
        let id = name::room_name(&room.0)?;
        if self.0.is_draining() {
            return Err(ErrorBody::new(ErrorCode::Draining, "this server is going down"));
        }
        let busy = || ErrorBody::new(ErrorCode::RateLimited, "the room is busy; try again after a second");
        let (done, answer) = oneshot::channel();
        let ack = Ack::new(move |result: Result<Done, ErrorBody>| drop(done.send(result)));
        let is_new = {
            // Under the lock, as entries are, so that the room cannot close in between.
            let mut open = self.0.lock();
            let is_new = !open.contains_key(&id);
            let handle = self.0.handle(&mut open, id);
            handle.try_send(Command::Create(settings, time, ack)).map_err(|_| busy())?;
            is_new
        };
        answer.await.unwrap_or_else(|_| Err(busy())).map(|Done {}| is_new)
    }

    /// Takes a cell of the media plane. Never waits, never loses.
    pub fn media(&self, state: MediaState) {
        let feed = match &state {
            MediaState::Transport(id, _)
            | MediaState::AudioLines(id, _)
            | MediaState::Undecodable(id, _)
            | MediaState::Paused(id, _)
            | MediaState::Quality(id, _) => self.0.routes.of_transport(*id),
            MediaState::Dominant(room, _) => self.0.routes.of_room(*room),
            MediaState::Source(id, _) | MediaState::Demand(id, _) => self.0.routes.of_source(*id),
        };
        // News of what has just been closed finds no room.
        if let Some(feed) = feed {
            feed.put(state);
        }
    }

    /// Takes a sample of the media plane for whichever room it belongs to.
    pub fn take_sample(&self, sample: MediaSample) {
        let feed = match &sample {
            MediaSample::Levels(room, _) => self.0.routes.of_room(*room),
            MediaSample::Data(message) => self.0.routes.of_transport(message.transport),
        };
        if let Some(feed) = feed {
            feed.send(sample);
        }
    }

    /// Acknowledges with the public room list and sends its differences to a client; needs a Tokio runtime.
    pub fn watch(&self, link: LinkId, outbox: Arc<dyn Outbox>, ack: Ack<LobbyReply>) {
        if self.0.lobby.watch(link, outbox, ack) {
            let shared = self.0.clone();
            tokio::spawn(async move { shared.lobby.run().await });
        }
    }

    pub fn unwatch(&self, link: LinkId) {
        self.0.lobby.unwatch(link);
    }

    /// From now on nobody new enters. Members that come back still do.
    pub fn drain(&self) {
        self.0.drain();
    }

    /// Counts samples of the media plane that were shed on their way here.
    pub fn count_shed(&self, samples: u64) {
        self.0.count_shed(samples);
    }

    /// Counts what a browser tells of its pictures.
    pub fn view(&self, viewing: Viewing) {
        self.0.viewings.add(viewing);
    }

    /// What there is now, and what was counted since the start. `sockets` is not known here.
    pub fn figures(&self) -> ControlSnapshot {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &*self.0;
        let mut all = ControlSnapshot {
            joins: JoinCounts {
                joined: of(&shared.joined),
                resumed: of(&shared.resumed),
                refused: of(&shared.refused),
            },
            shed: of(&shared.shed),
            viewing: shared.viewings.totals(),
            ..ControlSnapshot::default()
        };
        for (id, room) in shared.lock().iter().map(|(id, handle)| (id, handle.figures())) {
            all.rooms += 1;
            all.members += room.members;
            all.reconnecting += room.reconnecting;
            all.cameras += room.cameras;
            all.screens += room.screens;
            all.microphones += room.microphones;
            all.unsupported += room.unsupported;
            if room.listed {
                all.public.push((room.key, id.0.clone()));
            }
        }
        all
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Handle>> {
        // Contents stay consistent between statements, so a panicking holder leaves nothing half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries are queued under the lock, and a room closes under the same lock with an empty queue only: an entry
    /// never meets a closed room.
    fn send_entry(self: &Arc<Self>, id: RoomId, entry: Entry, entered: oneshot::Sender<Entered>) -> Option<Handle> {
        let mut open = self.lock();
        let handle = self.handle(&mut open, id);
        match handle.try_send(Command::Enter(Box::new(entry), entered)) {
            Ok(()) => Some(handle.clone()),
            Err(command) => {
                if let Command::Enter(entry, _) = *command {
                    entry.ack.refuse(ErrorCode::RateLimited, "the room is busy; try again after a second");
                }
                None
            }
        }
    }

    fn handle<'m>(self: &Arc<Self>, open: &'m mut HashMap<RoomId, Handle>, id: RoomId) -> &'m Handle {
        // A room that closes leaves the map under the same lock: this one fell over, and its name must not be lost with it.
        if let Some(key) = open.get(&id).filter(|room| room.is_dead()).map(|room| room.figures().key) {
            tracing::error!(room = %key, "a room ended by a fault of ours and is opened anew");
            self.routes.remove_room(key);
            open.remove(&id);
        }
        open.entry(id.clone()).or_insert_with(|| {
            let key = RoomKey(self.last_room.fetch_add(1, Ordering::Relaxed) + 1);
            let feed = Arc::new(Feed::default());
            self.routes.add_room(key, feed.clone());
            actor::open(self.clone(), key, id, feed)
        })
    }

    /// Takes an empty room off the map unless somebody is about to enter. True when it is closed.
    pub(super) fn close_if_idle(&self, id: &RoomId, key: RoomKey, queue: &mut mpsc::Receiver<Command>) -> bool {
        let mut open = self.lock();
        if !queue.is_empty() {
            return false;
        }
        queue.close();
        open.remove(id);
        self.routes.remove_room(key);
        true
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn count_shed(&self, samples: u64) {
        self.shed.fetch_add(samples, Ordering::Relaxed);
    }

    pub(super) fn next_transport(&self) -> TransportId {
        TransportId(self.last_transport.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Source numbers start at 1: 0 is never a source.
    fn next_source(&self) -> SourceId {
        SourceId(self.last_source.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn new_resident(&self, name: String, link: Link, pass: Pass, address: Option<IpAddr>) -> Resident {
        let nothing = Permissions {
            role: pass.grants.role,
            publish: KindSet::NONE,
            subscribe: false,
            chat: false,
            data: false,
            rename: false,
            moderate: false,
            record: false,
        };
        Resident {
            id: MemberId(random_id()),
            // Behind everybody, until it is on the roster.
            number: u64::MAX,
            untold: None,
            resume: format!("{:032x}", rand::rng().random::<u128>()),
            name,
            role: pass.grants.role,
            pass,
            forbidden: KindSet::NONE,
            permitted: nothing,
            address,
            hand: None,
            joined_at: unix_ms(),
            camera: self.next_source(),
            screen: self.next_source(),
            media: Media::default(),
            link: Some(link),
            leaving: None,
            dead_since: None,
            connection: None,
            wishes: None,
            seats: Seats::default(),
            plan: Arc::new(SeatPlan::default()),
            audio_lines: Vec::new(),
            undecodable: Vec::new(),
            paused: Paused::default(),
            demand: Vec::new(),
            codecs: None,
            decodes: None,
            received: Vec::new(),
            quality: Vec::new(),
            receipts: Default::default(),
            plays: None,
        }
    }
}

/// A random public id.
pub(super) fn random_id() -> String {
    rand::rng().sample_iter(Alphanumeric).take(MEMBER_ID_LETTERS).map(char::from).collect()
}

/// Unix time in milliseconds.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Which room hears of what.
#[derive(Default)]
pub(super) struct Routes(Mutex<RouteTable>);

#[derive(Default)]
struct RouteTable {
    rooms: HashMap<RoomKey, Arc<Feed>>,
    transports: HashMap<TransportId, RoomKey>,
    sources: HashMap<SourceId, RoomKey>,
}

impl Routes {
    fn lock(&self) -> MutexGuard<'_, RouteTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_room(&self, key: RoomKey, feed: Arc<Feed>) {
        self.lock().rooms.insert(key, feed);
    }

    fn remove_room(&self, key: RoomKey) {
        self.lock().rooms.remove(&key);
    }

    pub(super) fn add_transport(&self, key: RoomKey, id: TransportId) {
        self.lock().transports.insert(id, key);
    }

    pub(super) fn remove_transport(&self, id: TransportId) {
        self.lock().transports.remove(&id);
    }

    pub(super) fn add_sources(&self, key: RoomKey, sources: [SourceId; 2]) {
        self.lock().sources.extend(sources.map(|source| (source, key)));
    }

    pub(super) fn remove_sources(&self, sources: [SourceId; 2]) {
        let mut table = self.lock();
        for source in sources {
            table.sources.remove(&source);
        }
    }

    fn of_room(&self, key: RoomKey) -> Option<Arc<Feed>> {
        self.lock().rooms.get(&key).cloned()
    }

    fn of_transport(&self, id: TransportId) -> Option<Arc<Feed>> {
        let table = self.lock();
        table.rooms.get(table.transports.get(&id)?).cloned()
    }

    fn of_source(&self, id: SourceId) -> Option<Arc<Feed>> {
        let table = self.lock();
        table.rooms.get(table.sources.get(&id)?).cloned()
    }
}
