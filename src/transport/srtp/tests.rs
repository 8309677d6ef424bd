//! That both profiles agree with another implementation, and that nothing is opened or sealed twice.

use proptest::prelude::*;
use rtc_crypto::default_provider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;

const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];
const SSRC: Ssrc = Ssrc(0xCAFE_0001);

fn material(profile: Profile) -> Vec<u8> {
    (0..profile.keying_material_len() as u8).map(|i| i.wrapping_mul(37)).collect()
}

/// A server and its client.
fn pair(profile: Profile) -> (Srtp, Srtp) {
    let provider = default_provider().unwrap();
    let material = material(profile);
    (
        Srtp::server(provider.crypto(), profile, &material).unwrap(),
        Srtp::client(provider.crypto(), profile, &material).unwrap(),
    )
}

/// The context of rtc-srtp with the key that the client (0) or server (1) seals with.
fn other(profile: Profile, side: usize) -> Context {
    let material = material(profile);
    let salt = profile.salt_len();
    let (key, salt) = (&material[16 * side..][..16], &material[32 + salt * side..][..salt]);
    let profile = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    Context::new(
        key,
        salt,
        profile,
        Some(srtp_replay_protection(64)),
        Some(srtcp_replay_protection(64)),
        default_provider().unwrap().crypto(),
    )
    .unwrap()
}

/// A packet with one CSRC and a one-word extension.
fn rtp(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x91, 0x60];
    packet.extend(seq.to_be_bytes());
    packet.extend(7u32.to_be_bytes());
    packet.extend(SSRC.0.to_be_bytes());
    packet.extend(99u32.to_be_bytes());
    packet.extend([0xBE, 0xDE, 0, 1, 0x10, 5, 0, 0]);
    packet.extend([seq as u8; 40]);
    packet
}

const HEADER: usize = 24;

fn rtcp() -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(SSRC.0.to_be_bytes());
    packet.extend([0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
    packet
}

fn seal(srtp: &mut Srtp, index: u64) -> Result<Vec<u8>, DropReason> {
    let plain = rtp(index as u16);
    let mut packet = [&plain[..], &[0; 32]].concat();
    let len = srtp.seal_rtp(0, SSRC, ExtSeq(index), HEADER, &mut packet, plain.len())?;
    packet.truncate(len);
    Ok(packet)
}

fn open(srtp: &mut Srtp, mut packet: Vec<u8>) -> Result<Vec<u8>, DropReason> {
    let len = srtp.open_rtp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

fn seal_rtcp(srtp: &mut Srtp) -> Vec<u8> {
    let mut packet = [&rtcp()[..], &[0; 32]].concat();
    let len = srtp.seal_rtcp(&mut packet, rtcp().len()).unwrap();
    packet.truncate(len);
    packet
}

#[test]
fn what_is_sealed_opens_on_the_other_side_and_only_there() {
    for profile in PROFILES {
        let (mut server, mut client) = pair(profile);
        let sealed = seal(&mut server, 5).unwrap();
        assert_eq!(sealed.len(), rtp(5).len() + profile.rtp_overhead());
        assert_eq!(open(&mut client, sealed.clone()), Ok(rtp(5)));
        assert_eq!(open(&mut server, sealed), Err(DropReason::BadAuthentication));
        let mut sealed = seal_rtcp(&mut client);
        assert_eq!(sealed.len(), rtcp().len() + profile.rtcp_overhead());
        assert_eq!(server.open_rtcp(&mut sealed), Ok(rtcp().len()));
        assert_eq!(sealed[..rtcp().len()], rtcp());
    }
}

#[test]
fn another_implementation_agrees_across_a_wrap() {
    for profile in PROFILES {
        let (mut server, _) = pair(profile);
        let (mut from_client, mut from_server) = (other(profile, 0), other(profile, 1));
        for index in 0xFFF0..0x1_0010u64 {
            let theirs = from_client.encrypt_rtp(&rtp(index as u16)).unwrap();
            assert_eq!(open(&mut server, theirs.to_vec()), Ok(rtp(index as u16)));
            let ours = seal(&mut server, index).unwrap();
            assert_eq!(from_server.decrypt_rtp(&ours).unwrap(), rtp(index as u16));
        }
        for _ in 0..3 {
            let mut theirs = from_client.encrypt_rtcp(&rtcp()).unwrap().to_vec();
            assert_eq!(server.open_rtcp(&mut theirs), Ok(rtcp().len()));
            assert_eq!(theirs[..rtcp().len()], rtcp());
            assert_eq!(from_server.decrypt_rtcp(&seal_rtcp(&mut server)).unwrap(), rtcp());
        }
    }
}

#[test]
fn a_replay_is_refused_and_reordering_is_not() {
    for profile in PROFILES {
        let (mut server, mut client) = pair(profile);
        let packets: Vec<_> = (0..3_000).map(|index| seal(&mut client, index).unwrap()).collect();
        assert!(open(&mut server, packets[2_000].clone()).is_ok());
        assert!(open(&mut server, packets[1_500].clone()).is_ok());
        assert_eq!(open(&mut server, packets[1_500].clone()), Err(DropReason::Replayed));
        assert_eq!(open(&mut server, packets[2_000].clone()), Err(DropReason::Replayed));
        assert_eq!(open(&mut server, packets[900].clone()), Err(DropReason::Replayed));
        let sealed = seal_rtcp(&mut client);
        assert!(server.open_rtcp(&mut sealed.clone()).is_ok());
        assert_eq!(server.open_rtcp(&mut sealed.clone()), Err(DropReason::Replayed));
    }
}

#[test]
fn a_forged_packet_leaves_no_trace() {
    for profile in PROFILES {
        let (mut server, mut client) = pair(profile);
        let good = seal(&mut client, 9).unwrap();
        for i in 0..good.len() {
            let mut forged = good.clone();
            forged[i] ^= 0x10;
            assert!(open(&mut server, forged).is_err(), "octet {i}");
        }
        let sealed = seal_rtcp(&mut client);
        for i in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[i] ^= 0x10;
            assert!(server.open_rtcp(&mut forged).is_err(), "octet {i}");
        }
        assert!(server.rtp_replay.is_empty() && server.rtcp_replay.is_empty());
        assert_eq!(open(&mut server, good), Ok(rtp(9)));
    }
}

#[test]
fn clear_rtcp_is_not_taken() {
    for profile in PROFILES {
        let (mut server, mut client) = pair(profile);
        let mut sealed = seal_rtcp(&mut client);
        let at = if profile == Profile::AeadAes128Gcm { sealed.len() - 4 } else { sealed.len() - 14 };
        sealed[at] &= 0x7F;
        assert_eq!(server.open_rtcp(&mut sealed), Err(DropReason::MalformedRtcp));
    }
}

#[test]
fn no_index_is_sealed_twice() {
    for profile in PROFILES {
        let (mut server, _) = pair(profile);
        assert!(seal(&mut server, 10_000).is_ok());
        assert!(seal(&mut server, 9_000).is_ok());
        assert_eq!(seal(&mut server, 9_000), Err(DropReason::Duplicate));
        assert_eq!(seal(&mut server, 10_000), Err(DropReason::Duplicate));
        assert_eq!(seal(&mut server, 7_000), Err(DropReason::TooOld));
        // The same sequence number after a wrap is another index.
        assert!(seal(&mut server, 10_000 + 0x1_0000).is_ok());
        assert_eq!(seal(&mut server, 1 << 48), Err(DropReason::TooOld));
    }
}

#[test]
fn what_is_admitted_counts_as_sealed_before_it_is_encrypted() {
    for profile in PROFILES {
        let (mut server, mut client) = pair(profile);
        let mut packets = [1, 2].map(|seq| [&rtp(seq)[..], &[0; 16]].concat());
        let len = rtp(1).len();
        let admitted = [0, 1].map(|at| {
            let seq = ExtSeq(at as u64 + 1);
            server.admit_rtp(0, SSRC, seq, HEADER, &packets[at], len).unwrap()
        });
        assert_eq!(seal(&mut server, 1), Err(DropReason::Duplicate));
        for ((packet, admitted), seq) in packets.iter_mut().zip(admitted).zip([1, 2]) {
            let sealed_len = admitted.sealed_len();
            assert_eq!(server.encrypt_rtp(admitted, packet), Ok(sealed_len));
            assert_eq!(client.open_rtp(&mut packet[..sealed_len]), Ok(len));
            assert_eq!(packet[..len], rtp(seq));
        }
    }
}

#[test]
fn a_refused_packet_is_left_as_it_was() {
    let (mut server, _) = pair(Profile::AeadAes128Gcm);
    seal(&mut server, 1).unwrap();
    let mut packet = [&rtp(1)[..], &[0; 16]].concat();
    let before = packet.clone();
    let len = rtp(1).len();
    assert_eq!(server.seal_rtp(0, SSRC, ExtSeq(1), HEADER, &mut packet, len), Err(DropReason::Duplicate));
    assert_eq!(packet, before);
}

#[test]
fn an_ssrc_belongs_to_one_stream_for_the_whole_session() {
    let (mut server, _) = pair(Profile::AeadAes128Gcm);
    seal(&mut server, 1).unwrap();
    let len = rtp(2).len();
    let mut packet = [&rtp(2)[..], &[0; 16]].concat();
    assert_eq!(server.seal_rtp(1, SSRC, ExtSeq(2), HEADER, &mut packet, len), Err(DropReason::NotAllowed));
    packet[11] ^= 1;
    let other = Ssrc(SSRC.0 ^ 1);
    assert_eq!(server.seal_rtp(0, other, ExtSeq(2), HEADER, &mut packet, len), Err(DropReason::NotAllowed));
    assert_eq!(server.seal_rtp(MAX_STREAMS, other, ExtSeq(2), HEADER, &mut packet, len), Err(DropReason::NotAllowed));
    assert!(server.seal_rtp(1, other, ExtSeq(2), HEADER, &mut packet, len).is_ok());
}

#[test]
fn numbers_that_are_not_the_packets_are_refused() {
    let (mut server, _) = pair(Profile::AeadAes128Gcm);
    let len = rtp(2).len();
    let mut packet = [&rtp(2)[..], &[0; 16]].concat();
    assert_eq!(server.seal_rtp(0, SSRC, ExtSeq(3), HEADER, &mut packet, len), Err(DropReason::MalformedRtp));
    assert_eq!(server.seal_rtp(0, Ssrc(1), ExtSeq(2), HEADER, &mut packet, len), Err(DropReason::MalformedRtp));
    assert_eq!(server.seal_rtp(0, SSRC, ExtSeq(2), len + 1, &mut packet, len), Err(DropReason::MalformedRtp));
    assert_eq!(server.seal_rtp(0, SSRC, ExtSeq(2), HEADER, &mut packet[..len + 15], len), Err(DropReason::TooLarge));
    assert!(server.seal_rtp(0, SSRC, ExtSeq(2), HEADER, &mut packet, len).is_ok());
}

#[test]
fn ssrcs_of_a_peer_are_bounded() {
    let (mut server, mut client) = pair(Profile::AeadAes128Gcm);
    let mut opened = 0;
    for stream in 0..2 * MAX_SSRCS {
        let mut packet = [&rtp(1)[..], &[0; 16]].concat();
        packet[8..12].copy_from_slice(&(stream as u32).to_be_bytes());
        client.seal_rtp(stream, Ssrc(stream as u32), ExtSeq(1), HEADER, &mut packet, rtp(1).len()).unwrap();
        opened += usize::from(server.open_rtp(&mut packet).is_ok());
    }
    assert_eq!(opened, MAX_SSRCS);
}

#[test]
fn keying_material_of_the_wrong_length_is_refused() {
    let provider = default_provider().unwrap();
    for profile in PROFILES {
        assert!(Srtp::server(provider.crypto(), profile, &[0; 8]).is_err());
    }
}

proptest! {
    #[test]
    fn hostile_packets_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), len in 0usize..200) {
        for profile in PROFILES {
            let (mut server, _) = pair(profile);
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3F | 0x80;
            }
            prop_assert!(server.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(server.open_rtcp(&mut bytes.clone()).is_err());
            let _ = server.seal_rtp(0, Ssrc(1), ExtSeq(1), len, &mut bytes.clone(), len);
            let _ = server.seal_rtcp(&mut bytes.clone(), len);
        }
    }

    #[test]
    fn whatever_the_order_each_index_is_sealed_at_most_once(
        steps in prop::collection::vec((0u64..5_000, 0u64..3), 1..300),
    ) {
        let (mut server, mut client) = pair(Profile::AeadAes128Gcm);
        let mut sealed = std::collections::HashSet::new();
        for (index, cycle) in steps {
            let index = index + cycle * 0x1_0000;
            if let Ok(packet) = seal(&mut server, index) {
                prop_assert!(sealed.insert(index));
                let _ = open(&mut client, packet);
            }
        }
    }
}
