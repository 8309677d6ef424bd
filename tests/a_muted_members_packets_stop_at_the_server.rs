//! A moderator's word holds in the media plane: whatever the muted member's browser sends, nobody gets it.

use std::time::Duration;

use plenum::room::Moderation;
use plenum::signal::protocol::{Allow, ErrorCode, KindSet, Mute, TrackKind};

use super::common::browser::{Browser, Shape};
use super::common::server::Server;
use super::common::{connect, live, until};

/// Sends a picture and a sound until a picture is through; true when no sound came meanwhile.
async fn is_silent(ann: &mut Browser, bea: &mut Browser) -> bool {
    let (pictures, sounds) = (bea.on("3").len(), bea.on("2").len());
    let mut number = 0;
    until("a picture", &mut [ann, bea], |all| {
        number += 1;
        if number % 5 == 1 {
            all[0].send_sound();
            all[0].send_picture(true, 2);
        }
        all[1].on("3").len() > pictures
    })
    .await;
    live(&mut [ann, bea], Duration::from_millis(20)).await;
    bea.on("2").len() == sounds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sound_stops_while_the_picture_goes_on_until_it_is_allowed_again() {
    for server in [Server::start(), Server::spreading(2)] {
        mutes_and_allows(&server).await;
    }
}

async fn mutes_and_allows(server: &Server) {
    let host = server.join("r", "Hal").await;
    let shape = Shape::default();
    let mut ann = Browser::join(server, "r", "Ann", &shape, str::to_owned).await;
    let mut bea = Browser::join(server, "r", "Bea", &shape, str::to_owned).await;
    connect(&mut [&mut ann, &mut bea]).await;
    bea.member.watch(ann.member.source()).await;
    bea.member.sees(ann.member.source()).await;
    let kinds = KindSet::NONE.with(TrackKind::Microphone);
    let of = Some(ann.member.id().clone());

    let mut heard = false;
    for _ in 0..50 {
        heard |= !is_silent(&mut ann, &mut bea).await;
    }
    assert!(heard);
    let mute = Mute { member: of.clone(), kinds, forbid: true };
    let refused = bea.member.moderate(Moderation::Mute(mute.clone())).await.map_err(|error| error.code);
    assert_eq!(refused.err(), Some(ErrorCode::Forbidden));
    host.moderate(Moderation::Mute(mute)).await.unwrap();
    // The word crosses to the media plane beside the packets: some may be ahead of it.
    let (mut rounds, mut silent) = (0, 0);
    while silent < 5 {
        silent = if is_silent(&mut ann, &mut bea).await { silent + 1 } else { 0 };
        rounds += 1;
        assert!(rounds < 100, "the sound goes on");
    }
    let sounds = bea.on("2").len();
    for _ in 0..30 {
        assert!(is_silent(&mut ann, &mut bea).await);
    }
    assert_eq!(bea.on("2").len(), sounds);

    host.moderate(Moderation::Allow(Allow { member: of, kinds })).await.unwrap();
    assert!(is_silent(&mut ann, &mut bea).await, "nobody is switched on from afar");
    ann.member.media(true).await;
    let mut rounds = 0;
    while is_silent(&mut ann, &mut bea).await {
        rounds += 1;
        assert!(rounds < 100, "the sound does not come back");
    }
}
