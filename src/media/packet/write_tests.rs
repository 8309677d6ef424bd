use super::*;
use crate::id::Token;
use crate::media::packet::{first_csrc, parse};
use proptest::prelude::*;

const WRITTEN: [Extension; 8] = [
    Extension::Mid,
    Extension::AudioLevel,
    Extension::TransportCc,
    Extension::AbsSendTime,
    Extension::Orientation,
    Extension::PlayoutDelay,
    Extension::VideoContentType,
    Extension::DependencyDescriptor,
];

fn map(first_id: u8) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (index, extension) in WRITTEN.into_iter().enumerate() {
        map.set(extension, first_id + index as u8);
    }
    map
}

#[test]
fn a_plain_header_without_extensions_is_twelve_octets_and_a_source() {
    let fields = OutHeader { pt: Pt(96), seq: 5, csrc: Some(SourceId(9)), mid: Token::new(b"0"), ..Default::default() };
    let mut out = [0xFF; 64];
    assert_eq!(write_header(&mut out, &fields, &ExtensionMap::default()), Some(16));
    assert_eq!(out[..4], [0x81, 96, 0, 5]);
    assert_eq!(first_csrc(&out), Some(9));
}

#[test]
fn the_two_byte_form_is_used_only_when_needed() {
    let mut out = [0; 300];
    let short = OutHeader { dependency_descriptor: Some(&[1; 16]), ..Default::default() };
    write_header(&mut out, &short, &map(1)).unwrap();
    assert_eq!(out[12..14], [0xBE, 0xDE]);
    let long = OutHeader { dependency_descriptor: Some(&[1; 17]), ..Default::default() };
    write_header(&mut out, &long, &map(1)).unwrap();
    assert_eq!(out[12..14], [0x10, 0x00]);
    write_header(&mut out, &short, &map(15)).unwrap();
    assert_eq!(out[12..14], [0x10, 0x00]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let fields = OutHeader { csrc: Some(SourceId(1)), transport_cc: Some(1), ..Default::default() };
    for len in 0..24 {
        assert_eq!(write_header(&mut vec![0; len], &fields, &map(1)), None);
    }
    assert_eq!(write_header(&mut [0; 24], &fields, &map(1)), Some(24));
    let oversized = OutHeader { dependency_descriptor: Some(&[0; 256]), ..Default::default() };
    assert_eq!(write_header(&mut [0; 1_000], &oversized, &map(1)), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        first_id in 1_u8..240,
        (marker, pt, seq, timestamp, ssrc) in any::<(bool, u8, u16, u32, u32)>(),
        csrc in any::<Option<u32>>(),
        mid in proptest::option::of("[a-z0-9]{1,16}"),
        level in any::<Option<(u8, bool)>>(),
        transport_cc in any::<Option<u16>>(),
        (send_time, delay) in any::<(Option<u32>, Option<u32>)>(),
        (orientation, content_type) in any::<(Option<u8>, Option<u8>)>(),
        descriptor in proptest::option::of(prop::collection::vec(any::<u8>(), 1..=255)),
    ) {
        let map = map(first_id);
        let fields = OutHeader {
            marker, padding: false, pt: Pt(pt & 127), seq, timestamp, ssrc: Ssrc(ssrc), csrc: csrc.map(SourceId),
            mid: mid.and_then(|mid| Token::new(mid.as_bytes())),
            audio_level: level.map(|(level, voice)| AudioLevel { level: level & 127, voice }),
            transport_cc,
            abs_send_time: send_time.map(|v| v >> 8),
            orientation,
            playout_delay: delay.map(|v| v >> 8),
            content_type,
            dependency_descriptor: descriptor.as_deref(),
        };
        let mut out = [0xEE; 512];
        let len = write_header(&mut out, &fields, &map).unwrap();
        let packet = &out[..len];
        let read = parse(packet, &map).unwrap();
        prop_assert_eq!(len % 4, 0);
        prop_assert_eq!(read.header_len, len);
        prop_assert_eq!(
            (read.marker, read.pt, read.seq, read.timestamp, read.ssrc),
            (fields.marker, fields.pt, fields.seq, fields.timestamp, fields.ssrc)
        );
        prop_assert_eq!(first_csrc(packet), csrc);
        let found = read.extensions;
        prop_assert_eq!(found.mid, fields.mid);
        prop_assert_eq!(found.audio_level, fields.audio_level);
        prop_assert_eq!(found.transport_cc, fields.transport_cc);
        prop_assert_eq!(found.abs_send_time, fields.abs_send_time);
        prop_assert_eq!(found.orientation, fields.orientation);
        prop_assert_eq!(found.playout_delay, fields.playout_delay);
        prop_assert_eq!(found.content_type, fields.content_type);
        prop_assert_eq!(read.dependency_descriptor(packet), descriptor.as_deref().unwrap_or_default());
    }
}
