//! The seat clock: sender reports, drift, round trips.

use super::*;
use crate::media::rtcp::ReportBlock;
use rand::Rng;

/// NTP time of the epoch, anything.
const NTP_EPOCH: u64 = 3_900_000_000 << 32;

fn ntp(us: i64) -> u64 {
    NTP_EPOCH + ((us as u128) << 32).div_euclid(1_000_000) as u64
}

/// (SSRC, NTP, RTP, packets) of each sender report in `compound`.
fn sender_reports(mut compound: &[u8]) -> Vec<(u32, u64, u32, u32)> {
    let mut found = Vec::new();
    while let [first, kind, high, low, ..] = *compound {
        let len = 4 * (1 + usize::from(u16::from_be_bytes([high, low])));
        assert_eq!(first >> 6, 2);
        let (report, rest) = compound.split_at(len);
        let word = |at: usize| u32::from_be_bytes(report[at..at + 4].try_into().unwrap());
        if kind == 200 {
            found.push((word(4), u64::from(word(8)) << 32 | u64::from(word(12)), word(16), word(20)));
        }
        compound = rest;
    }
    found
}

/// When the browser believes that `timestamp` was captured, in microseconds after the epoch.
fn believed(report: (u32, u64, u32, u32), timestamp: u32, rate: i64) -> i64 {
    let ntp_us = ((u128::from(report.1 - NTP_EPOCH) * 1_000_000) >> 32) as i64;
    ntp_us + i64::from(timestamp.wrapping_sub(report.2) as i32) * 1_000_000 / rate
}

#[test]
fn audio_and_video_stay_aligned_through_switches_replays_and_drifting_clocks() {
    for seed in 0..10 {
        let mut bench = Bench::new(spec(1), seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut videos =
            [Publisher::vp8(1, 0, 5).fast_by(100), Publisher::vp8(2, 0, 6).fast_by(-100), Publisher::vp8(3, 0, 7)];
        let mut audios =
            [Publisher::opus(1, 8).fast_by(100), Publisher::opus(2, 9).fast_by(-100), Publisher::opus(3, 10)];
        let mut shown = 0;
        let mut reports = [None, None];
        let (mut compound, mut worst) = (Vec::new(), 0);
        for step in 0..30_000_i64 {
            let us = 1_000_000 + step * 20_000;
            if rng.random_bool(0.02) {
                shown = rng.random_range(0..3);
                bench.downlink.assign(AUDIO, Some(SourceId(shown as u32 + 1)));
                bench.downlink.assign(VIDEO, Some(SourceId(shown as u32 + 1)));
            }
            if rng.random_bool(0.3) {
                bench.replay(us, VIDEO, &videos[shown].ring, ReplayLimits::CAMERA);
            }
            let (key, now) = (rng.random_bool(0.1), bench.now(us));
            for index in 0..3 {
                for (line, publisher, rate) in
                    [(AUDIO, &mut audios[index], 48_000), (VIDEO, &mut videos[index], 90_000)]
                {
                    let packet = publisher.frame(bench.epoch, us, 1, key, 0).remove(0);
                    let Ok(read) = bench.forward(line, publisher, &packet) else { continue };
                    bench.downlink.reports(now, ntp(us), &mut compound);
                    for report in sender_reports(&compound) {
                        reports[if report.0 == 1_000 { AUDIO } else { VIDEO }] = Some(report);
                    }
                    compound.clear();
                    let believed = reports[line].map(|report| believed(report, read.timestamp, rate));
                    worst = worst.max((believed.unwrap() - us).abs());
                }
            }
        }
        assert!(worst < 10_000, "each half within 10 ms of the capture time, so both within 20: {worst}");
        assert!(bench.downlink.stats().switches > 500);
    }
}

#[test]
fn reports_come_each_second_and_after_a_switch_with_the_counts() {
    let mut bench = Bench::new(spec(1), 1);
    let mut a = Publisher::vp8(1, 0, 5);
    assert_eq!(bench.downlink.next_timeout(), None);
    bench.downlink.assign(VIDEO, Some(SourceId(1)));
    let mut seen = Vec::new();
    for step in 0..100_i64 {
        let us = step * 33_333;
        for packet in a.frame(bench.epoch, us, 2, step == 0, 0) {
            bench.forward(VIDEO, &a, &packet).unwrap();
        }
        let mut compound = Vec::new();
        bench.downlink.reports(bench.now(us), ntp(us), &mut compound);
        assert!(bench.downlink.next_timeout() > Some(bench.now(us)));
        seen.extend(sender_reports(&compound).into_iter().map(|report| (step, report.0, report.3)));
        if !compound.is_empty() {
            assert!(compound.windows(8).any(|w| w == b"\x01\x06plenum"), "CNAME");
        }
    }
    assert_eq!(seen, [(0, 1_001, 2), (31, 1_001, 64), (62, 1_001, 126), (93, 1_001, 188)]);
}

#[test]
fn many_lines_report_in_packets_that_fit() {
    let mut bench = Bench::new(spec(49), 1);
    let mut a = Publisher::opus(1, 5);
    for line in (0..98).step_by(2) {
        bench.downlink.assign(line, Some(SourceId(1)));
    }
    let packet = a.frame(bench.epoch, 0, 1, false, 0).remove(0);
    for line in (0..98).step_by(2) {
        bench.forward(line, &a, &packet).unwrap();
    }
    let mut reported = Vec::new();
    while bench.downlink.next_timeout() <= Some(bench.now(0)) {
        let mut compound = Vec::new();
        bench.downlink.reports(bench.now(0), ntp(0), &mut compound);
        assert!((1..=1_200).contains(&compound.len()));
        reported.extend(sender_reports(&compound).into_iter().map(|report| report.0));
    }
    assert_eq!(reported, (0..49).map(|seat| 1_000 + 10 * seat).collect::<Vec<_>>());
}

#[test]
fn a_round_trip_is_measured_from_a_reception_report() {
    let mut bench = Bench::new(spec(1), 1);
    let last_report = (ntp(1_000_000) >> 16) as u32;
    let delay = 65_536 / 2;
    let report = ReportBlock { ssrc: Ssrc(1_001), fraction_lost: 64, last_report, delay, ..Default::default() };
    bench.downlink.receiver_report(ntp(1_580_000), &report);
    assert!(bench.downlink.rtt().abs_diff(Duration::from_millis(80)) < Duration::from_millis(1));
    assert_eq!(bench.downlink.fraction_lost(VIDEO), 0.25);
    bench.downlink.receiver_report(ntp(1_100_000), &report);
    bench.downlink.receiver_report(ntp(2_000_000), &ReportBlock { ssrc: Ssrc(5), ..report });
    assert!(bench.downlink.rtt().abs_diff(Duration::from_millis(80)) < Duration::from_millis(1));
}
