//! Rooms so large that nobody is told of all members at once.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::room::outbox::Outbox;
use crate::room::parts::WHOLE;

/// A client that keeps the roster as `docs/signalling.md` says.
struct Mirror {
    revision: u64,
    members: BTreeMap<MemberId, Member>,
}

impl Mirror {
    fn new(snapshot: &RoomSnapshot) -> Mirror {
        let members = snapshot.members.iter().map(|member| (member.id.clone(), member.clone()));
        Mirror { revision: snapshot.revision, members: members.collect() }
    }

    /// Hears of changes, of which none must be missing.
    fn hear(&mut self, client: &FakeClient) {
        for push in client.take() {
            let Push::Room(diff) = push else { continue };
            if diff.revision <= self.revision {
                continue;
            }
            assert!(diff.since <= self.revision, "a gap from {} to {}", self.revision, diff.since);
            self.revision = diff.revision;
            for change in diff.changes {
                match change {
                    Change::Joined { member } | Change::Changed { member } => {
                        self.members.insert(member.id.clone(), member);
                    }
                    Change::Left { member, .. } => drop(self.members.remove(&member)),
                    Change::Room(_) => {}
                }
            }
        }
    }
}

fn truth(world: &World) -> BTreeMap<MemberId, Member> {
    world.room.snapshot_for(0).members.into_iter().map(|member| (member.id.clone(), member)).collect()
}

/// A world in which a room takes thousands.
fn wide() -> World {
    let config = RoomConfig::default();
    World::with(RoomConfig { limits: Limits { members: 5_000, ..config.limits }, ..config })
}

/// One with so many members that snapshots do not name all.
fn crowd() -> (World, Vec<Guest>) {
    let mut world = wide();
    let guests = (0..=WHOLE).map(|number| world.join(&format!("guest {number}"))).collect();
    (world, guests)
}

/// Has everything told that is to be told.
fn settle(world: &mut World) {
    for _ in 0..40 {
        world.room.settle(world.now);
        let Some(at) = world.room.next_deadline() else { return };
        world.now = at.max(world.now);
        world.room.tick(world.now);
    }
    panic!("there is always more to be told");
}

#[test]
fn a_snapshot_of_a_large_room_names_who_matters_and_the_others_follow_in_parts() {
    let (mut world, guests) = crowd();
    world.camera(&guests[200], true);
    settle(&mut world);
    let late = world.join("late");
    let snapshot = &late.joined.room;
    let named: Vec<_> = snapshot.members.iter().map(|member| member.id.clone()).collect();
    let id = |guest: &Guest| guest.joined.member.clone();
    // The host, who publishes, and itself, in the order of joining.
    assert_eq!(named, [id(&guests[0]), id(&guests[200]), id(&late)]);
    assert_eq!(snapshot.member_count, Some(WHOLE as u32 + 2));

    let mut mirror = Mirror::new(snapshot);
    settle(&mut world);
    let pushes = late.client.take();
    let largest = pushes.iter().map(|push| match push {
        Push::Room(diff) => diff.changes.len(),
        _ => 0,
    });
    assert!(largest.max().unwrap_or_default() <= 64, "a part is small");
    // Nobody is announced who has been there before.
    let changes = pushes.iter().filter_map(|push| match push {
        Push::Room(diff) => Some(&diff.changes),
        _ => None,
    });
    for change in changes.flatten() {
        assert!(!matches!(change, Change::Joined { member } if member.id != late.joined.member), "{change:?}");
    }
    for push in &pushes {
        Outbox::push(&*late.client, push);
    }
    mirror.hear(&late.client);
    assert_eq!(mirror.members, truth(&world));
}

#[test]
fn a_room_that_is_not_large_is_told_at_once() {
    let mut world = wide();
    for number in 1..WHOLE {
        world.join(&format!("guest {number}"));
    }
    let last = world.join("last");
    assert_eq!((last.joined.room.members.len(), last.joined.room.member_count), (WHOLE, None));
}

#[test]
fn who_asks_for_everybody_at_once_is_told_so() {
    let (mut world, _) = crowd();
    let program = world.enter("program", |entry| entry.whole = true).unwrap();
    assert_eq!(program.joined.room.members.len(), WHOLE + 2);
}

#[test]
fn whatever_happens_meanwhile_all_come_to_know_the_room() {
    for seed in 0..8 {
        let mut random = SmallRng::seed_from_u64(seed);
        let (mut world, mut guests) = crowd();
        let mut mirrors: Vec<(Guest, Mirror)> = Vec::new();
        for step in 0..60 {
            match random.random_range(0..6) {
                0 | 1 => {
                    let guest = world.join(&format!("late {step}"));
                    let mirror = Mirror::new(&guest.joined.room);
                    mirrors.push((guest, mirror));
                }
                2 => {
                    // Never the first, through whom the test looks at the room.
                    let leaver = guests.remove(random.random_range(1..guests.len()));
                    world.room.leave(leaver.link, false, world.now).unwrap();
                }
                3 => {
                    let guest = &guests[random.random_range(0..guests.len())];
                    world.room.rename(guest.link, &Rename { name: format!("renamed {step}") }).unwrap();
                }
                4 => {
                    if let Some((guest, mirror)) = mirrors.last_mut() {
                        mirror.hear(&guest.client);
                        let (ack, reply) = ack();
                        world.room.answer(guest.link, Request::Snapshot(ack), world.now);
                        let reply = reply.lock().unwrap().take().unwrap().unwrap();
                        *mirror = Mirror::new(&reply.room);
                    }
                }
                _ => {
                    world.now += Duration::from_millis(random.random_range(1..200));
                    world.room.tick(world.now);
                }
            }
            world.room.settle(world.now);
            for (guest, mirror) in &mut mirrors {
                mirror.hear(&guest.client);
            }
        }
        settle(&mut world);
        let truth = truth(&world);
        for (guest, mirror) in &mut mirrors {
            mirror.hear(&guest.client);
            assert!(mirror.members == truth, "seed {seed}: {} differs", guest.joined.member);
        }
    }
}

#[test]
fn comings_and_goings_are_gathered_longer_the_more_are_told_but_nothing_else_is() {
    let (mut world, guests) = crowd();
    settle(&mut world);
    let told = |world: &mut World, milliseconds: u64| {
        world.room.settle(world.now);
        world.now += Duration::from_millis(milliseconds);
        world.room.tick(world.now);
        guests[0].client.changes().len()
    };
    guests[0].client.take();
    for number in 0..20 {
        world.join(&format!("more {number}"));
    }
    assert_eq!(told(&mut world, 81), 0);
    assert_eq!(told(&mut world, 100), 20);
    for number in 0..40 {
        world.join(&format!("still more {number}"));
    }
    assert_eq!(told(&mut world, 81), 40);
    world.join("one more");
    world.room.raise_hand(guests[1].link, &RAISED).unwrap();
    assert_eq!(told(&mut world, 81), 2);
}
