//! What hosts do to members, and what members of large rooms are told of one another.

use super::admission::pass;
use super::*;

fn code<T>(outcome: Result<T, ErrorBody>) -> Option<ErrorCode> {
    outcome.err().map(|error| error.code)
}

fn kinds(kinds: &[TrackKind]) -> KindSet {
    kinds.iter().copied().collect()
}

fn mute(of: Option<&Guest>, what: &[TrackKind], forbid: bool) -> Mute {
    Mute { member: of.map(|guest| guest.joined.member.clone()), kinds: kinds(what), forbid }
}

const MIC: &[TrackKind] = &[TrackKind::Microphone];

impl World {
    /// Whether sound and picture of the guest's camera source may be forwarded, as the shards were last told.
    fn forwarded(&self, guest: &Guest) -> Option<(bool, bool)> {
        self.plane.states.lock().unwrap().iter().rev().find_map(|state| match state {
            ControlState::Source(id, Some(spec)) if *id == guest.source() => {
                Some((spec.audio_allowed, spec.video_allowed))
            }
            _ => None,
        })
    }

    fn speak(&mut self, guest: &Guest) -> Result<Done, ErrorBody> {
        self.room.set_media(guest.link, Media { microphone: true, camera: true, ..Media::default() })
    }
}

#[test]
fn a_muted_member_is_not_forwarded_is_told_and_may_unmute() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&bea, 1);
    assert_eq!(world.forwarded(&bea), Some((true, true)));
    assert_eq!(code(world.room.mute(bea.link, &mute(Some(&ann), MIC, false))), Some(ErrorCode::Forbidden));
    bea.client.take();
    world.room.mute(ann.link, &mute(Some(&bea), MIC, false)).unwrap();
    assert_eq!(world.forwarded(&bea), Some((false, true)));
    let muted = Muted { kinds: kinds(MIC), by: Some(ann.joined.member.clone()), forbidden: false };
    assert!(bea.client.take().contains(&Push::Muted(muted)));
    let audio = |change: &Change| matches!(change, Change::Changed { member } if !member.camera.audio);
    assert!(ann.client.changes().iter().any(audio));
    world.speak(&bea).unwrap();
    assert_eq!(world.forwarded(&bea), Some((true, true)));
}

#[test]
fn what_is_forbidden_stays_off_until_it_is_allowed() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&bea, 1);
    world.room.mute(ann.link, &mute(Some(&bea), MIC, true)).unwrap();
    assert_eq!(code(world.speak(&bea)), Some(ErrorCode::Forbidden));
    assert_eq!(world.forwarded(&bea), Some((false, true)));
    assert_eq!(world.room.snapshot_for(0).members[1].forbidden, kinds(MIC));
    let now = |client: &FakeClient| {
        client.take().into_iter().rev().find_map(|push| match push {
            Push::Permissions(now) => Some(now.publish),
            _ => None,
        })
    };
    assert_eq!(now(&bea.client), Some(KindSet::ALL.without(kinds(MIC))));
    // It holds through coming back.
    let bea = world.try_join("Bea", Some(&bea.joined.resume)).unwrap();
    assert_eq!(code(world.speak(&bea)), Some(ErrorCode::Forbidden));
    let allow = Allow { member: Some(bea.joined.member.clone()), kinds: kinds(MIC) };
    world.room.allow(ann.link, &allow).unwrap();
    assert_eq!(now(&bea.client), Some(KindSet::ALL));
    // Nobody is switched on from afar.
    assert_eq!(world.forwarded(&bea), Some((false, true)));
    world.speak(&bea).unwrap();
}

#[test]
fn all_are_muted_but_hosts_and_newcomers_too_when_it_is_forbidden() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    for guest in [&ann, &bea, &cid] {
        world.show(guest, 1);
    }
    world.room.mute(ann.link, &mute(None, MIC, false)).unwrap();
    let of = |world: &World| [&ann, &bea, &cid].map(|guest| world.forwarded(guest).unwrap().0);
    assert_eq!(of(&world), [true, false, false]);
    world.speak(&bea).unwrap();
    world.room.mute(ann.link, &mute(None, MIC, true)).unwrap();
    assert_eq!(of(&world), [true, false, false]);
    assert!(!world.room.facts.rules.microphone);
    let dot = world.join("Dot");
    for guest in [&bea, &cid, &dot] {
        assert_eq!(code(world.speak(guest)), Some(ErrorCode::Forbidden));
    }
    assert!(world.speak(&ann).is_ok());
    world.room.allow(ann.link, &Allow { member: None, kinds: kinds(MIC) }).unwrap();
    assert!(world.speak(&dot).is_ok());
    assert_eq!(code(world.room.mute(ann.link, &mute(None, &[], true))), Some(ErrorCode::BadRequest));
}

#[test]
fn a_viewer_publishes_nothing_and_may_be_made_a_member_within_its_token() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let bea = world.join("Bea");
    world.show(&bea, 1);
    let viewer = ChangeRole { member: bea.joined.member.clone(), role: Role::Viewer };
    assert_eq!(code(world.room.change_role(bea.link, &viewer)), Some(ErrorCode::Forbidden));
    world.room.change_role(ann.link, &viewer).unwrap();
    assert_eq!(world.forwarded(&bea), Some((false, false)));
    assert_eq!(code(world.speak(&bea)), Some(ErrorCode::Forbidden));
    let only_sound = pass(|grants| (grants.role, grants.publish) = (Role::Viewer, kinds(MIC)));
    let cid = world.enter("Cid", |entry| entry.pass = only_sound).unwrap();
    assert!(cid.joined.permissions.publish.is_empty());
    world.room.change_role(ann.link, &ChangeRole { member: cid.joined.member.clone(), role: Role::Member }).unwrap();
    assert_eq!(code(world.speak(&cid)), Some(ErrorCode::Forbidden));
    world.room.set_media(cid.link, Media { microphone: true, ..Media::default() }).unwrap();
}

#[test]
fn one_host_stays() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    let become_member = ChangeRole { member: ann.joined.member.clone(), role: Role::Member };
    assert_eq!(code(world.room.change_role(ann.link, &become_member)), Some(ErrorCode::Forbidden));
    world.room.change_role(ann.link, &ChangeRole { member: bea.joined.member.clone(), role: Role::Host }).unwrap();
    world.room.change_role(ann.link, &become_member).unwrap();
    assert_eq!((world.role(&ann), world.role(&bea)), (Some(Role::Member), Some(Role::Host)));
}

#[test]
fn whoever_may_be_host_becomes_it_when_somebody_unseen_lets_them_in_as_a_member() {
    let mut world = World::new();
    let unseen = pass(|grants| (grants.hidden, grants.role, grants.moderate) = (true, Role::Host, true));
    let eve = world.enter("Eve", |entry| entry.pass = unseen).unwrap();
    let viewer = pass(|grants| (grants.role, grants.moderate) = (Role::Viewer, true));
    let bea = world.enter("Bea", |entry| entry.pass = viewer).unwrap();
    assert!(!world.room.has_host());
    let member = ChangeRole { member: bea.joined.member.clone(), role: Role::Member };
    world.room.change_role(eve.link, &member).unwrap();
    assert_eq!(world.role(&bea), Some(Role::Host));
}

#[test]
fn the_removed_are_gone_with_their_media_and_may_come_again() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&bea, 1);
    ann.client.take();
    let remove = Remove { member: bea.joined.member.clone(), ban: false };
    assert_eq!(
        code(world.room.expel(bea.link, &Remove { member: ann.joined.member.clone(), ban: false })),
        Some(ErrorCode::Forbidden)
    );
    assert_eq!(
        code(world.room.expel(ann.link, &Remove { member: ann.joined.member.clone(), ban: false })),
        Some(ErrorCode::BadRequest)
    );
    world.room.expel(ann.link, &remove).unwrap();
    let left = Change::Left { member: bea.joined.member.clone(), reason: LeaveReason::Removed };
    assert!(ann.client.changes().contains(&left));
    let removed = |push: &Push| matches!(push, Push::Farewell(f) if f.reason == FarewellReason::Removed);
    assert!(bea.client.take().iter().any(removed));
    let closed = |state: &ControlState| matches!(state, ControlState::Source(id, None) if *id == bea.source());
    assert!(world.plane.take().iter().any(closed));
    assert_eq!(code(world.room.raise_hand(bea.link, &RAISED)), Some(ErrorCode::NotJoined));
    let again = world.try_join("Bea", Some(&bea.joined.resume)).unwrap();
    assert!(!again.joined.resumed);
}

#[test]
fn a_host_ends_it_for_all_and_nothing_is_kept() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.password = Some("sesame".into())).unwrap();
    let bea = world.enter("Bea", |entry| entry.password = Some("sesame".into())).unwrap();
    world.show(&bea, 1);
    assert_eq!(code(world.room.end(bea.link).map(drop)), Some(ErrorCode::Forbidden));
    let links = world.room.end(ann.link).unwrap_or_default();
    assert_eq!(links.iter().map(|link| link.id).collect::<Vec<_>>(), [ann.link, bea.link]);
    assert!(world.room.is_deserted());
    world.room.begin_anew();
    assert!(world.try_join("Cid", None).is_ok_and(|cid| !cid.joined.room.facts.password));
}

#[test]
fn hands_are_in_order_and_hosts_lower_them() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    for guest in [&cid, &bea, &cid] {
        world.room.raise_hand(guest.link, &RAISED).unwrap();
    }
    let order = |world: &World| world.room.snapshot_for(0).members.iter().map(|m| m.hand_order).collect::<Vec<_>>();
    assert_eq!(order(&world), [None, Some(2), Some(1)]);
    let lower = Hand { raised: false, member: Some(cid.joined.member.clone()) };
    assert_eq!(code(world.room.raise_hand(bea.link, &lower)), Some(ErrorCode::Forbidden));
    world.room.raise_hand(ann.link, &lower).unwrap();
    world.room.raise_hand(cid.link, &RAISED).unwrap();
    assert_eq!(order(&world), [None, Some(2), Some(3)]);
    let raise = Hand { raised: true, member: Some(bea.joined.member.clone()) };
    assert_eq!(code(world.room.raise_hand(ann.link, &raise)), Some(ErrorCode::BadRequest));
}

#[test]
fn reactions_of_a_moment_come_together() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    for (guest, emoji) in [(&ann, "👏"), (&bea, "👨‍👩‍👧‍👦")] {
        world.room.react(guest.link, React { emoji: emoji.into() }).unwrap();
    }
    for bad in ["", "a b", "\n", &"x".repeat(33)] {
        assert_eq!(code(world.room.react(ann.link, React { emoji: bad.into() })), Some(ErrorCode::BadRequest));
    }
    ann.client.take();
    world.flush();
    let told = ann.client.take();
    let [Push::Reactions(reactions)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(reactions.reactions.iter().map(|one| one.emoji.as_str()).collect::<Vec<_>>(), ["👏", "👨‍👩‍👧‍👦"]);
}

#[test]
fn newcomers_are_told_what_was_said_to_all() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    for (text, to) in [("to all", None), ("psst", Some(bea.joined.member.clone()))] {
        world.room.chat(ann.link, ChatSend { text: text.into(), to, request: None }, 5).unwrap();
    }
    let texts = |guest: Guest| guest.joined.chat.into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_eq!(texts(world.join("Cid")), ["to all"]);
    assert_eq!(texts(world.try_join("Bea", Some(&bea.joined.resume)).unwrap()), ["to all", "psst"]);
}

#[test]
fn what_the_rules_forbid_is_not_said() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    let rules = Rules { chat: false, ..Rules::default() };
    world.set(&ann, |settings| settings.rules = Some(rules)).unwrap();
    let line = ChatSend { text: "x".into(), to: None, request: None };
    assert_eq!(code(world.room.chat(bea.link, line.clone(), 5)), Some(ErrorCode::Forbidden));
    assert_eq!(code(world.room.react(bea.link, React { emoji: "👏".into() })), Some(ErrorCode::Forbidden));
    assert!(world.room.chat(ann.link, line, 5).is_ok());
}

#[test]
fn a_viewers_data_goes_nowhere() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    for guest in [&ann, &bea] {
        world.show(guest, 1);
    }
    let transports = world.transports();
    let send = |world: &mut World| {
        let message = DataMessage { transport: transports[1], lane: Lane::Lossy, payload: Bytes::from_static(b"\0hi") };
        world.room.media_sample(MediaSample::Data(message));
        std::mem::take(&mut *world.plane.data.lock().unwrap()).len()
    };
    assert_eq!(send(&mut world), 1);
    world.room.change_role(ann.link, &ChangeRole { member: bea.joined.member, role: Role::Viewer }).unwrap();
    assert_eq!(send(&mut world), 0);
}

#[test]
fn who_may_not_subscribe_has_no_lines_in_the_media_plane() {
    let mut world = World::new();
    let ann = world.join("Ann");
    world.show(&ann, 1);
    let deaf = world.enter("Deaf", |entry| entry.pass = pass(|grants| grants.subscribe = false)).unwrap();
    world.plane.take();
    world.show(&deaf, 1);
    let lines = world.plane.take().into_iter().find_map(|state| match state {
        ControlState::Transport(_, Some(spec)) => Some(spec.media.downlinks.len()),
        _ => None,
    });
    assert_eq!((lines, deaf.client.seats()), (Some(0), None));
}

#[test]
fn five_hundred_viewers_cost_each_one_a_bounded_number_of_messages() {
    let mut world = World::new();
    let rooms = Rooms::new(
        RoomConfig { limits: Limits { members: 500, ..RoomConfig::default().limits }, ..RoomConfig::default() },
        world.plane.clone(),
        Arc::new(FakeSdp),
    );
    world.room = Room::new(rooms.shared(), RoomKey(1), RoomId("r".into()));
    let ann = world.join("Ann");
    let viewer = || pass(|grants| grants.role = Role::Viewer);
    let guests: Vec<_> = (1..500).map(|_| world.enter("x", |entry| entry.pass = viewer()).unwrap()).collect();
    // All within one moment: the first ones at once, the others together.
    world.flush();
    let diffs = |client: &FakeClient| {
        let diffs = client.take().into_iter().filter_map(|push| match push {
            Push::Room(diff) => Some(diff.changes.len()),
            _ => None,
        });
        diffs.collect::<Vec<_>>()
    };
    let told = diffs(&ann.client);
    assert_eq!((told.len(), told.iter().sum::<usize>()), (16, 499));
    // Everybody raises and lowers a hand, ten times.
    for round in 0..20 {
        for guest in &guests {
            world.room.raise_hand(guest.link, &Hand { raised: round % 2 == 0, member: None }).unwrap();
            world.room.settle(world.now);
        }
    }
    world.flush();
    assert_eq!(diffs(&ann.client), [499]);
    // Everybody goes.
    for guest in &guests {
        world.room.leave(guest.link, false, world.now).unwrap();
        world.room.settle(world.now);
    }
    world.flush();
    let told = diffs(&ann.client);
    assert!(told.len() <= 17 && told.iter().sum::<usize>() == 499, "{told:?}");
    assert_eq!(world.room.snapshot_for(0).members.len(), 1);
}
