use super::bits::BitWriter;
use super::*;
use proptest::prelude::*;

/// What the tests write into a structure's templates: (spatial, temporal, indications, references, chain distances).
type TestTemplate<'a> = (u8, u8, &'a str, &'a [u32], &'a [u32]);

/// One spatial and three temporal layers, one chain, as libwebrtc's L1T3.
const L1T3: [TestTemplate<'static>; 5] = [
    (0, 0, "SSS", &[], &[0]),
    (0, 0, "SSS", &[4], &[4]),
    (0, 1, "-DS", &[2], &[2]),
    (0, 2, "--D", &[1], &[1]),
    (0, 2, "--D", &[1], &[3]),
];

/// Two spatial and two temporal layers with a chain for each spatial layer, as libwebrtc's L2T2.
const L2T2: [TestTemplate<'static>; 6] = [
    (0, 0, "SSSS", &[], &[0, 0]),
    (0, 0, "SSRR", &[4], &[4, 3]),
    (0, 1, "-D-R", &[2], &[2, 1]),
    (1, 0, "--SS", &[1], &[1, 1]),
    (1, 0, "--SS", &[4, 1], &[1, 1]),
    (1, 1, "---D", &[2, 1], &[3, 2]),
];

fn put_ns(bits: &mut BitWriter<'_>, count: u32, value: u32) {
    let width = u32::BITS - count.leading_zeros();
    let short_codes = (1 << width) - count;
    if value < short_codes { bits.put(value, width - 1) } else { bits.put(value + short_codes, width) }.unwrap();
}

fn put_structure(bits: &mut BitWriter<'_>, offset: u32, templates: &[TestTemplate<'_>], sizes: &[(u32, u32)]) {
    let targets = templates[0].2.len() as u32;
    let chains = templates[0].4.len() as u32;
    bits.put(offset, 6).unwrap();
    bits.put(targets - 1, 5).unwrap();
    for pair in templates.windows(2) {
        let step = if pair[1].0 > pair[0].0 { 2 } else { u32::from(pair[1].1 > pair[0].1) };
        bits.put(step, 2).unwrap();
    }
    bits.put(3, 2).unwrap();
    for template in templates {
        template.2.chars().for_each(|c| bits.put("-DSR".find(c).unwrap() as u32, 2).unwrap());
    }
    for template in templates {
        template.3.iter().for_each(|fdiff| bits.put(16 | (fdiff - 1), 5).unwrap());
        bits.put(0, 1).unwrap();
    }
    put_ns(bits, targets + 1, chains);
    // The lower half of the targets follows the first chain, the upper half the last.
    (0..targets).for_each(|dt| put_ns(bits, chains, if dt < targets.div_ceil(2) { 0 } else { chains - 1 }));
    for template in templates {
        template.4.iter().for_each(|fdiff| bits.put(*fdiff, 4).unwrap());
    }
    bits.put(u32::from(!sizes.is_empty()), 1).unwrap();
    sizes.iter().for_each(|(w, h)| bits.put((w - 1) << 16 | (h - 1), 32).unwrap());
}

/// The first packet of a key frame.
fn key(offset: u32, number: u32, templates: &[TestTemplate<'_>], sizes: &[(u32, u32)]) -> Vec<u8> {
    let mut out = vec![0; 200];
    let mut bits = BitWriter::new(&mut out);
    bits.put(0b10, 2).unwrap();
    bits.put(offset, 6).unwrap();
    bits.put(number, 16).unwrap();
    bits.put(0b10000, 5).unwrap();
    put_structure(&mut bits, offset, templates, sizes);
    let len = bits.finish().unwrap();
    out.truncate(len);
    out
}

/// A single-packet frame that follows its template.
fn short(template: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0xC0 | template, high, low]
}

fn reader(templates: &[TestTemplate<'_>]) -> DdReader {
    let mut reader = DdReader::default();
    reader.read(&key(0, 0, templates, &[]), ExtSeq(1)).unwrap();
    reader
}

#[test]
fn a_structure_tells_targets_chains_and_sizes() {
    let mut reader = DdReader::default();
    let frame = reader.read(&key(60, 9, &L2T2, &[(320, 180), (640, 360)]), ExtSeq(1)).unwrap();
    assert!(frame.structure && frame.key_frame && frame.switch_up && frame.frame_start && !frame.frame_end);
    let structure = reader.structure().unwrap();
    assert_eq!((structure.decode_targets(), structure.chains()), (4, 2));
    let layers: Vec<_> = (0..5).map(|dt| structure.layers(dt)).collect();
    assert_eq!(layers, [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None]);
    assert_eq!(structure.decode_target(1, 0), Some(2));
    assert_eq!(structure.decode_target(2, 0), None);
    assert_eq!(structure.decode_targets_within(0, 1), 0b0011);
    assert_eq!(structure.decode_targets_within(1, 0), 0b0101);
    assert_eq!((structure.protected_by(1), structure.protected_by(3)), (Some(0), Some(1)));
    assert_eq!((structure.resolution(1), structure.resolution(2)), (Some((640, 360)), None));
    assert_eq!(reader.active_decode_targets(), 0b1111);
}

#[test]
fn template_ids_wrap_behind_their_offset() {
    let mut reader = DdReader::default();
    reader.read(&key(60, 9, &L2T2, &[]), ExtSeq(1)).unwrap();
    let frame = reader.read(&short(1, 14), ExtSeq(2)).unwrap(); // (1 − 60) mod 64 = template 5
    assert_eq!((frame.spatial, frame.temporal), (1, 1));
    assert_eq!(frame.references().collect::<Vec<_>>(), [1, 2]);
    assert_eq!((frame.chain_fdiff(0), frame.chain_fdiff(1), frame.chain_fdiff(2)), (Some(3), Some(2), None));
    assert_eq!((frame.dti(2), frame.dti(3), frame.dti(32)), (Dti::NotPresent, Dti::Discardable, Dti::NotPresent));
    assert!(frame.discardable());
    assert_eq!(reader.read(&short(2, 15), ExtSeq(3)), Err(DropReason::MalformedPayload), "no such template");
}

#[test]
fn every_layer_of_the_key_picture_is_a_key_frame_and_no_later_one() {
    let mut reader = reader(&L2T2);
    assert!(reader.read(&short(3, 1), ExtSeq(2)).unwrap().key_frame);
    for (number, template) in [(2, 2), (3, 5), (4, 1), (5, 4)] {
        assert!(!reader.read(&short(template, number), ExtSeq(1 + u64::from(number))).unwrap().key_frame);
    }
    for number in 6..=u16::MAX {
        reader.read(&short(1, number), ExtSeq(1 + u64::from(number))).unwrap();
    }
    assert!(!reader.read(&short(1, 0), ExtSeq(70_000)).unwrap().key_frame, "frame numbers wrap");
}

#[test]
fn an_upper_temporal_layer_opens_after_a_switch_frame_and_closes_when_a_needed_frame_passed() {
    let mut reader = reader(&L1T3);
    assert!(reader.read(&short(3, 1), ExtSeq(2)).unwrap().switch_up);
    assert!(reader.read(&short(2, 2), ExtSeq(3)).unwrap().switch_up);
    assert!(reader.read(&short(4, 3), ExtSeq(4)).unwrap().switch_up);

    let mut spatial = self::reader(&L2T2);
    for (number, template) in [(1, 3), (2, 2), (3, 5)] {
        assert!(spatial.read(&short(template, number), ExtSeq(1 + u64::from(number))).unwrap().switch_up);
    }

    const CLOSED: [TestTemplate<'static>; 3] =
        [(0, 0, "SS", &[], &[0]), (0, 1, "-R", &[1], &[1]), (0, 1, "-D", &[1], &[2])];
    let mut reader = self::reader(&CLOSED);
    assert!(reader.read(&short(1, 1), ExtSeq(2)).unwrap().switch_up, "refers to layer 0 alone");
    assert!(!reader.read(&short(2, 2), ExtSeq(3)).unwrap().switch_up, "refers to a frame of its own layer");
    assert!(reader.read(&short(0, 3), ExtSeq(4)).unwrap().switch_up);
    assert!(reader.read(&short(1, 4), ExtSeq(5)).unwrap().switch_up);
}

#[test]
fn all_packets_of_a_frame_agree_on_switching_up() {
    const CLOSED: [TestTemplate<'static>; 2] = [(0, 0, "SS", &[], &[0]), (0, 1, "-R", &[1], &[1])];
    let mut reader = reader(&CLOSED);
    for seq in 2..5 {
        assert!(reader.read(&short(1, 1), ExtSeq(seq)).unwrap().switch_up);
    }
    assert!(!reader.read(&short(1, 2), ExtSeq(5)).unwrap().switch_up);
}

#[test]
fn custom_fields_replace_those_of_the_template() {
    let mut reader = reader(&L1T3);
    let mut out = [0; 20];
    let mut bits = BitWriter::new(&mut out);
    bits.put(0b11, 2).unwrap();
    bits.put(1, 6).unwrap();
    bits.put(40, 16).unwrap();
    bits.put(0b01111, 5).unwrap();
    bits.put(0b001, 3).unwrap(); // only the lowest target is active
    bits.put(0b11_10_01, 6).unwrap();
    for (nibbles, fdiff) in [(1, 3), (2, 200), (3, 4_096)] {
        bits.put(nibbles, 2).unwrap();
        bits.put(fdiff - 1, 4 * nibbles).unwrap();
    }
    bits.put(0, 2).unwrap();
    bits.put(250, 8).unwrap();
    let len = bits.finish().unwrap();
    let frame = reader.read(&out[..len], ExtSeq(2)).unwrap();
    assert_eq!([frame.dti(0), frame.dti(1), frame.dti(2)], [Dti::Required, Dti::Switch, Dti::Discardable]);
    assert_eq!(frame.references().collect::<Vec<_>>(), [3, 200, 4_096]);
    assert_eq!(frame.chain_fdiff(0), Some(250));
    assert_eq!((frame.active_decode_targets, reader.active_decode_targets()), (Some(1), 1));
}

#[test]
fn nothing_is_known_before_the_first_structure_or_of_a_replaced_one() {
    let mut reader = DdReader::default();
    assert_eq!(reader.read(&short(0, 0), ExtSeq(9)), Err(DropReason::MissingReference));
    reader.read(&key(0, 100, &L1T3, &[]), ExtSeq(10)).unwrap();
    reader.read(&key(5, 200, &L2T2, &[]), ExtSeq(20)).unwrap();
    assert_eq!(reader.read(&short(0, 101), ExtSeq(19)), Err(DropReason::TooOld));
    let late = reader.read(&key(0, 100, &L1T3, &[]), ExtSeq(10)).unwrap();
    assert_eq!(late.decode_targets, 3, "a late key frame is read by its own structure");
    assert_eq!(reader.structure().map(Structure::decode_targets), Some(4), "and does not undo the newer one");
}

#[test]
fn a_repeated_structure_leaves_late_packets_readable() {
    let mut reader = reader(&L1T3);
    reader.read(&key(0, 40, &L1T3, &[]), ExtSeq(40)).unwrap();
    assert_eq!(reader.read(&short(2, 38), ExtSeq(38)).map(|f| f.temporal), Ok(1));
}

#[test]
fn a_late_key_frame_does_not_move_the_newest_one() {
    let mut reader = reader(&L2T2);
    reader.read(&key(0, 40, &L2T2, &[]), ExtSeq(40)).unwrap();
    reader.read(&key(0, 20, &L2T2, &[]), ExtSeq(20)).unwrap();
    assert!(reader.read(&short(3, 41), ExtSeq(41)).unwrap().key_frame);
}

#[test]
fn a_rewritten_short_descriptor_stays_short_unless_a_mask_is_wanted() {
    let mut reader = reader(&L2T2);
    let descriptor = short(3, 7);
    let frame = reader.read(&descriptor, ExtSeq(2)).unwrap();
    let mut patch = DdPatch { frame_number: 0xABCD, template_shift: 62, active_decode_targets: None };
    let mut out = [0xFF; 10];
    assert_eq!(write(&mut out, &descriptor, &frame, &patch), Some(3));
    assert_eq!(out[..3], [0xC1, 0xAB, 0xCD]);
    patch.active_decode_targets = Some(0b0011);
    assert_eq!(write(&mut out, &descriptor, &frame, &patch), Some(5));
    assert_eq!(out[..5], [0xC1, 0xAB, 0xCD, 0b0100_0001, 0b1000_0000]);
    assert_eq!(write(&mut out[..4], &descriptor, &frame, &patch), None);
}

proptest! {
    #[test]
    fn a_rewritten_stream_means_the_same_in_its_own_numbers(
        offset in 0_u32..64, sized in any::<bool>(), wide in any::<bool>(), custom in any::<bool>(),
        number in any::<u16>(), shift in any::<u8>(), wanted in any::<Option<u32>>(), template in 0_u8..5,
    ) {
        let templates: &[TestTemplate<'_>] = if wide { &L2T2 } else { &L1T3 };
        let sizes: &[(u32, u32)] = match (sized, wide) {
            (false, _) => &[],
            (true, false) => &[(1_280, 720)],
            (true, true) => &[(1, 1), (65_536, 65_536)],
        };
        let targets = templates[0].2.len() as u32;
        let mut delta = short((offset as u8 + template) & 63, 1);
        if custom {
            let mut bytes = [0; 8];
            let mut bits = BitWriter::new(&mut bytes);
            bits.copy(&delta, 0..24).unwrap();
            bits.put(0b01010, 5).unwrap();
            bits.put(1, targets).unwrap();
            bits.put(0b0101_1000, 8).unwrap();
            let len = bits.finish().unwrap();
            delta = bytes[..len].to_vec();
        }
        let (mut before, mut after) = (DdReader::default(), DdReader::default());
        for (index, descriptor) in [key(offset, 0, templates, sizes), delta].into_iter().enumerate() {
            let seq = ExtSeq(index as u64);
            let original = before.read(&descriptor, seq).unwrap();
            let frame_number = number.wrapping_add(original.frame_number);
            let patch = DdPatch { frame_number, template_shift: shift, active_decode_targets: wanted };
            let mut out = [0xFF; 220];
            let len = write(&mut out, &descriptor, &original, &patch).unwrap();
            prop_assert!(len <= descriptor.len() + MAX_GROWTH);
            let rewritten = after.read(&out[..len], seq).unwrap();
            let mask = wanted.map(|mask| mask & ((1 << targets) - 1)).or(original.active_decode_targets);
            let expected = DdFrame {
                frame_number,
                template_id: original.template_id.wrapping_add(shift) & 63,
                active_decode_targets: mask,
                layout: rewritten.layout,
                ..original
            };
            prop_assert_eq!(rewritten, expected);
        }
        let layers = |reader: &DdReader| reader.structure().map(|s| (0..4).map(|dt| (s.layers(dt), s.protected_by(dt))).collect::<Vec<_>>());
        prop_assert_eq!(layers(&before), layers(&after));
        prop_assert_eq!(before.structure().and_then(|s| s.resolution(1)), after.structure().and_then(|s| s.resolution(1)));
    }

    #[test]
    fn no_bytes_make_reader_or_writer_panic(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        steer in any::<bool>(), other in prop::collection::vec(any::<u8>(), 0..60), mask in any::<Option<u32>>(),
    ) {
        let mut reader = if steer { self::reader(&L2T2) } else { DdReader::default() };
        for (seq, mut packet) in packets.into_iter().enumerate() {
            if let (true, Some(first)) = (steer, packet.first_mut()) {
                *first &= 0xC7;
            }
            let Ok(frame) = reader.read(&packet, ExtSeq(seq as u64)) else { continue };
            let patch = DdPatch { frame_number: 1, template_shift: 1, active_decode_targets: mask };
            let mut out = [0; 80];
            prop_assert!(write(&mut out, &packet, &frame, &patch).is_some_and(|len| len <= packet.len() + MAX_GROWTH));
            write(&mut out, &other, &frame, &patch);
            frame.references().for_each(drop);
            (0..=u8::MAX).for_each(|n| { frame.dti(n); frame.chain_fdiff(n); });
        }
    }
}
