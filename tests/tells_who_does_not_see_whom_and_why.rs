//! When a picture or a voice does not come, who should have it is told why, and so is who sends it; both are told when
//! it comes again, and then how good it is.

use std::time::Duration;

use plenum::signal::protocol::{SourceQuality, Trouble};

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::{connect, live, until};

const BOTH: usize = 2;

/// Lets Ann send 20 ms of what `keys` says and sound, and both live, until `done`.
async fn talk(
    what: &str,
    all: &mut [&mut Browser; BOTH],
    keys: bool,
    mut done: impl FnMut(&[&mut Browser; BOTH]) -> bool,
) {
    for number in 0..2_000 {
        if done(all) {
            return;
        }
        all[0].send_picture(keys && number % 25 == 0, 2);
        all[0].send_sound();
        let [ann, bea] = all;
        live(&mut [ann, bea], Duration::from_millis(20)).await;
    }
    panic!("waited in vain for: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_sends_nothing_then_no_key_frame_then_all_is_told_to_both_sides() {
    let server = Server::start();
    let mut ann = Browser::join(&server, "r", "Ann", &Shape::default(), str::to_owned).await;
    let mut bea = Browser::join(&server, "r", "Bea", &Shape::default(), str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    let (source, member) = (ann.member.source(), bea.member.id().clone());
    bea.member.sees(source).await;
    let trouble =
        |bea: &Browser| bea.member.quality(source).map(|quality| [quality.sound_trouble, quality.picture_trouble]);

    let nothing = Some(Trouble::NoPackets);
    until("trouble", &mut [&mut ann, &mut bea], |all| trouble(all[1]) == Some([nothing, nothing])).await;

    let all = &mut [&mut ann, &mut bea];
    let no_key_frame = Some(Trouble::NoKeyFrame);
    talk("a missing key frame", all, false, |all| trouble(all[1]) == Some([None, no_key_frame])).await;

    let excellent = |quality: &SourceQuality| quality.sound >= Some(4.0) && quality.picture >= Some(4.0);
    talk("scores", all, true, |all| {
        let quality = all[1].member.quality(source);
        trouble(all[1]) == Some([None, None]) && quality.as_ref().is_some_and(excellent)
    })
    .await;

    // Each is told by messages of its own.
    until("the end of it at Ann's", &mut [&mut ann, &mut bea], |all| {
        all[0].member.troubles().last().is_some_and(|last| [last.sound, last.picture] == [None, None])
    })
    .await;
    let told = ann.member.troubles();
    assert!(told.iter().all(|trouble| trouble.source == source && trouble.member == member));
    let told: Vec<_> = told.iter().map(|trouble| [trouble.sound, trouble.picture]).collect();
    assert_eq!(told.first().map(|first| first.contains(&nothing)), Some(true), "{told:?}");
    assert!(told.contains(&[None, no_key_frame]), "{told:?}");
    // Who sends nothing on purpose makes no trouble.
    ann.member.media(false).await;
    live(&mut [&mut ann, &mut bea], Duration::from_secs(4)).await;
    assert!(trouble(&bea).is_none_or(|trouble| trouble == [None, None]), "{:?}", bea.member.quality(source));
}
