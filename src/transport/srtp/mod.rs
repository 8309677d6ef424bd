//! SRTP and SRTCP of one connection (RFC 3711, RFC 7714): opens and seals in place without allocating.
//!
//! Owns keys, replay windows and the guard that lets no (key, SSRC, index) be sealed twice. Knows no DTLS.

mod cipher;
pub(crate) mod window;

use std::collections::HashMap;

use rtc_crypto::{CryptoError, RTCCrypto};

use crate::id::{ExtSeq, Ssrc};
use crate::media::drop::DropReason;
use crate::prefetch::prefetch;
use cipher::{Cipher, Position};
use window::{Standing, Window};

/// DTLS-SRTP protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2) that Plenum speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Profile {
    /// SRTP_AEAD_AES_128_GCM: five times cheaper per packet than the other, so always offered first.
    AeadAes128Gcm,
    /// SRTP_AES128_CM_SHA1_80: what every implementation has (RFC 8827 §6.5).
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// Octets of master salt.
    fn salt_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm => 12,
            Profile::Aes128CmHmacSha1_80 => 14,
        }
    }

    /// Octets that the TLS exporter must give for both directions (RFC 5764 §4.2).
    pub fn keying_material_len(self) -> usize {
        2 * (16 + self.salt_len())
    }

    /// Octets that sealing adds to an RTP packet.
    pub fn rtp_overhead(self) -> usize {
        match self {
            Profile::AeadAes128Gcm => cipher::GCM_TAG,
            Profile::Aes128CmHmacSha1_80 => cipher::SHA1_TAG,
        }
    }

    /// Octets that sealing adds to an RTCP packet.
    pub fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + cipher::RTCP_TRAILER
    }
}

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("keying material has {actual} octets instead of {expected}")]
    Length { expected: usize, actual: usize },
    #[error("the crypto provider refused a key: {0}")]
    Crypto(#[from] CryptoError),
}

/// The master key and salt of one direction. A 12-octet salt is followed by two zero octets (RFC 7714 §11).
#[derive(Clone)]
pub struct MasterKey {
    pub key: [u8; 16],
    pub salt: [u8; 14],
}

impl MasterKey {
    fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<MasterKey, KeyError> {
        let length = |actual, expected| KeyError::Length { expected, actual };
        let key = key.try_into().map_err(|_| length(key.len(), 16))?;
        if salt.len() != profile.salt_len() {
            return Err(length(salt.len(), profile.salt_len()));
        }
        let mut padded = [0; 14];
        for (to, from) in padded.iter_mut().zip(salt) {
            *to = *from;
        }
        Ok(MasterKey { key, salt: padded })
    }
}

/// SSRCs a peer may use in one session. A publisher with two simulcast sources needs 14; the rest is for re-offers.
/// State is made only for authenticated packets, so only the peer itself can fill this, and only to its own harm.
const MAX_SSRCS: usize = 256;

/// Replay window, in packets: 1 s of a 10 Mb/s layer, so that retransmission-like reordering passes.
type Replay = Window<16>;

/// Seal guard, in packets: wider than any ring a retransmission is taken from.
type Guard = Window<32>;

/// Streams that may be sealed: more than 128 m-lines of media, RTX and probes.
const MAX_STREAMS: usize = 4_096;

/// Both directions of one session.
pub struct Srtp {
    profile: Profile,
    inbound: Cipher,
    rtp_replay: HashMap<Ssrc, Replay, ahash::RandomState>,
    rtcp_replay: HashMap<Ssrc, Replay, ahash::RandomState>,
    outbound: Cipher,
    streams: Vec<Option<Box<Sealed>>>,
    /// Next SRTCP index. One counter serves all sender SSRCs, which keeps each (SSRC, index) single.
    rtcp_index: u32,
}

/// A packet that may be encrypted: once, since this is not a thing to copy.
#[derive(Debug)]
pub struct Admitted {
    at: Position,
    header_len: usize,
    len: usize,
    sealed_len: usize,
}

impl Admitted {
    /// Octets that the packet takes once it is sealed.
    pub fn sealed_len(&self) -> usize {
        self.sealed_len
    }
}

/// What was sealed on one stream.
struct Sealed {
    ssrc: Ssrc,
    guard: Guard,
}

impl Srtp {
    /// Contexts from exported keying material (RFC 5764 §4.2), as the DTLS server.
    pub fn server(crypto: &dyn RTCCrypto, profile: Profile, material: &[u8]) -> Result<Srtp, KeyError> {
        let (client, server) = split(profile, material)?;
        Srtp::from_keys(crypto, profile, &server, &client)
    }

    /// Contexts from exported keying material (RFC 5764 §4.2), as the DTLS client.
    pub fn client(crypto: &dyn RTCCrypto, profile: Profile, material: &[u8]) -> Result<Srtp, KeyError> {
        let (client, server) = split(profile, material)?;
        Srtp::from_keys(crypto, profile, &client, &server)
    }

    /// Contexts from raw keys: `ours` seals, `theirs` opens.
    pub fn from_keys(
        crypto: &dyn RTCCrypto,
        profile: Profile,
        ours: &MasterKey,
        theirs: &MasterKey,
    ) -> Result<Srtp, KeyError> {
        Ok(Srtp {
            profile,
            inbound: Cipher::new(crypto, profile, theirs)?,
            rtp_replay: HashMap::default(),
            rtcp_replay: HashMap::default(),
            outbound: Cipher::new(crypto, profile, ours)?,
            streams: Vec::new(),
            rtcp_index: 1,
        })
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Something will be sealed soon.
    pub fn prefetch(&self) {
        prefetch(&self.profile);
        prefetch(&self.outbound);
        prefetch(&self.streams);
    }

    /// A packet of `stream` will be sealed next.
    pub fn prefetch_stream(&self, stream: usize) {
        if let Some(Some(sealed)) = self.streams.get(stream) {
            prefetch(&sealed.guard);
        }
    }

    /// Authenticates and decrypts one SRTP packet in place. Returns the plain length; on error the content is
    /// unspecified.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let header = rtp_header(packet).ok_or(DropReason::MalformedRtp)?;
        let known = self.rtp_replay.get(&header.ssrc);
        if known.is_none() && self.rtp_replay.len() >= MAX_SSRCS {
            return Err(DropReason::UnknownStream);
        }
        // A stream starts with roll-over counter 0 (RFC 3711 §3.3.1).
        let highest = known.and_then(Replay::highest);
        let index = highest.map_or(u64::from(header.seq), |highest| ExtSeq(highest).nearest(header.seq).0);
        if index > MAX_INDEX || known.is_some_and(|window| window.standing(index) != Standing::Fresh) {
            return Err(DropReason::Replayed);
        }
        let at = Position { ssrc: header.ssrc.0, index };
        let len = self.inbound.open_rtp(at, header.len, packet).map_err(|_| DropReason::BadAuthentication)?;
        self.rtp_replay.entry(header.ssrc).or_insert_with(Replay::new).mark(index);
        Ok(len)
    }

    /// Authenticates and decrypts one SRTCP packet in place. Returns the plain length; on error the content is
    /// unspecified.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let ssrc = rtcp_ssrc(packet).ok_or(DropReason::MalformedRtcp)?;
        let index = self.inbound.rtcp_index(packet).ok_or(DropReason::MalformedRtcp)?;
        let known = self.rtcp_replay.get(&ssrc);
        if known.is_none() && self.rtcp_replay.len() >= MAX_SSRCS {
            return Err(DropReason::UnknownStream);
        }
        if known.is_some_and(|window| window.standing(u64::from(index)) != Standing::Fresh) {
            return Err(DropReason::Replayed);
        }
        let len = self.inbound.open_rtcp(ssrc.0, index, packet).map_err(|_| DropReason::BadAuthentication)?;
        self.rtcp_replay.entry(ssrc).or_insert_with(Replay::new).mark(u64::from(index));
        Ok(len)
    }

    /// Seals the RTP packet `buf[..len]`, whose header with CSRCs and extensions takes `header_len`, and returns the
    /// sealed length. [`Srtp::admit_rtp`] and [`Srtp::encrypt_rtp`] in one.
    pub fn seal_rtp(
        &mut self,
        stream: usize,
        ssrc: Ssrc,
        seq: ExtSeq,
        header_len: usize,
        buf: &mut [u8],
        len: usize,
    ) -> Result<usize, DropReason> {
        let admitted = self.admit_rtp(stream, ssrc, seq, header_len, buf, len)?;
        self.encrypt_rtp(admitted, buf)
    }

    /// Whether the RTP packet `buf[..len]`, whose header with CSRCs and extensions takes `header_len`, may be sealed. It
    /// counts as sealed from now on: nothing else ever is with its numbers.
    ///
    /// `stream` is the caller's small number for `ssrc`, fixed for the life of the session. `seq` is the SRTP index:
    /// its lower 16 bits are the packet's sequence number.
    ///
    /// Refused with `Duplicate` when (stream, index) was sealed before, `TooOld` when nobody can know any more,
    /// `NotAllowed` when `ssrc` belongs to another stream, `TooLarge` when `buf` has no room for the tag, and
    /// `MalformedRtp` when the packet's own numbers are others.
    // What it returns stays in registers so. Through memory it would be read in wider pieces than it was written in, for
    // which the processor waits until the packet's copy has left its store buffer.
    #[inline(always)]
    pub fn admit_rtp(
        &mut self,
        stream: usize,
        ssrc: Ssrc,
        seq: ExtSeq,
        header_len: usize,
        buf: &[u8],
        len: usize,
    ) -> Result<Admitted, DropReason> {
        let sealed_len = len + self.profile.rtp_overhead();
        if buf.len() < sealed_len {
            return Err(DropReason::TooLarge);
        }
        let own = buf.get(..len).and_then(fixed_header).ok_or(DropReason::MalformedRtp)?;
        if own != (ssrc, seq.wire()) || !(12..=len).contains(&header_len) {
            return Err(DropReason::MalformedRtp);
        }
        let sealed = guard_of(&mut self.streams, stream, ssrc)?;
        match sealed.guard.standing(seq.0) {
            Standing::Fresh if seq.0 <= MAX_INDEX => {}
            Standing::Seen => return Err(DropReason::Duplicate),
            Standing::Fresh | Standing::TooOld => return Err(DropReason::TooOld),
        }
        // Marked before sealing: whatever happens next, this nonce is spent.
        sealed.guard.mark(seq.0);
        Ok(Admitted { at: Position { ssrc: ssrc.0, index: seq.0 }, header_len, len, sealed_len })
    }

    /// Encrypts a packet that was admitted, and writes its tag behind it. Returns the sealed length.
    ///
    /// Refused with `TooLarge` when `buf` is not what it was admitted with.
    pub fn encrypt_rtp(&mut self, admitted: Admitted, buf: &mut [u8]) -> Result<usize, DropReason> {
        let Admitted { at, header_len, len, .. } = admitted;
        self.outbound.seal_rtp(at, header_len, buf, len).map_err(|_| DropReason::TooLarge)
    }

    /// Seals the compound RTCP packet `buf[..len]` and returns the sealed length.
    ///
    /// Refused with `TooLarge` when `buf` has no room for tag and trailer, `MalformedRtcp` when `len` is below 8, and
    /// `NotAllowed` when 2³¹ packets were sealed.
    pub fn seal_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, DropReason> {
        if buf.len() < len + self.profile.rtcp_overhead() {
            return Err(DropReason::TooLarge);
        }
        let ssrc = buf.get(..len).and_then(rtcp_ssrc).ok_or(DropReason::MalformedRtcp)?;
        let index = self.rtcp_index;
        if index > MAX_RTCP_INDEX {
            return Err(DropReason::NotAllowed);
        }
        self.rtcp_index = index + 1;
        self.outbound.seal_rtcp(ssrc.0, index, buf, len).map_err(|_| DropReason::TooLarge)
    }
}

/// 48 bits (RFC 3711 §3.3.1).
const MAX_INDEX: u64 = (1 << 48) - 1;
/// 31 bits (RFC 3711 §3.4).
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

fn split(profile: Profile, material: &[u8]) -> Result<(MasterKey, MasterKey), KeyError> {
    let expected = profile.keying_material_len();
    let length = || KeyError::Length { expected, actual: material.len() };
    if material.len() != expected {
        return Err(length());
    }
    let (client_key, rest) = material.split_at_checked(16).ok_or_else(length)?;
    let (server_key, rest) = rest.split_at_checked(16).ok_or_else(length)?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len()).ok_or_else(length)?;
    Ok((MasterKey::new(profile, client_key, client_salt)?, MasterKey::new(profile, server_key, server_salt)?))
}

/// The guard of a stream, made at its first packet. An SSRC belongs to one stream, or two guards would watch one nonce.
#[inline]
fn guard_of(streams: &mut Vec<Option<Box<Sealed>>>, stream: usize, ssrc: Ssrc) -> Result<&mut Sealed, DropReason> {
    if !matches!(streams.get(stream), Some(Some(_))) {
        begin_guard(streams, stream, ssrc)?;
    }
    let sealed = streams.get_mut(stream).and_then(Option::as_mut).ok_or(DropReason::NotAllowed)?;
    if sealed.ssrc == ssrc { Ok(sealed) } else { Err(DropReason::NotAllowed) }
}

#[cold]
fn begin_guard(streams: &mut Vec<Option<Box<Sealed>>>, stream: usize, ssrc: Ssrc) -> Result<(), DropReason> {
    if stream >= MAX_STREAMS || streams.iter().flatten().any(|other| other.ssrc == ssrc) {
        return Err(DropReason::NotAllowed);
    }
    if streams.len() <= stream {
        streams.resize_with(stream + 1, || None);
    }
    let slot = streams.get_mut(stream).ok_or(DropReason::NotAllowed)?;
    *slot = Some(Box::new(Sealed { ssrc, guard: Guard::new() }));
    Ok(())
}

struct RtpHeader {
    ssrc: Ssrc,
    seq: u16,
    /// Fixed header, CSRCs and extension block.
    len: usize,
}

fn fixed_header(packet: &[u8]) -> Option<(Ssrc, u16)> {
    let [first, _, s0, s1, _, _, _, _, ssrc @ ..] = packet.first_chunk::<12>()?;
    (first >> 6 == 2).then_some((Ssrc(u32::from_be_bytes(*ssrc)), u16::from_be_bytes([*s0, *s1])))
}

/// What of an RTP header SRTP needs (RFC 3550 §5.1, §5.3.1). `None` when it is not RTP or a length points outside.
fn rtp_header(packet: &[u8]) -> Option<RtpHeader> {
    let (ssrc, seq) = fixed_header(packet)?;
    let first = *packet.first()?;
    let mut len = 12 + 4 * usize::from(first & 0x0F);
    if first & 0x10 != 0 {
        let [_, _, high, low] = *packet.get(len..)?.first_chunk::<4>()?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    (len <= packet.len()).then_some(RtpHeader { ssrc, seq, len })
}

fn rtcp_ssrc(packet: &[u8]) -> Option<Ssrc> {
    let [first, _, _, _, ssrc @ ..] = packet.first_chunk::<8>()?;
    (first >> 6 == 2).then_some(Ssrc(u32::from_be_bytes(*ssrc)))
}

#[cfg(test)]
mod tests;
