//! Programs and administrators: members that are no browsers, and who is no member.

use std::sync::Mutex;

use super::*;
use crate::access::{Grants, KindSet, Pass, Role, TrackKind};
use crate::room::{Announcement, Happening, Moderation, Named, Program, RoomEvent, Target, Witness};

/// A world in which administrators' links are nobody else's.
fn world() -> World {
    World { links: 1 << 40, ..World::new() }
}

fn offer(sdp: &str) -> Offer {
    Offer { transport: "transport1".into(), revision: 1, sdp: sdp.into() }
}

fn publisher(world: &mut World, name: &str, publish: KindSet) -> Result<Guest, ErrorBody> {
    let grants = Grants { moderate: false, publish, ..Grants::default() };
    let guest = world.enter(name, |entry| entry.pass = Ok(Some(Pass { grants, ..Pass::default() })))?;
    world.room.run_program(guest.link, Program::Publish(offer("0 send")), world.now)?;
    Ok(guest)
}

fn player(world: &mut World, member: Option<Named>) -> Guest {
    let grants = Grants { moderate: false, hidden: true, role: Role::Viewer, ..Grants::default() };
    let guest = world.enter("Wall", |entry| entry.pass = Ok(Some(Pass { grants, ..Pass::default() }))).unwrap();
    let target = Target { member, screen: false };
    world.room.run_program(guest.link, Program::Play(target, offer("1")), world.now).unwrap();
    guest
}

fn administer(world: &mut World, moderation: Moderation) -> Result<Done, ErrorBody> {
    let (ack, done) = ack();
    world.room.administer(moderation, ack, world.now);
    let done = done.lock().unwrap().take();
    done.unwrap()
}

#[test]
fn a_publisher_sends_what_it_offers_and_may_and_is_no_host() {
    let mut world = world();
    let obs = publisher(&mut world, "OBS", KindSet::ALL).unwrap();
    let member = world.room.members[0].public();
    assert_eq!((member.camera.audio, member.camera.video, member.role), (true, true, Role::Member));
    world.room.leave(obs.link, false, world.now).unwrap();
    let only: KindSet = [TrackKind::Camera].into_iter().collect();
    publisher(&mut world, "OBS", only).unwrap();
    let member = world.room.members[0].public();
    assert_eq!((member.camera.audio, member.camera.video), (false, true));
    let screen: KindSet = [TrackKind::Screen].into_iter().collect();
    assert_eq!(publisher(&mut world, "Bad", screen).err().map(|error| error.code), Some(ErrorCode::Forbidden));
}

#[test]
fn a_player_is_hidden_and_has_one_seat_for_its_member_alone() {
    let mut world = world();
    let ann = publisher(&mut world, "Ann", KindSet::ALL).unwrap();
    let bea = publisher(&mut world, "Bea", KindSet::ALL).unwrap();
    ann.client.take();
    let any = player(&mut world, None);
    let named = player(&mut world, Some(Named::Name("Bea".into())));
    assert_eq!(ann.client.changes(), [], "nobody hears of players");
    assert_eq!(any.client.seats().unwrap().seats, [Some(ann.source())]);
    assert_eq!(named.client.seats().unwrap().seats, [Some(bea.source())]);
    // It goes, the seat is empty; it comes back under its name, and sits there again.
    world.room.leave(bea.link, false, world.now).unwrap();
    assert_eq!(named.client.seats().unwrap().seats, [None]);
    let bea = publisher(&mut world, "Bea", KindSet::ALL).unwrap();
    assert_eq!(named.client.seats().unwrap().seats, [Some(bea.source())]);
    assert_eq!(any.client.seats(), None);
}

#[test]
fn a_player_that_cannot_decode_is_told_what_it_would_get() {
    let mut world = world();
    let ann = publisher(&mut world, "Ann", KindSet::ALL).unwrap();
    let state = SourceState { audio: None, video: Some(Codec::Av1 { profile: 0 }) };
    world.room.media_state(MediaState::Source(ann.source(), state), world.now);
    let grants = Grants { hidden: true, ..Grants::default() };
    let guest = world.enter("Wall", |entry| entry.pass = Ok(Some(Pass { grants, ..Pass::default() }))).unwrap();
    let target = Target { member: None, screen: false };
    // The stand-in for SDP refuses what is no number.
    let refused = world.room.run_program(guest.link, Program::Play(target, offer("x")), world.now).unwrap_err();
    assert!(refused.message.contains("AV1"), "{refused:?}");
}

#[test]
fn an_administrator_does_what_a_host_could_and_leaves_no_trace() {
    let mut world = world();
    let ann = world.join("Ann");
    world.show(&ann, 1);
    ann.client.take();
    let kinds: KindSet = [TrackKind::Camera].into_iter().collect();
    let mute = Mute { member: Some(ann.joined.member.clone()), kinds, forbid: true };
    administer(&mut world, Moderation::Mute(mute)).unwrap();
    let report = world.room.report();
    assert_eq!(report.members.len(), 1);
    assert!(!report.members[0].member.camera.video);
    let changes = ann.client.changes();
    assert!(!changes.is_empty() && changes.iter().all(|change| matches!(change, Change::Changed { .. })));
    let missing = Remove { member: MemberId("nobody".into()), ban: false };
    let refused = administer(&mut world, Moderation::Remove(missing)).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoSuchMember);
    let announcement = Announcement { to: None, event: "note".into(), args: vec![Payload::Bool(true)] };
    assert_eq!(world.room.announce_data(announcement).unwrap().delivered, 1);
    administer(&mut world, Moderation::End(End {})).unwrap();
    assert!(world.room.is_deserted());
}

#[test]
fn a_room_that_was_created_stays_for_its_time() {
    let mut world = world();
    world.room.keep(Duration::from_secs(60), world.now);
    administer(&mut world, Moderation::Settings(Settings { locked: Some(true), ..Settings::default() })).unwrap();
    assert!(!world.room.is_deserted());
    assert_eq!(world.try_join("Ann", None).err().map(|error| error.code), Some(ErrorCode::Locked));
    assert_eq!(world.room.next_deadline(), Some(world.now + Duration::from_secs(60)));
    world.wait(61);
    assert!(world.room.is_deserted());
}

#[derive(Default)]
struct Diary(Mutex<Vec<Happening>>);

impl Witness for Diary {
    fn saw(&self, event: RoomEvent) {
        assert_eq!(event.room, RoomId("r".into()));
        self.0.lock().unwrap().push(event.what);
    }
}

#[test]
fn a_witness_sees_the_life_of_a_room_and_no_hidden_member() {
    let diary = Arc::new(Diary::default());
    let config = RoomConfig { witness: Some(diary.clone()), ..RoomConfig::default() };
    let mut world = world();
    world.room.shared = Rooms::new(config, world.plane.clone(), Arc::new(FakeSdp)).shared();
    let ann = world.join("Ann");
    world.show(&ann, 1);
    player(&mut world, None);
    world.camera(&ann, false);
    world.room.leave(ann.link, false, world.now).unwrap();
    let told = diary.0.lock().unwrap();
    let names: Vec<String> = told
        .iter()
        .map(|what| {
            let json = serde_json::to_value(what).unwrap();
            let kind = json["kind"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
            format!("{}{kind}", json["event"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "room_started",
        "member_joined",
        "source_published microphone",
        "source_published camera",
        "source_unpublished camera",
        "source_unpublished microphone",
        "member_left",
        "room_ended",
    ];
    assert_eq!(names, expected);
}
