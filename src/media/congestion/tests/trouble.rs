//! Feedback that is lost, late, doubled, missing or made up, and paths that are shared or break.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};

use super::*;
use crate::id::Ssrc;
use crate::media::congestion::{Cluster, Estimator, Kind, Limits, PathState};
use crate::media::rtcp::transport_cc::{self, Feedback};

#[test]
fn a_tenth_of_the_feedback_lost_and_the_rest_in_disorder_costs_little_rate() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 1.5e6);
        call.back = Back { loss: 0.1, duplicates: 0.2, jitter: 150_000, ..call.back };
        call.run(40.0);
        let steady = call.between(0, 10.0, 40.0);
        let used = arrived(steady) / 1.5e6;
        check(&mut failures, seed, used > 0.85, || format!("uses {used:.3}"));
        let queueing = most_queueing(steady) / 1_000;
        check(&mut failures, seed, queueing < 400, || format!("{queueing} ms queued"));
    }
    report(failures);
}

#[test]
fn jitter_of_thirty_milliseconds_is_not_taken_for_a_queue() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 2e6);
        call.link.shape = Shape { jitter: 30_000, reorders: seed % 2 == 0, ..call.link.shape };
        call.run(40.0);
        let used = arrived(call.between(0, 10.0, 40.0)) / 2e6;
        check(&mut failures, seed, used > 0.85, || format!("uses {used:.3}"));
    }
    report(failures);
}

#[test]
fn after_an_outage_of_two_seconds_the_rate_is_back_within_one() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 2e6);
        call.run(12.0);
        let outage = call.now;
        call.cut = true;
        call.run(2.0);
        let low = call.samples[call.samples.len() - 1].estimate;
        check(&mut failures, seed, low < 1.2e6, || format!("still {low:.0} into nowhere"));
        call.cut = false;
        let back = call.now;
        call.run(6.0);
        let reached = call.reached(back, 0.8 * 2e6);
        check(&mut failures, seed, reached.is_some_and(|at| at < 1.0), || format!("reached {reached:?}"));
        let queueing = most_queueing(call.between(outage, 0.0, 8.0)) / 1_000;
        check(&mut failures, seed, queueing < 400, || format!("{queueing} ms queued"));
    }
    report(failures);
}

#[test]
fn a_path_that_others_take_and_leave_is_shared_and_taken_back() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 3e6);
        call.run(10.0);
        let taken = call.now;
        call.link.reshape(taken, Shape { cross: 1.5e6, ..call.link.shape });
        call.run(15.0);
        let queueing = most_queueing(call.between(taken, 3.0, 15.0)) / 1_000;
        check(&mut failures, seed, queueing < 300, || format!("{queueing} ms queued"));
        let share = arrived(call.between(taken, 3.0, 15.0)) / 1.5e6;
        check(&mut failures, seed, share > 0.7, || format!("takes {share:.2} of the rest"));
        let left = call.now;
        call.link.reshape(left, Shape { cross: 0.0, ..call.link.shape });
        call.run(10.0);
        let reached = call.reached(left, 0.85 * 3e6);
        check(&mut failures, seed, reached.is_some_and(|at| at < 8.0), || format!("reached {reached:?}"));
    }
    report(failures);
}

#[test]
fn an_estimate_that_nobody_uses_follows_the_path_down() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 3e6);
        call.run(5.0);
        call.source = Some(200e3);
        call.estimator.want(Bps(200_000));
        call.run(5.0);
        call.link.reshape(call.now, Shape { rate: 1e6, ..call.link.shape });
        call.run(40.0);
        let estimate = call.samples[call.samples.len() - 1].estimate;
        check(&mut failures, seed, (0.5e6..1.3e6).contains(&estimate), || format!("believes {estimate:.0}"));
    }
    report(failures);
}

#[test]
fn what_the_owner_wants_is_probed_for_and_no_more() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 5e6);
        // A layer of 400 kbit/s now, and one of 1.5 Mbit/s for which the estimate does not do.
        call.source = Some(400e3);
        call.estimator.want(Bps(1_500_000));
        call.run(20.0);
        let reached = call.reached(0, 1.5e6);
        check(&mut failures, seed, reached.is_some_and(|at| at < 3.0), || format!("reached {reached:?}"));
        let most = most_estimate(call.between(0, 0.0, 20.0));
        check(&mut failures, seed, most < 2.2e6, || format!("probed to {most:.0}"));
    }
    report(failures);
}

#[test]
fn a_shallow_queue_that_only_loses_is_found_by_loss() {
    let mut failures = Vec::new();
    for seed in 0..20 {
        let mut call = call(seed, 1.5e6);
        call.link.shape = Shape { queue: 10_000, ..call.link.shape };
        call.run(40.0);
        let steady = call.between(0, 10.0, 40.0);
        let (offered, used) = (sent(steady) / 1.5e6, arrived(steady) / 1.5e6);
        check(&mut failures, seed, used > 0.6, || format!("uses {used:.2}"));
        check(&mut failures, seed, offered < 1.25, || format!("sends {offered:.2}"));
    }
    report(failures);
}

fn estimator(now: Instant) -> Estimator {
    Estimator::new(now, Limits { min: Bps(100_000), start: Bps(500_000), max: Bps(4_000_000) })
}

#[test]
fn without_transport_wide_feedback_the_receivers_own_estimate_counts() {
    let now = Instant::now();
    let mut estimator = estimator(now);
    estimator.want(Bps(3_000_000));
    assert_eq!(estimator.estimate(), Bps(500_000));
    let mut planned = 0;
    for second in 0..100 {
        let now = now + Duration::from_secs(second);
        planned += u32::from(estimator.probe(now).is_some());
        for seq in 0..50 {
            estimator.sent(now, (second * 50 + seq) as u16, 1_000, Kind::Media, None);
        }
        estimator.handle_timeout(now);
        assert_eq!(estimator.estimate(), Bps(500_000), "silence of somebody who never spoke says nothing");
    }
    assert!(planned <= 3, "{planned} probes for nobody");
    for (told, expected) in [(1_234_567, 1_234_567), (0, 100_000), (u64::MAX, 4_000_000), (800_000, 800_000)] {
        estimator.remb(Bps(told));
        assert_eq!(estimator.estimate(), Bps(expected));
    }
    assert_eq!(estimator.pacing_rate(), Bps(1_200_000));
}

/// Writes feedback about `packets` and hands it over.
fn tell(estimator: &mut Estimator, now: Instant, packets: &[(u16, Option<Duration>)]) {
    let mut packet = Vec::new();
    transport_cc::write(&mut packet, Ssrc(1), Ssrc(2), 0, packets);
    estimator.feedback(now, &Feedback::parse(&packet).unwrap());
}

#[test]
fn facts_tell_rates_round_trip_loss_and_what_was_sent() {
    let start = Instant::now();
    let mut estimator = estimator(start);
    let at = |ms: u64| start + Duration::from_millis(ms);
    for packet in 0..200_u16 {
        let (kind, cluster) = match packet {
            0..10 => (Kind::Padding, Some(Cluster(200))),
            10..20 => (Kind::Retransmission, None),
            _ => (Kind::Media, None),
        };
        estimator.sent(at(10 * u64::from(packet)), packet, 1_250, kind, cluster);
        if packet % 10 == 9 {
            let told: Vec<_> = (packet - 9..=packet)
                .map(|seq| (seq, (seq % 10 != 3).then(|| Duration::from_millis(500 + 10 * u64::from(seq)))))
                .collect();
            tell(&mut estimator, at(10 * u64::from(packet) + 60), &told);
        }
    }
    let facts = estimator.facts(at(2_050));
    assert_eq!((facts.media, facts.retransmitted, facts.padding), (180 * 1_250, 10 * 1_250, 10 * 1_250));
    assert_eq!(facts.rtt, Some(Duration::from_millis(60)));
    assert!((0.08..0.11).contains(&facts.loss), "{}", facts.loss);
    assert!((880_000..920_000).contains(&facts.acknowledged.unwrap().0), "{:?}", facts.acknowledged);
    assert!((880_000..1_000_000).contains(&facts.sent.unwrap().0), "{:?}", facts.sent);
    assert_eq!((facts.state, facts.queueing), (PathState::Normal, Duration::ZERO));
    assert!(!facts.limited && !facts.draining && !facts.silent);
    assert_eq!((facts.probes, facts.probes_passed), (0, 0));
}

#[test]
fn silence_lowers_the_rate_step_by_step_down_to_the_floor() {
    let start = Instant::now();
    let mut estimator = estimator(start);
    estimator.sent(start, 0, 1_000, Kind::Media, None);
    tell(&mut estimator, start, &[(0, Some(Duration::ZERO))]);
    let mut now = start;
    for seq in 1..100 {
        estimator.sent(now, seq, 1_000, Kind::Media, None);
    }
    let mut steps = 0;
    while now < start + Duration::from_secs(10) {
        let before = estimator.estimate();
        now = now.max(estimator.next_timeout(now).unwrap()) + Duration::from_millis(1);
        estimator.handle_timeout(now);
        estimator.probe(now);
        steps += u32::from(estimator.estimate() < before);
    }
    assert!(estimator.facts(now).silent);
    assert_eq!((estimator.estimate(), steps), (Bps(100_000), 5));
}

#[test]
fn made_up_feedback_moves_the_estimate_within_its_limits_only() {
    for seed in 0..100 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let start = Instant::now();
        let mut estimator = estimator(start);
        let mut now = start;
        let mut next: u16 = rng.random();
        for _ in 0..500 {
            // Time may stand, leap or go back.
            now += Duration::from_micros(rng.random_range(0..20_000) * rng.random_range(0..=3_u64).pow(4));
            let when = if rng.random_bool(0.05) { start } else { now };
            for _ in 0..rng.random_range(0..20) {
                let cluster = rng.random_bool(0.2).then(|| Cluster(rng.random_range(0..5)));
                estimator.sent(when, next, rng.random_range(0..100_000), Kind::Media, cluster);
                next = next.wrapping_add(rng.random_range(0..3));
            }
            estimator.want(Bps(rng.random::<u64>() >> rng.random_range(0..64)));
            estimator.probe(when);
            estimator.handle_timeout(when);
            estimator.next_timeout(when);
            let packet = made_up(&mut rng, next);
            if let Some(feedback) = Feedback::parse(&packet) {
                estimator.feedback(when, &feedback);
            }
            let facts = estimator.facts(when);
            assert!((100_000..=4_000_000).contains(&estimator.estimate().0), "seed {seed}: {facts:?}");
            assert!((100_000..=6_000_000).contains(&estimator.pacing_rate().0), "seed {seed}: {facts:?}");
            assert!((0.0..=1.0).contains(&facts.loss), "seed {seed}: {facts:?}");
        }
    }
}

/// Feedback with any numbers, times and chunks, about packets near `next` or anywhere.
fn made_up(rng: &mut SmallRng, next: u16) -> Vec<u8> {
    let mut packet = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let base = if rng.random_bool(0.8) { next.wrapping_sub(rng.random_range(0..60)) } else { rng.random() };
    packet.extend(base.to_be_bytes());
    let count = if rng.random_bool(0.9) { rng.random_range(0..60) } else { rng.random() };
    packet.extend(u16::to_be_bytes(count));
    let reference: u32 = if rng.random_bool(0.7) { rng.random_range(0..100) } else { rng.random() };
    packet.extend(reference.to_be_bytes());
    let mut rest = vec![0; rng.random_range(0..400)];
    rng.fill_bytes(&mut rest);
    if rng.random_bool(0.5) && rest.len() > 1 {
        // A run of packets that came, so that the times are read.
        rest[0] = if rng.random_bool(0.5) { 0x20 } else { 0x40 };
        rest[1] = count.min(255) as u8;
    }
    packet.extend(rest);
    packet
}
