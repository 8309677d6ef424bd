//! Who comes into a room and who does not: hosts, locks, passwords, the waiting room, bans, tokens.

use std::net::IpAddr;

use super::*;
use crate::access::{Access, Grants, Pass};

fn code<T>(outcome: Result<T, ErrorBody>) -> Option<ErrorCode> {
    outcome.err().map(|error| error.code)
}

pub(super) fn pass(change: impl FnOnce(&mut Grants)) -> Result<Option<Pass>, ErrorBody> {
    let mut grants = Grants { moderate: false, record: false, ..Grants::default() };
    change(&mut grants);
    Ok(Some(Pass { grants, ..Pass::default() }))
}

pub(super) fn host_pass() -> Result<Option<Pass>, ErrorBody> {
    pass(|grants| (grants.role, grants.moderate) = (Role::Host, true))
}

pub(super) fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

impl World {
    pub(super) fn set(&mut self, guest: &Guest, change: impl FnOnce(&mut Settings)) -> Result<Done, ErrorBody> {
        self.room.change_settings(guest.link, &settings(change), self.now)
    }

    pub(super) fn role(&self, guest: &Guest) -> Option<Role> {
        self.room.members.iter().find(|member| member.id == guest.joined.member).map(|member| member.role)
    }
}

#[test]
fn the_first_is_host_and_the_one_longest_there_follows_when_its_place_is_given_up() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    assert_eq!([&ann, &bea, &cid].map(|guest| guest.joined.permissions.role), [Role::Host, Role::Member, Role::Member]);
    world.room.lose(ann.link, world.now);
    world.wait(29);
    assert_eq!(world.role(&bea), Some(Role::Member));
    bea.client.take();
    world.wait(1);
    assert_eq!((world.role(&bea), world.role(&cid)), (Some(Role::Host), Some(Role::Member)));
    let promoted = |push: &Push| matches!(push, Push::Permissions(now) if now.role == Role::Host && now.moderate);
    assert!(bea.client.take().iter().any(promoted));
    // Who is away is passed over.
    world.room.lose(cid.link, world.now);
    let dot = world.join("Dot");
    world.room.leave(bea.link, false, world.now).unwrap();
    assert_eq!((world.role(&cid), world.role(&dot)), (Some(Role::Member), Some(Role::Host)));
}

#[test]
fn a_host_that_comes_back_in_time_is_host_still() {
    let mut world = World::new();
    let (ann, _bea) = (world.join("Ann"), world.join("Bea"));
    world.room.lose(ann.link, world.now);
    world.wait(20);
    let again = world.try_join("Ann", Some(&ann.joined.resume)).unwrap();
    assert_eq!(again.joined.permissions.role, Role::Host);
}

#[test]
fn a_token_without_the_grant_never_makes_a_host() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.pass = pass(|_| {})).unwrap();
    assert_eq!(ann.joined.permissions.role, Role::Member);
    assert_eq!(code(world.set(&ann, |settings| settings.locked = Some(true))), Some(ErrorCode::Forbidden));
    let bea = world.enter("Bea", |entry| entry.pass = host_pass()).unwrap();
    assert_eq!(bea.joined.permissions.role, Role::Host);
    let raised = ChangeRole { member: ann.joined.member, role: Role::Host };
    assert_eq!(code(world.room.change_role(bea.link, &raised)), Some(ErrorCode::Forbidden));
}

#[test]
fn a_locked_room_takes_those_that_come_back_and_hosts_by_token() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    assert_eq!(code(world.set(&bea, |settings| settings.locked = Some(true))), Some(ErrorCode::Forbidden));
    world.set(&ann, |settings| settings.locked = Some(true)).unwrap();
    assert!(bea.client.changes().contains(&Change::Room(world.room.facts)));
    assert_eq!(code(world.try_join("Cid", None)), Some(ErrorCode::Locked));
    assert!(world.try_join("Bea", Some(&bea.joined.resume)).is_ok());
    assert!(world.enter("Eve", |entry| entry.pass = host_pass()).is_ok());
    world.set(&ann, |settings| settings.locked = Some(false)).unwrap();
    assert!(world.try_join("Cid", None).is_ok());
}

#[test]
fn a_password_is_asked_for_and_guessing_it_is_slow() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.password = Some("sesame".into())).unwrap();
    assert!(ann.joined.room.facts.password);
    assert_eq!(code(world.try_join("Bea", None)), Some(ErrorCode::PasswordRequired));
    let address = Some(IpAddr::from([192, 0, 2, 1]));
    let mut guess = |text: &str| {
        let password = Some(text.to_owned());
        code(world.enter("Bea", |entry| (entry.password, entry.address) = (password, address)))
    };
    assert_eq!(guess("sesame"), None);
    for _ in 0..10 {
        assert_eq!(guess("open"), Some(ErrorCode::WrongPassword));
    }
    assert_eq!(guess("sesame"), Some(ErrorCode::RateLimited));
    world.set(&ann, |settings| settings.password = Some(String::new())).unwrap();
    assert!(world.try_join("Cid", None).is_ok_and(|cid| !cid.joined.room.facts.password));
    assert_eq!(
        code(world.set(&ann, |settings| settings.password = Some("x".repeat(129)))),
        Some(ErrorCode::BadRequest)
    );
}

fn waiting(client: &FakeClient) -> Option<(WaitingState, bool, u32)> {
    let mut told = client.take().into_iter().filter_map(|push| match push {
        Push::Waiting(Waiting { state, host, ahead }) => Some((state, host, ahead)),
        _ => None,
    });
    told.next_back()
}

fn knocks(client: &FakeClient) -> Option<Vec<Knock>> {
    let mut told = client.take().into_iter().filter_map(|push| match push {
        Push::Knocks(knocks) => Some(knocks.waiting),
        _ => None,
    });
    told.next_back()
}

#[test]
fn who_waits_is_shown_to_hosts_admitted_or_denied() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.waiting_room = true).unwrap();
    let [(bea, bea_client), (cid, cid_client)] = [world.client(), world.client()];
    assert_eq!(code(world.enter_by(bea, &bea_client, "Bea", |_| {})), Some(ErrorCode::Waiting));
    assert_eq!(code(world.enter_by(cid, &cid_client, "Cid", |_| {})), Some(ErrorCode::Waiting));
    assert_eq!(waiting(&bea_client), Some((WaitingState::Waiting, true, 0)));
    assert_eq!(waiting(&cid_client), Some((WaitingState::Waiting, true, 1)));
    world.flush();
    let knocking = knocks(&ann.client).unwrap();
    assert_eq!(knocking.iter().map(|knock| knock.name.as_str()).collect::<Vec<_>>(), ["Bea", "Cid"]);
    let admit = Admit { id: Some(knocking[0].id.clone()) };
    world.room.admit_waiting(ann.link, &admit, world.now).unwrap();
    world.room.deny_waiting(ann.link, &Deny { id: knocking[1].id.clone() }, world.now).unwrap();
    assert_eq!(code(world.room.admit_waiting(ann.link, &admit, world.now)), Some(ErrorCode::NoSuchMember));
    world.flush();
    assert_eq!(waiting(&bea_client).map(|told| told.0), Some(WaitingState::Admitted));
    assert_eq!(waiting(&cid_client).map(|told| told.0), Some(WaitingState::Denied));
    assert_eq!(knocks(&ann.client), Some(vec![]));
    let joined = world.enter_by(bea, &bea_client, "Bea", |_| {}).unwrap();
    assert_eq!(joined.joined.permissions.role, Role::Member);
    assert_eq!(code(world.enter_by(cid, &cid_client, "Cid", |_| {})), Some(ErrorCode::Denied));
    assert_eq!(code(world.room.admit_waiting(joined.link, &Admit::default(), world.now)), Some(ErrorCode::Forbidden));
}

#[test]
fn who_stops_waiting_is_forgotten_and_all_come_in_when_the_waiting_room_is_given_up() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.waiting_room = true).unwrap();
    let [(bea, bea_client), (cid, cid_client)] = [world.client(), world.client()];
    for (link, client) in [(bea, &bea_client), (cid, &cid_client)] {
        let _ = world.enter_by(link, client, "x", |_| {});
    }
    world.room.lose(bea, world.now);
    world.flush();
    assert_eq!(waiting(&cid_client), Some((WaitingState::Waiting, true, 0)));
    assert_eq!(knocks(&ann.client).map(|waiting| waiting.len()), Some(1));
    world.set(&ann, |settings| settings.waiting_room = Some(false)).unwrap();
    world.flush();
    assert_eq!(waiting(&cid_client).map(|told| told.0), Some(WaitingState::Admitted));
    assert!(world.enter_by(cid, &cid_client, "Cid", |_| {}).is_ok());
    assert!(world.room.waiting.is_empty());
}

#[test]
fn a_waiting_room_without_a_host_says_so_and_the_first_with_the_permission_opens_it() {
    let mut world = World::new();
    world.room.facts.waiting_room = true;
    let (bea, client) = world.client();
    assert_eq!(code(world.enter_by(bea, &client, "Bea", |entry| entry.pass = pass(|_| {}))), Some(ErrorCode::Waiting));
    assert_eq!(waiting(&client), Some((WaitingState::Waiting, false, 0)));
    assert!(!world.room.is_deserted());
    let ann = world.enter("Ann", |entry| entry.pass = host_pass()).unwrap();
    assert_eq!(waiting(&client), Some((WaitingState::Waiting, true, 0)));
    world.flush();
    assert_eq!(knocks(&ann.client).map(|waiting| waiting.len()), Some(1));
}

#[test]
fn when_everybody_has_left_the_first_of_the_waiting_with_the_permission_comes_in() {
    let mut world = World::new();
    let ann = world.enter("Ann", |entry| entry.waiting_room = true).unwrap();
    let [(bea, bea_client), (cid, cid_client)] = [world.client(), world.client()];
    let _ = world.enter_by(bea, &bea_client, "Bea", |entry| entry.pass = pass(|_| {}));
    let _ = world.enter_by(cid, &cid_client, "Cid", |_| {});
    world.room.leave(ann.link, false, world.now).unwrap();
    world.room.settle(world.now);
    assert_eq!(waiting(&bea_client).map(|told| (told.0, told.1)), Some((WaitingState::Waiting, false)));
    assert_eq!(waiting(&cid_client).map(|told| told.0), Some(WaitingState::Admitted));
    let cid = world.enter_by(cid, &cid_client, "Cid", |_| {}).unwrap();
    assert_eq!(cid.joined.permissions.role, Role::Host);
}

#[test]
fn the_banned_stay_out_and_others_behind_their_address_wait() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let address = Some(IpAddr::from([192, 0, 2, 7]));
    let bea = world.enter("Bea", |entry| entry.address = address).unwrap();
    let subject = |name: &str| pass(|_| {}).map(|pass| pass.map(|pass| Pass { subject: Some(name.into()), ..pass }));
    let cid = world.enter("Cid", |entry| entry.pass = subject("cid")).unwrap();
    for guest in [&bea, &cid] {
        let remove = Remove { member: guest.joined.member.clone(), ban: true };
        world.room.expel(ann.link, &remove).unwrap();
        let banned = |push: &Push| matches!(push, Push::Farewell(f) if f.reason == FarewellReason::Banned);
        assert!(guest.client.take().iter().any(banned));
    }
    assert_eq!(code(world.enter("Cid", |entry| entry.pass = subject("cid"))), Some(ErrorCode::Banned));
    assert!(world.enter("Dot", |entry| (entry.pass, entry.address) = (subject("dot"), address)).is_ok());
    // The secret that would have brought Bea back is void, and she is suspected from now on.
    let resume = Some(bea.joined.resume.clone());
    let again = world.enter("Bea", |entry| (entry.resume, entry.address) = (resume, address));
    assert_eq!(code(again), Some(ErrorCode::Waiting));
    world.flush();
    assert!(knocks(&ann.client).is_some_and(|waiting| waiting[0].banned));
    // Whoever admits all does not mean her.
    world.room.admit_waiting(ann.link, &Admit::default(), world.now).unwrap();
    assert_eq!(world.room.waiting.knocks().waiting.len(), 1);
}

#[test]
fn tokens_are_for_their_rooms_and_asked_for_where_they_are_needed() {
    let mut world = World::new();
    let elsewhere = pass(|grants| grants.room = "team-*".parse().unwrap());
    let refused = world.enter("Ann", |entry| entry.pass = elsewhere).map(drop).unwrap_err();
    assert!(refused.code == ErrorCode::BadToken && refused.message.contains("team-*"));
    let bad = ErrorBody::new(ErrorCode::TokenExpired, "token: expired");
    assert_eq!(code(world.enter("Ann", |entry| entry.pass = Err(bad.clone()))), Some(ErrorCode::TokenExpired));
    let access = Access::new(vec![], true);
    let plane = Arc::new(FakePlane::default());
    let config = RoomConfig { access, ..RoomConfig::default() };
    let rooms = Rooms::new(config, plane.clone(), Arc::new(FakeSdp));
    world.room = Room::new(rooms.shared(), RoomKey(1), RoomId("r".into()));
    assert_eq!(code(world.try_join("Ann", None)), Some(ErrorCode::TokenRequired));
    let ann = world.enter("Ann", |entry| entry.pass = host_pass()).unwrap();
    // Who comes back shows its secret and no token, also when that has expired meanwhile.
    let resume = Some(ann.joined.resume);
    assert!(world.enter("Ann", |entry| (entry.resume, entry.pass) = (resume, Err(bad))).is_ok());
}

#[test]
fn a_token_names_its_bearer() {
    let mut world = World::new();
    let named = pass(|_| {}).map(|pass| pass.map(|pass| Pass { name: Some("Dr. Bea".into()), ..pass }));
    let bea = world.enter("the boss", |entry| entry.pass = named).unwrap();
    assert_eq!(bea.joined.room.members[0].name, "Dr. Bea");
    assert!(!bea.joined.permissions.rename);
    assert_eq!(code(world.room.rename(bea.link, &Rename { name: "boss".into() })), Some(ErrorCode::Forbidden));
    let again = world.try_join("the boss", Some(&bea.joined.resume)).unwrap();
    assert_eq!(again.joined.room.members[0].name, "Dr. Bea");
}

#[test]
fn the_hidden_see_and_are_not_seen() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let revision = ann.joined.room.revision;
    let eve = world.enter("Eve", |entry| entry.pass = pass(|grants| grants.hidden = true)).unwrap();
    assert_eq!(eve.joined.room.members.len(), 2);
    assert_eq!((ann.client.changes(), world.room.snapshot_for(0).members.len()), (vec![], 1));
    let media = Media { microphone: true, ..Media::default() };
    assert_eq!(code(world.room.set_media(eve.link, media)), Some(ErrorCode::Forbidden));
    assert_eq!(code(world.room.raise_hand(eve.link, &RAISED)), Some(ErrorCode::Forbidden));
    let line = ChatSend { text: "x".into(), to: Some(eve.joined.member), request: None };
    assert_eq!(code(world.room.chat(ann.link, line, 5)), Some(ErrorCode::NoSuchMember));
    world.room.leave(eve.link, false, world.now).unwrap();
    assert_eq!((ann.client.changes(), world.room.snapshot_for(0).revision), (vec![], revision));
    // Nor does it ever become host.
    world.enter("Eve", |entry| entry.pass = pass(|grants| (grants.hidden, grants.moderate) = (true, true))).unwrap();
    world.room.leave(ann.link, false, world.now).unwrap();
    assert!(!world.room.has_host());
}
