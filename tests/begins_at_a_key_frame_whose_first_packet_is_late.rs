//! A key frame whose first packet was overtaken on its way begins the picture all the same, without being asked for.

use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, live, until};

const PARTS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_arrives_in_order_though_nothing_follows() {
    let server = Server::start();
    let mut ann = Browser::join(&server, "r", "Ann", &Shape::default(), str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &Shape::default(), str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    // Without a key frame there is nothing to begin with.
    until("a request", &mut [&mut ann, &mut bea], |all| {
        all[0].send_picture(false, 2);
        all[0].plis > 0
    })
    .await;
    live(&mut [&mut ann, &mut bea], Duration::from_millis(100)).await;
    assert_eq!(bea.on("3").len(), 0);

    let parts = ann.send_key_frame_first_part_last(PARTS);
    until("the key frame", &mut [&mut ann, &mut bea], |all| all[1].on("3").len() >= PARTS).await;
    let seen = bea.on("3");
    assert!(seen.iter().zip(&parts).all(|(packet, part)| packet.payload.ends_with(part)));
    assert_gapless(&seen);
}
