//! Switches between sources and layers.

use super::*;
use rand::Rng;

#[test]
fn two_sources_and_their_layers_make_one_stream_through_random_switches() {
    for seed in 0..40 {
        let mut bench = Bench::new(spec(1), seed);
        let mut rng = StdRng::seed_from_u64(seed + 1_000);
        let mut publishers: Vec<Publisher> =
            (0..4).map(|n| Publisher::vp8(1 + n / 2, n as usize % 2, seed as u32 * 7 + n * 131)).collect();

        for step in 0..600_i64 {
            let us = step * 33_333;
            if rng.random_bool(0.05) {
                let source = SourceId(rng.random_range(1..3));
                bench.downlink.assign(VIDEO, Some(source));
                let max_temporal = if rng.random_bool(0.5) { u8::MAX } else { rng.random_range(0..3) };
                bench.downlink.target(VIDEO, source, up_to(rng.random_range(0..2), max_temporal));
            }
            for publisher in &mut publishers {
                let jitter = rng.random_range(0..3_000);
                let key = rng.random_bool(0.06);
                let temporal = if key { 0 } else { [0, 2, 1, 2][step as usize % 4] };
                let frame = publisher.frame(bench.epoch, us + jitter, rng.random_range(1..5), key, temporal);
                let taken = frame.iter().filter(|packet| bench.forward(VIDEO, publisher, packet).is_ok());
                let taken = taken.count();
                assert!(taken == 0 || taken == frame.len(), "a frame is forwarded whole or not at all");
            }
            if rng.random_bool(0.3) {
                let [_, pending] = bench.downlink.subscriptions(VIDEO);
                let waits = publishers.iter().find(|p| pending == Some((p.source, p.layer)));
                waits.map(|publisher| bench.replay(us + 5_000, VIDEO, &publisher.ring, ReplayLimits::CAMERA));
            }
        }
        assert!(bench.got.len() > 100 && bench.downlink.stats().switches > 5);
        assert_one_vp8_stream(&bench.got);
    }
}

#[test]
fn the_old_source_flows_until_the_new_ones_key_frame() {
    let mut bench = Bench::new(spec(1), 1);
    let (mut a, mut b) = (Publisher::vp8(1, 0, 5), Publisher::vp8(2, 0, 9));
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    assert!(bench.downlink.take_changed() && !bench.downlink.take_changed());
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), Some((SourceId(1), 0)));
    let early = a.frame(bench.epoch, 0, 1, false, 0);
    assert_eq!(bench.forward(VIDEO, &a, &early[0]), Err(DropReason::NotSelected));
    let key = a.frame(bench.epoch, 33_000, 1, true, 0);
    assert!(bench.forward(VIDEO, &a, &key[0]).is_ok());
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), None);

    bench.downlink.assign(VIDEO, Some(SourceId(2)));
    assert!(bench.downlink.take_changed());
    assert_eq!(bench.downlink.subscriptions(VIDEO), [Some((SourceId(1), 0)), Some((SourceId(2), 0))]);
    let delta = a.frame(bench.epoch, 66_000, 1, false, 0);
    assert!(bench.forward(VIDEO, &a, &delta[0]).is_ok());
    let other = b.frame(bench.epoch, 66_000, 1, false, 0);
    assert_eq!(bench.forward(VIDEO, &b, &other[0]), Err(DropReason::NotSelected));
    let key = b.frame(bench.epoch, 99_000, 2, true, 0);
    assert!(bench.forward(VIDEO, &b, &key[0]).is_ok());
    assert!(bench.downlink.take_changed());
    let late = a.frame(bench.epoch, 99_000, 1, false, 0);
    assert_eq!(bench.forward(VIDEO, &a, &late[0]), Err(DropReason::NotSelected));
    assert!(bench.forward(VIDEO, &b, &key[1]).is_ok());
    assert_one_vp8_stream(&bench.got);

    bench.downlink.assign(VIDEO, None);
    assert_eq!(bench.downlink.subscriptions(VIDEO), [None, None]);
    let gone = b.frame(bench.epoch, 132_000, 1, true, 0);
    assert_eq!(bench.forward(VIDEO, &b, &gone[0]), Err(DropReason::NotSelected));
}

/// A member that reloads the page comes back over another connection: same sources, other sequence numbers.
#[test]
fn a_request_that_crossed_its_key_frame_is_not_passed_on() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    let ssrc = Ssrc(1_001);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for (us, key) in [(0, true), (33_000, false), (500_000, true)] {
        for packet in a.frame(bench.epoch, us, 2, key, 0) {
            bench.forward(VIDEO, &a, &packet).unwrap();
        }
        let (soon, later) = (bench.now(us + 30_000), bench.now(us + 200_000));
        let asked = [soon, later].map(|at| bench.downlink.picture_lost(at, ssrc).is_some());
        assert_eq!(asked, [us == 33_000, true], "the picture of {us} µs");
    }
}

#[test]
fn a_source_that_comes_over_another_connection_begins_anew_whatever_its_numbers() {
    let mut bench = Bench::new(spec(1), 3);
    let (mut voice, mut picture) = (Publisher::opus(1, 5), Publisher::vp8(1, 0, 5));
    for line in [AUDIO, VIDEO] {
        bench.downlink.assign(line, Some(SourceId(1)));
    }
    for step in 0..5 {
        for (line, publisher) in [(AUDIO, &mut voice), (VIDEO, &mut picture)] {
            let frame = publisher.frame(bench.epoch, step * 20_000, 1, step == 0, 0);
            assert!(bench.forward(line, publisher, &frame[0]).is_ok());
        }
    }
    let last = bench.got.last().unwrap().seq as u16;
    let old = [picture];
    assert!(bench.nack(105_000, 1_001, last, &old).is_ok());

    let mut voice = Publisher { seq: 7, ..Publisher::opus(1, 8) };
    let mut picture = Publisher { seq: 7, ..Publisher::vp8(1, 0, 8) };
    assert!(bench.downlink.restart(SourceId(1)) && !bench.downlink.restart(SourceId(1)));
    assert!(bench.downlink.take_changed());
    assert!(bench.nack(150_000, 1_001, last, &old).is_err(), "what the numbers meant before is void");
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), Some((SourceId(1), 0)));
    for (line, publisher) in [(AUDIO, &mut voice), (VIDEO, &mut picture)] {
        let frame = publisher.frame(bench.epoch, 120_000, 1, true, 0);
        assert!(bench.forward(line, publisher, &frame[0]).is_ok(), "line {line}");
    }
    let videos: Vec<Read> = bench.got.iter().filter(|read| read.ssrc == 1_001).cloned().collect();
    assert_one_vp8_stream(&videos);
}

#[test]
fn a_voice_changes_at_once_and_marks_a_talk_spurt() {
    let mut bench = Bench::new(spec(1), 2);
    let (mut a, mut b) = (Publisher::opus(1, 5), Publisher::opus(2, 6));
    let mut before: Option<Read> = None;
    for step in 0..100_i64 {
        let speaker = SourceId(1 + (step / 10 % 2) as u32);
        bench.downlink.assign(AUDIO, Some(speaker));
        for publisher in [&mut a, &mut b] {
            let packet = publisher.frame(bench.epoch, step * 20_000, 1, false, 0).remove(0);
            let forwarded = bench.forward(AUDIO, publisher, &packet);
            assert_eq!(forwarded.is_ok(), publisher.source == speaker);
            let Ok(read) = forwarded else { continue };
            assert_eq!(read.marker, step % 10 == 0);
            assert_eq!((read.csrc, read.pt), (speaker.0, 111));
            if let Some(before) = before.replace(read.clone()) {
                assert_eq!(read.seq, before.seq + 1);
                assert_eq!(read.timestamp.wrapping_sub(before.timestamp), 960);
            }
        }
    }
}

#[test]
fn a_replayed_key_frame_lands_on_the_live_clock() {
    let mut bench = Bench::new(spec(1), 3);
    let (mut a, mut b) = (Publisher::vp8(1, 0, 5), Publisher::vp8(2, 0, 9));
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for packet in a.frame(bench.epoch, 0, 3, true, 0) {
        bench.forward(VIDEO, &a, &packet).unwrap();
    }
    for step in 3..6 {
        b.frame(bench.epoch, step * 33_000, 2, step == 3, 0);
    }
    bench.downlink.assign(VIDEO, Some(SourceId(2)));
    assert_eq!(bench.replay(170_000, VIDEO, &b.ring, ReplayLimits::CAMERA), 6);
    assert_eq!(bench.replay(170_000, VIDEO, &b.ring, ReplayLimits::CAMERA), 0, "once");
    let live = b.frame(bench.epoch, 6 * 33_000, 1, false, 0);
    bench.forward(VIDEO, &b, &live[0]).unwrap();
    assert_one_vp8_stream(&bench.got);
    let times: Vec<u32> = bench.got.iter().map(|read| read.timestamp.wrapping_sub(bench.got[0].timestamp)).collect();
    assert_eq!(times, [0, 0, 0, 14_670, 14_670, 14_760, 14_760, 14_850, 14_850, 17_820]);
}

#[test]
fn an_old_or_broken_key_frame_is_not_replayed() {
    for (us, hole, expected) in [(300_000, false, 2), (500_000, false, 0), (100_000, true, 0)] {
        let mut bench = Bench::new(spec(1), 3);
        let mut a = Publisher::vp8(1, 0, 5);
        let packets = a.frame(bench.epoch, 0, 2, true, 0);
        if hole {
            a.ring = Ring::new(RingCapacity::VIDEO);
            a.ring.push(packets[0].as_ref());
            a.seq += 1;
            a.frame(bench.epoch, 33_000, 1, false, 0);
        }
        bench.downlink.assign(VIDEO, Some(SourceId(1)));
        assert_eq!(bench.replay(us, VIDEO, &a.ring, ReplayLimits::CAMERA), expected);
        assert_eq!(bench.downlink.wants_key_frame(VIDEO).is_some(), expected == 0);
    }
}

#[test]
fn a_re_offer_keeps_the_stream_and_appends_lines() {
    let mut bench = Bench::new(spec(1), 4);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    for step in 0..10 {
        if step == 5 {
            let mut rng = bench.rng.clone();
            bench.downlink.update(Arc::new(spec(3)), &mut rng);
            bench.downlink.assign(5, Some(SourceId(1)));
        }
        for packet in a.frame(bench.epoch, step * 33_000, 2, step == 0, 0) {
            bench.forward(VIDEO, &a, &packet).unwrap();
        }
    }
    assert_one_vp8_stream(&bench.got);
    assert_eq!(bench.downlink.wants_key_frame(5), Some((SourceId(1), 0)));
}

#[test]
fn a_line_that_was_inactive_needs_a_key_frame() {
    let mut bench = Bench::new(spec(1), 4);
    let mut a = Publisher::vp8(1, 0, 5);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let key = a.frame(bench.epoch, 0, 1, true, 0);
    bench.forward(VIDEO, &a, &key[0]).unwrap();
    let mut held = spec(1);
    held.downlinks[VIDEO].active = false;
    let mut rng = bench.rng.clone();
    bench.downlink.update(Arc::new(held), &mut rng);
    assert_eq!(bench.downlink.subscriptions(VIDEO), [None, None]);
    bench.downlink.update(Arc::new(spec(1)), &mut rng);
    assert_eq!(bench.downlink.wants_key_frame(VIDEO), Some((SourceId(1), 0)));
    let delta = a.frame(bench.epoch, 33_000, 1, false, 0);
    assert_eq!(bench.forward(VIDEO, &a, &delta[0]), Err(DropReason::NotSelected));
}
