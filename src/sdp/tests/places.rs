//! Which m-line gets which place.

use super::*;
use crate::id::{AudioLineId, SeatId};
use crate::media::spec::{MediaKind, Place, UplinkRole};

fn roles(answered: &Answered) -> Vec<UplinkRole> {
    answered.media.uplinks.iter().map(|u| u.role).collect()
}

fn places(answered: &Answered) -> Vec<(Place, MediaKind)> {
    answered.media.downlinks.iter().map(|d| (d.place, d.kind)).collect()
}

#[test]
fn a_call_gets_four_uplinks_nine_seats_and_three_audio_lines() {
    for offer in [CHROMIUM, FIREFOX] {
        let answered = answer(offer).unwrap();
        let in_order = [UplinkRole::Microphone, UplinkRole::Camera, UplinkRole::Screen, UplinkRole::ScreenAudio];
        assert_eq!(roles(&answered), in_order);
        assert!(answered.media.uplinks.iter().all(|u| u.active));
        let rids: Vec<&str> = answered.media.uplinks[1].rids.iter().map(|r| r.as_str()).collect();
        assert_eq!(rids, ["q", "h", "f"]);
        let mut expected = Vec::new();
        for seat in (0..9).map(|n| Place::Seat(SeatId(n))) {
            expected.extend([(seat, MediaKind::Audio), (seat, MediaKind::Video)]);
        }
        expected.extend((0..3).map(|n| (Place::AudioLine(AudioLineId(n)), MediaKind::Audio)));
        assert_eq!(places(&answered), expected);
        for downlink in &answered.media.downlinks {
            assert!(downlink.active);
            assert_eq!(downlink.rtx_ssrc.is_some(), downlink.kind == MediaKind::Video);
        }
        assert_eq!(answered.connection.sctp.unwrap().port, 5000);
        assert!(sections(&answered.sdp).iter().all(|s| s.split(' ').nth(1) == Some("9")));
    }
}

#[test]
fn safari_gets_the_same_places() {
    let answered = answer(SAFARI).unwrap();
    assert_eq!(roles(&answered), UplinkRole::ALL);
    let seat = |n| Place::Seat(SeatId(n));
    let expected = [
        (seat(0), MediaKind::Audio),
        (seat(0), MediaKind::Video),
        (seat(1), MediaKind::Audio),
        (seat(1), MediaKind::Video),
        (Place::AudioLine(AudioLineId(0)), MediaKind::Audio),
    ];
    assert_eq!(places(&answered), expected);
    assert_eq!(answered.connection.remote.ufrag, "//pY");
    assert!(answered.connection.sctp.is_some());
}

#[test]
fn a_whip_client_is_a_microphone_and_a_camera_known_by_ssrc() {
    for offer in WHIP {
        let answered = answer(offer).unwrap();
        assert_eq!(roles(&answered), [UplinkRole::Microphone, UplinkRole::Camera]);
        assert!(answered.media.downlinks.is_empty());
        let camera = &answered.media.uplinks[1];
        assert!(camera.rids.is_empty());
        assert!(matches!(camera.ssrcs.as_slice(), [(_, Some(_))]), "{:?}", camera.ssrcs);
        assert!(section(&answered.sdp, "1").contains("a=recvonly\r\n"));
    }
}

#[test]
fn a_whep_client_is_one_seat() {
    for offer in WHEP {
        let seat = Place::Seat(SeatId(0));
        assert_eq!(places(&answer(offer).unwrap()), [(seat, MediaKind::Audio), (seat, MediaKind::Video)]);
    }
}

#[test]
fn video_without_audio_before_it_is_a_seat_of_its_own() {
    let answered = answer(GSTREAMER_WHEP).unwrap();
    let expected = [(Place::Seat(SeatId(0)), MediaKind::Video), (Place::AudioLine(AudioLineId(0)), MediaKind::Audio)];
    assert_eq!(places(&answered), expected);
    assert!(answered.sdp.contains("a=group:BUNDLE video0 audio1\r\n"));
}

#[test]
fn sendrecv_counts_as_sending() {
    let answered = answer(&with(&small(), "a=sendonly", "a=sendrecv")).unwrap();
    assert_eq!(roles(&answered), [UplinkRole::Microphone, UplinkRole::Camera]);
    assert!(section(&answered.sdp, "0").contains("a=recvonly\r\n"));
}

#[test]
fn a_third_sending_line_of_a_kind_is_rejected_and_leaves_the_bundle() {
    let answered = answer(&with(&small(), "a=recvonly", "a=sendonly")).unwrap();
    let by_line = [UplinkRole::Microphone, UplinkRole::Camera, UplinkRole::ScreenAudio, UplinkRole::Screen];
    assert_eq!(roles(&answered), by_line);
    assert!(section(&answered.sdp, "4").starts_with("audio 0 "));
    assert!(answered.sdp.contains("a=group:BUNDLE 0 1 2 3\r\n"));
}

#[test]
fn only_the_first_data_line_is_accepted() {
    let mut offer = with(CHROMIUM, "a=group:BUNDLE 0 ", "a=group:BUNDLE 0 data ");
    offer.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\n");
    offer.push_str("a=sctp-port:5001\r\n");
    let answered = answer(&offer).unwrap();
    assert!(section(&answered.sdp, "data").starts_with("application 0 "));
    assert_eq!(answered.connection.sctp.unwrap().port, 5000);
}

#[test]
fn an_inactive_line_gets_its_place_when_it_gets_a_direction() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    let first = session.answer(&with(&small(), "a=recvonly", "a=inactive"), &server(), &mut rng).unwrap();
    assert!(first.media.downlinks.is_empty());
    assert!(section(&first.sdp, "2").starts_with("audio 9 "));
    assert!(section(&first.sdp, "2").contains("a=inactive\r\n"));
    let second = session.answer(&small(), &server(), &mut rng).unwrap();
    assert_eq!(second.media.downlinks.len(), 3);
    assert_eq!(second.media.uplinks, first.media.uplinks);
}
