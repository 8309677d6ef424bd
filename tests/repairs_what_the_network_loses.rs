//! One packet in ten is lost, and every picture arrives whole: what is lost before the server is repaired by the
//! publisher, what is lost behind it by the server, both by RTX.

use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::relay::{Relay, Way, lossy};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, live, offer, picture, through, until};

/// Pictures of three packets.
const PICTURES: u32 = 100;

async fn call(simulcast: bool, up: bool) -> (Browser, Browser) {
    let server = Server::start();
    let mut relay = None;
    let mut route = |answer: &str| {
        let relay = relay.insert(Relay::to(offer::read(answer).candidates[0]));
        through(relay, answer)
    };
    let straight = |answer: &str| answer.to_owned();
    let (publisher, subscriber) = (Shape { simulcast, ..Shape::default() }, Shape::default());
    let (mut ann, mut bea) = if up {
        let ann = Browser::join(&server, "r", "Ann", &publisher, &mut route).await;
        (ann, Browser::join(&server, "r", "Bea", &subscriber, straight).await)
    } else {
        let ann = Browser::join(&server, "r", "Ann", &publisher, straight).await;
        (ann, Browser::join(&server, "r", "Bea", &subscriber, &mut route).await)
    };
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    let layers = if simulcast { 3 } else { 1 };
    // Until the subscriber is served, nothing is lost: what came before is not repaired.
    let mut number = 0;
    let maker = ann.maker() + layers as u8 - 1;
    until("the first picture", &mut [&mut ann, &mut bea], |all| {
        number += 1;
        if number % 5 == 0 {
            all[0].send_layers(layers, number % 20 == 0, 3);
        }
        all[1].on("3").last().is_some_and(|packet| packet.payload[picture::DESCRIPTOR] == maker)
    })
    .await;
    let relay = relay.unwrap();
    relay.filter(lossy(7, 10, if up { &[Way::Up] } else { &[Way::Down] }));
    let mut sent = Vec::new();
    for _ in 0..PICTURES {
        sent.extend(ann.send_layers(layers, false, 3).pop().unwrap());
        live(&mut [&mut ann, &mut bea], Duration::from_millis(15)).await;
    }
    relay.filter(|_, _| true);
    let mut number = 0;
    until("every picture", &mut [&mut ann, &mut bea], |all| {
        number += 1;
        if number % 20 == 0 {
            // What shows that the last packets of a stream were lost are the packets behind them.
            all[0].send_layers(layers, false, 3);
        }
        let seen = all[1].on("3");
        all[1].missing("3") == 0
            && sent.iter().all(|body| seen.iter().any(|packet| picture::body(&packet.payload) == body))
    })
    .await;
    assert_gapless(&bea.on("3"));
    (ann, bea)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_behind_the_server_are_repaired_by_it() {
    let (ann, bea) = call(false, false).await;
    let repaired = bea.received.iter().filter(|packet| packet.repaired).count();
    assert!(repaired > 10, "only {repaired} retransmissions");
    assert_eq!(ann.asked, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_before_the_server_are_repaired_by_the_publisher() {
    for simulcast in [false, true] {
        let (ann, _) = call(simulcast, true).await;
        assert!(ann.asked > 10, "only {} requests", ann.asked);
    }
}
