//! What one browser publishes reaches another octet for octet, under its source's number, on the seat's own lines.

use std::collections::HashSet;
use std::time::Duration;

use super::common::browser::{Browser, Shape};
use super::common::dtls::{GCM, SHA1};
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, live, picture, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_picture_arrive_whole_with_either_srtp_profile() {
    let one_or_two_shards = [Server::start(), Server::spreading(2)];
    for (server, profiles) in one_or_two_shards.into_iter().zip([&[SHA1, GCM][..], &[SHA1]]) {
        let shape = Shape { profiles, ..Shape::default() };
        let mut ann = Browser::join(&server, "r", "Ann", &shape, str::to_owned).await;
        let mut bea = Browser::join(&server, "r", "Bea", &shape, str::to_owned).await;
        connect(&mut [&mut ann, &mut bea]).await;
        let expected = if profiles.contains(&GCM) { GCM } else { SHA1 };
        assert_eq!((ann.profile(), bea.profile()), (Some(expected), Some(expected)));
        bea.member.sees(ann.member.source()).await;

        let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
        for number in 0..40 {
            pictures.extend(ann.send_picture(number % 5 == 0, 3));
            sounds.push(ann.send_sound());
            live(&mut [&mut ann, &mut bea], Duration::from_millis(20)).await;
        }
        until("the last picture and the last sound", &mut [&mut ann, &mut bea], |all| {
            let last =
                |mid: &str, payload: &[u8]| all[1].on(mid).iter().any(|packet| packet.payload.ends_with(payload));
            last("3", pictures.last().unwrap()) && last("2", sounds.last().unwrap())
        })
        .await;

        let (heard, seen) = (bea.on("2"), bea.on("3"));
        let source = ann.member.source().0;
        for (mid, packets) in [("2", &heard), ("3", &seen)] {
            assert!(packets.iter().all(|packet| packet.csrc == [source]));
            assert!(packets.iter().all(|packet| packet.mid.as_deref() == Some(mid)));
        }
        assert!(heard.iter().all(|packet| packet.level == Some(0x80 | 30)));
        // A subscriber may join a stream late, but from then on it gets all of it.
        let came: Vec<_> = seen.iter().map(|packet| picture::body(&packet.payload)).collect();
        assert!(pictures.ends_with(&came.iter().map(|body| body.to_vec().into()).collect::<Vec<_>>()));
        assert!(came.len() >= pictures.len() / 2, "{} of {}", came.len(), pictures.len());
        let came: Vec<_> = heard.iter().map(|packet| packet.payload.clone()).collect();
        assert!(sounds.ends_with(&came) && came.len() >= sounds.len() / 2);
        assert_gapless(&seen);
        let ssrcs: HashSet<u32> = bea.received.iter().map(|packet| packet.ssrc).collect();
        assert_eq!(ssrcs, HashSet::from([bea.ssrc_of("2"), bea.ssrc_of("3")]));
        assert_eq!((ann.received.len(), bea.asked, bea.strangers), (0, 0, 0));
    }
}
