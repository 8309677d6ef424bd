//! Pictures and voices as members get them: seats, speakers, and what goes wrong with them.

use super::*;

#[test]
fn pictures_come_and_go_without_anybody_offering_anew() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    for guest in [&ann, &bea, &cid] {
        world.show(guest, 2);
    }
    let seats = ann.client.seats().unwrap();
    assert_eq!(seats.seats, [Some(bea.source()), Some(cid.source())]);
    assert_eq!(seats.audio, [None, None, None]);
    world.camera(&bea, false);
    assert_eq!(ann.client.seats().unwrap().seats, [None, Some(cid.source())]);
    let dot = world.join("Dot");
    world.show(&dot, 2);
    assert_eq!(ann.client.seats().unwrap().seats, [Some(dot.source()), Some(cid.source())]);
    world.camera(&bea, true);
    // Bea is before Dot in the order of joining; Cid stays where it sat.
    let seats = ann.client.seats().unwrap();
    assert_eq!(seats.seats, [Some(bea.source()), Some(cid.source())]);
    assert_eq!(seats.unseated, [dot.source()]);
    world.room.leave(bea.link, false, world.now).unwrap();
    assert_eq!(ann.client.seats().unwrap().seats, [Some(dot.source()), Some(cid.source())]);
}

#[test]
fn wishes_choose_who_is_seen_and_how_large() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    for guest in [&ann, &bea, &cid] {
        world.show(guest, 9);
    }
    world.plane.take();
    let wish = Wish { source: cid.source(), width: 640, height: 360, priority: 7 };
    world.room.wish(ann.link, Wishes { sources: vec![wish], speaker: None }).unwrap();
    assert_eq!(ann.client.seats().unwrap().seats.iter().flatten().collect::<Vec<_>>(), [&cid.source()]);
    let seated = SeatedSource { seat: SeatId(1), source: cid.source(), max_height: 360, priority: 7 };
    let plan = SeatPlan { seats: vec![seated] };
    assert_eq!(world.plane.take(), [ControlState::Seats(world.transports()[0], Arc::new(plan))]);
}

#[test]
fn a_picture_that_a_member_cannot_decode_is_not_seated_and_named() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&ann, 1);
    world.show(&bea, 1);
    let state = SourceState { audio: None, video: Some(Codec::Av1 { profile: 0 }) };
    world.room.media_state(MediaState::Source(bea.source(), state), world.now);
    let seats = ann.client.seats().unwrap();
    assert_eq!((seats.seats, seats.unsupported_codec), (vec![None], vec![bea.source()]));
    let state = SourceState { audio: None, video: Some(Codec::Vp8) };
    world.room.media_state(MediaState::Source(bea.source(), state), world.now);
    assert_eq!(ann.client.seats().unwrap().seats, [Some(bea.source())]);
}

#[test]
fn a_repeated_revision_gets_the_same_answer_and_changes_nothing() {
    let mut world = World::new();
    let ann = world.join("Ann");
    let first = world.offer(&ann, "transport1", 1, 9).unwrap();
    world.plane.take();
    assert_eq!(world.offer(&ann, "transport1", 1, 9), Ok(first));
    let other = world.offer(&ann, "transport1", 1, 25).map_err(|error| error.code);
    assert_eq!(other, Err(ErrorCode::BadRequest));
    assert_eq!(world.plane.take(), []);
    let id = world.transports();
    assert!(world.offer(&ann, "transport1", 2, 16).is_ok());
    assert_eq!(world.transports(), id);
    assert_eq!(ann.client.seats().unwrap().seats.len(), 16);
    let stale = world.offer(&ann, "transport1", 1, 9).map_err(|error| error.code);
    assert_eq!(stale, Err(ErrorCode::BadRequest));
}

#[test]
fn a_new_transport_replaces_the_old_one_and_a_bad_offer_replaces_nothing() {
    let mut world = World::new();
    let ann = world.join("Ann");
    world.show(&ann, 1);
    let old = world.transports()[0];
    let bad = Offer { transport: "transport2".into(), revision: 1, sdp: "v=0".into() };
    let refused = world.room.offer(ann.link, bad, world.now).map_err(|error| error.code);
    assert_eq!((refused, world.transports()), (Err(ErrorCode::BadSdp), vec![old]));
    world.plane.take();
    world.offer(&ann, "transport2", 1, 1).unwrap();
    let new = world.transports()[0];
    assert_ne!(new, old);
    let states = world.plane.take();
    assert_eq!(states.last(), Some(&ControlState::Transport(old, None)));
    let moved = |state: &ControlState| matches!(state, ControlState::Source(_, Some(spec)) if spec.transport == new);
    assert_eq!(states.iter().filter(|state| moved(state)).count(), 2);
    for name in ["short", "with space", &"x".repeat(65)] {
        assert_eq!(world.offer(&ann, name, 1, 1).map_err(|error| error.code), Err(ErrorCode::BadRequest));
    }
}

#[test]
fn a_new_dominant_speaker_takes_the_followers_seat() {
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    for guest in [&ann, &bea, &cid] {
        world.show(guest, 1);
    }
    let follow = Wishes { sources: vec![], speaker: Some(WishSize { width: 640, height: 360 }) };
    world.room.wish(ann.link, follow).unwrap();
    for speaker in [&bea, &cid] {
        world.room.media_state(MediaState::Dominant(RoomKey(1), speaker.source()), world.now);
        assert_eq!(ann.client.seats().unwrap().seats, [Some(speaker.source())]);
    }
}

#[test]
fn a_leaver_takes_its_voice_along() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    let level = SourceLevel { source: bea.source(), level: 20, rate: Bps(0) };
    world.room.media_sample(MediaSample::Levels(RoomKey(1), vec![level]));
    ann.client.take();
    world.room.leave(bea.link, false, world.now).unwrap();
    assert!(ann.client.take().contains(&Push::Speakers(Speakers::default())));
}

fn received(source: SourceId, score: Option<quality::Score>, trouble: Option<quality::Trouble>) -> Received {
    let (sound, picture) = (Standing { score, trouble: None }, Standing { score: None, trouble });
    Received { source, sound, picture, layer: None }
}

#[test]
fn trouble_is_told_to_who_has_it_and_to_who_makes_it_and_scores_only_to_the_former() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&ann, 1);
    world.show(&bea, 1);
    let (source, transport) = (bea.source(), world.transports()[0]);
    let (mut told, mut complained) = (Vec::new(), Vec::new());
    for (score, trouble) in [
        (Some(quality::Score::BEST), None),
        (Some(quality::Score::BEST), Some(quality::Trouble::NoKeyFrame)),
        (Some(quality::Score::WORST), Some(quality::Trouble::NoKeyFrame)),
    ] {
        let state = MediaState::Quality(transport, vec![received(source, score, trouble)]);
        world.room.media_state(state, world.now);
    }
    world.room.media_state(MediaState::Quality(transport, vec![]), world.now);
    for push in ann.client.take().into_iter().chain(bea.client.take()) {
        match push {
            Push::Quality(quality) => told.extend(quality.sources),
            Push::Trouble(trouble) => complained.push(trouble),
            _ => {}
        }
    }
    let trouble = Some(Trouble::NoKeyFrame);
    let quality = |sound, picture_trouble| SourceQuality {
        source,
        sound,
        picture: None,
        sound_trouble: None,
        picture_trouble,
        layer: None,
    };
    assert_eq!(
        told,
        [quality(Some(5.0), None), quality(Some(5.0), trouble), quality(Some(1.0), trouble), quality(None, None)]
    );
    let complaint = |picture| MemberTrouble { source, member: ann.joined.member.clone(), sound: None, picture };
    assert_eq!(complained, [complaint(trouble), complaint(None)]);
}

#[test]
fn a_member_that_comes_back_learns_who_does_not_see_it() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&ann, 1);
    let state = vec![received(bea.source(), None, Some(quality::Trouble::NoPackets))];
    world.room.media_state(MediaState::Quality(world.transports()[0], state), world.now);
    world.room.lose(bea.link, world.now);
    let again = world.try_join("Bea", Some(&bea.joined.resume)).unwrap();
    let member = ann.joined.member.clone();
    let complaint = MemberTrouble { source: bea.source(), member, sound: None, picture: Some(Trouble::NoPackets) };
    assert!(again.client.take().contains(&Push::Trouble(complaint)));
}

#[test]
fn a_picture_that_nobody_can_seat_for_its_codec_is_trouble_with_that_codec() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&ann, 1);
    world.show(&bea, 1);
    let state = SourceState { audio: None, video: Some(Codec::Av1 { profile: 0 }) };
    world.room.media_state(MediaState::Source(bea.source(), state), world.now);
    let trouble = Some(Trouble::UnsupportedCodec { codec: CodecName::Av1 });
    let quality = Quality {
        sources: vec![SourceQuality {
            source: bea.source(),
            sound: None,
            picture: None,
            sound_trouble: None,
            picture_trouble: trouble,
            layer: None,
        }],
    };
    assert!(ann.client.take().contains(&Push::Quality(quality)));
    assert_eq!(world.room.figures().unsupported, 1);
}

#[test]
fn a_member_learns_which_codecs_all_others_decode_and_when_that_changes() {
    use CodecName::{Vp8, Vp9};
    let mut world = World::new();
    let (ann, bea, cid) = (world.join("Ann"), world.join("Bea"), world.join("Cid"));
    let told = |guest: &Guest| {
        let mut codecs = guest.client.take().into_iter().filter_map(|push| match push {
            Push::Codecs(Codecs { video }) => Some(video),
            _ => None,
        });
        codecs.next_back()
    };
    let connect = |world: &mut World, guest: &Guest, sdp: &str| {
        let offer = Offer { transport: "transport1".into(), revision: 1, sdp: sdp.into() };
        world.room.offer(guest.link, offer, world.now).unwrap();
    };
    connect(&mut world, &ann, "1 vp9 send");
    assert_eq!(told(&ann).unwrap().len(), 4, "alone, anything goes");
    connect(&mut world, &bea, "1 vp9 send");
    assert_eq!(told(&ann).unwrap(), [Vp8, Vp9]);
    assert_eq!(told(&bea).unwrap(), [Vp8, Vp9]);
    connect(&mut world, &cid, "1 send");
    assert_eq!(told(&ann).unwrap(), [Vp8]);
    assert_eq!(told(&cid).unwrap(), [Vp8, Vp9], "what it cannot decode itself it may send");
    world.camera(&ann, true);
    assert_eq!(told(&ann), None, "nothing changed");
    world.room.leave(cid.link, false, world.now).unwrap();
    assert_eq!(told(&ann).unwrap(), [Vp8, Vp9]);
    let publisher = world.join("Eve");
    connect(&mut world, &publisher, "0 send");
    assert_eq!(told(&ann), None, "who sees nothing decides nothing");
}

#[test]
fn a_member_that_comes_back_learns_again_what_others_decode() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    world.show(&ann, 1);
    world.show(&bea, 1);
    world.room.lose(ann.link, world.now);
    let again = world.try_join("Ann", Some(&ann.joined.resume)).unwrap();
    assert!(again.client.take().contains(&Push::Codecs(Codecs { video: vec![CodecName::Vp8] })));
}

#[test]
fn a_new_connection_begins_without_the_pauses_of_the_one_before() {
    let mut world = World::new();
    let (ann, bea) = (world.join("Ann"), world.join("Bea"));
    for guest in [&ann, &bea] {
        world.show(guest, 2);
    }
    let told = |client: &FakeClient| {
        let pushes = client.take().into_iter().filter_map(|push| match push {
            Push::Paused(paused) => Some(paused.sources.len()),
            _ => None,
        });
        pushes.collect::<Vec<_>>()
    };
    let transport = world.transports()[0];
    world.room.media_state(MediaState::Paused(transport, vec![(bea.source(), Bps(150_000))]), world.now);
    assert_eq!(told(&ann.client), [1]);
    world.offer(&ann, "transport2", 1, 2).unwrap();
    assert_eq!(told(&ann.client), [0]);
    world.offer(&ann, "transport3", 1, 2).unwrap();
    assert!(told(&ann.client).is_empty(), "nothing was paused");
}
