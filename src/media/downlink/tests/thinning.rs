//! Lines that take less than all: spatial layers, pauses, frames left out, probes.

use super::*;

/// A VP9 picture of three spatial layers, one packet each.
fn picture(publisher: &mut Publisher, epoch: Instant, us: i64, key: bool) -> Vec<Packet> {
    let mut packets = publisher.frame(epoch, us, 3, key, 0);
    for (spatial, packet) in packets.iter_mut().enumerate() {
        packet.info.codec = Codec::Vp9 { profile: 0 };
        packet.info.marker = spatial == 2;
        packet.info.facts = codec::Facts {
            key_frame: key,
            frame_start: true,
            frame_end: true,
            spatial: spatial as u8,
            ..codec::Facts::default()
        };
    }
    packets
}

fn spatial(spatial: u8) -> Option<LayerTarget> {
    Some(LayerTarget { spatial, ..LayerTarget::whole(0) })
}

#[test]
fn the_marker_moves_to_the_highest_spatial_layer_that_is_sent() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    bench.downlink.target(VIDEO, SourceId(1), spatial(1));
    for n in 0..4 {
        for packet in picture(&mut publisher, bench.epoch, n * 33_000, n == 0) {
            let _ = bench.forward(VIDEO, &publisher, &packet);
        }
    }
    let markers: Vec<bool> = bench.got.iter().map(|read| read.marker).collect();
    assert_eq!(markers, [false, true].repeat(4));
    assert!(bench.got.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "left-out layers leave no gap");
}

#[test]
fn a_higher_spatial_layer_is_asked_for_and_taken_from_a_key_picture_on() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    bench.downlink.target(VIDEO, SourceId(1), spatial(0));
    let mut sent = Vec::new();
    for n in 0..6 {
        if n == 2 {
            assert_eq!(bench.downlink.wants_key_frame(VIDEO), None);
            bench.downlink.target(VIDEO, SourceId(1), spatial(2));
            assert_eq!(bench.downlink.wants_key_frame(VIDEO), Some((SourceId(1), 0)));
        }
        let packets = picture(&mut publisher, bench.epoch, n * 33_000, n == 0 || n == 4);
        sent.push(packets.iter().filter(|packet| bench.forward(VIDEO, &publisher, packet).is_ok()).count());
    }
    assert_eq!(sent, [1, 1, 1, 1, 3, 3]);
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), None);
}

#[test]
fn a_paused_line_sends_nothing_and_starts_again_with_a_key_frame() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let mut sent = Vec::new();
    for n in 0..6 {
        match n {
            2 => bench.downlink.target(VIDEO, SourceId(1), None),
            3 => bench.downlink.target(VIDEO, SourceId(1), up_to(0, 3)),
            _ => {}
        }
        assert_eq!(bench.downlink.wants_key_frame(VIDEO).is_some(), n == 0 || n == 3 || n == 4);
        let frame = publisher.frame(bench.epoch, n * 33_000, 1, n == 0 || n == 4, 0);
        sent.push(bench.forward(VIDEO, &publisher, &frame[0]).is_ok());
    }
    assert_eq!(sent, [true, true, false, false, true, true]);
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn frames_left_out_leave_no_gap_in_any_counter() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for n in 0..20 {
        let temporal = (n % 2) as u8;
        for packet in publisher.frame(bench.epoch, n * 33_000, 3, n == 0, temporal) {
            if n % 4 == 3 {
                bench.downlink.leave_out(VIDEO, SourceId(1), 0, &packet.info);
            } else {
                bench.forward(VIDEO, &publisher, &packet).unwrap();
            }
        }
    }
    assert_eq!(bench.got.len(), 45);
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn what_follows_of_a_frame_that_was_left_out_is_left_out_too() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for n in 0..8 {
        let temporal = (n % 2) as u8;
        for (part, packet) in publisher.frame(bench.epoch, n * 33_000, 3, n == 0, temporal).iter().enumerate() {
            if temporal == 1 && part == 0 {
                bench.downlink.leave_out(VIDEO, SourceId(1), 0, &packet.info);
            } else {
                assert_eq!(bench.forward(VIDEO, &publisher, packet).is_ok(), temporal == 0);
            }
        }
    }
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn a_probe_repeats_what_was_sent_or_is_padding() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 7);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    assert_eq!(bench.probe(0, &[]).map(|read| read.payload.len()), Ok(0), "padding before anything was sent");
    for packet in publisher.frame(bench.epoch, 0, 5, true, 0) {
        bench.forward(VIDEO, &publisher, &packet).unwrap();
    }
    let again = bench.probe(1_000, std::slice::from_ref(&publisher)).unwrap();
    assert_eq!(again.stream, 2 * VIDEO + 1);
    let original = u16::from_be_bytes([again.payload[0], again.payload[1]]);
    assert!(bench.got.iter().any(|read| read.stream == 2 * VIDEO && read.seq as u16 == original));
    let padding = bench.probe(2_000, &[]).unwrap();
    assert_eq!((padding.stream % 2, padding.payload.len()), (1, 0));
    assert_eq!(padding.transport_cc, again.transport_cc.map(|number| number + 1));
}
