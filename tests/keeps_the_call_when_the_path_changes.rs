//! An ICE restart, another port of the browser's and another of its NAT's: the call goes on with the keys it has.

use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::relay::Relay;
use super::common::server::Server;
use super::common::{connect, live, offer, through, until};

/// Lets Ann publish until Bea has `more` packets more of hers, under the numbers that follow.
async fn flows(ann: &mut Browser, bea: &mut Browser, more: usize) {
    let before = bea.on("3").len();
    let mut number = 0;
    until("pictures", &mut [ann, bea], |all| {
        number += 1;
        if number % 5 == 0 {
            all[0].send_picture(number % 20 == 0, 2);
        }
        all[1].on("3").len() >= before + more
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_needs_no_new_handshake() {
    let server = Server::start();
    let mut ann = Browser::join(&server, "r", "Ann", &Shape::default(), str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &Shape::default(), str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    flows(&mut ann, &mut bea, 20).await;
    let handshakes = [ann.handshake_datagrams, bea.handshake_datagrams];
    let before = [ann.answered.clone(), bea.answered.clone()];
    for round in 0..2 {
        // First on the same socket, then from another port, as after a change of network.
        for browser in [&mut ann, &mut bea] {
            browser.offer(false, 1, str::to_owned).await;
            if round == 1 {
                browser.move_away();
            }
        }
        // Media flows while the new path is being checked.
        flows(&mut ann, &mut bea, 10).await;
        until("checks by the new credentials", &mut [&mut ann, &mut bea], |all| all.iter().all(|b| b.is_checked)).await;
        flows(&mut ann, &mut bea, 10).await;
    }
    for (browser, before) in [&ann, &bea].into_iter().zip(&before) {
        assert_ne!(browser.answered.ufrag, before.ufrag);
        assert_eq!(browser.answered.lines, before.lines);
    }
    assert_eq!([ann.handshake_datagrams, bea.handshake_datagrams], handshakes);
    assert!(bea.on("3").iter().all(|packet| packet.csrc == [ann.member.source().0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_follows_a_browser_to_another_port_and_through_a_nat_that_forgets() {
    let server = Server::start();
    let mut ann = Browser::join(&server, "r", "Ann", &Shape::default(), str::to_owned).await;
    let mut relay = None;
    let route = |answer: &str| through(relay.insert(Relay::to(offer::read(answer).candidates[0])), answer);
    let mut bea = Browser::join(&server, "r", "Bea", &Shape::default(), route).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    flows(&mut ann, &mut bea, 20).await;
    let handshakes = [ann.handshake_datagrams, bea.handshake_datagrams];
    let numbers = bea.on("3").len();
    // The publisher's 5-tuple changes, then the subscriber's: one knows it, the other does not.
    let old = ann.address();
    ann.move_away();
    assert_ne!(ann.address(), old);
    flows(&mut ann, &mut bea, 20).await;
    relay.as_ref().unwrap().rebind();
    flows(&mut ann, &mut bea, 20).await;
    live(&mut [&mut ann, &mut bea], Duration::from_millis(100)).await;
    assert!(bea.on("3").len() > numbers);
    assert_eq!([ann.handshake_datagrams, bea.handshake_datagrams], handshakes);
}
