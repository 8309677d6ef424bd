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

#[test]
fn descriptors_of_every_frame_are_used() {
    let mut camera = Camera::new();
    assert!(camera.frame(true, &STRUCTURE));
    for number in 2..10 {
        assert!(camera.frame(false, &[0xC0, 0, number]) && !camera.is_asked());
    }
}
