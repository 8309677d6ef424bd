//! A whole WebRTC stack that is not ours calls another of its kind through Plenum: sound and picture, simulcast, and a
//! network that loses packets.

use std::time::Duration;

use super::common::bot::{Bot, Shape};
use super::common::dtls::SHA1;
use super::common::relay::{Relay, Way, lossy};
use super::common::server::Server;
use super::common::stream::{Received, assert_gapless};
use super::common::{PATIENCE, offer, picture, through};

/// Publishes until the last picture and the last sound have arrived; what was sent.
async fn call(ann: &mut Bot, bea: &Bot, pictures: usize) -> (Vec<bytes::Bytes>, Vec<bytes::Bytes>) {
    bea.member.sees(ann.member.source()).await;
    let (mut seen, mut heard) = (Vec::new(), Vec::new());
    let deadline = std::time::Instant::now() + PATIENCE;
    for number in 0.. {
        let (bodies, sound) = ann.publish(number % 10 == 0, 2).await;
        seen.extend(bodies);
        heard.push(sound);
        tokio::time::sleep(Duration::from_millis(20)).await;
        if bea.on("3").len() >= pictures * 2 && bea.on("2").len() >= pictures {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{} pictures and {} sounds",
            bea.on("3").len(),
            bea.on("2").len()
        );
    }
    (seen, heard)
}

fn check(bea: &Bot, source: u32, pictures: &[bytes::Bytes], sounds: &[bytes::Bytes]) {
    let (seen, heard) = (bea.on("3"), bea.on("2"));
    assert!(seen.iter().all(|packet| packet.csrc == [source] && packet.pt == offer::VP8));
    assert!(heard.iter().all(|packet| packet.csrc == [source] && packet.pt == offer::OPUS));
    assert!(seen.iter().all(|packet| packet.mid.as_deref().is_none_or(|mid| mid == "3")));
    assert!(seen.iter().all(|packet| pictures.iter().any(|body| body == picture::body(&packet.payload))));
    assert!(heard.iter().all(|packet| sounds.contains(&packet.payload)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_picture_go_both_ways_with_either_profile() {
    for profiles in [vec![], vec![SHA1]] {
        let server = Server::start();
        let shape = || Shape { profiles: profiles.clone(), ..Shape::default() };
        let mut ann = Bot::join(&server, "r", "Ann", shape(), str::to_owned).await;
        let mut bea = Bot::join(&server, "r", "Bea", shape(), str::to_owned).await;
        let (pictures, sounds) = call(&mut ann, &bea, 15).await;
        check(&bea, ann.member.source().0, &pictures, &sounds);
        let (pictures, sounds) = call(&mut bea, &ann, 15).await;
        check(&ann, bea.member.source().0, &pictures, &sounds);
        assert_gapless(&bea.on("3").iter().collect::<Vec<_>>());
        ann.close().await;
        bea.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_highest_simulcast_layer_is_seen() {
    let server = Server::start();
    let mut ann = Bot::join(&server, "r", "Ann", Shape { simulcast: true, ..Shape::default() }, str::to_owned).await;
    let bea = Bot::join(&server, "r", "Bea", Shape::default(), str::to_owned).await;
    let deadline = std::time::Instant::now() + PATIENCE;
    let mut highest = Vec::new();
    let is_highest =
        |packet: &Received, highest: &[bytes::Bytes]| highest.iter().any(|body| body == picture::body(&packet.payload));
    for number in 0.. {
        highest.extend(ann.publish(number % 10 == 0, 2).await.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let seen = bea.on("3");
        if seen.len() > 20 && seen[seen.len() - 10..].iter().all(|packet| is_highest(packet, &highest)) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "never the highest layer in {} packets", seen.len());
    }
    assert_gapless(&bea.on("3").iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_loses_is_sent_again() {
    let server = Server::start();
    let mut relay = None;
    let route = |answer: &str| through(relay.insert(Relay::to(offer::read(answer).candidates[0])), answer);
    let mut ann = Bot::join(&server, "r", "Ann", Shape::default(), str::to_owned).await;
    let bea = Bot::join(&server, "r", "Bea", Shape::default(), route).await;
    call(&mut ann, &bea, 5).await;
    let relay = relay.unwrap();
    relay.filter(lossy(11, 10, &[Way::Down]));
    let before = bea.on("3").len();
    let (pictures, _) = call(&mut ann, &bea, before / 2 + 60).await;
    relay.filter(|_, _| true);
    // Its own NACK generator asks every 100 ms; the packets behind show what was lost at the end.
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let seen = bea.on("3");
        if pictures.iter().all(|body| seen.iter().any(|packet| picture::body(&packet.payload) == body)) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "packets are missing");
        ann.publish(false, 2).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
