//! Recorded offers of browsers and hand-written ones of other clients, answered through the public door.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::id::{AudioLineId, SeatId};
use crate::media::spec::{MediaKind, Place, UplinkRole};
use crate::transport::spec::{Candidate, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};

/// Four uplinks, a data channel, nine seats and three audio lines, recorded from Chromium 156 and Firefox 153.
const CHROMIUM: &str = include_str!("../../tests/fixtures/sdp/chromium_call.sdp");
const FIREFOX: &str = include_str!("../../tests/fixtures/sdp/firefox_call.sdp");

fn server() -> ServerSide {
    ServerSide {
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0xAB; 32] },
        candidates: vec![
            Candidate { address: "192.0.2.1:3478".parse().unwrap(), protocol: Protocol::Udp },
            Candidate { address: "[2001:db8::1]:3478".parse().unwrap(), protocol: Protocol::Udp },
            Candidate { address: "192.0.2.1:443".parse().unwrap(), protocol: Protocol::Tcp },
        ],
        shard: 3,
        max_seats: 60,
        sctp_port: 5000,
    }
}

fn session(rng: &mut StdRng) -> Session {
    Session::new(IceCredentials::generate(3, rng))
}

fn answer(offer: &str) -> Result<Answered, SdpError> {
    let mut rng = StdRng::seed_from_u64(1);
    session(&mut rng).answer(offer, &server(), &mut rng)
}

/// The m-sections of an SDP text, without the session part.
fn sections(sdp: &str) -> Vec<&str> {
    sdp.split("\r\nm=").skip(1).collect()
}

#[test]
fn the_call_of_each_browser_gets_four_uplinks_nine_seats_and_three_audio_lines() {
    for offer in [CHROMIUM, FIREFOX] {
        let answered = answer(offer).unwrap();
        let roles: Vec<UplinkRole> = answered.media.uplinks.iter().map(|u| u.role).collect();
        let in_order = [UplinkRole::Microphone, UplinkRole::Camera, UplinkRole::Screen, UplinkRole::ScreenAudio];
        assert_eq!(roles, in_order);
        let rids: Vec<String> = answered.media.uplinks[1].rids.iter().map(|r| r.to_string()).collect();
        assert_eq!(rids, ["q", "h", "f"]);
        let places: Vec<(Place, MediaKind)> = answered.media.downlinks.iter().map(|d| (d.place, d.kind)).collect();
        let mut expected = Vec::new();
        for seat in 0..9 {
            expected.push((Place::Seat(SeatId(seat)), MediaKind::Audio));
            expected.push((Place::Seat(SeatId(seat)), MediaKind::Video));
        }
        for line in 0..3 {
            expected.push((Place::AudioLine(AudioLineId(line)), MediaKind::Audio));
        }
        assert_eq!(places, expected);
        assert!(
            answered.media.downlinks.iter().all(|d| d.active && d.rtx_ssrc.is_some() == (d.kind == MediaKind::Video))
        );
        assert!(answered.connection.sctp.is_some());
        assert!(!answered.sdp.contains("\r\nm=audio 0") && !answered.sdp.contains("\r\nm=video 0"));
    }
}

#[test]
fn both_tracks_of_a_seat_share_a_stream_and_video_names_its_rtx() {
    let answered = answer(CHROMIUM).unwrap();
    let video = answered.media.downlinks.iter().find(|d| d.kind == MediaKind::Video).unwrap();
    let (ssrc, rtx) = (video.ssrc, video.rtx_ssrc.unwrap());
    assert!(answered.sdp.contains("a=msid:seat0 seat0a\r\n"));
    let section = sections(&answered.sdp).into_iter().find(|s| s.contains("a=msid:seat0 seat0v\r\n")).unwrap();
    assert!(section.contains(&format!("a=ssrc-group:FID {ssrc} {rtx}\r\n")));
    assert!(section.contains(&format!("a=ssrc:{ssrc} cname:plenum\r\na=ssrc:{rtx} cname:plenum")));
}

#[test]
fn a_repeated_offer_gets_the_same_answer() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    let first = session.answer(CHROMIUM, &server(), &mut rng).unwrap();
    assert_eq!(session.answer(CHROMIUM, &server(), &mut rng).unwrap(), first);
}
