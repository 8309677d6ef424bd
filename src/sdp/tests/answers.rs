//! What an answer says of transport, streams and simulcast.

use super::*;
use crate::media::spec::{Extension, MediaKind};

#[test]
fn all_lines_share_a_passive_transport_described_once() {
    for offer in [CHROMIUM, FIREFOX, SAFARI] {
        let answered = answer(offer).unwrap();
        let (head, _) = answered.sdp.split_once("\r\nm=").unwrap();
        let local = &answered.connection.local;
        for line in [
            "a=ice-lite".to_owned(),
            format!("a=fingerprint:{}", server().fingerprint),
            format!("a=ice-ufrag:{}", local.ufrag),
            format!("a=ice-pwd:{}", local.pwd),
        ] {
            assert!(head.lines().any(|l| l == line), "{line}");
        }
        for section in sections(&answered.sdp) {
            assert!(section.contains("a=setup:passive\r\n"));
            assert_eq!(section.contains("a=rtcp-mux\r\n"), !section.starts_with("application"));
        }
    }
}

#[test]
fn candidates_stand_on_the_first_line_udp_above_tcp() {
    let answered = answer(CHROMIUM).unwrap();
    let expected = [
        "1 1 udp 2130706431 192.0.2.1 3478 typ host",
        "2 1 udp 2130706175 2001:db8::1 3478 typ host",
        "3 1 tcp 1520434687 192.0.2.1 443 typ host tcptype passive",
    ];
    assert_eq!(attributes(sections(&answered.sdp)[0], "candidate"), expected);
    assert!(sections(&answered.sdp)[1..].iter().all(|s| !s.contains("a=candidate")));
}

#[test]
fn candidates_move_to_the_first_line_that_is_not_rejected() {
    let answered = answer(&with(&small(), "opus/48000/2", "PCMU/8000")).unwrap();
    assert!(section(&answered.sdp, "0").starts_with("audio 0 "));
    assert_eq!(attributes(section(&answered.sdp, "1"), "candidate").len(), 3);
    assert!(answered.sdp.contains("a=group:BUNDLE 1 3\r\n"));
}

#[test]
fn both_tracks_of_a_seat_share_a_stream_and_video_names_its_rtx() {
    for offer in [CHROMIUM, FIREFOX, SAFARI] {
        let answered = answer(offer).unwrap();
        for downlink in &answered.media.downlinks {
            let section = section(&answered.sdp, downlink.mid.as_str());
            let ssrc = downlink.ssrc;
            match (downlink.kind, downlink.rtx_ssrc) {
                (MediaKind::Video, Some(rtx)) => {
                    assert_eq!(attributes(section, "ssrc-group"), [format!("FID {ssrc} {rtx}")]);
                    let expected = [format!("{ssrc} cname:plenum"), format!("{rtx} cname:plenum")];
                    assert_eq!(attributes(section, "ssrc"), expected);
                }
                _ => assert_eq!(attributes(section, "ssrc"), [format!("{ssrc} cname:plenum")]),
            }
        }
        let ids: Vec<&str> = sections(&answered.sdp).iter().flat_map(|s| attributes(s, "msid")).collect();
        assert_eq!(ids[..4], ["seat0 seat0a", "seat0 seat0v", "seat1 seat1a", "seat1 seat1v"]);
        assert!(ids.contains(&"line0 line0a"));
    }
}

#[test]
fn simulcast_is_answered_in_the_offered_order() {
    let offer = with(&small(), "a=simulcast:send q;h;f", "a=simulcast:send f;~h,q;q;unknown");
    let answered = answer(&offer).unwrap();
    let camera = section(&answered.sdp, "1");
    assert_eq!(attributes(camera, "rid"), ["f recv", "h recv", "q recv"]);
    assert_eq!(attributes(camera, "simulcast"), ["recv f;h;q"]);
    let rids: Vec<&str> = answered.media.uplinks[1].rids.iter().map(|r| r.as_str()).collect();
    assert_eq!(rids, ["f", "h", "q"]);
}

#[test]
fn known_extensions_are_echoed_and_others_are_not() {
    let answered = answer(CHROMIUM).unwrap();
    for section in sections(&answered.sdp) {
        for line in attributes(section, "extmap") {
            let (id, uri) = line.split_once(' ').unwrap();
            let known = answered.media.extensions.kind(id.parse().unwrap()).unwrap();
            assert_eq!(known.uri(), uri);
        }
    }
    let camera = section(&answered.sdp, "1");
    for extension in [Extension::Mid, Extension::Rid, Extension::RepairedRid, Extension::TransportCc] {
        assert!(camera.contains(extension.uri()), "{extension:?}");
    }
    assert!(!answered.sdp.contains("video-timing") && !answered.sdp.contains("color-space"));
}

#[test]
fn the_direction_of_an_extension_is_mirrored() {
    let answered = answer(FIREFOX).unwrap();
    let camera = attributes(section(&answered.sdp, "1"), "extmap");
    assert!(camera.contains(&"9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"), "{camera:?}");
    assert!(camera.contains(&"6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"));
}

#[test]
fn ids_for_two_byte_headers_need_extmap_allow_mixed() {
    let mid = Extension::Mid.uri();
    let long = with(&small(), &format!("a=extmap:4 {mid}"), &format!("a=extmap:40 {mid}"));
    assert_eq!(answer(&long).unwrap().media.extensions.id(Extension::Mid), Some(40));
    let short_only = with(&long, "a=extmap-allow-mixed\r\n", "");
    assert_eq!(answer(&short_only).unwrap().media.extensions.id(Extension::Mid), None);
}

#[test]
fn what_the_session_level_says_holds_for_every_line() {
    let answered = answer(WHIP[2]).unwrap();
    assert_eq!(answered.connection.remote.ufrag, "nxcM");
    assert_eq!(answered.connection.fingerprint.digest[0], 0x64);
}
