//! A shard that works at its limit gives up pictures, from the top, and never sound; when it is calm again, all comes back.
//! How much it works is told to it, so nothing here hangs on how fast this machine is.

use std::collections::BTreeSet;

use super::common::world::{Sent, World, name, sound_name};

/// Steps of a quarter of a second, after which a shard is told of its load.
const QUARTER: usize = 25;

/// Lets `seconds` pass in which the shard works `load` of its time; what left in the last of them.
fn work(world: &mut World, load: f64, seconds: usize) -> Vec<Sent> {
    for quarter in 0..4 * seconds {
        if quarter == 4 * (seconds - 1) {
            world.take_sent();
        }
        (0..QUARTER).for_each(|_| world.step());
        world.set_load(load);
    }
    world.take_sent()
}

/// Sources that are heard, and pictures that are seen, by source and layer.
fn received(sent: &[Sent]) -> (BTreeSet<u8>, BTreeSet<(u8, u8)>) {
    let sounds = sent.iter().filter(|packet| packet.stream % 4 == 0).map(|packet| sound_name(&packet.payload).0 / 8);
    let pictures = sent.iter().filter(|packet| packet.stream % 4 == 2).filter_map(|packet| name(&packet.payload));
    (sounds.collect(), pictures.map(|(maker, ..)| (maker / 8, maker % 8)).collect())
}

#[test]
fn upper_layers_go_first_then_pictures_and_each_comes_back() {
    let mut world = World::new(5, 2, 1, 2);
    (0..2).for_each(|seat| world.seat(0, seat, Some(u32::from(seat) + 1)));
    let all = [(1, 1), (2, 1)].into();
    let both = BTreeSet::from([1, 2]);
    let calm = work(&mut world, 0.5, 4);
    assert_eq!(received(&calm), (both.clone(), all));
    let sounds = |sent: &[Sent]| sent.iter().filter(|packet| packet.stream % 4 == 0).count();

    // Two steps: of two layers the first leaves both.
    let pressed = work(&mut world, 1.0, 3);
    let lowest = received(&work(&mut world, 0.8, 3)).1;
    assert_eq!(lowest, [(1, 0), (2, 0)].into(), "{:?}", received(&pressed));
    work(&mut world, 1.0, 2);
    let worse = work(&mut world, 0.8, 3);
    let (heard, seen) = received(&worse);
    assert_eq!((heard, seen.len()), (both.clone(), 1), "{seen:?}");
    assert!(seen.iter().all(|(_, layer)| *layer == 0));
    assert_eq!(sounds(&worse), sounds(&calm), "not a sound is given up");
    let shed = world.pressed();
    assert!(shed[2] >= 2 && shed[3] >= 2, "{shed:?}");

    let relieved = work(&mut world, 0.3, 120);
    assert_eq!(received(&relieved), (both, [(1, 1), (2, 1)].into()));
}
