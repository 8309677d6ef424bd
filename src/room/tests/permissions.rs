//! No path publishes without permission: whatever is asked, in whatever order.

use proptest::prelude::*;

use super::admission::pass;
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Join { role: u8, publish: u8, moderate: bool, hidden: bool },
    Media(u8, u8),
    Role(u8, u8, u8),
    Mute(u8, Option<u8>, u8, bool),
    Allow(u8, Option<u8>, u8),
    Rules(u8, u8),
    Offer(u8),
    Leave(u8),
    Resume(u8),
}

fn kind_set(bits: u8) -> KindSet {
    TrackKind::ALL.into_iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1).map(|(_, kind)| kind).collect()
}

fn role(index: u8) -> Role {
    [Role::Viewer, Role::Member, Role::Host][usize::from(index % 3)]
}

fn steps() -> impl Strategy<Value = Step> {
    let who = any::<u8>;
    prop_oneof![
        (who(), who(), any::<bool>(), proptest::bool::weighted(0.1))
            .prop_map(|(role, publish, moderate, hidden)| Step::Join { role, publish, moderate, hidden }),
        (who(), who()).prop_map(|(by, bits)| Step::Media(by, bits)),
        (who(), who()).prop_map(|(by, bits)| Step::Media(by, bits)),
        (who(), who(), who()).prop_map(|(by, of, role)| Step::Role(by, of, role)),
        (who(), proptest::option::of(who()), who(), any::<bool>())
            .prop_map(|(by, of, bits, forbid)| Step::Mute(by, of, bits, forbid)),
        (who(), proptest::option::of(who()), who()).prop_map(|(by, of, bits)| Step::Allow(by, of, bits)),
        (who(), who()).prop_map(|(by, bits)| Step::Rules(by, bits)),
        who().prop_map(Step::Offer),
        who().prop_map(Step::Leave),
        who().prop_map(Step::Resume),
    ]
}

fn perform(world: &mut World, guests: &mut Vec<Guest>, step: Step) {
    if let Step::Join { role: index, publish, moderate, hidden } = step {
        let role = if moderate { role(index) } else { role(index).min(Role::Member) };
        let pass = pass(|grants| {
            (grants.role, grants.moderate, grants.hidden) = (role, moderate, hidden);
            grants.publish = kind_set(publish);
        });
        guests.extend(world.enter("x", |entry| entry.pass = pass));
        return;
    }
    if guests.is_empty() {
        return;
    }
    let count = guests.len();
    let index = |who: u8| usize::from(who) % count;
    let id = |who: u8| guests[index(who)].joined.member.clone();
    let link = |who: u8| guests[index(who)].link;
    match step {
        Step::Join { .. } => {}
        Step::Media(by, bits) => drop(world.room.set_media(link(by), Media::from(kind_set(bits)))),
        Step::Role(by, of, index) => {
            drop(world.room.change_role(link(by), &ChangeRole { member: id(of), role: role(index) }));
        }
        Step::Mute(by, of, bits, forbid) => {
            drop(world.room.mute(link(by), &Mute { member: of.map(id), kinds: kind_set(bits), forbid }));
        }
        Step::Allow(by, of, bits) => {
            drop(world.room.allow(link(by), &Allow { member: of.map(id), kinds: kind_set(bits) }));
        }
        Step::Rules(by, bits) => {
            let mut rules = Rules::default();
            rules.set(kind_set(bits), false);
            let settings = Settings { rules: Some(rules), ..Settings::default() };
            drop(world.room.change_settings(link(by), &settings, world.now));
        }
        Step::Offer(by) => {
            let revision = world.links as u32 + 1;
            world.links += 1;
            let offer = Offer { transport: "transport1".into(), revision, sdp: "2".into() };
            drop(world.room.offer(link(by), offer, world.now));
        }
        Step::Leave(by) => {
            drop(world.room.leave(link(by), false, world.now));
            guests.remove(index(by));
        }
        Step::Resume(by) => {
            let resume = guests[index(by)].joined.resume.clone();
            world.room.lose(link(by), world.now);
            let back = world.try_join("x", Some(&resume)).expect("the place is kept");
            let at = index(by);
            guests[at] = back;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_media_plane_is_never_told_to_forward_what_is_not_permitted(
        steps in proptest::collection::vec(steps(), 1..60),
    ) {
        let (mut world, mut guests) = (World::new(), Vec::new());
        let mut forwarded = std::collections::HashMap::new();
        for step in steps {
            perform(&mut world, &mut guests, step);
            for state in world.plane.take() {
                if let ControlState::Source(id, spec) = state {
                    forwarded.insert(id, spec.map(|spec| (spec.audio_allowed, spec.video_allowed)));
                }
            }
            let rules = world.room.facts.rules;
            for member in &world.room.members {
                let permitted = member.standing(rules).publishable();
                // What a member is said to publish, it may publish …
                prop_assert!(member.media.kinds().without(permitted).is_empty());
                // … and its token, which nobody can change, grants it.
                prop_assert!(member.media.kinds().without(member.pass.grants.publish).is_empty());
                prop_assert!(!member.is_hidden() || member.media.kinds().is_empty());
                if member.connection.is_some() {
                    let media = member.media;
                    let expected = [(media.microphone, media.camera), (media.screen_audio, media.screen)];
                    for (source, expected) in member.own().into_iter().zip(expected) {
                        prop_assert_eq!(forwarded.get(&source), Some(&Some(expected)));
                    }
                }
                prop_assert_eq!(member.permitted, member.permissions(rules));
            }
            // A room has a host as long as anybody in it may be one.
            let heirs = world.room.members.iter().any(|member| member.can_inherit());
            prop_assert!(world.room.has_host() || !heirs);
        }
    }
}
