//! In a room above the size only the three loudest are heard, and whoever else begins to speak takes the place of one
//! that is silent.

use std::collections::BTreeSet;
use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::{connect, live, tick};

/// Four who speak, and one who listens.
const SPEAKERS: usize = 4;
const QUIET: u8 = 90;
/// Whoever is heard has several packets in this time.
const WINDOW: Duration = Duration::from_millis(800);

/// Lets everybody speak at their level, in syllables, for a while; whom the listener heard in it.
async fn speak(all: &mut [Browser], levels: [u8; SPEAKERS]) -> BTreeSet<u32> {
    let before = all[SPEAKERS].received.len();
    for frame in 0..WINDOW.as_millis() / 20 {
        let sounds = frame % 11 < 8;
        for (browser, level) in all.iter_mut().zip(levels) {
            browser.send_sound_at(if sounds { level } else { QUIET });
        }
        let mut browsers: Vec<&mut Browser> = all.iter_mut().collect();
        live(&mut browsers, Duration::from_millis(20)).await;
    }
    let listener = &all[SPEAKERS];
    listener.received[before..]
        .iter()
        .filter(|packet| packet.level.is_some())
        .flat_map(|packet| packet.csrc.clone())
        .collect()
}

/// Speaks on until the listener hears exactly those.
async fn hears(all: &mut [Browser], levels: [u8; SPEAKERS], speakers: &[usize]) {
    let expected: BTreeSet<u32> = speakers.iter().map(|speaker| all[*speaker].member.source().0).collect();
    let mut heard = BTreeSet::new();
    for _ in 0..40 {
        heard = speak(all, levels).await;
        if heard == expected {
            return;
        }
    }
    panic!("{expected:?} should be heard, not {heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_speak_and_three_are_heard() {
    // Who speaks is decided on both shards alike.
    let server = Server::spreading_with_loudest_above(2, SPEAKERS);
    let mut all = Vec::new();
    for name in ["Ann", "Bea", "Cid", "Dan", "Eve"] {
        let shape = Shape { seats: SPEAKERS, ..Shape::default() };
        all.push(Browser::join(&server, "r", name, &shape, str::to_owned).await);
    }
    let mut browsers: Vec<&mut Browser> = all.iter_mut().collect();
    connect(&mut browsers).await;
    tick(&mut browsers).await;
    hears(&mut all, [20, 24, 28, 45], &[0, 1, 2]).await;
    hears(&mut all, [20, QUIET, 28, 45], &[0, 2, 3]).await;
    // Nobody needs the places of those who fall silent.
    hears(&mut all, [QUIET; SPEAKERS], &[0, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_smaller_room_everybody_is_heard() {
    let server = Server::with_loudest_above(SPEAKERS + 1);
    let mut all = Vec::new();
    for name in ["Ann", "Bea", "Cid", "Dan", "Eve"] {
        let shape = Shape { seats: SPEAKERS, ..Shape::default() };
        all.push(Browser::join(&server, "r", name, &shape, str::to_owned).await);
    }
    let mut browsers: Vec<&mut Browser> = all.iter_mut().collect();
    connect(&mut browsers).await;
    hears(&mut all, [20, 24, 28, 45], &[0, 1, 2, 3]).await;
}
