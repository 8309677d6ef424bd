//! Dependency descriptors and VP9 descriptors across switches and under thinning.

use super::*;
use crate::media::codec::dd::{DdFrame, DdReader};

/// Bits, the highest of each value first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, width: u32) {
        self.0.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(self) -> Vec<u8> {
        let octet =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |octet, (n, bit)| octet | u8::from(*bit) << (7 - n));
        self.0.chunks(8).map(octet).collect()
    }
}

/// One spatial and two temporal layers (L1T2): a key frame, frames of layer 0 that refer two frames back, and frames of
/// layer 1 that refer one frame back.
fn descriptor(offset: u32, template: u32, number: u16, structure: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0b11, 2);
    bits.put((offset + template) % 64, 6);
    bits.put(u32::from(number), 16);
    if !structure {
        return bits.bytes();
    }
    bits.put(0b10000, 5);
    bits.put(offset, 6);
    bits.put(1, 5); // two decode targets
    [0, 1, 3].iter().for_each(|step| bits.put(*step, 2));
    [2, 2, 2, 2, 0, 1].iter().for_each(|indication| bits.put(*indication, 2));
    bits.put(0, 1); // no references
    [1, 0].iter().for_each(|distance| {
        bits.put(16 | distance, 5);
        bits.put(0, 1);
    });
    bits.put(0b10, 2); // one chain of 0–2
    [0, 2, 1].iter().for_each(|distance| bits.put(*distance, 4));
    bits.put(0, 1);
    bits.bytes()
}

/// An AV1 publisher in L1T2, one packet a frame.
struct Av1 {
    source: SourceId,
    reader: DdReader,
    seq: u64,
    offset: u32,
    number: u16,
}

impl Av1 {
    fn new(source: u32, number: u16) -> Av1 {
        Av1 { source: SourceId(source), reader: DdReader::default(), seq: 500, offset: source, number }
    }

    fn frame(&mut self, epoch: Instant, us: i64, template: u32) -> (Packet, Vec<u8>) {
        self.seq += 1;
        self.number = self.number.wrapping_add(1);
        let descriptor = descriptor(self.offset, template, self.number, template == 0);
        let dd = self.reader.read(&descriptor, ExtSeq(self.seq)).unwrap();
        let codec = Codec::Av1 { profile: 0 };
        let payload = vec![0x10, self.source.0 as u8];
        let info = PacketInfo {
            seq: ExtSeq(self.seq),
            timestamp: (us * 9 / 100) as u32,
            marker: true,
            codec,
            arrival: epoch + Duration::from_micros(us as u64),
            capture_us: us,
            audio_level: None,
            orientation: None,
            playout_delay: None,
            content_type: None,
            facts: codec::facts(codec, &payload, true, Some(dd)).unwrap(),
        };
        (Packet { info, payload }, descriptor)
    }
}

/// A browser that takes AV1 and reads what it gets.
struct Viewer {
    downlink: Downlink,
    epoch: Instant,
    buffer: Vec<u8>,
    reader: DdReader,
    seqs: Vec<u64>,
}

impl Viewer {
    fn new() -> Viewer {
        let mut spec = spec(1);
        spec.payloads.push(payload_type(45, Codec::Av1 { profile: 0 }, Some(46)));
        spec.downlinks[VIDEO].payloads.push(Pt(45));
        let epoch = Instant::now();
        let downlink = Downlink::new(Arc::new(spec), epoch, &mut StdRng::seed_from_u64(1));
        Viewer { downlink, epoch, buffer: vec![0; MAX_PACKET], reader: DdReader::default(), seqs: Vec::new() }
    }

    fn take(&mut self, publisher: &mut Av1, us: i64, template: u32) -> Result<DdFrame, DropReason> {
        let (packet, descriptor) = publisher.frame(self.epoch, us, template);
        let reference = PacketRef { dependency_descriptor: &descriptor, ..packet.as_ref() };
        let now = packet.info.arrival;
        let outgoing = self.downlink.forward(now, VIDEO, publisher.source, 0, reference, &mut self.buffer)?;
        self.seqs.push(outgoing.seq.0);
        let sent = &self.buffer[..outgoing.len];
        let header = packet::parse(sent, &spec(1).extensions).unwrap();
        assert_eq!(header.payload(sent), packet.payload);
        Ok(self.reader.read(header.dependency_descriptor(sent), outgoing.seq).unwrap())
    }
}

#[test]
fn frame_numbers_run_on_and_each_source_brings_its_own_templates() {
    let mut viewer = Viewer::new();
    let mut publishers = [Av1::new(1, 60_000), Av1::new(2, 9)];
    let mut last: Option<u16> = None;
    let mut us = 0;
    for tenure in 0..30 {
        let publisher = &mut publishers[tenure % 2];
        viewer.downlink.assign(VIDEO, Some(publisher.source));
        for template in [0, 2, 1, 2, 1] {
            us += 33_000;
            let frame = viewer.take(publisher, us, template).unwrap();
            assert_eq!((frame.key_frame, u32::from(frame.temporal)), (template == 0, u32::from(template == 2)));
            assert!(last.is_none_or(|last| frame.frame_number == last.wrapping_add(1)));
            last = Some(frame.frame_number);
        }
    }
    assert!(viewer.seqs.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn a_thinned_line_declares_which_decode_targets_are_left() {
    let mut viewer = Viewer::new();
    let mut a = Av1::new(1, 100);
    viewer.downlink.assign(VIDEO, Some(SourceId(1)));
    viewer.downlink.target(VIDEO, SourceId(1), up_to(0, 0));
    assert_eq!(viewer.take(&mut a, 0, 0).unwrap().active_decode_targets, None, "nothing is known yet");
    assert_eq!(viewer.take(&mut a, 33_000, 2), Err(DropReason::AboveTarget));
    let first = viewer.take(&mut a, 66_000, 1).unwrap();
    assert_eq!(first.active_decode_targets, Some(0b01));
    viewer.downlink.target(VIDEO, SourceId(1), up_to(0, 1));
    let upper = viewer.take(&mut a, 99_000, 2).unwrap();
    assert_eq!((upper.temporal, upper.active_decode_targets), (1, Some(0b11)));
    assert_eq!(upper.frame_number, first.frame_number + 1);
    viewer.take(&mut a, 132_000, 1).unwrap();
    assert_eq!(viewer.take(&mut a, 165_000, 0).unwrap().active_decode_targets, None, "the structure opens all");
    assert!(viewer.seqs.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn a_descriptor_without_its_structure_starts_nothing() {
    let mut viewer = Viewer::new();
    let mut a = Av1::new(1, 100);
    let (mut packet, descriptor) = a.frame(viewer.epoch, 0, 0);
    packet.info.facts.dd.as_mut().unwrap().structure = false;
    viewer.downlink.assign(VIDEO, Some(SourceId(1)));
    let reference = PacketRef { dependency_descriptor: &descriptor, ..packet.as_ref() };
    let result = viewer.downlink.forward(viewer.epoch, VIDEO, SourceId(1), 0, reference, &mut viewer.buffer);
    assert_eq!(result, Err(DropReason::NotSelected));
}

#[test]
fn vp9_picture_ids_run_on_across_sources_and_keep_their_holes_when_thinned() {
    let mut bench = Bench::new(spec(1), 1);
    let mut ids = Vec::new();
    let mut us = 0;
    for tenure in 0..6_u32 {
        let source = SourceId(1 + tenure % 2);
        bench.downlink.assign(VIDEO, Some(source));
        bench.downlink.target(VIDEO, source, up_to(0, 0));
        for frame in 0..5_u16 {
            us += 33_000;
            let mut packet = Publisher::vp8(source.0, 0, tenure).frame(bench.epoch, us, 1, true, 0).remove(0);
            packet.info.codec = Codec::Vp9 { profile: 0 };
            packet.info.seq = ExtSeq(u64::from(frame));
            packet.info.timestamp = (us * 9 / 100) as u32;
            let [high, low] = (0x7FF0 + 3 * tenure as u16 + frame).to_be_bytes();
            let temporal = if frame % 2 == 1 { 0x20 } else { 0 };
            let start = if frame == 0 { 0xAC } else { 0xEC };
            packet.payload = vec![start, high | 0x80, low, temporal, 7 + frame as u8 / 2, 1, 2, 3];
            packet.info.facts = codec::facts(packet.info.codec, &packet.payload, true, None).unwrap();
            let result = bench.forward_as(VIDEO, source, 0, &packet);
            assert_eq!(result.is_ok(), frame % 2 == 0);
            ids.extend(result.ok().map(|read| {
                let id = u16::from_be_bytes([read.payload[1], read.payload[2]]) & 0x7FFF;
                (id, read.payload[4], read.seq)
            }));
        }
    }
    for (n, pair) in ids.windows(2).enumerate() {
        let step = if n % 3 == 2 { 1 } else { 2 };
        assert_eq!(pair[1].0, (pair[0].0 + step) & 0x7FFF);
        assert_eq!((pair[1].1, pair[1].2), (pair[0].1.wrapping_add(1), pair[0].2 + 1));
    }
}
