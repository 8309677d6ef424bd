//! What publishers capture and send, and what they do about feedback.

use std::collections::HashMap;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;

use super::{Weather, World};
use crate::common::offer::{LEVEL, MID, OPUS, REPAIRED_RID, RID, RTX, VP8};
use crate::common::picture;

/// One stream of a publisher.
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) rid: Option<u8>,
    pub(super) seq: u16,
    pub(super) rtx_seq: u16,
    pub(super) timestamp: u32,
    pub(super) number: u32,
    pub(super) key: bool,
    pub(super) sent: HashMap<u16, (u32, bool, Bytes)>,
}

pub struct Publisher {
    pub source: u32,
    /// Parts per million by which its clock is fast.
    pub ppm: i64,
    /// Its clock when ours was at the epoch, as NTP.
    pub(super) wall: u64,
    pub(super) audio: Stream,
    pub(super) layers: Vec<Stream>,
    /// Layers that it sends now.
    pub sending: usize,
}

/// An RTP packet with its mid and one more extension of one octet.
fn rtp(pt: u8, marker: bool, seq: u16, timestamp: u32, ssrc: u32, name: u8, extra: Option<(u8, u8)>) -> Vec<u8> {
    let mut packet = vec![0x90, pt | if marker { 0x80 } else { 0 }];
    packet.extend(seq.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xBE, 0xDE, 0, 1, MID << 4, name]);
    // Without another one, padding.
    packet.extend(extra.map_or([0, 0], |(id, value)| [id << 4, value]));
    packet
}

impl World {
    /// Hands a packet to the network. True when it will arrive.
    fn send(&mut self, peer: usize, packet: Vec<u8>) -> bool {
        let Weather { lost, doubled, jitter } = self.weather;
        let delay = |rng: &mut StdRng| 5_000 + if jitter > 0 { rng.random_range(0..jitter) } else { 0 };
        let arrives = self.rng.random_range(0..100) >= lost;
        let copies = if !arrives { 0 } else { 1 + usize::from(self.rng.random_range(0..100) < doubled) };
        for _ in 0..copies {
            let mut at = self.us + delay(&mut self.rng);
            if lost == 0 {
                at = at.max(self.last_arrival[peer]);
                self.last_arrival[peer] = at;
            }
            self.order += 1;
            self.flying.insert((at, self.order), (peer, packet.clone()));
        }
        arrives
    }

    /// A publisher's own time since the epoch.
    fn own_us(&self, index: usize) -> i64 {
        (i128::from(self.us) * (1_000_000 + i128::from(self.publishers[index].ppm)) / 1_000_000) as i64
    }

    pub(super) fn capture_picture(&mut self, index: usize) {
        let own = self.own_us(index);
        for layer in 0..self.publishers[index].sending {
            let parts = self.rng.random_range(1..4);
            let publisher = &mut self.publishers[index];
            let maker = publisher.source as u8 * 8 + layer as u8;
            let stream = &mut publisher.layers[layer];
            stream.number += 1;
            let (number, key) = (stream.number, std::mem::take(&mut stream.key));
            let timestamp = stream.timestamp.wrapping_add((own * 9 / 100) as u32);
            let mut packets = Vec::new();
            for (part, payload) in picture::picture(maker, number, key, parts).into_iter().enumerate() {
                let marker = part + 1 == parts;
                let mut packet =
                    rtp(VP8, marker, stream.seq, timestamp, stream.ssrc, b'1', stream.rid.map(|rid| (RID, rid)));
                packet.extend_from_slice(&payload);
                stream.sent.insert(stream.seq, (timestamp, marker, payload));
                stream.seq = stream.seq.wrapping_add(1);
                packets.push(packet);
            }
            self.captured.insert((maker, number), self.us);
            for packet in packets {
                if !self.send(index, packet) {
                    self.lost.insert((maker, number));
                }
            }
        }
    }

    pub(super) fn capture_sound(&mut self, index: usize) {
        let own = self.own_us(index);
        let publisher = &mut self.publishers[index];
        let maker = publisher.source as u8 * 8;
        let stream = &mut publisher.audio;
        stream.number += 1;
        let timestamp = stream.timestamp.wrapping_add((own * 48 / 1_000) as u32);
        let mut packet = rtp(OPUS, false, stream.seq, timestamp, stream.ssrc, b'0', Some((LEVEL, 30)));
        packet.extend_from_slice(&picture::sound(maker, stream.number));
        stream.seq = stream.seq.wrapping_add(1);
        // The numbers of sounds and pictures of one maker are told apart by their top bit.
        self.captured.insert((maker, stream.number | 1 << 31), self.us);
        self.send(index, packet);
    }

    /// Sender reports of all streams (RFC 3550 §6.4.1).
    pub(super) fn report(&mut self, index: usize) {
        let own = self.own_us(index);
        let publisher = &self.publishers[index];
        let ntp = publisher.wall.wrapping_add(((own as u128) << 32).div_euclid(1_000_000) as u64);
        let report = |stream: &Stream, ticks: i64| {
            let mut packet = vec![0x80, 200, 0, 6];
            packet.extend(stream.ssrc.to_be_bytes());
            packet.extend(ntp.to_be_bytes());
            packet.extend(stream.timestamp.wrapping_add(ticks as u32).to_be_bytes());
            packet.extend([0; 8]);
            packet
        };
        let mut packets = vec![report(&publisher.audio, own * 48 / 1_000)];
        packets.extend(publisher.layers.iter().map(|layer| report(layer, own * 9 / 100)));
        for packet in packets {
            self.send(index, packet);
        }
    }

    /// What a publisher does about the server's feedback: key frames and retransmissions.
    pub(super) fn obey(&mut self, index: usize, mut compound: &[u8]) {
        let mut repeats = Vec::new();
        while compound.len() >= 4 {
            let len = 4 * (usize::from(u16::from_be_bytes([compound[2], compound[3]])) + 1);
            let (packet, rest) = compound.split_at(len.min(compound.len()));
            compound = rest;
            let kind = (packet[1], packet[0] & 31);
            if packet.len() < 12 || !matches!(kind, (206, 1) | (205, 1)) {
                continue;
            }
            let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
            let publisher = &mut self.publishers[index];
            let Some(stream) = publisher.layers.iter_mut().find(|layer| layer.ssrc == ssrc) else { continue };
            if kind == (206, 1) {
                stream.key = true;
                continue;
            }
            for item in packet[12..].chunks_exact(4) {
                let (first, mask) = (u16::from_be_bytes([item[0], item[1]]), u16::from_be_bytes([item[2], item[3]]));
                let others = (0..16).filter(|bit| mask & (1 << bit) != 0).map(|bit| first.wrapping_add(bit + 1));
                for seq in std::iter::once(first).chain(others) {
                    let Some((timestamp, marker, payload)) = stream.sent.get(&seq) else { continue };
                    let rid = stream.rid.map(|rid| (REPAIRED_RID, rid));
                    let mut repeat = rtp(RTX, *marker, stream.rtx_seq, *timestamp, ssrc + 1, b'1', rid);
                    stream.rtx_seq = stream.rtx_seq.wrapping_add(1);
                    repeat.extend(seq.to_be_bytes());
                    repeat.extend_from_slice(payload);
                    repeats.push(repeat);
                }
            }
        }
        for repeat in repeats {
            self.send(index, repeat);
        }
    }
}
