//! A whole connection, from the first check to the last goodbye, against a browser in memory.

mod browser;

use std::time::Duration;

use proptest::prelude::*;
use rtc_datachannel::message::message_channel_open::ChannelType;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile::{
    Srtp_Aead_Aes_128_Gcm as GCM, Srtp_Aes128_Cm_Hmac_Sha1_80 as SHA1,
};
use rtc_sctp::PayloadProtocolIdentifier as Ppi;

use super::*;
use crate::id::{ExtSeq, Ssrc};
use crate::media::spec::MediaKind;
use browser::{Call, check, credentials, path};

const SSRC: Ssrc = Ssrc(0x1234);

fn rtp(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0x12, 0x34]);
    packet.extend([7; 100]);
    packet
}

fn outgoing(seq: u16) -> Outgoing {
    let (seq, len) = (ExtSeq(seq.into()), rtp(seq).len());
    Outgoing { stream: 3, ssrc: SSRC, kind: MediaKind::Audio, seq, header_len: 12, len }
}

fn sealed_by(srtp: &mut Srtp, index: u64) -> Vec<u8> {
    let plain = rtp(index as u16);
    let mut packet = [&plain[..], &[0; 16]].concat();
    let len = srtp.seal_rtp(0, SSRC, ExtSeq(index), 12, &mut packet, plain.len()).unwrap();
    packet.truncate(len);
    packet
}

#[test]
fn a_call_connects_with_either_profile_and_a_fragmented_hello() {
    for profiles in [&[SHA1, GCM][..], &[SHA1]] {
        let mut call = Call::new(profiles);
        call.fragment = Some(90);
        assert_eq!(call.transport.state(), TransportState::New);
        call.check(path(1), false).unwrap();
        assert_eq!(call.transport.state(), TransportState::Connecting);
        call.run(20);
        assert_eq!(call.transport.state(), TransportState::Connected);

        let mut keys = call.keys();
        let mut packet = sealed_by(&mut keys, 1);
        let Ok(Incoming::Rtp(len)) = call.transport.handle(call.now, path(1), &mut packet, &mut call.sent) else {
            panic!("not RTP");
        };
        assert_eq!(packet[..len], rtp(1));

        let mut buf = [&rtp(2)[..], &[0; 16]].concat();
        let admitted = call.transport.admit_rtp(&outgoing(2), &buf).unwrap();
        let sealed_len = admitted.sealed_len();
        let len = call.transport.encrypt_rtp(admitted, &mut buf).unwrap();
        assert_eq!(len, sealed_len);
        assert_eq!(keys.open_rtp(&mut buf[..len]), Ok(rtp(2).len()));

        let report = [0x80, 201, 0, 1, 0, 0, 0x12, 0x34];
        let mut buf = [&report[..], &[0; 20]].concat();
        let len = keys.seal_rtcp(&mut buf, report.len()).unwrap();
        let incoming = call.transport.handle(call.now, path(1), &mut buf[..len], &mut call.sent);
        assert_eq!(incoming, Ok(Incoming::Rtcp(report.len())));
    }
}

#[test]
fn nothing_is_sealed_before_the_keys_are_known() {
    let mut call = Call::new(&[GCM]);
    let buf = [&rtp(2)[..], &[0; 16]].concat();
    let refused = call.transport.admit_rtp(&outgoing(2), &buf).map(|admitted| admitted.sealed_len());
    assert_eq!(refused, Err(DropReason::NotConnected));
    call.check(path(1), true).unwrap();
    assert_eq!(call.handle(path(1), &rtp(1)), Err(DropReason::NotReady));
}

#[test]
fn a_stranger_can_do_nothing() {
    let mut call = Call::new(&[GCM]);
    let hello = call.client.poll().unwrap();
    assert_eq!(call.handle(path(9), &hello), Err(DropReason::UnknownAddress));
    let mut stranger = call.spec.clone();
    stranger.local.pwd = "guessed".into();
    assert_eq!(call.handle(path(9), &check(&stranger, true)), Err(DropReason::BadStun));
    assert!(call.sent.0.is_empty());
    assert_eq!(call.transport.state(), TransportState::New);
    assert_eq!(call.transport.send_path(), None);

    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    assert_eq!(call.handle(path(9), &sealed_by(&mut keys, 1)), Err(DropReason::UnknownAddress));
    assert_eq!(call.handle(path(9), &check(&stranger, true)), Err(DropReason::BadStun));
    assert_eq!(call.transport.send_path(), Some(&path(1)));
    for first in [4, 19, 64, 127, 192, 255] {
        assert_eq!(call.handle(path(1), &[first; 60]), Err(DropReason::UnknownProtocol));
    }
    assert_eq!(call.handle(path(1), &[]), Err(DropReason::UnknownProtocol));
}

#[test]
fn dtls_is_answered_where_it_comes_from_before_nomination() {
    let mut call = Call::new(&[GCM]);
    call.check(path(1), false).unwrap();
    call.check(path(2), false).unwrap();
    call.path = path(1);
    call.run(20);
    assert_eq!(call.transport.state(), TransportState::Connected);
    assert_eq!(call.transport.send_path(), Some(&path(1)));
}

#[test]
fn media_follows_the_browser_to_another_path() {
    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    call.check(path(2), false).unwrap();
    assert!(call.handle(path(2), &sealed_by(&mut keys, 1)).is_ok());
    assert_eq!(call.transport.send_path(), Some(&path(1)));
    call.check(path(2), true).unwrap();
    assert_eq!(call.transport.send_path(), Some(&path(2)));
    assert!(call.handle(path(1), &sealed_by(&mut keys, 2)).is_ok());
}

#[test]
fn a_closed_path_is_forgotten_and_media_goes_by_another() {
    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    call.check(path(2), false).unwrap();
    call.transport.path_closed(path(1));
    assert_eq!(call.transport.send_path(), Some(&path(2)));
    assert_eq!(call.handle(path(1), &sealed_by(&mut keys, 1)), Err(DropReason::UnknownAddress));
    call.transport.path_closed(path(2));
    assert_eq!(call.transport.send_path(), None);
    call.check(path(3), true).unwrap();
    assert!(call.handle(path(3), &sealed_by(&mut keys, 2)).is_ok());
    assert_eq!(call.transport.send_path(), Some(&path(3)));
}

#[test]
fn a_restart_keeps_media_flowing_and_the_keys() {
    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    let old = call.spec.clone();
    call.spec.local = credentials("sfu2");
    call.spec.remote = credentials("web2");
    call.transport.update(&call.spec);
    assert!(call.handle(path(1), &sealed_by(&mut keys, 1)).is_ok());
    assert!(call.handle(path(1), &check(&old, true)).is_ok());
    assert_eq!(call.transport.send_path(), Some(&path(1)));
    call.check(path(7), true).unwrap();
    assert_eq!(call.transport.send_path(), Some(&path(7)));
    assert!(call.handle(path(7), &sealed_by(&mut keys, 2)).is_ok());
    assert_eq!(call.handle(path(1), &check(&old, true)), Err(DropReason::BadStun));
    assert_eq!(call.transport.state(), TransportState::Connected);
}

#[test]
fn silence_disconnects_and_any_sign_of_life_reconnects() {
    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    let at = call.transport.next_timeout().unwrap();
    assert!(at <= call.now + SILENCE);
    call.now = at;
    call.transport.handle_timeout(call.now, &mut call.sent);
    assert_eq!(call.transport.state(), TransportState::Disconnected);
    assert_eq!(call.handle(path(1), &[0x80; 40]), Err(DropReason::BadAuthentication));
    assert_eq!(call.transport.state(), TransportState::Disconnected);
    assert!(call.handle(path(1), &sealed_by(&mut keys, 1)).is_ok());
    assert_eq!(call.transport.state(), TransportState::Connected);

    call.now += SILENCE;
    call.transport.handle_timeout(call.now, &mut call.sent);
    assert_eq!(call.transport.state(), TransportState::Disconnected);
    call.check(path(1), false).unwrap();
    assert_eq!(call.transport.state(), TransportState::Connected);
}

#[test]
fn either_side_may_close() {
    let mut call = Call::connected(&[GCM]);
    call.transport.close(call.now, &mut call.sent);
    assert_eq!(call.transport.state(), TransportState::Failed);
    assert_eq!(call.transport.next_timeout(), None);
    call.run(1);
    assert!(call.client.closed);
    assert_eq!(call.check(path(1), true), Err(DropReason::NotConnected));

    let mut call = Call::connected(&[GCM]);
    let mut keys = call.keys();
    call.client.close(call.now);
    call.run(1);
    assert_eq!(call.transport.state(), TransportState::Failed);
    assert_eq!(call.handle(path(1), &sealed_by(&mut keys, 1)), Err(DropReason::NotReady));
}

#[test]
fn a_browser_with_another_certificate_fails() {
    let mut call = Call::new(&[GCM]);
    call.spec.fingerprint.digest[0] ^= 1;
    call.transport = Transport::new(&call.spec, dtls::tests::certificate());
    call.check(path(1), true).unwrap();
    call.run(20);
    assert_eq!(call.transport.state(), TransportState::Failed);
}

#[test]
fn one_handshake_step_runs_at_a_time() {
    let mut call = Call::new(&[GCM]);
    call.check(path(1), true).unwrap();
    call.sent.0.clear();
    let hello = call.client.poll().unwrap();
    call.handle(path(1), &hello).unwrap();
    assert!(call.transport.wants_step() && call.sent.0.is_empty());
    call.transport.step(call.now, &mut call.sent);
    assert!(!call.transport.wants_step());
    assert_eq!(call.sent.0.len(), 1);
}

fn with_channels() -> Call {
    let mut call = Call::connected(&[GCM]);
    call.sctp.connect(call.now);
    call.run(20);
    assert!(call.sctp.connected);
    call.sctp.open(call.now, 0, "reliable", ChannelType::Reliable);
    call.sctp.open(call.now, 2, "lossy", ChannelType::PartialReliableRexmitUnordered);
    call.sctp.open(call.now, 4, "other", ChannelType::Reliable);
    call.run(20);
    call.sctp.received.retain(|(_, ppi, _)| *ppi != Ppi::Dcep);
    call
}

#[test]
fn messages_go_both_ways_on_both_lanes() {
    let mut call = with_channels();
    call.sctp.write(call.now, 0, b"hello", Ppi::String);
    call.sctp.write(call.now, 2, b"there", Ppi::Binary);
    call.sctp.write(call.now, 4, b"nobody", Ppi::Binary);
    call.sctp.write(call.now, 0, &[0], Ppi::BinaryEmpty);
    call.run(20);
    let mut received: Vec<_> = std::iter::from_fn(|| call.transport.poll_data()).collect();
    received.sort_by_key(|(lane, payload)| (*lane, std::cmp::Reverse(payload.len())));
    let expected: [(Lane, &[u8]); 3] = [(Lane::Reliable, b"hello"), (Lane::Reliable, b""), (Lane::Lossy, b"there")];
    assert_eq!(received, expected.map(|(lane, payload)| (lane, Bytes::from_static(payload))));

    let large = vec![5; data::MAX_MESSAGE];
    for (lane, payload) in [(Lane::Reliable, &large[..]), (Lane::Lossy, b"quick"), (Lane::Reliable, b"")] {
        call.transport.send_data(call.now, lane, payload, &mut call.sent).unwrap();
    }
    call.run(200);
    call.sctp.received.sort_by_key(|(id, _, payload)| (*id, std::cmp::Reverse(payload.len())));
    assert_eq!(
        call.sctp.received,
        [(0, Ppi::Binary, large), (0, Ppi::BinaryEmpty, vec![0]), (2, Ppi::Binary, b"quick".to_vec())]
    );
}

#[test]
fn a_slow_reader_fills_its_own_buffer_only() {
    let mut call = with_channels();
    let (now, payload) = (call.now, vec![0; 16_000]);
    let mut refused = None;
    for sent in 0..1_000 {
        if let Err(reason) = call.transport.send_data(now, Lane::Reliable, &payload, &mut call.sent) {
            refused = Some((sent, reason));
            break;
        }
    }
    let (sent, reason) = refused.unwrap();
    assert_eq!(reason, DropReason::QueueFull);
    assert!(sent * payload.len() <= 4 * data::MAX_MESSAGE, "{sent} messages");
    let too_large = vec![0; data::MAX_MESSAGE + 1];
    let result = call.transport.send_data(now, Lane::Lossy, &too_large, &mut call.sent);
    assert_eq!(result, Err(DropReason::TooLarge));
}

#[test]
fn a_lane_that_the_browser_did_not_open_takes_nothing() {
    let mut call = Call::connected(&[GCM]);
    let result = call.transport.send_data(call.now, Lane::Lossy, b"x", &mut call.sent);
    assert_eq!(result, Err(DropReason::NotConnected));
}

/// An ERROR chunk (RFC 9260 §3.3.10) whose cause is longer than the chunk, at which rtc-sctp 0.21.1 panics.
#[test]
fn a_browser_that_breaks_its_data_channels_keeps_its_media() {
    let mut call = with_channels();
    let mut keys = call.keys();
    let mut packet = [&[0x13, 0x88, 0x13, 0x88], &call.sctp.tag[..], &[0; 4], &[9, 0, 0, 8, 0, 1, 0xFF, 0xFF]].concat();
    let checksum = crc32c::crc32c(&packet);
    packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    call.client.write(call.now, &packet);
    call.run(5);
    let refused = call.transport.send_data(call.now, Lane::Reliable, b"x", &mut call.sent);
    assert_eq!(refused, Err(DropReason::NotConnected));
    assert_eq!(call.transport.state(), TransportState::Connected);
    assert!(call.handle(path(1), &sealed_by(&mut keys, 1)).is_ok());
    call.sctp.write(call.now, 0, b"still there?", Ppi::String);
    call.run(20);
    assert_eq!(call.transport.poll_data(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_datagrams_never_panic_nor_disconnect(
        datagrams in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..150)), 1..30),
    ) {
        let mut call = Call::connected(&[GCM]);
        for (first, mut datagram) in datagrams {
            datagram.insert(0, first);
            let _ = call.handle(path(1), &datagram);
            let _ = call.handle(path(2), &datagram);
        }
        call.now += Duration::from_secs(1);
        call.transport.handle_timeout(call.now, &mut call.sent);
        prop_assert_eq!(call.transport.state(), TransportState::Connected);
        prop_assert_eq!(call.transport.send_path(), Some(&path(1)));
    }

    #[test]
    fn hostile_sctp_from_an_authenticated_browser_never_panics(
        packets in prop::collection::vec(
            (prop::sample::select(vec![0u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192]),
             any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 1..20),
    ) {
        let mut call = with_channels();
        assert_ne!(call.sctp.tag, [0; 4]);
        for (kind, flags, body) in packets {
            let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, kind, flags];
            packet.extend((body.len() as u16 + 4).to_be_bytes());
            packet.extend(&body);
            packet[4..8].copy_from_slice(&call.sctp.tag);
            let checksum = crc32c::crc32c(&packet);
            packet[8..12].copy_from_slice(&checksum.to_le_bytes());
            call.client.write(call.now, &packet);
        }
        call.run(5);
    }
}
