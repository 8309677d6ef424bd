//! Programs over WHIP and WHEP: offers that are not bundled, players, fragments of a restart.

use super::*;
use crate::id::SeatId;
use crate::media::spec::{Codec, MediaKind, Place, UplinkRole};

fn play(offer: &str, video: Option<Codec>) -> Result<Answered, SdpError> {
    let mut rng = StdRng::seed_from_u64(1);
    let credentials = IceCredentials::generate(3, &mut rng);
    Session::new(credentials, Purpose::Play { video }).answer(offer, &server(), &mut rng)
}

/// The halves of seat 0 that a player has.
fn halves(answered: &Answered) -> Vec<MediaKind> {
    assert!(answered.media.downlinks.iter().all(|downlink| downlink.place == Place::Seat(SeatId(0))));
    answered.media.downlinks.iter().map(|downlink| downlink.kind).collect()
}

#[test]
fn a_single_line_needs_no_bundle_and_gets_none() {
    let (head, _) = WHIP[2].split_once("m=video").unwrap();
    let offer = with(&with(head, "a=group:BUNDLE 0 1\r\n", ""), "a=group:LS 0 1\r\n", "");
    let answered = answer(&offer).unwrap();
    assert_eq!(answered.media.uplinks[0].role, UplinkRole::Microphone);
    assert!(!answered.sdp.contains("a=group"));
    let two = with(WHIP[2], "a=group:BUNDLE 0 1\r\n", "");
    assert!(matches!(answer(&two), Err(SdpError::NotBundled { .. })));
}

#[test]
fn a_player_is_one_seat_whatever_the_order_of_its_lines() {
    for offer in WHEP {
        assert_eq!(halves(&play(offer, None).unwrap()), [MediaKind::Audio, MediaKind::Video]);
    }
    assert_eq!(halves(&play(GSTREAMER_WHEP, None).unwrap()), [MediaKind::Video, MediaKind::Audio]);
}

#[test]
fn a_player_that_offers_to_send_receives_and_sends_nothing() {
    let answered = play(&with(WHEP[0], "a=recvonly", "a=sendrecv"), None).unwrap();
    assert_eq!(halves(&answered).len(), 2);
    assert!(answered.media.uplinks.is_empty());
    assert!(sections(&answered.sdp).iter().all(|section| section.contains("a=sendonly\r\n")));
    assert_eq!(play(WHIP[2], None).unwrap_err(), SdpError::NothingUsable);
}

#[test]
fn a_player_is_answered_the_codec_that_it_will_get() {
    let answered = play(WHEP[0], Some(Codec::Vp8)).unwrap();
    let video = section(&answered.sdp, "1");
    let names: Vec<&str> = attributes(video, "rtpmap").iter().filter_map(|map| map.split(' ').nth(1)).collect();
    assert_eq!(names, ["VP8/90000", "rtx/90000"]);
    let answered = play(GSTREAMER_WHEP, Some(Codec::Av1 { profile: 0 })).unwrap();
    assert!(section(&answered.sdp, "video0").starts_with("video 0 "));
}

#[test]
fn only_the_first_lines_of_a_player_count() {
    let second = sections(WHEP[0])[1].replace("a=mid:1", "a=mid:2");
    let offer = format!("{}m={second}\r\n", with(WHEP[0], "BUNDLE 0 1", "BUNDLE 0 1 2"));
    let answered = play(&offer, None).unwrap();
    assert_eq!(halves(&answered).len(), 2);
    assert!(section(&answered.sdp, "2").starts_with("video 0 "));
}

#[test]
fn a_restart_without_an_offer_gets_new_credentials_and_keeps_the_rest() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    let first = session.answer(WHIP[2], &server(), &mut rng).unwrap();
    let text =
        "a=ice-ufrag:newu\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    let fragment = Fragment::parse(text).unwrap();
    assert_eq!(fragment.candidates, 1);
    assert!(!fragment.continues(WHIP[2]));
    let offer = with_credentials(WHIP[2], &fragment.ice);
    assert!(fragment.continues(&offer));
    let second = session.answer(&offer, &server(), &mut rng).unwrap();
    assert_eq!(second.media, first.media);
    assert_eq!(second.connection.remote, fragment.ice);
    assert_ne!(second.connection.local, first.connection.local);
    let expected = format!(
        "a=group:BUNDLE 0 1\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=mid:0\r\n",
        second.connection.local.ufrag, second.connection.local.pwd
    );
    let told = restart_fragment(&second.sdp);
    assert!(told.starts_with(&expected), "{told}");
    assert_eq!(told.matches("a=candidate:").count(), 3);
}

#[test]
fn malformed_fragments_are_refused() {
    let credentials = "a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    assert!(Fragment::parse(credentials).is_ok());
    for bad in ["", "hello", "a=ice-ufrag:abcd\r\n", "a=ice-ufrag:a b:\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"] {
        assert!(Fragment::parse(bad).is_err(), "{bad}");
    }
    assert!(Fragment::parse(&format!("{credentials}x{}", "y".repeat(100_000))).is_err());
    assert!(Fragment::parse(&format!("{credentials}a=x\u{0}\r\n")).is_err());
}
