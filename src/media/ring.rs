//! The ring: the last packets of one RTP stream, one copy for everything that looks back (retransmission, key-frame
//! replay, recording).
//!
//! Bounded by packets and by bytes, both fixed at construction; pushing allocates nothing.

use crate::id::ExtSeq;
use crate::media::packet::{PacketInfo, PacketRef};

/// Fixed bounds of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingCapacity {
    /// Rounded up to a power of two.
    pub packets: usize,
    pub bytes: usize,
}

impl RingCapacity {
    /// A video layer: 512 packets hold a second at 5 Mbit/s, and more than any retransmission that is still in time.
    pub const VIDEO: RingCapacity = RingCapacity { packets: 512, bytes: 512 * 1_024 };
    /// Audio: 64 packets of 20 ms are 1.3 s.
    pub const AUDIO: RingCapacity = RingCapacity { packets: 64, bytes: 32 * 1_024 };
}

/// The last packets of one RTP stream, addressed by the publisher's extended sequence number.
pub struct Ring {
    entries: Vec<Option<Entry>>,
    bytes: Vec<u8>,
    /// Bytes ever written, padding at the wrap included: position `p` lives at `p % bytes.len()`.
    written: u64,
    newest: Option<ExtSeq>,
    /// First packet of the newest key frame that was pushed.
    key_frame: Option<ExtSeq>,
}

#[derive(Clone, Copy)]
struct Entry {
    info: PacketInfo,
    start: u64,
    descriptor_len: usize,
    len: usize,
}

impl Ring {
    pub fn new(capacity: RingCapacity) -> Ring {
        Ring {
            entries: vec![None; capacity.packets.max(2).next_power_of_two()],
            bytes: vec![0; capacity.bytes],
            written: 0,
            newest: None,
            key_frame: None,
        }
    }

    /// Stores a copy of `packet`. A late packet (below the newest) is stored too while its place is not taken by a
    /// newer one; a packet larger than the ring is not stored.
    pub fn push(&mut self, packet: PacketRef<'_>) {
        let len = packet.dependency_descriptor.len() + packet.payload.len();
        let size = self.bytes.len();
        let seq = packet.info.seq;
        if len > size || self.newest.is_some_and(|newest| seq.0 + self.entries.len() as u64 <= newest.0) {
            return;
        }
        let mut at = (self.written % size as u64) as usize;
        if at + len > size {
            self.written += (size - at) as u64;
            at = 0;
        }
        let (descriptor, payload) = self.bytes[at..at + len].split_at_mut(packet.dependency_descriptor.len());
        descriptor.copy_from_slice(packet.dependency_descriptor);
        payload.copy_from_slice(packet.payload);
        let index = self.index(seq);
        self.entries[index] = Some(Entry {
            info: *packet.info,
            start: self.written,
            descriptor_len: packet.dependency_descriptor.len(),
            len,
        });
        self.written += len as u64;
        self.newest = self.newest.max(Some(seq));
        if packet.info.facts.key_frame && packet.info.facts.frame_start {
            self.key_frame = self.key_frame.max(Some(seq));
        }
    }

    /// The packet `seq`, while it is still here.
    pub fn get(&self, seq: ExtSeq) -> Option<PacketRef<'_>> {
        let entry = self.entries[self.index(seq)].as_ref().filter(|entry| entry.info.seq == seq)?;
        if self.written - entry.start > self.bytes.len() as u64 {
            return None;
        }
        let at = (entry.start % self.bytes.len() as u64) as usize;
        let (dependency_descriptor, payload) = self.bytes[at..at + entry.len].split_at(entry.descriptor_len);
        Some(PacketRef { info: &entry.info, dependency_descriptor, payload })
    }

    /// The highest sequence number ever pushed.
    pub fn newest(&self) -> Option<ExtSeq> {
        self.newest
    }

    /// The lowest number that can still be here; 0 before the first packet.
    pub fn oldest(&self) -> ExtSeq {
        ExtSeq(self.newest.map_or(0, |newest| (newest.0 + 1).saturating_sub(self.entries.len() as u64)))
    }

    /// First packet of the newest key frame, while it is still here.
    pub fn key_frame(&self) -> Option<ExtSeq> {
        self.key_frame.filter(|seq| self.get(*seq).is_some())
    }

    fn index(&self, seq: ExtSeq) -> usize {
        (seq.0 & (self.entries.len() as u64 - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::Facts;
    use crate::media::spec::Codec;
    use std::time::Instant;

    fn info(seq: u64) -> PacketInfo {
        PacketInfo {
            seq: ExtSeq(seq),
            timestamp: 0,
            marker: false,
            codec: Codec::Vp8,
            arrival: Instant::now(),
            capture_us: 0,
            audio_level: None,
            orientation: None,
            playout_delay: None,
            content_type: None,
            facts: Facts::default(),
        }
    }

    fn push(ring: &mut Ring, seq: u64, payload: &[u8]) {
        ring.push(PacketRef { info: &info(seq), dependency_descriptor: &[9], payload });
    }

    #[test]
    fn a_packet_is_found_until_a_newer_one_takes_its_place() {
        let mut ring = Ring::new(RingCapacity { packets: 4, bytes: 1_000 });
        for seq in 10..15 {
            push(&mut ring, seq, &[seq as u8; 3]);
        }
        assert!(ring.get(ExtSeq(10)).is_none());
        assert_eq!(ring.get(ExtSeq(11)).map(|p| p.payload), Some(&[11_u8; 3][..]));
        push(&mut ring, 10, &[1]);
        assert!(ring.get(ExtSeq(10)).is_none(), "a late packet must not evict a newer one");
        assert_eq!(ring.oldest(), ExtSeq(11));
        assert_eq!(ring.get(ExtSeq(14)).map(|p| p.payload.len()), Some(3));
    }

    #[test]
    fn a_packet_whose_bytes_were_overwritten_is_gone() {
        let mut ring = Ring::new(RingCapacity { packets: 64, bytes: 100 });
        for seq in 0..50 {
            push(&mut ring, seq, &[seq as u8; 29]);
            for back in 0..=seq {
                if let Some(packet) = ring.get(ExtSeq(back)) {
                    assert!(ring.oldest() <= ExtSeq(back));
                    assert_eq!(packet.payload, &[back as u8; 29]);
                }
            }
        }
        assert!(ring.get(ExtSeq(49)).is_some() && ring.get(ExtSeq(40)).is_none());
    }
}
