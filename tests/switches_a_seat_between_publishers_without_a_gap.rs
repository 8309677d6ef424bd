//! A seat that changes hands stays one stream: numbers without a gap, time that rises, picture ids that count, and a key
//! frame at each change.

use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, live, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_take_turns_in_one_seat() {
    for server in [Server::start(), Server::spreading(2)] {
        takes_turns(&server).await;
    }
}

async fn takes_turns(server: &Server) {
    let shape = Shape::default();
    let mut ann = Browser::join(server, "r", "Ann", &shape, str::to_owned).await;
    let mut cid = Browser::join(server, "r", "Cid", &shape, str::to_owned).await;
    let mut bea = Browser::join(server, "r", "Bea", &shape, str::to_owned).await;
    connect(&mut [&mut ann, &mut bea, &mut cid]).await;
    let sources = [ann.member.source(), cid.member.source()];
    for turn in 0..8 {
        let source = sources[turn % 2];
        bea.member.watch(source).await;
        bea.member.sees(source).await;
        let mut number = 0;
        let asked = [ann.plis, cid.plis];
        until("the other publisher's picture", &mut [&mut ann, &mut cid, &mut bea], |all| {
            number += 1;
            if number % 5 == 0 {
                for (index, before) in asked.iter().enumerate() {
                    // Like an encoder: a key frame when one is asked for, or at the start.
                    let key = all[index].plis > *before && number % 20 == 0 || number == 5;
                    all[index].send_picture(key, 3);
                    all[index].send_sound();
                }
            }
            all[2].on("3").last().is_some_and(|packet| packet.csrc == [source.0])
        })
        .await;
        live(&mut [&mut ann, &mut cid, &mut bea], Duration::from_millis(60)).await;
    }
    let seen = bea.on("3");
    assert_gapless(&seen);
    let changes = seen.windows(2).filter(|pair| pair[0].csrc != pair[1].csrc).count();
    assert_eq!(changes, 7);
    // One SSRC for each line of the seat, whoever sits there.
    assert!(bea.received.iter().all(|packet| packet.ssrc == bea.ssrc_of("2") || packet.ssrc == bea.ssrc_of("3")));
    // Sound is under the right name too: the payload says who made it.
    for packet in bea.on("2") {
        let maker = if packet.csrc == [sources[0].0] { ann.maker() } else { cid.maker() };
        assert_eq!(packet.payload[1], maker);
    }
}
