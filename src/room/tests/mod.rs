//! What members see of a room, without sockets, clocks or media.

mod admission;
mod door;
mod large;
mod media;
mod moderation;
mod permissions;
mod programs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::actor::Request;
use super::admission::Entry;
use super::outbox::{LinkId, Push};
use super::plane::{Negotiation, Negotiator, Purpose, ShardChoice};
use super::registry::{RoomConfig, Rooms, Shared};
use super::room::Room;
use super::testing::{FakeClient, FakePlane, FakeSdp, ack};
use crate::border::*;
use crate::id::*;
use crate::media::quality;
use crate::media::spec::Codec;
use crate::signal::protocol::*;
use crate::transport::spec::Lane;

const RAISED: Hand = Hand { raised: true, member: None };

struct World {
    room: Room,
    plane: Arc<FakePlane>,
    now: Instant,
    links: u64,
}

struct Guest {
    link: LinkId,
    client: Arc<FakeClient>,
    joined: Joined,
}

impl World {
    fn new() -> World {
        World::with(RoomConfig::default())
    }

    fn with(config: RoomConfig) -> World {
        let plane = Arc::new(FakePlane::default());
        let rooms = Rooms::new(config, plane.clone(), Arc::new(FakeSdp));
        let shared: Arc<Shared> = rooms.shared();
        World { room: Room::new(shared, RoomKey(1), RoomId("r".into())), plane, now: Instant::now(), links: 0 }
    }

    fn try_join(&mut self, name: &str, resume: Option<&str>) -> Result<Guest, ErrorBody> {
        let resume = resume.map(str::to_owned);
        self.enter(name, |entry| entry.resume = resume)
    }

    /// Enters with whatever `with` puts into the entry.
    fn enter(&mut self, name: &str, with: impl FnOnce(&mut Entry)) -> Result<Guest, ErrorBody> {
        let (link, client) = self.client();
        self.enter_by(link, &client, name, with)
    }

    fn client(&mut self) -> (LinkId, Arc<FakeClient>) {
        self.links += 1;
        (LinkId(self.links), Arc::new(FakeClient::default()))
    }

    fn enter_by(
        &mut self,
        link: LinkId,
        client: &Arc<FakeClient>,
        name: &str,
        with: impl FnOnce(&mut Entry),
    ) -> Result<Guest, ErrorBody> {
        let (ack, acknowledged) = ack();
        let mut entry = Entry { listed: true, ..Entry::new(link, client.clone(), name, ack) };
        with(&mut entry);
        self.room.enter(entry, self.now);
        self.room.settle(self.now);
        let joined = acknowledged.lock().unwrap().take().unwrap()?;
        Ok(Guest { link, client: client.clone(), joined })
    }

    /// Has what was gathered told.
    fn flush(&mut self) {
        self.room.settle(self.now);
        self.now += Duration::from_millis(80);
        self.room.tick(self.now);
    }

    fn join(&mut self, name: &str) -> Guest {
        self.try_join(name, None).unwrap()
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.room.tick(self.now);
    }

    fn offer(&mut self, guest: &Guest, transport: &str, revision: u32, seats: u16) -> Result<Answer, ErrorBody> {
        let offer = Offer { transport: transport.into(), revision, sdp: seats.to_string() };
        self.room.offer(guest.link, offer, self.now)
    }

    /// Connects with `seats` and switches the camera on.
    fn show(&mut self, guest: &Guest, seats: u16) {
        self.offer(guest, "transport1", 1, seats).unwrap();
        self.camera(guest, true);
    }

    fn camera(&mut self, guest: &Guest, camera: bool) {
        let media = Media { camera, microphone: true, ..Media::default() };
        self.room.set_media(guest.link, media).unwrap();
    }

    fn transports(&self) -> Vec<TransportId> {
        self.room.members.iter().filter_map(|member| member.connection.as_ref().map(|c| c.id)).collect()
    }
}

impl Guest {
    fn source(&self) -> SourceId {
        let me = self.joined.room.members.iter().find(|member| member.id == self.joined.member);
        me.unwrap().camera.id
    }
}

fn changed(change: Option<&Change>) -> Member {
    match change {
        Some(Change::Changed { member } | Change::Joined { member }) => member.clone(),
        other => panic!("expected a member, got {other:?}"),
    }
}

#[test]
fn diffs_lead_without_gap_from_the_snapshot_to_the_present() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let bea = world.join("Bea");
    world.room.rename(bea.link, &Rename { name: "Béa".into() }).unwrap();
    world.room.raise_hand(ann.link, &RAISED).unwrap();
    world.room.raise_hand(ann.link, &RAISED).unwrap();
    world.room.leave(bea.link, false, world.now).unwrap();
    let mut state = ann.joined.room.clone();
    for push in ann.client.take() {
        let Push::Room(diff) = push else { continue };
        assert_eq!((diff.since, diff.changes.len()), (state.revision, 1));
        state.revision = diff.revision;
        for change in diff.changes {
            match change {
                Change::Joined { member } => state.members.push(member),
                Change::Left { member, .. } => state.members.retain(|m| m.id != member),
                Change::Changed { member } => {
                    let index = state.members.iter().position(|m| m.id == member.id).unwrap();
                    state.members[index] = member;
                }
                Change::Room(facts) => state.facts = facts,
            }
        }
    }
    assert_eq!(state, world.room.snapshot_for(0));
}

#[test]
fn a_reload_returns_as_the_same_member_and_nobody_sees_a_join() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.room.leave(bea.link, true, world.now).unwrap();
    world.room.lose(bea.link, world.now);
    ann.client.changes();
    world.wait(2);
    let again = world.try_join("Bea", Some(&bea.joined.resume)).unwrap();
    assert_eq!((again.joined.member, again.joined.resumed), (bea.joined.member, true));
    world.wait(60);
    let seen = ann.client.changes();
    assert_eq!(seen.len(), 1);
    assert_eq!(changed(seen.first()).presence, Presence::Here);
}

#[test]
fn a_page_that_went_away_leaves_after_three_seconds() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.room.leave(bea.link, true, world.now).unwrap();
    world.room.lose(bea.link, world.now);
    world.wait(2);
    ann.client.changes();
    world.wait(1);
    let left = Change::Left { member: bea.joined.member, reason: LeaveReason::Left };
    assert_eq!(ann.client.changes(), [left]);
}

#[test]
fn a_place_is_kept_while_signalling_or_media_lives_and_thirty_seconds_more() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&bea, 1);
    let transport = world.transports()[0];
    world.room.media_state(MediaState::Transport(transport, ConnectionState::Connected), world.now);
    world.room.lose(bea.link, world.now);
    assert_eq!(changed(ann.client.changes().last()).presence, Presence::Reconnecting);
    world.wait(300);
    assert_eq!(world.room.members.len(), 2);
    world.room.media_state(MediaState::Transport(transport, ConnectionState::Disconnected), world.now);
    world.wait(29);
    assert_eq!(world.room.members.len(), 2);
    world.wait(1);
    let left = Change::Left { member: bea.joined.member, reason: LeaveReason::Lost };
    assert_eq!(ann.client.changes(), [left]);
    assert!(world.plane.take().contains(&ControlState::Transport(transport, None)));
    assert!(world.try_join("Bea", Some(&bea.joined.resume)).is_ok_and(|guest| !guest.joined.resumed));
}

#[test]
fn a_second_connection_of_a_member_replaces_the_first() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let again = world.try_join("Ann", Some(&ann.joined.resume)).unwrap();
    let farewell = |push: &Push| matches!(push, Push::Farewell(f) if f.reason == FarewellReason::Replaced);
    assert!(ann.client.take().iter().any(farewell));
    let refused = world.room.raise_hand(ann.link, &RAISED);
    assert_eq!(refused.map_err(|error| error.code), Err(ErrorCode::NotJoined));
    assert!(world.room.raise_hand(again.link, &RAISED).is_ok());
    // The replaced connection's end is not the member's.
    world.room.lose(ann.link, world.now);
    assert_eq!(world.room.snapshot_for(0).members[0].presence, Presence::Here);
}

#[test]
fn a_wrong_secret_makes_a_new_member() {
    let mut world = World::new();
    let ann = world.join("Ann");
    for token in ["", "0", &ann.joined.resume[1..]] {
        assert!(!world.try_join("Eve", Some(token)).unwrap().joined.resumed);
    }
    assert_eq!(world.room.members.len(), 4);
}

#[test]
fn a_full_room_and_a_draining_server_take_no_new_members_but_old_ones_return() {
    let mut world = World::new();
    let ann = world.join("Ann");
    for _ in 1..200 {
        world.join("x");
    }
    assert_eq!(world.try_join("Late", None).map(|_| ()).map_err(|e| e.code), Err(ErrorCode::RoomFull));
    assert!(world.try_join("Ann", Some(&ann.joined.resume)).is_ok());
    let mut world = World::new();
    let ann = world.join("Ann");
    *world.plane.load.lock().unwrap() = 0.95;
    assert_eq!(world.try_join("Late", None).map(|_| ()).map_err(|e| e.code), Err(ErrorCode::Overloaded));
    assert!(world.try_join("Ann", Some(&ann.joined.resume)).is_ok());
    *world.plane.load.lock().unwrap() = 0.85;
    assert!(world.try_join("Late", None).is_ok());
    world.room.shared.drain();
    assert_eq!(world.try_join("Late", None).map(|_| ()).map_err(|e| e.code), Err(ErrorCode::Draining));
    assert!(world.try_join("Ann", Some(&ann.joined.resume)).is_ok_and(|guest| guest.joined.resumed));
}

#[test]
fn mute_is_kept_by_the_server() {
    let mut world = World::new();
    let ann = world.join("Ann");
    world.show(&ann, 1);
    world.plane.take();
    world.room.set_media(ann.link, Media::default()).unwrap();
    let muted = |state: &ControlState| match state {
        ControlState::Source(_, Some(spec)) => !spec.audio_allowed && !spec.video_allowed,
        _ => false,
    };
    assert_eq!(world.plane.take().iter().filter(|state| muted(state)).count(), 2);
}

#[test]
fn a_retried_line_is_delivered_once() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    let line = ChatSend { text: " 안녕 ".into(), to: None, request: Some("1".into()) };
    let sent = world.room.chat(ann.link, line.clone(), 5).unwrap();
    assert_eq!(world.room.chat(ann.link, line, 9), Ok(sent));
    let lines: Vec<_> = bea.client.take().into_iter().filter(|push| matches!(push, Push::Chat(_))).collect();
    let Some(Push::Chat(line)) = lines.first() else { panic!("no line") };
    assert_eq!((lines.len(), line.text.as_str(), line.at), (1, "안녕", 5));
}

#[test]
fn a_private_line_reaches_its_recipient_alone() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    let line = ChatSend { text: "psst".into(), to: Some(bea.joined.member.clone()), request: None };
    world.room.chat(ann.link, line, 5).unwrap();
    let heard = |guest: &Guest| guest.client.take().iter().any(|push| matches!(push, Push::Chat(_)));
    assert_eq!([&ann, &bea, &cid].map(heard), [true, true, false]);
    let nobody = ChatSend { text: "x".into(), to: Some(MemberId("?".into())), request: None };
    assert_eq!(world.room.chat(ann.link, nobody, 5).map_err(|e| e.code), Err(ErrorCode::NoSuchMember));
    let long = ChatSend { text: "x".repeat(4001), to: None, request: None };
    assert_eq!(world.room.chat(ann.link, long, 5).map_err(|e| e.code), Err(ErrorCode::TooLarge));
}

#[test]
fn a_data_message_reaches_all_others_or_one_with_its_senders_name() {
    let mut world = World::new();
    let guests = [world.join("Ann"), world.join("Bea"), world.join("Cid")];
    for guest in &guests {
        world.show(guest, 1);
    }
    let transports = world.transports();
    let mut send = |payload: &[u8]| {
        let payload = Bytes::copy_from_slice(payload);
        let message = DataMessage { transport: transports[0], lane: Lane::Lossy, payload };
        world.room.media_sample(MediaSample::Data(message));
        let sent = std::mem::take(&mut *world.plane.data.lock().unwrap());
        sent.iter().map(|message| message.transport).collect::<Vec<_>>()
    };
    assert_eq!(send(b"\0hi"), transports[1..]);
    let id = &guests[1].joined.member.0;
    assert_eq!(send(&[&[1, id.len() as u8], id.as_bytes(), b"hi"].concat()), [transports[1]]);
    assert_eq!(send(b"\x07"), []);
}

#[tokio::test]
async fn an_application_event_to_one_returns_its_acknowledgement_and_to_all_their_number() {
    let mut world = World::new();
    let (ann, bea, _cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    let app = |to: Option<MemberId>| App { to, event: "e".into(), args: vec![], timeout_ms: None };
    let (all, answered) = ack();
    world.room.relay(ann.link, app(None), all);
    assert_eq!(answered.lock().unwrap().take(), Some(Ok(AppAnswer::Delivered(AppDelivered { delivered: 2 }))));
    let (one, answered) = ack();
    world.room.relay(ann.link, app(Some(bea.joined.member)), one);
    tokio::task::yield_now().await;
    let reply = AppReply { reply: Payload::Bool(true) };
    assert_eq!(answered.lock().unwrap().take(), Some(Ok(AppAnswer::Reply(reply))));
}

/// Falls over at every offer.
struct Fragile;

impl Negotiator for Fragile {
    fn begin(&self, _: &ShardChoice, _: Purpose) -> Box<dyn Negotiation> {
        panic!("for a test")
    }
}

#[tokio::test]
async fn a_room_that_fell_over_sends_its_members_back_and_its_name_is_not_lost() {
    let plane = Arc::new(FakePlane::default());
    let rooms = Rooms::new(Default::default(), plane.clone(), Arc::new(Fragile));
    let room = RoomId("r".into());
    let clients = [1, 2, 3].map(|_| Arc::new(FakeClient::default()));
    let entry = |link, client: &Arc<FakeClient>| Entry::new(LinkId(link), client.clone(), "Ann", ack().0);
    let first = rooms.enter(&room, entry(1, &clients[0])).await.unwrap();
    rooms.enter(&room, entry(2, &clients[1])).await.unwrap();
    let offer = Offer { transport: "transport1".into(), revision: 1, sdp: "1".to_owned() };
    let (asked, answered) = ack();
    first.request(LinkId(1), Request::Offer(offer, asked)).await;
    while !first.is_dead() || !clients[0].is_cut() || !clients[1].is_cut() {
        tokio::task::yield_now().await;
    }
    let answer = answered.lock().unwrap().take();
    assert_eq!(answer.map(|answer| answer.unwrap_err().code), Some(ErrorCode::NotJoined));
    let second = rooms.enter(&room, entry(3, &clients[2])).await.unwrap();
    assert!(second.holds(LinkId(3)).await && !first.holds(LinkId(1)).await);
    assert_eq!((rooms.figures().rooms, rooms.figures().members), (1, 1));
    assert!(!clients[2].is_cut());
}

#[test]
fn the_lobby_learns_of_listed_rooms() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let (list, rooms) = ack();
    world.room.shared.lobby.watch(LinkId(99), ann.client.clone(), list);
    let listed = rooms.lock().unwrap().take().unwrap().unwrap().rooms;
    assert_eq!(listed, [PublicRoom { id: RoomId("r".into()), members: 1 }]);
    world.join("Bea");
    world.join("Cid");
    ann.client.take();
    assert!(world.room.shared.lobby.tell());
    let diff = RoomsDiff { changed: vec![PublicRoom { id: RoomId("r".into()), members: 3 }], removed: vec![] };
    assert_eq!(ann.client.take(), [Push::Rooms(diff)]);
    assert!(world.room.shared.lobby.tell());
    assert_eq!(ann.client.take(), []);
}
