//! A DTLS handshake completes although any one of its datagrams is lost, in either direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::common::browser::{Browser, Shape};
use super::common::dtls::{GCM, SHA1};
use super::common::relay::{Relay, Way};
use super::common::server::Server;
use super::common::{connect, offer, through};

/// More datagrams than either side sends in a handshake without loss.
const MOST: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_datagram_is_lost_in_turn() {
    let server = Server::start();
    let mut calls = Vec::new();
    for way in [Way::Up, Way::Down] {
        for lost in 0..MOST {
            let mut relay = None;
            // Half of them are connections that are built anew for the SHA1 profile.
            let profiles: &[_] = if lost % 2 == 0 { &[SHA1, GCM] } else { &[SHA1] };
            let shape = Shape { profiles, ..Shape::default() };
            let missed = Arc::new(AtomicUsize::new(0));
            let count = missed.clone();
            let route = |answer: &str| {
                let relay = relay.insert(Relay::to(offer::read(answer).candidates[0]));
                let mut seen = 0;
                relay.filter(move |at, datagram| {
                    if at != way || !matches!(datagram.first(), Some(20..=63)) {
                        return true;
                    }
                    seen += 1;
                    let passes = seen != lost + 1;
                    count.fetch_add(usize::from(!passes), Ordering::Relaxed);
                    passes
                });
                through(relay, answer)
            };
            let browser = Browser::join(&server, &format!("{way:?}{lost}"), "Ann", &shape, route).await;
            calls.push((browser, relay, missed, way, lost));
        }
    }
    let mut browsers: Vec<&mut Browser> = calls.iter_mut().map(|(browser, ..)| browser).collect();
    connect(&mut browsers).await;
    let missed =
        |way| calls.iter().filter(|(_, _, missed, at, _)| *at == way && missed.load(Ordering::Relaxed) > 0).count();
    // Two flights up and two down.
    assert!(missed(Way::Up) >= 2 && missed(Way::Down) >= 2, "{} and {}", missed(Way::Up), missed(Way::Down));
}
