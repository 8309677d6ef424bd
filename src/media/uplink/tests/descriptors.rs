//! Dependency descriptors of senders that describe every frame, and of such as describe some.

use super::*;

const VP9: Pt = Pt(98);
const SSRC: u32 = 30;
/// A frame of one packet, number 1, with a structure of one layer.
const STRUCTURE: [u8; 6] = [0xC0, 0, 1, 0x80, 0, 0xE0];

/// A camera in VP9, one packet a frame.
struct Camera {
    uplink: Uplink,
    now: Instant,
    seq: u16,
}

impl Camera {
    fn new() -> Camera {
        let mut spec = spec();
        let codec = Codec::Vp9 { profile: 0 };
        spec.payloads.push(PayloadType { pt: VP9, codec, rtx: None, nack: true, transport_cc: true, remb: true });
        spec.uplinks[2].payloads.push(VP9);
        let (uplink, now) = uplink(spec);
        Camera { uplink, now, seq: 0 }
    }

    /// Sends a frame; whether it is read by its descriptor.
    fn frame(&mut self, key: bool, descriptor: &[u8]) -> bool {
        self.seq += 1;
        self.now += ms(33);
        let packet = Rtp {
            pt: VP9,
            ssrc: SSRC,
            seq: self.seq,
            timestamp: u32::from(self.seq) * 3_000,
            marker: true,
            mid: Some("2"),
            descriptor: descriptor.to_vec(),
            payload: vec![if key { 0x0C } else { 0x4C }, 1, 2],
            ..Rtp::default()
        };
        let bytes = packet.bytes();
        let received = self.uplink.receive(self.now, &bytes).unwrap();
        assert_eq!(received.packet.info.facts.key_frame, key);
        received.packet.info.facts.dd.is_some()
    }

    /// Whether it is asked for a key frame.
    fn is_asked(&mut self) -> bool {
        self.now += ms(1);
        pli_targets(&feedback(&mut self.uplink, self.now)) == [SSRC]
    }
}

#[test]
fn descriptors_of_some_frames_only_are_not_used_and_a_key_frame_is_asked_for_once() {
    let mut camera = Camera::new();
    assert!(camera.frame(true, &STRUCTURE));
    assert!(!camera.is_asked());
    assert!(!camera.frame(false, &[]));
    assert!(camera.is_asked(), "what the key frame's descriptor began cannot go on");
    assert!(!camera.frame(true, &STRUCTURE), "that it is there means nothing any more");
    camera.now += Duration::from_secs(1);
    for _ in 0..10 {
        assert!(!camera.frame(false, &[]) && !camera.is_asked());
    }
}

/// Key frame, two temporal layers in four templates: a key frame, frames of the lower layer that refer two back, frames of
/// the upper one that refer one back, and such as refer one and two back. All say that one may switch at them.
fn described(template: u8, number: u8) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u32, width: u32| bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    put(0b11, 2);
    put(template.into(), 6);
    put(number.into(), 16);
    if template == 0 {
        put(0b10000, 5);
        put(0, 6);
        put(1, 5); // two decode targets
        [0, 1, 0, 3].into_iter().for_each(|step| put(step, 2));
        [2, 2, 2, 2, 0, 2, 0, 2].into_iter().for_each(|indication| put(indication, 2));
        put(0, 1);
        [&[1][..], &[0], &[0, 1]].into_iter().for_each(|distances| {
            distances.iter().for_each(|distance| put(16 | distance, 5));
            put(0, 1);
        });
        put(0b10, 2); // one chain of 0–2
        [0, 2, 1, 1].into_iter().for_each(|distance| put(distance, 4));
        put(0, 1);
    }
    let octet = |bits: &[bool]| bits.iter().enumerate().fold(0, |octet, (n, bit)| octet | u8::from(*bit) << (7 - n));
    bits.chunks(8).map(octet).collect()
}

#[test]
fn chromiums_vp8_tells_its_temporal_layer_by_a_descriptor_alone() {
    let (mut uplink, start) = uplink(spec());
    let frames = [(0, 0, true), (2, 1, true), (1, 0, false), (3, 1, false), (1, 0, false), (2, 1, true)];
    for (number, (template, temporal, enters)) in (1_u8..).zip(frames) {
        let packet = Rtp {
            pt: VP8,
            ssrc: SSRC,
            seq: number.into(),
            timestamp: u32::from(number) * 3_000,
            marker: true,
            mid: Some("2"),
            descriptor: described(template, number),
            payload: vp8(template == 0, true),
            ..Rtp::default()
        };
        let bytes = packet.bytes();
        let facts = uplink.receive(start + ms(33 * u64::from(number)), &bytes).unwrap().packet.info.facts;
        assert_eq!((facts.temporal, facts.switch_up), (temporal, enters), "frame {number}");
        assert!(facts.dd.is_none(), "a receiver follows VP8 by its numbers");
    }
    assert_eq!(uplink.layers(UplinkRole::Screen)[0].highest_layers(), (0, 1));
}

#[test]
fn descriptors_of_every_frame_are_used() {
    let mut camera = Camera::new();
    assert!(camera.frame(true, &STRUCTURE));
    for number in 2..10 {
        assert!(camera.frame(false, &[0xC0, 0, number]) && !camera.is_asked());
    }
}
