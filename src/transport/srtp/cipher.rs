//! The two SRTP transforms, in place: AES-128-GCM (RFC 7714) and AES-128-CM with HMAC-SHA1-80 (RFC 3711).
//!
//! Owns keys, nonces and tags of one direction; knows nothing of replay or of what was sealed before.

use rtc_crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoError, HmacAlgorithm, Mac, RTCCrypto, StreamCipher,
    StreamCipherAlgorithm, constant_time_eq,
};

use super::{KeyError, MasterKey, Profile};

/// Key derivation labels of RFC 3711 §4.3.1.
mod label {
    pub(super) const RTP_KEY: u8 = 0;
    pub(super) const RTP_AUTH: u8 = 1;
    pub(super) const RTP_SALT: u8 = 2;
    pub(super) const RTCP_KEY: u8 = 3;
    pub(super) const RTCP_AUTH: u8 = 4;
    pub(super) const RTCP_SALT: u8 = 5;
}

/// SRTCP's trailer of E bit and 31-bit index (RFC 3711 §3.4).
pub(super) const RTCP_TRAILER: usize = 4;
/// The part of an RTCP packet that stays readable: header and sender SSRC.
pub(super) const RTCP_HEADER: usize = 8;
/// E: this SRTCP packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Keys and expanded ciphers of one direction.
pub(super) enum Cipher {
    Gcm { rtp: Gcm, rtcp: Gcm },
    CmSha1 { rtp: CmSha1, rtcp: CmSha1 },
}

pub(super) struct Gcm {
    aead: Box<dyn AeadCipher>,
    salt: Nonce,
}

/// A nonce as the two words that ciphers read it by. Written as anything narrower it costs as much as a third of the
/// seal: the processor cannot forward the parts to the wider read, and waits until the packet's copy has left its store
/// buffer.
#[derive(Clone, Copy)]
struct Nonce(u64, u32);

impl Nonce {
    fn of(octets: [u8; 12]) -> Nonce {
        let [a, b, c, d, e, f, g, h, low @ ..] = octets;
        Nonce(u64::from_be_bytes([a, b, c, d, e, f, g, h]), u32::from_be_bytes(low))
    }

    fn salted(self, salt: Nonce) -> [u8; 12] {
        let mut octets = [0; 12];
        octets[..8].copy_from_slice(&(self.0 ^ salt.0).to_be_bytes());
        octets[8..].copy_from_slice(&(self.1 ^ salt.1).to_be_bytes());
        octets
    }
}

pub(super) struct CmSha1 {
    stream: Box<dyn StreamCipher>,
    mac: Box<dyn Mac>,
    salt: [u8; 14],
}

/// Where one RTP packet stands: its SSRC and 48-bit index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) ssrc: u32,
    pub(super) index: u64,
}

impl Cipher {
    pub(super) fn new(crypto: &dyn RTCCrypto, profile: Profile, key: &MasterKey) -> Result<Cipher, KeyError> {
        Ok(match profile {
            Profile::AeadAes128Gcm => Cipher::Gcm {
                rtp: Gcm::new(crypto, key, label::RTP_KEY, label::RTP_SALT)?,
                rtcp: Gcm::new(crypto, key, label::RTCP_KEY, label::RTCP_SALT)?,
            },
            Profile::Aes128CmHmacSha1_80 => Cipher::CmSha1 {
                rtp: CmSha1::new(crypto, key, label::RTP_KEY, label::RTP_AUTH, label::RTP_SALT)?,
                rtcp: CmSha1::new(crypto, key, label::RTCP_KEY, label::RTCP_AUTH, label::RTCP_SALT)?,
            },
        })
    }

    /// Encrypts `packet[header_len..len]` and writes the tag behind it. `packet` must have room for the tag.
    pub(super) fn seal_rtp(
        &mut self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
        len: usize,
    ) -> Result<usize, CryptoError> {
        let (body, tail) = packet.split_at_mut_checked(len).ok_or(CryptoError::AuthenticationFailed)?;
        let (header, payload) = body.split_at_mut_checked(header_len).ok_or(CryptoError::AuthenticationFailed)?;
        match self {
            Cipher::Gcm { rtp, .. } => {
                let tag = tail.get_mut(..GCM_TAG).ok_or(CryptoError::AuthenticationFailed)?;
                rtp.aead.seal_in_place(&rtp.rtp_nonce(at), header, payload, tag)?;
                Ok(len + GCM_TAG)
            }
            Cipher::CmSha1 { rtp, .. } => {
                let tag = tail.get_mut(..SHA1_TAG).ok_or(CryptoError::AuthenticationFailed)?;
                rtp.stream.apply_keystream(&rtp.counter(at.ssrc, at.index), payload)?;
                tag.copy_from_slice(&rtp.tag(&[body, &roc(at.index)])?);
                Ok(len + SHA1_TAG)
            }
        }
    }

    /// Authenticates and decrypts a whole SRTP packet. Returns the plain length. The content is unspecified on error.
    pub(super) fn open_rtp(
        &mut self,
        at: Position,
        header_len: usize,
        packet: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let tag_len = self.tag_len();
        let len = packet.len().checked_sub(tag_len).ok_or(CryptoError::AuthenticationFailed)?;
        let (body, tag) = packet.split_at_mut(len);
        match self {
            Cipher::Gcm { rtp, .. } => {
                let (header, payload) =
                    body.split_at_mut_checked(header_len).ok_or(CryptoError::AuthenticationFailed)?;
                rtp.aead.open_in_place(&rtp.rtp_nonce(at), header, payload, tag)?;
            }
            Cipher::CmSha1 { rtp, .. } => {
                rtp.check(&[body, &roc(at.index)], tag)?;
                let payload = body.get_mut(header_len..).ok_or(CryptoError::AuthenticationFailed)?;
                rtp.stream.apply_keystream(&rtp.counter(at.ssrc, at.index), payload)?;
            }
        }
        Ok(len)
    }

    /// Encrypts a compound RTCP packet and appends tag and trailer. `index` has 31 bits.
    pub(super) fn seal_rtcp(
        &mut self,
        ssrc: u32,
        index: u32,
        packet: &mut [u8],
        len: usize,
    ) -> Result<usize, CryptoError> {
        let total = len + self.tag_len() + RTCP_TRAILER;
        let packet = packet.get_mut(..total).ok_or(CryptoError::AuthenticationFailed)?;
        let word = (ENCRYPTED | index).to_be_bytes();
        let (body, tail) = packet.split_at_mut(len);
        match self {
            Cipher::Gcm { rtcp, .. } => {
                let (tag, trailer) = tail.split_at_mut(GCM_TAG);
                trailer.copy_from_slice(&word);
                let (header, payload) =
                    body.split_at_mut_checked(RTCP_HEADER).ok_or(CryptoError::AuthenticationFailed)?;
                let associated = rtcp_associated(header, word)?;
                rtcp.aead.seal_in_place(&rtcp.rtcp_nonce(ssrc, index), &associated, payload, tag)?;
            }
            Cipher::CmSha1 { rtcp, .. } => {
                let (trailer, tag) = tail.split_at_mut(RTCP_TRAILER);
                trailer.copy_from_slice(&word);
                let payload = body.get_mut(RTCP_HEADER..).ok_or(CryptoError::AuthenticationFailed)?;
                rtcp.stream.apply_keystream(&rtcp.counter(ssrc, u64::from(index)), payload)?;
                tag.copy_from_slice(&rtcp.tag(&[body, &word])?);
            }
        }
        Ok(total)
    }

    /// The index that a sealed RTCP packet claims. `None` when it is too short, or not encrypted: DTLS-SRTP profiles
    /// always encrypt, so a clear packet is somebody else's.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        packet.len().checked_sub(RTCP_HEADER + self.tag_len() + RTCP_TRAILER)?;
        let trailer = match self {
            Cipher::Gcm { .. } => packet.last_chunk::<4>()?,
            Cipher::CmSha1 { .. } => packet.get(..packet.len() - SHA1_TAG)?.last_chunk::<4>()?,
        };
        let word = u32::from_be_bytes(*trailer);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Authenticates and decrypts a whole SRTCP packet. Returns the plain length. The content is unspecified on error.
    pub(super) fn open_rtcp(&mut self, ssrc: u32, index: u32, packet: &mut [u8]) -> Result<usize, CryptoError> {
        let tail_len = self.tag_len() + RTCP_TRAILER;
        let len = packet.len().checked_sub(tail_len).ok_or(CryptoError::AuthenticationFailed)?;
        let (body, tail) = packet.split_at_mut(len);
        match self {
            Cipher::Gcm { rtcp, .. } => {
                let (tag, trailer) = tail.split_at_mut(GCM_TAG);
                let word = *trailer.first_chunk::<4>().ok_or(CryptoError::AuthenticationFailed)?;
                let (header, payload) =
                    body.split_at_mut_checked(RTCP_HEADER).ok_or(CryptoError::AuthenticationFailed)?;
                let associated = rtcp_associated(header, word)?;
                rtcp.aead.open_in_place(&rtcp.rtcp_nonce(ssrc, index), &associated, payload, tag)?;
            }
            Cipher::CmSha1 { rtcp, .. } => {
                let (trailer, tag) = tail.split_at_mut(RTCP_TRAILER);
                rtcp.check(&[body, trailer], tag)?;
                let payload = body.get_mut(RTCP_HEADER..).ok_or(CryptoError::AuthenticationFailed)?;
                rtcp.stream.apply_keystream(&rtcp.counter(ssrc, u64::from(index)), payload)?;
            }
        }
        Ok(len)
    }

    pub(super) fn tag_len(&self) -> usize {
        match self {
            Cipher::Gcm { .. } => GCM_TAG,
            Cipher::CmSha1 { .. } => SHA1_TAG,
        }
    }
}

/// Tag of AEAD_AES_128_GCM (RFC 7714 §13.2).
pub(super) const GCM_TAG: usize = 16;
/// Tag of HMAC-SHA1-80 (RFC 3711 §5.2).
pub(super) const SHA1_TAG: usize = 10;

impl Gcm {
    fn new(crypto: &dyn RTCCrypto, master: &MasterKey, key: u8, salt: u8) -> Result<Gcm, KeyError> {
        let key: [u8; 16] = derive(crypto, master, key)?;
        let salt = Nonce::of(derive(crypto, master, salt)?);
        Ok(Gcm { aead: crypto.new_aead(AeadAlgorithm::Aes128Gcm, &key)?, salt })
    }

    /// RFC 7714 §8.1: two zero octets, SSRC, roll-over counter, sequence number; XOR salt.
    fn rtp_nonce(&self, at: Position) -> [u8; 12] {
        Nonce(u64::from(at.ssrc) << 16 | at.index >> 32 & 0xFFFF, at.index as u32).salted(self.salt)
    }

    /// RFC 7714 §9.1: two zero octets, SSRC, two zero octets, index; XOR salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> [u8; 12] {
        Nonce(u64::from(ssrc) << 16, index).salted(self.salt)
    }
}

impl CmSha1 {
    fn new(crypto: &dyn RTCCrypto, master: &MasterKey, key: u8, auth: u8, salt: u8) -> Result<CmSha1, KeyError> {
        let key: [u8; 16] = derive(crypto, master, key)?;
        let auth: [u8; 20] = derive(crypto, master, auth)?;
        Ok(CmSha1 {
            stream: crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &key)?,
            mac: crypto.new_hmac(HmacAlgorithm::Sha1, &auth)?,
            salt: derive(crypto, master, salt)?,
        })
    }

    /// RFC 3711 §4.1.1: salt · 2¹⁶ XOR SSRC · 2⁶⁴ XOR index · 2¹⁶.
    fn counter(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        for (byte, x) in counter[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= x;
        }
        for (byte, x) in counter[8..14].iter_mut().zip(index.to_be_bytes().into_iter().skip(2)) {
            *byte ^= x;
        }
        counter
    }

    fn tag(&mut self, input: &[&[u8]]) -> Result<[u8; SHA1_TAG], CryptoError> {
        let mut full = [0; 20];
        self.mac.sign(input, &mut full)?;
        let mut tag = [0; SHA1_TAG];
        tag.copy_from_slice(&full[..SHA1_TAG]);
        Ok(tag)
    }

    fn check(&mut self, input: &[&[u8]], tag: &[u8]) -> Result<(), CryptoError> {
        if constant_time_eq(&self.tag(input)?, tag) { Ok(()) } else { Err(CryptoError::AuthenticationFailed) }
    }
}

fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// RFC 7714 §9.2: the fixed header and the trailer, as if adjacent.
fn rtcp_associated(header: &[u8], word: [u8; 4]) -> Result<[u8; 12], CryptoError> {
    let header = header.first_chunk::<RTCP_HEADER>().ok_or(CryptoError::AuthenticationFailed)?;
    let mut associated = [0; 12];
    associated[..8].copy_from_slice(header);
    associated[8..].copy_from_slice(&word);
    Ok(associated)
}

/// RFC 3711 §4.3.3: AES in counter mode over the salted label. The derivation rate is zero (RFC 5764 §4.1.2).
fn derive<const LEN: usize>(crypto: &dyn RTCCrypto, master: &MasterKey, label: u8) -> Result<[u8; LEN], KeyError> {
    let mut out = [0; LEN];
    for (i, chunk) in out.chunks_mut(16).enumerate() {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&master.salt);
        block[7] ^= label;
        block[14..].copy_from_slice(&(i as u16).to_be_bytes());
        crypto.block_encrypt(BlockCipherAlgorithm::Aes128, &master.key, &mut block)?;
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
