//! What a browser sends: sounds, pictures on its layers, and again what was lost.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;

use super::Browser;
use crate::common::{offer, picture};

/// One stream that a browser sends.
pub(super) struct Uplink {
    pub(super) ssrc: u32,
    rtx: u32,
    mid: &'static str,
    rid: Option<&'static str>,
    pt: u8,
    seq: u16,
    rtx_seq: u16,
    sent: HashMap<u16, Packet>,
}

/// A layer or a microphone: SSRCs from one of a browser's own ten.
pub(super) fn uplink(index: u32, mid: &'static str, rid: Option<&'static str>, pt: u8) -> Uplink {
    use rand::Rng;
    let base = rand::rng().random_range(1..u32::MAX / 16) * 16 + index * 2;
    let (seq, sent) = (rand::rng().random_range(0..1_000), HashMap::new());
    Uplink { ssrc: base, rtx: base + 1, mid, rid, pt, seq, rtx_seq: 7, sent }
}

impl Browser {
    /// Sends a picture on the lowest layer or the only one; what the server may not change of its packets.
    pub fn send_picture(&mut self, key: bool, parts: usize) -> Vec<Bytes> {
        self.send_layers(1, key, parts).remove(0)
    }

    /// Sends one picture on the lowest `layers` layers.
    pub fn send_layers(&mut self, layers: usize, key: bool, parts: usize) -> Vec<Vec<Bytes>> {
        self.picture += 1;
        let maker = self.maker();
        // Two pictures in a row are never of the same moment.
        let timestamp = (self.born.elapsed().as_micros() * 90 / 1_000) as u32;
        let mut bodies = Vec::new();
        for layer in 0..layers {
            let payloads = picture::picture(maker + layer as u8, self.picture, key, parts);
            for (part, payload) in payloads.iter().enumerate() {
                self.send_media(1 + layer, timestamp, part + 1 == parts, payload.clone());
            }
            bodies.push(payloads.iter().map(|payload| payload.slice(picture::DESCRIPTOR..)).collect());
        }
        bodies
    }

    /// Names this browser in its payloads; its layers count on from it.
    pub fn maker(&self) -> u8 {
        (self.member.source().0 as u8).wrapping_mul(8)
    }

    /// Sends a key frame on the only layer, its first part after all others.
    pub fn send_key_frame_first_part_last(&mut self, parts: usize) -> Vec<Bytes> {
        self.picture += 1;
        let timestamp = (self.born.elapsed().as_millis() as u32).wrapping_mul(90);
        let payloads = picture::picture(self.maker(), self.picture, true, parts);
        let sealed =
            |(part, payload): (usize, &Bytes)| self.make_media(1, timestamp, part + 1 == parts, payload.clone());
        let mut packets: Vec<_> = payloads.iter().enumerate().map(sealed).collect();
        packets.rotate_left(1);
        packets.iter().for_each(|packet| self.send_raw(packet));
        payloads.iter().map(|payload| payload.slice(picture::DESCRIPTOR..)).collect()
    }

    /// Sends 20 ms of sound; its payload.
    pub fn send_sound(&mut self) -> Bytes {
        self.send_sound_at(30)
    }

    /// Sends 20 ms of sound at `level` below overload, in dB (RFC 6464); its payload.
    pub fn send_sound_at(&mut self, level: u8) -> Bytes {
        self.level = level;
        self.sound += 1;
        let payload = picture::sound(self.maker(), self.sound);
        let timestamp = (self.born.elapsed().as_millis() as u32).wrapping_mul(48);
        self.send_media(0, timestamp, false, payload.clone());
        payload
    }

    fn send_media(&mut self, index: usize, timestamp: u32, marker: bool, payload: Bytes) {
        let sealed = self.make_media(index, timestamp, marker, payload);
        self.send_raw(&sealed);
    }

    fn make_media(&mut self, index: usize, timestamp: u32, marker: bool, payload: Bytes) -> BytesMut {
        let level = 0x80 | self.level;
        let uplink = &mut self.uplinks[index];
        let mut header = Header {
            version: 2,
            marker,
            payload_type: uplink.pt,
            sequence_number: uplink.seq,
            timestamp,
            ssrc: uplink.ssrc,
            ..Header::default()
        };
        header.set_extension(offer::MID, Bytes::from_static(uplink.mid.as_bytes())).unwrap();
        if let Some(rid) = uplink.rid {
            header.set_extension(offer::RID, Bytes::from_static(rid.as_bytes())).unwrap();
        }
        if uplink.pt == offer::OPUS {
            header.set_extension(offer::LEVEL, Bytes::copy_from_slice(&[level])).unwrap();
        }
        let packet = Packet { header, payload };
        uplink.sent.insert(uplink.seq, packet.clone());
        uplink.seq = uplink.seq.wrapping_add(1);
        self.seal(&packet.marshal().unwrap())
    }

    /// Answers a request for a lost packet by RTX (RFC 4588), with the layer's rid as Chromium does.
    pub(super) fn repeat(&mut self, ssrc: u32, seq: u16) {
        let Some(uplink) = self.uplinks.iter_mut().find(|uplink| uplink.ssrc == ssrc) else { return };
        let Some(packet) = uplink.sent.get(&seq).filter(|_| uplink.pt == offer::VP8) else { return };
        let mut header = Header {
            version: 2,
            marker: packet.header.marker,
            payload_type: offer::RTX,
            sequence_number: uplink.rtx_seq,
            timestamp: packet.header.timestamp,
            ssrc: uplink.rtx,
            ..Header::default()
        };
        header.set_extension(offer::MID, Bytes::from_static(uplink.mid.as_bytes())).unwrap();
        if let Some(rid) = uplink.rid {
            header.set_extension(offer::REPAIRED_RID, Bytes::from_static(rid.as_bytes())).unwrap();
        }
        uplink.rtx_seq = uplink.rtx_seq.wrapping_add(1);
        let mut payload = BytesMut::new();
        payload.put_u16(seq);
        payload.put_slice(&packet.payload);
        let packet = Packet { header, payload: payload.freeze() };
        let sealed = self.seal(&packet.marshal().unwrap());
        self.send_raw(&sealed);
    }
}
