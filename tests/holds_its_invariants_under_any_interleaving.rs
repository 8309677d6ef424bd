//! The invariants of forwarding, through the forwarder's public door, in virtual time (docs/architecture.md).

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::common::picture;
use super::common::world::{LAYERS, STEP, Sent, Weather, World, name, sound_name};

const PUBLISHERS: usize = 3;
const SUBSCRIBERS: usize = 2;
const SEATS: u16 = 2;

#[derive(Clone, Debug)]
enum Act {
    Live(u8),
    Seat { subscriber: usize, seat: u16, source: Option<u32> },
    Layers { publisher: usize, sending: usize },
    Nack { subscriber: usize, back: usize },
    Pli { subscriber: usize, seat: u16 },
    ReOffer { subscriber: usize, seats: u16 },
}

fn act() -> impl Strategy<Value = Act> {
    let (subscriber, seat) = (0..SUBSCRIBERS, 0..SEATS);
    prop_oneof![
        6 => (1..30_u8).prop_map(Act::Live),
        5 => (subscriber.clone(), seat.clone(), prop::option::weighted(0.9, 1..=PUBLISHERS as u32))
            .prop_map(|(subscriber, seat, source)| Act::Seat { subscriber, seat, source }),
        2 => (0..PUBLISHERS, 0..=LAYERS).prop_map(|(publisher, sending)| Act::Layers { publisher, sending }),
        3 => (subscriber.clone(), 0..60_usize).prop_map(|(subscriber, back)| Act::Nack { subscriber, back }),
        2 => (subscriber.clone(), seat).prop_map(|(subscriber, seat)| Act::Pli { subscriber, seat }),
        1 => (subscriber, SEATS..SEATS + 3).prop_map(|(subscriber, seats)| Act::ReOffer { subscriber, seats }),
    ]
}

fn play(acts: &[Act], seed: u64, shards: usize, weather: Weather) -> World {
    let mut world = World::spread(seed, shards, PUBLISHERS, SUBSCRIBERS, SEATS);
    world.weather = weather;
    for (index, ppm) in [100, -100, 0].into_iter().enumerate() {
        world.publishers[index].ppm = ppm;
    }
    for act in acts {
        match *act {
            Act::Live(steps) => (0..steps).for_each(|_| world.step()),
            Act::Seat { subscriber, seat, source } => world.seat(subscriber, seat, source),
            Act::Layers { publisher, sending } => world.publishers[publisher].sending = sending,
            Act::Nack { subscriber, back } => world.nack(subscriber, back),
            Act::Pli { subscriber, seat } => world.pli(subscriber, seat),
            Act::ReOffer { subscriber, seats } => world.re_offer(subscriber, seats),
        }
    }
    world
}

/// Media lines with what they carried in order of their numbers.
fn lines(sent: &[Sent]) -> BTreeMap<(usize, usize), Vec<&Sent>> {
    let mut lines: BTreeMap<_, Vec<&Sent>> = BTreeMap::new();
    for packet in sent.iter().filter(|packet| packet.stream % 2 == 0) {
        lines.entry((packet.peer, packet.stream / 2)).or_default().push(packet);
    }
    lines.values_mut().for_each(|line| line.sort_by_key(|packet| packet.seq));
    lines
}

/// No number twice, and an RTX repeats a packet that was sent.
fn check_unique(sent: &[Sent]) -> Result<(), TestCaseError> {
    let mut seen = HashSet::new();
    for packet in sent {
        prop_assert!(seen.insert((packet.peer, packet.stream, packet.seq)), "{packet:?} went out twice");
    }
    for packet in sent.iter().filter(|packet| packet.stream % 2 == 1 && packet.payload.len() > 2) {
        let original = u16::from_be_bytes([packet.payload[0], packet.payload[1]]);
        let is_it =
            |other: &&Sent| (other.peer, other.stream + 1, other.seq as u16) == (packet.peer, packet.stream, original);
        let repeated = sent.iter().rev().find(is_it);
        prop_assert!(repeated.is_some_and(|other| other.payload == packet.payload[2..] && other.csrc == packet.csrc));
    }
    Ok(())
}

/// One picture's packets stand together; time rises from picture to picture; each builds on the one before; each
/// tenure starts with a key frame; the CSRC names the maker; counters run on.
fn check_pictures(world: &World, line: &[&Sent], is_lossy: bool) -> Result<(), TestCaseError> {
    let mut last = None;
    for packet in line.iter().filter(|packet| !packet.payload.is_empty()) {
        let named = name(&packet.payload);
        // A packet behind a lost one still has its descriptor.
        let (named, vp8) = (named.unwrap(), picture::read(&packet.payload).unwrap());
        prop_assert_eq!(&packet.csrc, &[u32::from(named.0 / 8)]);
        // A picture of which the network took something, so that its start may be missing.
        let gone = |number| is_lossy && world.lost.contains(&(named.0, number));
        let Some((before, earlier, counters)) = last.replace((*packet, named, vp8)) else {
            prop_assert!(named.3 || gone(named.1), "a stream starts in the middle: {:?}", named);
            continue;
        };
        // A new tenure may start with a picture that was seen in an earlier one.
        let same = (earlier.0, earlier.1) == (named.0, named.1) && !vp8.start;
        let step = packet.timestamp.wrapping_sub(before.timestamp) as i32;
        prop_assert!(if same { step == 0 } else { step > 0 }, "{earlier:?} then {named:?}: time went by {step}");
        prop_assert!(is_lossy || packet.seq == before.seq + 1, "a gap of {} without loss", packet.seq - before.seq);
        let id = vp8.picture_id.wrapping_sub(counters.picture_id) & 0x7FFF;
        prop_assert!(
            if same { id == 0 } else { is_lossy || id == 1 },
            "{earlier:?} then {named:?}: picture id by {id}"
        );
        if !same && !named.3 {
            let goes_on = earlier.0 == named.0;
            let follows = goes_on && earlier.1 + 1 == named.1;
            // What was lost on its way here may come later, and keeps its number; so does what came before the start of
            // a late key frame.
            let is_gap = packet.seq > before.seq + 1 && (earlier.1..named.1).any(gone);
            let excused = gone(named.1) || goes_on && is_gap;
            prop_assert!(follows || excused, "{earlier:?} then {named:?}: what it refers to is missing");
        }
    }
    Ok(())
}

fn check_sounds(line: &[&Sent]) -> Result<(), TestCaseError> {
    let mut last: Option<(&Sent, (u8, u32))> = None;
    for packet in line {
        let named = sound_name(&packet.payload);
        prop_assert_eq!(&packet.csrc, &[u32::from(named.0 / 8)]);
        if let Some((before, _)) = last.replace((packet, named)) {
            let step = packet.timestamp.wrapping_sub(before.timestamp) as i32;
            prop_assert!(step > 0, "time went by {step}");
        }
    }
    Ok(())
}

fn check(world: &World, is_lossy: bool) -> Result<(), TestCaseError> {
    check_unique(world.sent())?;
    for ((_, line), packets) in lines(world.sent()) {
        match line % 2 {
            0 => check_sounds(&packets)?,
            _ => check_pictures(world, &packets, is_lossy)?,
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 1 to 3 where nothing is lost: streams without a gap.
    #[test]
    fn streams_are_whole_where_nothing_is_lost(acts in prop::collection::vec(act(), 1..80), seed: u64, shards in 1..4_usize) {
        let world = play(&acts, seed, shards, Weather { jitter: 15_000, ..Weather::default() });
        check(&world, false)?;
    }

    /// Invariants 1 to 3 where packets are lost, doubled, overtaken and repaired.
    #[test]
    fn streams_stay_true_where_packets_are_lost(acts in prop::collection::vec(act(), 1..80), seed: u64, shards in 1..4_usize) {
        let world = play(&acts, seed, shards, Weather { lost: 8, doubled: 8, jitter: 25_000 });
        check(&world, true)?;
    }

    /// Invariant 5, as far as demand exists: as many lines show something as were asked to, and nothing stays behind.
    #[test]
    fn at_rest_what_is_shown_is_what_was_asked_for(acts in prop::collection::vec(act(), 1..60), seed: u64, shards in 1..4_usize) {
        let mut world = play(&acts, seed, shards, Weather::default());
        let mut wanted: HashMap<(usize, u16), u32> = HashMap::new();
        for act in &acts {
            if let Act::Seat { subscriber, seat, source } = *act {
                wanted.retain(|(other, _), sitting| *other != subscriber || Some(*sitting) != source);
                wanted.remove(&(subscriber, seat));
                source.map(|source| wanted.insert((subscriber, seat), source));
            }
        }
        world.publishers.iter_mut().for_each(|publisher| publisher.sending = LAYERS);
        (0..400).for_each(|_| world.step());
        prop_assert_eq!(world.slots_and_tracks().0, 2 * wanted.len() as u64);
        // Pictures cross to the shards of those who are shown them, and to no others.
        let crossing = wanted.iter().map(|((subscriber, _), source)| (PUBLISHERS + subscriber, *source as usize - 1));
        let crossing = crossing.filter(|(to, from)| to % shards != from % shards);
        let crossing: HashSet<(usize, usize)> = crossing.map(|(to, from)| (to % shards, from)).collect();
        let feeds = (0..shards).map(|shard| crossing.iter().filter(|(to, _)| *to == shard).count() as u64);
        prop_assert_eq!(world.open_feeds(), feeds.collect::<Vec<_>>());
        // Each seat shows its source, in its highest layer, and nobody else gets anything.
        world.take_sent();
        (0..50).for_each(|_| world.step());
        let mut shown: HashMap<(usize, u16), HashSet<u8>> = HashMap::new();
        for packet in world.sent() {
            let key = (packet.peer - PUBLISHERS, (packet.stream / 4) as u16);
            let maker = if packet.stream % 4 == 0 { sound_name(&packet.payload).0 } else { name(&packet.payload).unwrap().0 - 1 };
            shown.entry(key).or_default().insert(maker);
        }
        let expected: HashMap<_, _> = wanted.iter().map(|(key, source)| (*key, HashSet::from([*source as u8 * 8]))).collect();
        prop_assert_eq!(shown, expected);
        world.clear();
        world.take_sent();
        (0..20).for_each(|_| world.step());
        prop_assert_eq!((world.slots_and_tracks(), world.sent().len()), ((0, 0), 0));
        prop_assert!(world.open_feeds().iter().all(|feeds| *feeds == 0));
    }
}

/// Invariant 4, on one shard and across two. What a browser believes of when a picture or a sound was captured, by the seat's timestamps and sender
/// reports, against when it was, by the server's clock.
#[test]
fn a_seats_clock_keeps_to_the_servers_over_ten_thousand_switches() {
    for shards in [1, 2] {
        keeps_the_clock(World::spread(4, shards, 2, 1, 1));
    }
}

fn keeps_the_clock(mut world: World) {
    (world.publishers[0].ppm, world.publishers[1].ppm) = (100, -100);
    world.weather = Weather { jitter: 15_000, ..Weather::default() };
    // Both publishers are known before the first switch.
    (0..300).for_each(|_| world.step());
    let mut switches = 0;
    let mut shown = 0;
    let mut bounds: [Option<(i64, i64)>; 2] = [None, None];
    for turn in 0..10_000_u32 {
        world.seat(0, 0, Some(turn % 2 + 1));
        // Requests have a budget that this would exceed, so the key frame comes unasked.
        world.key_frame((turn % 2) as usize);
        (0..12 + turn % 5 * 4).for_each(|_| world.step());
        let mut late = [None, None];
        for packet in world.take_sent().iter().filter(|packet| packet.stream % 2 == 0 && !packet.payload.is_empty()) {
            let (kind, ticks, captured) = if packet.stream % 4 == 0 {
                let (maker, number) = sound_name(&packet.payload);
                (0, 48, world.captured[&(maker, number | 1 << 31)])
            } else {
                let (maker, number, ..) = name(&packet.payload).unwrap();
                switches += u32::from(packet.csrc[0] != shown);
                shown = packet.csrc[0];
                (1, 90, world.captured[&(maker, number)])
            };
            // The report that follows the packet.
            let Some(report) = world.reports.get(&packet.ssrc) else { continue };
            let since = i64::from(packet.timestamp.wrapping_sub(report.timestamp) as i32);
            late[kind] = Some(report.us + since * 1_000 / ticks - captured);
        }
        for (late, bounds) in late.iter().zip(&mut bounds) {
            if let Some(late) = late {
                let (least, most) = bounds.unwrap_or((*late, *late));
                *bounds = Some((least.min(*late), most.max(*late)));
            }
        }
        if let [Some(audio), Some(video)] = late {
            assert!((audio - video).abs() < 20_000, "{} µs between sound and picture at switch {turn}", audio - video);
        }
        let long_ago = world.us - 2_000_000;
        world.captured.retain(|_, captured| *captured > long_ago);
    }
    assert!(switches > 9_000, "only {switches} switches came about");
    for bounds in bounds {
        let (least, most) = bounds.unwrap();
        assert!(most - least < 60_000, "the seat's clock wandered from {least} to {most} µs");
    }
    assert!(world.us > 10_000 * 12 * STEP);
}
