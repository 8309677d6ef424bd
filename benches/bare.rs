//! The least that forwarding a packet can cost: copy it behind a ready header, and seal it with the receiver's key.

use plenum::id::{Pt, SourceId, Ssrc, Token};
use plenum::media::packet::{self, OutHeader};
use rtc_crypto::{AeadAlgorithm, AeadCipher, default_provider};

use crate::room::{self, VIDEO_HEADER, VIDEO_PACKET};

pub const SSRC: Ssrc = Ssrc(1_002);
/// Octets of a GCM tag.
const TAG: usize = 16;

/// A forwarded video packet with `number`.
pub fn packet(number: u64) -> Vec<u8> {
    let header = OutHeader {
        pt: Pt(96),
        seq: number as u16,
        ssrc: SSRC,
        csrc: Some(SourceId(1)),
        mid: Token::new(b"9"),
        transport_cc: Some(number as u16),
        ..OutHeader::default()
    };
    let mut packet = vec![0; VIDEO_HEADER];
    assert_eq!(packet::write_header(&mut packet, &header, &room::extensions()), Some(VIDEO_HEADER));
    packet.extend(room::vp8_payload(number / 8, number % 8));
    assert_eq!(packet.len(), VIDEO_PACKET);
    packet
}

/// Keys of many receivers, and room for a packet to each.
pub struct Bare {
    ciphers: Vec<Box<dyn AeadCipher>>,
    packet: Vec<u8>,
    out: Vec<u8>,
    number: u64,
}

impl Bare {
    pub fn new(receivers: usize) -> Bare {
        let provider = default_provider().expect("a crypto provider");
        let cipher = |number: usize| {
            let mut key = [7; 16];
            key[..8].copy_from_slice(&(number as u64).to_be_bytes());
            provider.crypto().new_aead(AeadAlgorithm::Aes128Gcm, &key).expect("a cipher")
        };
        Bare {
            ciphers: (0..receivers).map(cipher).collect(),
            packet: packet(0),
            out: vec![0; receivers * (VIDEO_PACKET + TAG)],
            number: 0,
        }
    }

    /// What was sealed last for each receiver.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.out.chunks_exact(VIDEO_PACKET + TAG)
    }

    /// One packet to every receiver.
    pub fn send(&mut self) {
        self.number += 1;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        for (cipher, out) in self.ciphers.iter_mut().zip(self.out.chunks_exact_mut(VIDEO_PACKET + TAG)) {
            let (packet, tag) = out.split_at_mut(VIDEO_PACKET);
            packet.copy_from_slice(&self.packet);
            let (header, payload) = packet.split_at_mut(VIDEO_HEADER);
            cipher.seal_in_place(&nonce, header, payload, tag).expect("sealed");
        }
    }
}
