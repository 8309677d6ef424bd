//! Of a picture's simulcast layers a subscriber gets the highest that is sent, and another within the same stream when
//! that one stops.

use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, live, picture, until};

/// Which layer the last packet on the seat is of, by its maker.
fn layer(subscriber: &Browser, publisher: u8) -> Option<u8> {
    let last = subscriber.on("3").pop()?.payload.clone();
    // The maker stands behind the frame tag or first in the body.
    let body = picture::body(&last);
    let vp8 = picture::read(&last)?;
    let at = if vp8.key {
        10
    } else if vp8.start {
        3
    } else {
        0
    };
    Some(body[at] - publisher)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_layers_up_one_down_and_the_next_when_it_stops() {
    for server in [Server::start(), Server::spreading(2)] {
        follows_the_layers(&server).await;
    }
}

async fn follows_the_layers(server: &Server) {
    let shape = Shape { simulcast: true, ..Shape::default() };
    let mut ann = Browser::join(server, "r", "Ann", &shape, str::to_owned).await;
    let mut bea = Browser::join(server, "r", "Bea", &Shape::default(), str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    let maker = ann.maker();
    // From three layers to one and back.
    for layers in [3, 2, 1, 3] {
        let mut number = 0;
        until("the highest layer", &mut [&mut ann, &mut bea], |all| {
            number += 1;
            if number % 5 == 0 {
                // An encoder answers a request for a key frame with one; this one sends them often anyway.
                all[0].send_layers(layers, number % 20 == 0, 2);
            }
            layer(all[1], maker) == Some(layers as u8 - 1)
        })
        .await;
        live(&mut [&mut ann, &mut bea], Duration::from_millis(100)).await;
    }
    let seen = bea.on("3");
    assert_gapless(&seen);
    assert!(seen.iter().all(|packet| packet.csrc == [ann.member.source().0]));
}
