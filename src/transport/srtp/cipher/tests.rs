//! The vectors of RFC 7714 §16–17 and RFC 3711 appendix B.

use rtc_crypto::{RTCCryptoProvider, default_provider};
use std::sync::Arc;

use super::*;

fn provider() -> Arc<dyn RTCCryptoProvider> {
    default_provider().unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

fn rfc_7714() -> Cipher {
    let gcm = || Gcm {
        aead: provider()
            .crypto()
            .new_aead(AeadAlgorithm::Aes128Gcm, &array::<16>("000102030405060708090a0b0c0d0e0f"))
            .unwrap(),
        salt: Nonce::of(array("517569642070726f2071756f")),
    };
    Cipher::Gcm { rtp: gcm(), rtcp: gcm() }
}

const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                   69736120 696e2070 61727465 73207472 6573";
const SRTP: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
                    42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce";
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                    deadbeef deadbeef deadbeef deadbeef deadbeef";
const SRTCP: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
                     730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";

#[test]
fn rtp_is_sealed_and_opened_as_in_rfc_7714() {
    let (plain, sealed) = (hex(RTP), hex(SRTP));
    let at = Position { ssrc: 0x5501_a0b2, index: 0xf17b };
    let mut packet = [&plain[..], &[0; 16]].concat();
    assert_eq!(rfc_7714().seal_rtp(at, 12, &mut packet, plain.len()), Ok(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(rfc_7714().open_rtp(at, 12, &mut packet), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn rtcp_is_sealed_and_opened_as_in_rfc_7714() {
    let (plain, sealed) = (hex(RTCP), hex(SRTCP));
    let mut packet = [&plain[..], &[0; 20]].concat();
    assert_eq!(rfc_7714().seal_rtcp(0x4d61_7273, 0x5d4, &mut packet, plain.len()), Ok(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(rfc_7714().rtcp_index(&packet), Some(0x5d4));
    assert_eq!(rfc_7714().open_rtcp(0x4d61_7273, 0x5d4, &mut packet), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn keys_are_derived_as_in_rfc_3711() {
    let provider = provider();
    let master =
        MasterKey { key: array("E1F97A0D3E018BE0D64FA32C06DE4139"), salt: array("0EC675AD498AFEEBB6960B3AABE6") };
    let key: [u8; 16] = derive(provider.crypto(), &master, label::RTP_KEY).unwrap();
    let salt: [u8; 14] = derive(provider.crypto(), &master, label::RTP_SALT).unwrap();
    let auth: [u8; 20] = derive(provider.crypto(), &master, label::RTP_AUTH).unwrap();
    assert_eq!(key, array("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(salt, array("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(auth, array("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn the_counter_stream_is_that_of_rfc_3711() {
    let provider = provider();
    let key: [u8; 16] = array("2B7E151628AED2A6ABF7158809CF4F3C");
    let mut cm = CmSha1 {
        stream: provider.crypto().new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &key).unwrap(),
        mac: provider.crypto().new_hmac(HmacAlgorithm::Sha1, &[0; 20]).unwrap(),
        salt: array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
    };
    let mut stream = [0; 32];
    let counter = cm.counter(0, 0);
    cm.stream.apply_keystream(&counter, &mut stream).unwrap();
    assert_eq!(stream[..], hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"));
}
