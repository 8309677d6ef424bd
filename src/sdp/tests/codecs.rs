//! Which codecs and feedback messages an answer keeps.

use super::*;
use crate::id::Pt;
use crate::media::spec::{Codec, H264Profile};

/// The codecs of `rtpmap` lines, in order.
fn names(section: &str) -> Vec<&str> {
    attributes(section, "rtpmap").into_iter().filter_map(|l| l.split_once(' ')).map(|(_, name)| name).collect()
}

#[test]
fn only_forwarded_codecs_remain_in_the_browsers_order() {
    let safari = answer(SAFARI).unwrap();
    assert_eq!(names(section(&safari.sdp, "0")), ["opus/48000/2", "red/48000/2"]);
    let h264 = ["H264/90000", "rtx/90000"].repeat(4);
    let rest = ["VP8/90000", "rtx/90000", "VP9/90000", "rtx/90000", "AV1/90000", "rtx/90000"];
    assert_eq!(names(section(&safari.sdp, "1")), [h264.as_slice(), &rest].concat());
    let firefox = answer(FIREFOX).unwrap();
    assert_eq!(names(section(&firefox.sdp, "0")), ["opus/48000/2"]);
    let expected = ["VP8/90000", "rtx/90000", "VP9/90000", "rtx/90000", "AV1/90000", "rtx/90000"];
    assert_eq!(names(section(&firefox.sdp, "1")), expected);
}

#[test]
fn the_format_list_names_exactly_what_is_described() {
    for offer in [CHROMIUM, FIREFOX, SAFARI, WHIP[2], GSTREAMER_WHEP] {
        let answered = answer(offer).unwrap();
        for section in sections(&answered.sdp).into_iter().filter(|s| !s.starts_with("application")) {
            let formats: Vec<&str> = section.lines().next().unwrap().split(' ').skip(3).collect();
            let described: Vec<&str> =
                attributes(section, "rtpmap").into_iter().filter_map(|l| l.split(' ').next()).collect();
            assert_eq!(formats, described);
            for fmtp in attributes(section, "fmtp") {
                if let Some((_, apt)) = fmtp.split_once("apt=") {
                    assert!(formats.contains(&apt), "{fmtp}");
                }
            }
        }
    }
}

#[test]
fn payload_types_know_codec_rtx_and_feedback() {
    let answered = answer(SAFARI).unwrap();
    let codec = |pt| answered.media.payload(Pt(pt)).unwrap().codec;
    assert_eq!(codec(111), Codec::Opus);
    assert_eq!(codec(63), Codec::Red);
    assert_eq!(codec(96), Codec::H264 { profile: H264Profile::ConstrainedHigh, packetization_mode: 1 });
    assert_eq!(codec(102), Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 0 });
    assert_eq!(codec(108), Codec::Vp9 { profile: 0 });
    assert_eq!(answered.media.payload(Pt(112)), None);
    assert_eq!(answered.media.payload_of_rtx(Pt(107)).unwrap().codec, Codec::Vp8);
    let vp8 = answered.media.payload(Pt(106)).unwrap();
    assert!(vp8.nack && vp8.transport_cc && vp8.remb);
    let opus = answered.media.payload(Pt(111)).unwrap();
    assert!(!opus.nack && opus.transport_cc && !opus.remb);
}

#[test]
fn lines_list_media_without_rtx() {
    let answered = answer(&small()).unwrap();
    let media: Vec<Pt> = answered.media.payloads.iter().map(|p| p.pt).collect();
    assert_eq!(media.len(), 2);
    assert_eq!(answered.media.uplinks[1].payloads.as_slice(), &media[1..]);
    assert_eq!(answered.media.downlinks[0].payloads.as_slice(), &media[..1]);
}

#[test]
fn profiles_of_h264_are_told_apart() {
    let offered = "profile-level-id=42e01f";
    let profile = |id: &str| {
        let offer = with(WHIP[2], offered, &format!("profile-level-id={id}"));
        match answer(&offer).unwrap().media.payload(Pt(96)) {
            Some(payload) => match payload.codec {
                Codec::H264 { profile, packetization_mode: 1 } => Some(profile),
                other => panic!("{other:?}"),
            },
            None => None,
        }
    };
    assert_eq!(profile("42e01f"), Some(H264Profile::ConstrainedBaseline));
    assert_eq!(profile("42C02A"), Some(H264Profile::ConstrainedBaseline));
    assert_eq!(profile("42001f"), Some(H264Profile::Baseline));
    assert_eq!(profile("4d001f"), Some(H264Profile::Main));
    assert_eq!(profile("4d0032"), Some(H264Profile::Main));
    assert_eq!(profile("64001f"), Some(H264Profile::High));
    assert_eq!(profile("640c1f"), Some(H264Profile::ConstrainedHigh));
    assert_eq!(profile("f4001f"), None);
    assert_eq!(profile("+2e01f"), None);
    assert_eq!(profile("42e0"), None);
}

#[test]
fn opus_keeps_fec_and_dtx() {
    let offer = with(&small(), "minptime=10;useinbandfec=1", "useinbandfec=1; usedtx=1;x-unknown=5;minptime=10");
    let answered = answer(&offer).unwrap();
    assert_eq!(attributes(section(&answered.sdp, "0"), "fmtp"), ["111 minptime=10;useinbandfec=1;usedtx=1"]);
}

#[test]
fn red_needs_opus_in_every_block() {
    let offer = with(CHROMIUM, "a=fmtp:63 111/111", "a=fmtp:63 111/0");
    assert_eq!(names(section(&answer(&offer).unwrap().sdp, "0")), ["opus/48000/2"]);
}

#[test]
fn feedback_is_what_both_sides_know() {
    let offer = with(&small(), "a=rtcp-fb:96 nack\r\n", "a=rtcp-fb:96 ccm tmmbr\r\na=rtcp-fb:96 nack rpsi\r\n");
    let answered = answer(&offer).unwrap();
    let expected = ["96 nack pli", "96 ccm fir", "96 transport-cc", "96 goog-remb"];
    assert_eq!(attributes(section(&answered.sdp, "1"), "rtcp-fb"), expected);
    assert!(!answered.media.payload(Pt(96)).unwrap().nack);
}

#[test]
fn feedback_for_all_payload_types_is_understood() {
    let offer = with(WHIP[2], "a=rtcp-fb:96 nack pli", "a=rtcp-fb:* nack pli");
    let answered = answer(&offer).unwrap();
    assert!(attributes(section(&answered.sdp, "1"), "rtcp-fb").contains(&"96 nack pli"));
}

#[test]
fn a_payload_type_means_the_same_on_every_line() {
    // The seat's video line calls 96 something else than the camera's.
    let (head, tail) = SERIES[0][0].split_at(SERIES[0][0].find("a=mid:3\r\n").unwrap());
    let offer = format!("{head}{}", with(tail, "a=rtpmap:96 VP8/90000", "a=rtpmap:96 AV1/90000"));
    let answered = answer(&offer).unwrap();
    assert_eq!(answered.media.payload(Pt(96)).unwrap().codec, Codec::Vp8);
    assert!(section(&answered.sdp, "3").starts_with("video 0 "));
}

#[test]
fn rtx_without_its_media_is_dropped() {
    let offer = with(&small(), "a=fmtp:97 apt=96", "a=fmtp:97 apt=98");
    let answered = answer(&offer).unwrap();
    assert_eq!(names(section(&answered.sdp, "1")), ["VP8/90000"]);
    assert!(answered.media.downlinks.iter().all(|d| d.rtx_ssrc.is_none()));
    assert!(!answered.sdp.contains("ssrc-group"));
}

#[test]
fn payload_types_that_rtcp_would_shadow_are_dropped() {
    let offer = with(&with(&small(), " 111\r\n", " 72\r\n"), ":111 ", ":72 ");
    assert!(section(&answer(&offer).unwrap().sdp, "0").starts_with("audio 0 "));
}

#[test]
fn a_rejected_line_agrees_on_nothing() {
    // After the camera took 96, the seat's audio line has it for Opus: RED alone is left.
    let (head, seat) = SERIES[0][0].split_at(SERIES[0][0].find("a=mid:2\r\n").unwrap());
    let (head, line) = head.split_at(head.rfind("m=audio").unwrap());
    let line = with(line, " 111\r\n", " 96 63\r\n");
    let opus = with(
        seat,
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:96 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96",
    );
    let answered = answer(&format!("{head}{line}{opus}")).unwrap();
    assert!(section(&answered.sdp, "2").starts_with("audio 0 "));
    assert_eq!(answered.media.payload(Pt(63)), None);
}
