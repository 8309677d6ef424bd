//! On a host with several addresses a browser is answered by the one it asked: from another the answer would be nobody's.

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::{connect, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_browsers_are_served_by_two_addresses_of_one_host() {
    let addresses = [[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
    let server = Server::announcing(&addresses);
    let only = |ip: &'static str| {
        move |answer: &str| {
            let kept = answer.lines().filter(|line| !line.starts_with("a=candidate:") || line.contains(ip));
            kept.map(|line| format!("{line}\r\n")).collect::<String>()
        }
    };
    let shape = Shape::default();
    let mut ann = Browser::join(&server, "r", "Ann", &shape, only(" 127.0.0.1 ")).await;
    let mut bea = Browser::join(&server, "r", "Bea", &shape, only(" 127.0.0.2 ")).await;
    for (browser, address) in [(&ann, addresses[0]), (&bea, addresses[1])] {
        assert_eq!(browser.answered.candidates.iter().map(|c| c.ip()).collect::<Vec<_>>(), [address]);
    }
    connect(&mut [&mut ann, &mut bea]).await;
    let mut number = 0;
    until("pictures both ways", &mut [&mut ann, &mut bea], |all| {
        number += 1;
        if number % 5 == 0 {
            for browser in all.iter_mut() {
                browser.send_picture(number % 20 == 0, 2);
            }
        }
        all.iter().all(|browser| browser.on("3").len() > 20)
    })
    .await;
    // Checks, handshake, media and reports: all of it came from the address that was asked.
    assert_eq!([ann.strangers, bea.strangers], [0, 0]);
}
