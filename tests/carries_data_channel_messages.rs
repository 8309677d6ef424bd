//! A member's message on a reliable or a lossy channel reaches all others, or the one that it names, under its sender's
//! id; nobody else.

use super::common::bot::{Bot, Shape};
use super::common::eventually;
use super::common::server::Server;

/// A message to all, and one to `id` (docs of `room::data`).
fn to_all(payload: &[u8]) -> Vec<u8> {
    [&[0], payload].concat()
}

fn to_one(id: &str, payload: &[u8]) -> Vec<u8> {
    [&[1, id.len() as u8], id.as_bytes(), payload].concat()
}

/// As its recipients get it.
fn from(bot: &Bot, payload: &[u8]) -> Vec<u8> {
    let id = &bot.member.id().0;
    [&[id.len() as u8], id.as_bytes(), payload].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_all_or_one() {
    let server = Server::start();
    let shape = || Shape { channels: true, ..Shape::default() };
    let ann = Bot::join(&server, "r", "Ann", shape(), str::to_owned).await;
    let bea = Bot::join(&server, "r", "Bea", shape(), str::to_owned).await;
    let cid = Bot::join(&server, "r", "Cid", shape(), str::to_owned).await;
    let stranger = Bot::join(&server, "another", "Dot", shape(), str::to_owned).await;
    for bot in [&ann, &bea, &cid, &stranger] {
        bot.opened().await;
    }
    for lane in ["reliable", "lossy"] {
        ann.send(lane, &to_all(b"to all")).await;
        ann.send(lane, &to_one(&bea.member.id().0, b"to Bea")).await;
        cid.send(lane, &to_one("nobody", b"to nobody")).await;
        cid.send(lane, b"\x07malformed").await;
        cid.send(lane, &to_all(b"")).await;
        let expected: [(&Bot, Vec<Vec<u8>>); 4] = [
            (&ann, vec![from(&cid, b"")]),
            (&bea, vec![from(&ann, b"to all"), from(&ann, b"to Bea"), from(&cid, b"")]),
            (&cid, vec![from(&ann, b"to all")]),
            (&stranger, vec![]),
        ];
        for (bot, expected) in &expected {
            eventually("messages", || bot.messages(lane).len() >= expected.len()).await;
            let mut came = bot.messages(lane);
            let mut expected = expected.clone();
            // Messages of two senders, and unordered ones, come in any order.
            came.sort();
            expected.sort();
            assert_eq!(came, expected, "{lane} at {}", bot.member.id().0);
        }
    }
    // In order and whole, however many and however large.
    let messages: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; 1 + usize::from(n) * 200]).collect();
    for message in &messages {
        ann.send("reliable", &to_one(&bea.member.id().0, message)).await;
    }
    let before = 3;
    eventually("all of many messages", || bea.messages("reliable").len() == before + messages.len()).await;
    let expected: Vec<Vec<u8>> = messages.iter().map(|message| from(&ann, message)).collect();
    assert_eq!(bea.messages("reliable")[before..], expected);
    for bot in [&cid, &stranger] {
        assert!(bot.messages("reliable").iter().all(|message| message.len() < 40));
    }
}
