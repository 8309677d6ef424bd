//! Payload types and payload formats.

use super::*;

#[test]
fn a_codec_that_the_browser_lacks_is_refused_and_named() {
    let mut bench = Bench::new(spec(1), 1);
    let (mut a, mut b) = (Publisher::vp8(1, 0, 5), Publisher::vp8(2, 0, 9));
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    bench.forward(VIDEO, &a, &key[0]).unwrap();
    bench.downlink.assign(VIDEO, Some(SourceId(2)));
    let mut foreign = b.frame(bench.epoch, 33_000, 1, true, 0).remove(0);
    foreign.info.codec = Codec::Av1 { profile: 0 };
    assert_eq!(bench.forward(VIDEO, &b, &foreign), Err(DropReason::NoPayloadType));
    assert_eq!(bench.downlink.unsupported(VIDEO), Some((SourceId(2), Codec::Av1 { profile: 0 })));
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), None, "no use to ask");
    let delta = a.frame(bench.epoch, 66_000, 1, false, 0);
    assert!(bench.forward(VIDEO, &a, &delta[0]).is_ok(), "the old source keeps flowing");
}

#[test]
fn a_publisher_may_change_its_codec_at_a_key_frame() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    let first = bench.forward(VIDEO, &a, &key[0]).unwrap();
    let vp9 = |mut packet: Packet, key: bool| {
        packet.info.codec = Codec::Vp9 { profile: 0 };
        packet.info.facts = codec::Facts { key_frame: key, frame_start: true, ..Default::default() };
        packet
    };
    let old = a.frame(bench.epoch, 33_000, 1, false, 0).remove(0);
    let delta = vp9(a.frame(bench.epoch, 66_000, 1, false, 0).remove(0), false);
    assert_eq!(bench.forward(VIDEO, &a, &delta), Err(DropReason::NotSelected));
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), Some((SourceId(1), 0)));
    let key = vp9(a.frame(bench.epoch, 99_000, 1, true, 0).remove(0), true);
    let second = bench.forward(VIDEO, &a, &key).unwrap();
    assert_eq!((second.pt, second.seq), (98, first.seq + 1));
    assert_eq!(bench.forward(VIDEO, &a, &old), Err(DropReason::NotSelected));
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), None, "a straggler of the old codec changes nothing");
}

/// An Opus frame with one redundant block of 2 octets, as a publisher whose Opus is payload type 63 sends it.
const RED: [u8; 10] = [0x80 | 63, 0, 0, 2, 63, 1, 2, 0x78, 4, 5];

fn red(publisher: &mut Publisher, epoch: Instant, us: i64) -> Packet {
    let mut packet = publisher.frame(epoch, us, 1, false, 0).remove(0);
    packet.info.codec = Codec::Red;
    packet.payload = RED.to_vec();
    packet
}

#[test]
fn red_is_stripped_for_a_line_without_it_and_mixes_with_opus() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::opus(1, 5);
    bench.downlink.assign(AUDIO, Some(SourceId(1)));
    let mut before: Option<Read> = None;
    for step in 0..20 {
        let packet = match step % 3 {
            0 => a.frame(bench.epoch, step * 20_000, 1, false, 0).remove(0),
            _ => red(&mut a, bench.epoch, step * 20_000),
        };
        let read = bench.forward(AUDIO, &a, &packet).unwrap();
        assert_eq!((read.pt, read.payload[0], read.payload.len()), (111, 0x78, 3));
        assert_eq!(read.marker, step == 0);
        if let Some(before) = before.replace(read.clone()) {
            assert_eq!((read.seq, read.timestamp), (before.seq + 1, before.timestamp.wrapping_add(960)));
        }
    }
    let mut broken = red(&mut a, bench.epoch, 400_000);
    broken.payload.truncate(6);
    assert_eq!(bench.forward(AUDIO, &a, &broken), Err(DropReason::MalformedPayload));
}

#[test]
fn red_keeps_its_blocks_under_the_lines_payload_types() {
    let mut with_red = spec(1);
    with_red.payloads.push(payload_type(110, Codec::Red, None));
    with_red.downlinks[AUDIO].payloads.push(Pt(110));
    let mut bench = Bench::new(with_red, 1);
    let mut a = Publisher::opus(1, 5);
    bench.downlink.assign(AUDIO, Some(SourceId(1)));
    let packet = red(&mut a, bench.epoch, 0);
    let read = bench.forward(AUDIO, &a, &packet).unwrap();
    assert_eq!((read.pt, &read.payload[..]), (110, &[0x80 | 111, 0, 0, 2, 111, 1, 2, 0x78, 4, 5][..]));
}

#[test]
fn a_packet_too_large_to_send_leaves_a_gap_since_its_frame_is_broken() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let mut key = a.frame(bench.epoch, 0, 3, true, 0);
    key[1].payload.resize(MAX_PACKET, 0);
    let first = bench.forward(VIDEO, &a, &key[0]).unwrap();
    assert_eq!(bench.forward(VIDEO, &a, &key[1]), Err(DropReason::TooLarge));
    assert_eq!(bench.forward(VIDEO, &a, &key[2]).unwrap().seq, first.seq + 2);
}
