//! Loss on the way to Plenum, and on the way to the browser.

use super::*;

#[test]
fn a_loss_upstream_leaves_a_gap_that_a_late_packet_fills_once() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let mut late = Vec::new();
    for step in 0..50_i64 {
        let temporal = (step % 2) as u8;
        for (n, packet) in a.frame(bench.epoch, step * 33_000, 3, step == 0, temporal).into_iter().enumerate() {
            if step > 0 && (step as usize + n).is_multiple_of(5) {
                late.push(packet);
            } else {
                bench.forward(VIDEO, &a, &packet).unwrap();
            }
        }
    }
    let forwarded = bench.got.len();
    let last = bench.got[forwarded - 1].seq;
    for packet in &late {
        if let Ok(read) = bench.forward(VIDEO, &a, packet) {
            assert!(read.seq < last || packet.info.seq.0 + 1 == a.seq);
        }
        assert_eq!(bench.forward(VIDEO, &a, packet), Err(DropReason::Duplicate));
    }
    assert_eq!(bench.got.len(), forwarded + late.len());
    bench.got.sort_by_key(|read| read.seq);
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn a_late_packet_of_a_thinned_layer_fills_its_gap_without_payload() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 0));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    let thin = a.frame(bench.epoch, 33_000, 2, false, 2);
    let next = a.frame(bench.epoch, 66_000, 1, false, 0);
    let first = bench.forward(VIDEO, &a, &key[0]).unwrap();
    assert_eq!(bench.forward(VIDEO, &a, &thin[1]), Err(DropReason::AboveTarget));
    let after = bench.forward(VIDEO, &a, &next[0]).unwrap();
    assert_eq!(after.seq, first.seq + 2, "the lost packet might have been wanted");
    assert_eq!(after.picture_id(), first.picture_id() + 1);
    let filler = bench.forward(VIDEO, &a, &thin[0]).unwrap();
    assert_eq!((filler.seq, filler.payload.len(), filler.marker), (first.seq + 1, 0, false));
}

#[test]
fn a_late_packet_of_a_thinned_frame_comes_without_payload_though_more_is_wanted_meanwhile() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 0));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    let thin = a.frame(bench.epoch, 33_000, 3, false, 2);
    let next = a.frame(bench.epoch, 66_000, 1, false, 0);
    bench.forward(VIDEO, &a, &key[0]).unwrap();
    assert_eq!(bench.forward(VIDEO, &a, &thin[1]), Err(DropReason::AboveTarget));
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 3));
    bench.forward(VIDEO, &a, &next[0]).unwrap();
    for late in [&thin[0], &thin[2]] {
        assert_eq!(bench.forward(VIDEO, &a, late).unwrap().payload.len(), 0, "a frame of two parts of three");
    }
}

#[test]
fn late_packets_of_a_frame_that_was_left_out_fill_their_gaps_without_payload() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    let shed = [33_000, 66_000].map(|us| a.frame(bench.epoch, us, 3, false, 1));
    let next = a.frame(bench.epoch, 99_000, 1, false, 0);
    bench.forward(VIDEO, &a, &key[0]).unwrap();
    // The first and the last packet of each were lost on the way here.
    shed.iter().for_each(|frame| bench.downlink.leave_out(VIDEO, SourceId(1), 0, &frame[1].info));
    bench.forward(VIDEO, &a, &next[0]).unwrap();
    for packet in shed.iter().flat_map(|frame| [&frame[0], &frame[2]]) {
        let filler = bench.forward(VIDEO, &a, packet).unwrap();
        assert_eq!((filler.payload.len(), filler.marker), (0, false), "a frame of two parts of three");
    }
}

#[test]
fn what_follows_goes_on_behind_a_late_packet_that_was_the_newest_sent() {
    let mut bench = Bench::new(spec(1), 1);
    let (mut a, mut b) = (Publisher::vp8(1, 0, 5), Publisher::vp8(2, 0, 9));
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 0));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    let late = a.frame(bench.epoch, 33_000, 1, false, 0);
    let thin = a.frame(bench.epoch, 66_000, 1, false, 2);
    bench.forward(VIDEO, &a, &key[0]).unwrap();
    assert_eq!(bench.forward(VIDEO, &a, &thin[0]), Err(DropReason::AboveTarget));
    bench.forward(VIDEO, &a, &late[0]).unwrap();
    bench.downlink.assign(VIDEO, Some(SourceId(2)));
    let other = b.frame(bench.epoch, 34_000, 1, true, 0);
    bench.forward(VIDEO, &b, &other[0]).unwrap();
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn a_late_packet_of_a_time_when_its_layer_was_left_out_comes_without_payload() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let frames: Vec<Packet> = [0, 2, 2, 0, 1, 2]
        .into_iter()
        .enumerate()
        .flat_map(|(n, temporal)| a.frame(bench.epoch, n as i64 * 33_000, 1, n == 0, temporal))
        .collect();
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 0));
    bench.forward(VIDEO, &a, &frames[0]).unwrap();
    assert_eq!(bench.forward(VIDEO, &a, &frames[1]), Err(DropReason::AboveTarget));
    bench.downlink.target(VIDEO, SourceId(1), up_to(0, 2));
    bench.forward(VIDEO, &a, &frames[3]).unwrap();
    bench.forward(VIDEO, &a, &frames[4]).unwrap();
    let filler = bench.forward(VIDEO, &a, &frames[2]).unwrap();
    assert_eq!(filler.payload.len(), 0, "what it refers to was left out");
}

#[test]
fn a_late_packet_has_the_timestamp_of_its_frame_though_later_frames_were_moved() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    // The last two come nearer to each other than a line's frames may.
    let frames: Vec<Packet> =
        [0, 33_000, 33_200].iter().flat_map(|us| a.frame(bench.epoch, *us, 3, *us == 0, 0)).collect();
    for packet in [0, 1, 2, 3, 5, 8, 4, 6, 7] {
        bench.forward(VIDEO, &a, &frames[packet]).unwrap();
    }
    bench.got.sort_by_key(|read| read.seq);
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn padding_from_the_publisher_leaves_no_gap() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for step in 0..6 {
        let mut packets = a.frame(bench.epoch, step * 33_000, 2, step == 0, 0);
        packets.push(a.frame(bench.epoch, step * 33_000, 1, false, 0).remove(0));
        a.picture_id -= 1;
        a.tl0 = a.tl0.wrapping_sub(1);
        packets[2].payload.clear();
        let results: Vec<_> = packets.iter().map(|packet| bench.forward(VIDEO, &a, packet).map(|_| ())).collect();
        assert_eq!(results, [Ok(()), Ok(()), Err(DropReason::PaddingOnly)]);
    }
    assert_one_vp8_stream(&bench.got);
}

#[test]
fn a_retransmission_repeats_the_packet_behind_its_original_number() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publishers = vec![Publisher::vp8(1, 0, 5), Publisher::vp8(2, 0, 9)];
    for step in 0..20 {
        bench.downlink.assign(VIDEO, Some(SourceId(1 + (step / 5 % 2) as u32)));
        for publisher in &mut publishers {
            for packet in publisher.frame(bench.epoch, step * 20_000, 2, step % 5 == 0, 0) {
                let _ = bench.forward(VIDEO, publisher, &packet);
            }
        }
    }
    let sent = bench.got.clone();
    assert_eq!(sent.len(), 44, "the first source's last key frames before it leaves are sent too");
    let mut rtx_seq = None;
    for original in &sent {
        let read = bench.nack(450_000, 1_001, original.seq as u16, &publishers).unwrap();
        assert_eq!(read.payload[..2], (original.seq as u16).to_be_bytes());
        assert_eq!(read.payload[2..], original.payload);
        let common = |read: &Read| (read.timestamp, read.marker, read.csrc, read.mid);
        assert_eq!(common(&read), common(original));
        assert_eq!((read.pt, read.ssrc, read.stream), (97, 1_006, 2 * VIDEO + 1));
        assert!(rtx_seq.is_none_or(|seq| read.seq == seq + 1));
        rtx_seq = Some(read.seq);
        let again = bench.nack(450_001, 1_001, original.seq as u16, &publishers);
        assert_eq!(again, Err(DropReason::NotRetransmittable), "asked twice in one breath");
    }
    let numbers: Vec<_> = bench.got.iter().map(|read| read.transport_cc).collect();
    assert_eq!(numbers, (0..88).map(Some).collect::<Vec<_>>());
    assert_eq!(bench.downlink.stats().retransmitted, 44);
}

#[test]
fn without_rtx_nothing_is_sent_again() {
    let mut plain = spec(1);
    plain.downlinks[VIDEO].rtx_ssrc = None;
    let mut bench = Bench::new(plain, 1);
    let mut publishers = vec![Publisher::vp8(1, 0, 5)];
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let packet = publishers[0].frame(bench.epoch, 0, 1, true, 0).remove(0);
    let read = bench.forward(VIDEO, &publishers[0], &packet).unwrap();
    let refused = Err(DropReason::NotRetransmittable);
    assert_eq!(bench.nack(1_000, 1_001, read.seq as u16, &publishers), refused);
    assert_eq!(bench.nack(1_000, 77, read.seq as u16, &publishers), Err(DropReason::UnknownStream));
}

#[test]
fn a_packet_that_overtook_its_key_frames_start_is_repaired_from_the_ring() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publishers = vec![Publisher::vp8(1, 0, 5)];
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let key = publishers[0].frame(bench.epoch, 0, 3, true, 0);
    assert_eq!(bench.forward(VIDEO, &publishers[0], &key[1]), Err(DropReason::NotSelected));
    let first = bench.forward(VIDEO, &publishers[0], &key[0]).unwrap();
    let third = bench.forward(VIDEO, &publishers[0], &key[2]).unwrap();
    assert_eq!(third.seq, first.seq + 2);
    let repaired = bench.nack(10_000, 1_001, first.seq as u16 + 1, &publishers).unwrap();
    assert_eq!(repaired.payload[..2], (first.seq as u16 + 1).to_be_bytes());
    assert_eq!((repaired.payload.last(), repaired.timestamp), (Some(&1), first.timestamp));
    assert_eq!(bench.forward(VIDEO, &publishers[0], &key[1]), Err(DropReason::Duplicate));
    assert!(bench.nack(100_000, 1_001, first.seq as u16 + 1, &publishers).is_ok());
}

#[test]
fn what_came_too_long_ago_is_not_sent_again_but_calls_for_a_key_frame() {
    let mut bench = Bench::new(spec(1), 1);
    let mut publisher = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for packet in publisher.frame(bench.epoch, 0, 2, true, 0) {
        bench.forward(VIDEO, &publisher, &packet).unwrap();
    }
    let asked = bench.got[0].seq as u16;
    let publishers = vec![publisher];
    assert!(bench.nack(400_000, 1_001, asked, &publishers).is_ok());
    assert_eq!(bench.downlink.take_beyond_repair(), None);
    assert_eq!(bench.nack(900_000, 1_001, asked, &publishers), Err(DropReason::NotRetransmittable));
    let ssrc = bench.downlink.take_beyond_repair().unwrap();
    assert_eq!(bench.downlink.shown_on(ssrc), Some((SourceId(1), 0)));
    assert_eq!(bench.downlink.take_beyond_repair(), None, "once");
}

#[test]
fn a_voice_that_rested_goes_on_behind_what_was_heard_of_it() {
    let mut bench = Bench::new(spec(1), 4);
    let mut voice = Publisher::opus(1, 7);
    bench.downlink.assign(AUDIO, Some(SourceId(1)));
    bench.downlink.target(AUDIO, SourceId(1), up_to(0, u8::MAX));
    let epoch = bench.epoch;
    let mut said: Vec<Packet> = (0..6).flat_map(|n| voice.frame(epoch, n * 20_000, 1, false, 0)).collect();
    for packet in [0, 1, 2, 4] {
        bench.forward(AUDIO, &voice, &said[packet]).unwrap();
    }
    bench.downlink.rest(AUDIO);
    // The clock of a voice is known better and better: what was heard may look newer than it did.
    said[4].info.capture_us += 30_000;
    assert_eq!(bench.forward(AUDIO, &voice, &said[4]), Err(DropReason::Duplicate));
    assert_eq!(bench.forward(AUDIO, &voice, &said[3]), Err(DropReason::Duplicate), "late, and before what was heard");
    let next = bench.forward(AUDIO, &voice, &said[5]).unwrap();
    let newest = &bench.got[bench.got.len() - 2];
    assert_eq!(next.seq, newest.seq + 1);
    assert!(next.timestamp.wrapping_sub(newest.timestamp) as i32 > 0);

    // Over another connection its numbers may begin below.
    bench.downlink.restart(SourceId(1));
    let mut anew = Publisher::opus(1, 0);
    anew.seq = 3;
    let first = anew.frame(epoch, 200_000, 1, false, 0);
    assert!(bench.forward(AUDIO, &anew, &first[0]).is_ok());
}
