//! Rate and life of layers.

use super::*;

/// Sends frames of layers q and f every `interval` for 3 s, f stopping after the first; returns whether f was ever
/// taken for silent, and whether q was.
fn silent(interval: u64, f_stops: bool) -> (bool, bool) {
    let (mut uplink, start) = uplink(spec());
    let (mut q, mut f) = (Stream::new(Some("q"), 100, 1), Stream::new(Some("f"), 200, 1));
    let (mut f_silent, mut q_silent) = (false, false);
    for at in (0..3_000).step_by(interval as usize) {
        for packet in q.frame(at == 0) {
            assert!(uplink.receive(start + ms(at), &packet.bytes()).is_ok());
        }
        let layers = uplink.layers(UplinkRole::Camera);
        f_silent |= at > 0 && !layers[2].alive(start + ms(at + 2));
        if at == 0 || !f_stops {
            for packet in f.frame(at == 0) {
                assert!(uplink.receive(start + ms(at + 3), &packet.bytes()).is_ok());
            }
        }
        let layers = uplink.layers(UplinkRole::Camera);
        q_silent |= !layers[0].alive(start + ms(at + interval - 1));
    }
    (f_silent, q_silent)
}

#[test]
fn a_layer_is_silent_when_its_sibling_goes_on_without_it() {
    assert_eq!(silent(33, true), (true, false));
}

#[test]
fn a_slow_screen_is_not_silent() {
    assert_eq!(silent(33, false), (false, false));
    assert_eq!(silent(1_000, false), (false, false));
}

#[test]
fn a_source_that_rests_as_a_whole_is_alive_and_one_that_never_sent_is_not() {
    let (mut uplink, start) = uplink(spec());
    assert!(!uplink.layers(UplinkRole::Camera)[0].alive(start));
    for packet in Stream::new(Some("q"), 100, 1).frame(true) {
        assert!(uplink.receive(start, &packet.bytes()).is_ok());
    }
    let layer = &uplink.layers(UplinkRole::Camera)[0];
    assert!(layer.alive(start + ms(60_000)));
    assert_eq!(layer.bitrate(start + ms(60_000)), Bps(0));
    assert!(uplink.layers(UplinkRole::Microphone).len() == 1);
}

#[test]
fn sound_and_picture_of_one_moment_have_one_capture_time() {
    let (mut uplink, epoch) = uplink(spec());
    let start = epoch + ms(5_000);
    let mut camera = Stream::new(Some("q"), 100, 1);
    let ntp = |at: u64| ((3_976_214_400 + at / 1_000) << 32) | (((at % 1_000) << 32) / 1_000);
    let (mut heard, mut seen) = (0, 0);
    for frame in 0..150_u64 {
        let at = frame * 33;
        let timestamp = 7_000_u32.wrapping_add((at * 48) as u32);
        let sound =
            Rtp { pt: OPUS, ssrc: 9, seq: frame as u16, timestamp, mid: Some("0"), payload: vec![1], ..Rtp::default() };
        let bytes = sound.bytes();
        heard = uplink.receive(start + ms(at + 20), &bytes).map_or(0, |received| received.packet.info.capture_us);
        camera.next.timestamp = (at * 90) as u32;
        let [picture, _] = camera.frame(frame == 0);
        // The encoder takes 60 ms.
        let bytes = picture.bytes();
        seen = uplink.receive(start + ms(at + 80), &bytes).map_or(0, |received| received.packet.info.capture_us);
        if frame % 30 == 2 {
            uplink.sender_report(start + ms(at + 20), Ssrc(9), ntp(at), timestamp);
            uplink.sender_report(start + ms(at + 20), Ssrc(100), ntp(at), picture.timestamp);
        }
    }
    assert!((heard - seen).abs() < 2_000, "{heard} {seen}");
    assert!((heard - 5_000_000 - 149 * 33_000 - 20_000).abs() < 2_000, "{heard}");
}
