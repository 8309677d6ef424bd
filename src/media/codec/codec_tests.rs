use super::*;
use crate::media::spec::H264Profile;
use proptest::prelude::*;

const CODECS: [Codec; 6] = [
    Codec::Opus,
    Codec::Red,
    Codec::Vp8,
    Codec::Vp9 { profile: 0 },
    Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 },
    Codec::Av1 { profile: 0 },
];

#[test]
fn an_audio_packet_is_a_whole_frame() {
    for (codec, payload) in [(Codec::Opus, &[0xFC][..]), (Codec::Red, &[111, 0xFC][..])] {
        assert_eq!(facts(codec, payload, false, None), Ok(AUDIO));
    }
    assert_eq!(facts(Codec::Red, &[111], false, None), Err(DropReason::MalformedPayload));
}

#[test]
fn padding_alone_is_no_payload_in_any_codec() {
    for codec in CODECS {
        assert_eq!(facts(codec, &[], true, None), Err(DropReason::PaddingOnly));
    }
}

#[test]
fn av1_with_a_descriptor_is_not_parsed_itself() {
    let dd = DdFrame { key_frame: true, frame_start: true, ..Default::default() };
    let encrypted = [0xFF; 3];
    let facts = facts(Codec::Av1 { profile: 0 }, &encrypted, false, Some(dd)).unwrap();
    assert!(facts.key_frame && facts.frame_start && facts.dd == Some(dd));
}

proptest! {
    #[test]
    fn no_payload_makes_any_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), marker in any::<bool>()) {
        for codec in CODECS {
            if let Ok(facts) = facts(codec, &bytes, marker, None) {
                facts.detail.patch(&mut bytes.clone(), 7, 7);
            }
        }
    }
}
