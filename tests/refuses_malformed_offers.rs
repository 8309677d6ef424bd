//! An offer that cannot be answered is refused in words that name the fault, and costs the connection that is there
//! nothing.

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::{connect, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_offer_is_named_and_the_call_goes_on() {
    let server = Server::start();
    let mut ann = Browser::join(&server, "r", "Ann", &Shape::default(), str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &Shape::default(), str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.sees(ann.member.source()).await;
    let good = ann.sdp(false, 1);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let bad = [
        (String::new(), "no m-line"),
        ("v=0\r\nm=audio".into(), "not SDP"),
        (good[..good.len() / 2].replace("m=video", "m=video \u{7}"), "control character"),
        (with("BUNDLE 0 1 2 3", "BUNDLE 0 1 2"), "a=group:BUNDLE"),
        (with("a=mid:1\r\n", ""), "a=mid"),
        (with("a=mid:1\r\n", "a=mid:0\r\n"), "same a=mid"),
        (with("a=rtcp-mux\r\n", ""), "a=rtcp-mux"),
        (with("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), "a=ice-pwd"),
        (with("a=setup:actpass", "a=setup:passive"), "a=setup"),
        (with("a=fingerprint:sha-256 ", "a=fingerprint:sha-1 "), "a=fingerprint"),
        (with("a=group", "a=ice-lite\r\na=group"), "a=ice-lite"),
        (with("opus/48000/2", "G722/8000").replace("VP8/90000", "H265/90000"), "no m-line is usable"),
        (with("m=video 9", "m=audio 9"), "m-line"),
        (format!("{good}a=x:{}\r\n", "x".repeat(600_000)), "bytes long"),
    ];
    let mut number = 0;
    for (sdp, words) in bad {
        let refused = ann.offer_text(&sdp).await.unwrap_err();
        assert!(refused.contains(words), "{refused:?} does not say {words:?}");
        // Both directions of the connection that is there go on.
        let before = [ann.on("3").len(), bea.on("3").len()];
        until("pictures both ways", &mut [&mut ann, &mut bea], |all| {
            number += 1;
            if number % 5 == 0 {
                for browser in all.iter_mut() {
                    browser.send_picture(number % 20 == 0, 1);
                }
            }
            all[0].on("3").len() > before[0] + 1 && all[1].on("3").len() > before[1] + 1
        })
        .await;
    }
    // The next good offer has the number that the bad ones did not take.
    ann.offer_text(&good).await.unwrap();
}
