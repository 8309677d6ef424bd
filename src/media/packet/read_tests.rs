use super::*;
use proptest::prelude::*;

fn map() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    map.set(Extension::AudioLevel, 1);
    map.set(Extension::AbsSendTime, 2);
    map.set(Extension::TransportCc, 3);
    map.set(Extension::Mid, 4);
    map.set(Extension::Rid, 10);
    map.set(Extension::DependencyDescriptor, 13);
    map
}

/// A packet of version 2 with an extension block of `profile` around `block`, payload `[7, 7]`.
fn with_block(profile: u16, block: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(profile.to_be_bytes());
    packet.extend((block.len() as u16 / 4).to_be_bytes());
    packet.extend(block);
    packet.extend([7, 7]);
    packet
}

#[test]
fn a_one_byte_header_with_padding_between_elements_and_at_the_end_is_read() {
    // As Chromium sends audio: mid "0", level -42 dBov with voice; then two octets of RTP padding.
    let mut packet = vec![0xB0, 0xEF, 0x12, 0x34, 0, 1, 0, 0, 0xCA, 0xFE, 0xBA, 0xBE];
    packet.extend([0xBE, 0xDE, 0, 2]);
    packet.extend([0x40, b'0', 0, 0, 0x10, 0x80 | 42, 0, 0]);
    packet.extend([1, 2, 3]);
    packet.extend([0, 2]);
    let header = parse(&packet, &map()).unwrap();
    assert!(header.marker);
    assert_eq!((header.pt, header.seq, header.timestamp), (Pt(111), 0x1234, 0x0001_0000));
    assert_eq!(header.ssrc, Ssrc(0xCAFE_BABE));
    assert_eq!(header.extensions.mid, Token::new(b"0"));
    assert_eq!(header.extensions.audio_level, Some(AudioLevel { level: 42, voice: true }));
    assert_eq!((header.header_len, header.padding), (24, 2));
    assert_eq!(header.payload(&packet), &[1, 2, 3]);
}

#[test]
fn a_two_byte_header_carries_what_one_byte_headers_cannot() {
    let descriptor = [5_u8; 20];
    let mut block = vec![4, 1, b'7', 0, 13, 20];
    block.extend(descriptor);
    block.extend([3, 2, 0xAB, 0xCD, 9, 0]);
    let packet = with_block(0x1005, &block);
    let header = parse(&packet, &map()).unwrap();
    assert_eq!(header.extensions.mid, Token::new(b"7"));
    assert_eq!(header.dependency_descriptor(&packet), &descriptor);
    assert_eq!(header.extensions.transport_cc, Some(0xABCD));
    assert_eq!(header.payload(&packet), &[7, 7]);
}

#[test]
fn id_15_ends_the_extensions_but_not_the_packet() {
    let packet = with_block(0xBEDE, &[0x40, b'a', 0xF0, 9, 0x10, 1, 0, 0]);
    let header = parse(&packet, &map()).unwrap();
    assert_eq!(header.extensions.mid, Token::new(b"a"));
    assert_eq!(header.extensions.audio_level, None);
    assert_eq!(header.payload(&packet), &[7, 7]);
}

#[test]
fn an_element_that_overruns_its_block_is_dropped_alone() {
    for (profile, block) in [(0xBEDE, [0x10, 5, 0x4F, b'a']), (0x1000, [1, 1, 5, 4])] {
        let packet = with_block(profile, &block);
        let header = parse(&packet, &map()).unwrap();
        assert_eq!(header.extensions.audio_level.map(|a| a.level), Some(5));
        assert_eq!(header.extensions.mid, None);
        assert_eq!(header.payload(&packet), &[7, 7]);
    }
}

#[test]
fn an_unknown_profile_is_skipped_whole() {
    let packet = with_block(0xABAC, &[0x40, b'a', 0, 0]);
    assert_eq!(parse(&packet, &map()).map(|h| (h.extensions, h.header_len)), Ok((ReadExtensions::default(), 20)));
}

#[test]
fn contributing_sources_are_counted_and_the_first_is_readable() {
    let mut packet = vec![0x82, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 77, 0, 0, 0, 78, 1];
    assert_eq!(parse(&packet, &map()).map(|h| h.header_len), Ok(20));
    assert_eq!(first_csrc(&packet), Some(77));
    packet[0] = 0x80;
    assert_eq!(first_csrc(&packet), None);
}

#[test]
fn lengths_that_point_outside_the_packet_are_malformed() {
    let good = with_block(0xBEDE, &[0x40, b'a', 0, 0]);
    assert!(parse(&good[..18], &map()).is_err(), "extension block cut");
    assert!(parse(&good[..14], &map()).is_err(), "extension header cut");
    assert!(parse(&good[..11], &map()).is_err(), "fixed header cut");
    assert!(parse(&[0x81, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], &map()).is_err(), "CSRC cut");
    assert!(parse(&[0x40, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], &map()).is_err(), "version 1");
    for count in [0, 4, 255] {
        let padded = [0xA0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, count];
        assert!(parse(&padded, &map()).is_err(), "padding of {count} in 3 octets");
    }
}

#[test]
fn a_packet_of_padding_alone_has_an_empty_payload() {
    let packet = [0xA0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 3];
    assert_eq!(parse(&packet, &map()).map(|h| h.payload(&packet).len()), Ok(0));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), steer in 0..4) {
        if let (1.., Some(first)) = (steer, bytes.first_mut()) {
            *first = 0x80 | (*first & 0x3F);
        }
        if let (2.., Some(profile)) = (steer, bytes.get_mut(12..14)) {
            profile.copy_from_slice(if steer == 2 { &[0xBE, 0xDE] } else { &[0x10, 0] });
        }
        if let Ok(header) = parse(&bytes, &map()) {
            prop_assert_eq!(header.payload(&bytes).len(), bytes.len() - header.header_len - header.padding);
            prop_assert!(header.dependency_descriptor(&bytes).len() < 256);
        }
        first_csrc(&bytes);
    }
}
