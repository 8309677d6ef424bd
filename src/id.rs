//! Newtypes for every id and unit, so that no bare integer travels in a signature.
//!
//! Owns no behaviour beyond parsing, printing and the arithmetic a unit needs.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Declares a `Copy` integer newtype with `Display`, ordering and hashing.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "number")]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A synchronisation source: one stream of packets inside one RTP session (RFC 3550 §3).
    Ssrc(u32)
);
number!(
    /// An RTP payload type, 0–127 (RFC 3550 §5.1).
    Pt(u8)
);
number!(
    /// A source's number: one member's camera with microphone, or screen with screen audio. Unique in the process,
    /// never 0, and what every forwarded packet carries as its CSRC.
    SourceId(u32)
);
number!(
    /// A seat of one transport: an audio and a video m-line in one msid. Counted from 0 in the order of the offer.
    SeatId(u16)
);
number!(
    /// An audio-only line of one transport, for loud members without a seat. Counted from 0 in the order of the offer.
    AudioLineId(u16)
);
number!(
    /// A browser's connection as the media plane knows it. Unique in the process, never reused.
    TransportId(u64)
);
number!(
    /// A room as the media plane knows it. Unique in the process, never reused.
    RoomKey(u64)
);
number!(
    /// A data rate in bits per second.
    Bps(u64)
);
number!(
    /// An RTP sequence number extended to 64 bits by counting wraps (RFC 3550 §A.1). Bits 0–15 go on the wire; bits
    /// 16–47 are SRTP's roll-over counter (RFC 3711 §3.3.1).
    ExtSeq(u64)
);

impl ExtSeq {
    /// The 16 bits that the packet carries.
    pub fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The extended number nearest to `self` whose lower 16 bits are `seq`.
    ///
    /// A packet up to 32,767 numbers ahead or behind is placed correctly; never below 0.
    pub fn nearest(self, seq: u16) -> ExtSeq {
        let delta = i64::from(seq.wrapping_sub(self.wire()) as i16);
        let placed = self.0 as i64 + delta;
        ExtSeq(if placed < 0 { placed + 0x1_0000 } else { placed } as u64)
    }
}

/// A short text id kept inline: a `mid` (RFC 8843) or `rid` (RFC 8851). At most 16 bytes of visible ASCII.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token {
    len: u8,
    bytes: [u8; Token::MAX],
}

impl Token {
    /// Longest accepted id. Browsers use 1–3 bytes; RFC 8852 §3.1 lets a one-byte header extension carry 16.
    pub const MAX: usize = 16;

    /// `None` when `text` is empty, longer than [`Token::MAX`] or not visible ASCII.
    pub fn new(text: &[u8]) -> Option<Token> {
        if text.is_empty() || text.len() > Token::MAX || !text.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut bytes = [0; Token::MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(Token { len: text.len() as u8, bytes })
    }

    /// The id as bytes, as header extensions carry it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The id as text, as SDP carries it.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The identification tag of an m-line (RFC 8843 §15).
pub type Mid = Token;
/// The id of one simulcast stream of an m-line (RFC 8851).
pub type Rid = Token;

/// A member's public id: random, safe to show to everybody. Never the Socket.IO session id, which is a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(type = "string")]
pub struct MemberId(pub String);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A room's name in Unicode NFC, 1–64 characters: what stands behind `/r/` in its link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(type = "string")]
pub struct RoomId(pub String);

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_number_follows_wraps_both_ways() {
        assert_eq!(ExtSeq(0xFFFF).nearest(2), ExtSeq(0x1_0002));
        assert_eq!(ExtSeq(0x1_0002).nearest(0xFFFF), ExtSeq(0xFFFF));
        assert_eq!(ExtSeq(3).nearest(0xFFFF), ExtSeq(0xFFFF));
    }

    #[test]
    fn a_token_refuses_what_sdp_could_not_carry() {
        assert_eq!(Token::new(b"q").map(|t| t.as_str().to_owned()), Some("q".to_owned()));
        assert_eq!(Token::new(b""), None);
        assert_eq!(Token::new(b"a b"), None);
        assert_eq!(Token::new(&[b'x'; 17]), None);
    }
}
