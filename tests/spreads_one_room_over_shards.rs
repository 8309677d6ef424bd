//! A room on several shards is one room: what a member publishes on one of them reaches members on the others, and what
//! those ask for reaches it.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use plenum::metrics::{PacketKind, ShardSnapshot};

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::world::{LAYERS, World};
use super::common::{connect, eventually, live, until};

/// Sends pictures from the first browser, a key frame whenever it is asked for one, until `done`.
async fn publish_until(what: &str, all: &mut [&mut Browser], mut done: impl FnMut(&mut [&mut Browser]) -> bool) {
    let (mut turn, mut answered) = (0, 0);
    until(what, all, |all| {
        turn += 1;
        if turn % 4 == 1 {
            let key = turn == 1 || all[0].plis > answered;
            answered = all[0].plis;
            all[0].send_picture(key, 3);
            all[0].send_sound();
        }
        done(all)
    })
    .await;
}

/// Asks for a key frame of what is on the line with `mid` (RFC 4585 §6.3.1).
fn lose_picture(browser: &mut Browser, mid: &str) {
    let mut packet = BytesMut::from(&[0x81, 206, 0, 2, 0, 0, 0, 1][..]);
    packet.put_u32(browser.ssrc_of(mid));
    browser.send_rtcp(&packet);
}

fn connections(shards: &[ShardSnapshot]) -> Vec<u64> {
    shards.iter().map(|shard| shard.connections.iter().sum()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_picture_is_asked_for_across_shards_and_whoever_leaves_is_gone_from_all() {
    let server = Server::spreading(2);
    let shape = Shape::default();
    let mut ann = Browser::join(&server, "r", "Ann", &shape, str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &shape, str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    publish_until("a picture", &mut [&mut ann, &mut bea], |all| all[1].on("3").len() > 6).await;
    eventually("a browser on each shard", || connections(&server.shards()) == [1, 1]).await;

    let asked = ann.plis;
    lose_picture(&mut bea, "3");
    let mut lost = 0;
    publish_until("the request", &mut [&mut ann, &mut bea], |all| {
        // One may get lost.
        lost += 1;
        if lost % 500 == 0 {
            lose_picture(all[1], "3");
        }
        all[0].plis > asked
    })
    .await;
    let before = bea.on("3").len();
    publish_until("the picture that follows", &mut [&mut ann, &mut bea], |all| all[1].on("3").len() > before + 12)
        .await;
    assert_gapless(&bea.on("3"));
    assert!(bea.on("3").iter().chain(&bea.on("2")).all(|packet| packet.csrc == [ann.member.source().0]));

    ann.member.leave().await;
    let source = ann.member.source();
    eventually("an empty seat", || bea.member.seats().seats.iter().all(|seat| *seat != Some(source))).await;
    eventually("a shard without browsers", || connections(&server.shards()) == [0, 1]).await;
    live(&mut [&mut bea], Duration::from_millis(20)).await;
    let before = bea.received.len();
    for _ in 0..20 {
        ann.send_picture(true, 2);
        ann.send_sound();
        live(&mut [&mut bea], Duration::from_millis(10)).await;
    }
    assert_eq!(bea.received.len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shards_of_a_room_share_its_members_and_their_work_evenly() {
    let server = Server::spreading(2);
    let mut all = Vec::new();
    for name in ["Ann", "Bea", "Cid", "Dan", "Eve", "Fay", "Gus"] {
        all.push(Browser::join(&server, "r", name, &Shape::default(), str::to_owned).await);
    }
    let mut all: Vec<&mut Browser> = all.iter_mut().collect();
    connect(&mut all).await;
    let source = all[0].member.source();
    for browser in &all[1..] {
        browser.member.watch(source).await;
    }
    publish_until("a picture for all", &mut all, |all| all[1..].iter().all(|browser| browser.on("3").len() > 30)).await;
    let sent = |shard: &ShardSnapshot| shard.sent[PacketKind::Video as usize].packets;
    // Counters are copied out once a second, by each shard at a time of its own.
    eventually("the same work on both shards, for which what came once crossed once", || {
        let shards = server.shards();
        let [first, second] = [sent(&shards[0]), sent(&shards[1])];
        let crossed = shards[1].feeds.taken;
        connections(&shards) == [4, 3]
            && first + second >= 6 * 30
            && first.abs_diff(second) * 4 < first + second
            && crossed > 0
            && shards[0].feeds.given >= crossed
    })
    .await;
    assert_eq!(server.shards()[0].feeds.shed, [0; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_comes_back_on_another_shard_is_seen_again() {
    let server = Server::spreading(2);
    let shape = Shape::default();
    let mut ann = Browser::join(&server, "r", "Ann", &shape, str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &shape, str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    for _ in 0..3 {
        let before = bea.on("3").len();
        publish_until("a picture", &mut [&mut ann, &mut bea], |all| all[1].on("3").len() > before + 9).await;
        // A new connection, as after a reload: it lives where there is room for it.
        ann.reconnect(&shape).await;
        connect(&mut [&mut ann, &mut bea]).await;
    }
    publish_until("a picture", &mut [&mut ann, &mut bea], |all| {
        let taken: Vec<u64> = server.shards().iter().map(|shard| shard.feeds.taken).collect();
        all[1].on("3").len() > 9 && taken.iter().sum::<u64>() > 0
    })
    .await;
    assert_gapless(&bea.on("3"));
}

/// A shard that is stuck loses pictures, whole ones and from the top, and its queue holds what it may. Whoever lives there
/// goes on with key frames, without a gap; nobody else notices.
#[test]
fn a_stuck_shard_sheds_and_delays_nobody() {
    const ROOM: usize = 64;
    let mut world = World::spread_with(3, 2, ROOM, 1, 2, 1);
    // Subscriber 1 lives with the publisher, subscriber 0 elsewhere.
    (0..2).for_each(|subscriber| world.seat(subscriber, 0, Some(1)));
    world.publishers[0].sending = LAYERS;
    (0..300).for_each(|_| world.step());
    let mut after = Vec::new();
    for _ in 0..3 {
        world.take_sent();
        for _ in 0..200 {
            world.step_without(1);
            assert!(world.waiting(1) <= ROOM);
        }
        let sent = world.take_sent();
        assert!(sent.iter().all(|packet| packet.peer == 2), "the stuck shard sends nothing");
        let pictures = sent.iter().filter(|packet| packet.stream == 2).count();
        assert!(pictures >= 2 * 40, "{pictures} packets of 50 pictures for whoever lives elsewhere");
        (0..200).for_each(|_| world.step());
        after = world.take_sent();
    }
    let shed = world.shed(0);
    assert!(shed.iter().all(|reason| *reason > 0), "{shed:?}");
    after.retain(|packet| packet.peer == 1 && packet.stream == 2);
    assert!(after.len() > 50, "{} packets after the shard had come back", after.len());
    assert!(after.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
}
