//! The estimator in whole calls, over many seeds. Each seed has its own round trip, jitter and feedback.

mod call;
mod link;
mod pacer;
mod trouble;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::id::Bps;

use call::*;
use link::Shape;

/// A path of `rate` as the seed makes it: 20–160 ms of round trip, up to 8 ms of jitter, a queue of 0.3–0.8 s, feedback
/// each 50–100 ms.
fn call(seed: u64, rate: f64) -> Call {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0x5EED);
    let shape = Shape {
        queue: rng.random_range(300_000..800_000),
        delay: rng.random_range(10_000..80_000),
        jitter: rng.random_range(0..8_000),
        reorders: rng.random_bool(0.2),
        ..Shape::of(rate)
    };
    let mut call = Call::new(seed, shape);
    call.back.interval = rng.random_range(50_000..=100_000);
    call
}

fn check(failures: &mut Vec<String>, seed: u64, holds: bool, what: impl FnOnce() -> String) {
    if !holds {
        failures.push(format!("seed {seed}: {}", what()));
    }
}

fn report(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn it_converges_within_ten_seconds_and_stays_for_a_minute() {
    let mut failures = Vec::new();
    for rate in [0.3e6, 0.8e6, 1.5e6, 3e6, 5e6] {
        for seed in 0..12 {
            let mut call = call(seed, rate);
            call.run(70.0);
            let reached = call.reached(0, 0.85 * rate);
            check(&mut failures, seed, reached.is_some_and(|at| at < 10.0), || format!("{rate}: {reached:?}"));
            let steady = call.between(0, 10.0, 70.0);
            let least = least_estimate(steady) / rate;
            check(&mut failures, seed, least >= 0.85, || format!("{rate}: fell to {least:.3}"));
            let passed = arrived(steady) / rate;
            check(&mut failures, seed, passed >= 0.9, || format!("{rate}: only {passed:.3} arrived"));
            let queueing = most_queueing(steady) / 1_000;
            check(&mut failures, seed, queueing < 400, || format!("{rate}: {queueing} ms queued"));
        }
    }
    report(failures);
}

#[test]
fn a_path_that_falls_to_a_fifth_is_followed_within_two_seconds() {
    let mut failures = Vec::new();
    for seed in 0..40 {
        let mut call = call(seed, 5e6);
        call.run(10.0);
        let (step, lost) = (call.now, call.audio_lost);
        call.link.reshape(step, Shape { rate: 1e6, ..call.link.shape });
        call.run(20.0);
        let after = call.between(step, 2.0, 5.0);
        let (rate, then) = (sent(call.between(step, 1.0, 2.0)), sent(call.between(step, 2.0, 5.0)));
        check(&mut failures, seed, rate < 1e6 && then < 1.03e6, || format!("sends {rate:.0}, then {then:.0}"));
        let queueing = most_queueing(after) / 1_000;
        check(&mut failures, seed, queueing < 200, || format!("{queueing} ms queued"));
        let steady = least_estimate(call.between(step, 5.0, 20.0));
        check(&mut failures, seed, steady > 0.8e6, || format!("then {steady:.0}"));
        let lost = call.audio_lost - lost;
        check(&mut failures, seed, lost < 25, || format!("{lost} of sound lost"));
    }
    report(failures);
}

#[test]
fn a_path_that_becomes_five_times_as_fast_is_used_within_eight_seconds() {
    let mut failures = Vec::new();
    for seed in 0..40 {
        let mut call = call(seed, 1e6);
        call.run(20.0);
        let step = call.now;
        call.link.reshape(step, Shape { rate: 5e6, ..call.link.shape });
        call.run(12.0);
        let reached = call.reached(step, 0.85 * 5e6);
        check(&mut failures, seed, reached.is_some_and(|at| at < 8.0), || format!("reached {reached:?}"));
        let used = arrived(call.between(step, 8.0, 12.0));
        check(&mut failures, seed, used > 0.85 * 5e6, || format!("uses {used:.0}"));
    }
    report(failures);
}

#[test]
fn one_packet_in_twenty_lost_at_random_costs_no_rate() {
    let mut failures = Vec::new();
    for seed in 0..40 {
        let mut call = call(seed, 2e6);
        call.link.shape = Shape { delay: 40_000, loss: 0.05, ..call.link.shape };
        call.run(40.0);
        let steady = call.between(0, 10.0, 40.0);
        let used = arrived(steady) / 0.95;
        check(&mut failures, seed, used >= 0.8 * 2e6, || format!("uses {used:.0}"));
        let least = least_estimate(steady);
        check(&mut failures, seed, least >= 0.8 * 2e6, || format!("fell to {least:.0}"));
    }
    report(failures);
}

#[test]
fn who_is_silent_neither_gains_nor_loses() {
    let mut failures = Vec::new();
    for seed in 0..10 {
        let mut call = call(seed, 3e6);
        call.estimator.want(Bps(0));
        call.source = Some(500e3);
        call.run(10.0);
        let before = call.samples[call.samples.len() - 1].estimate;
        let quiet = call.now;
        call.idle = true;
        call.run(120.0);
        let (least, most) =
            (least_estimate(call.between(quiet, 0.0, 120.0)), most_estimate(call.between(quiet, 0.0, 120.0)));
        check(&mut failures, seed, least == before && most == before, || {
            format!("{before:.0} became {least:.0}..{most:.0}")
        });
        let wasted = sent(call.between(quiet, 1.0, 120.0));
        check(&mut failures, seed, wasted == 0.0, || format!("probes at {wasted:.0} for nobody"));
    }
    report(failures);
}

#[test]
fn who_sent_little_for_a_minute_gets_much_within_three_seconds() {
    let mut failures = Vec::new();
    for seed in 0..40 {
        let mut call = call(seed, 3e6);
        call.source = Some(200e3);
        call.estimator.want(Bps(200_000));
        call.run(60.0);
        let most = most_estimate(call.between(0, 0.0, 60.0));
        check(&mut failures, seed, most < 3.6e6, || format!("drifted to {most:.0}"));
        let least = least_estimate(call.between(0, 3.0, 60.0));
        check(&mut failures, seed, least > 1e6, || format!("decayed to {least:.0}"));
        let wish = call.now;
        call.source = Some(2e6);
        call.estimator.want(Bps(2_000_000));
        call.run(8.0);
        let reached = call.reached(wish, 2e6);
        check(&mut failures, seed, reached.is_some_and(|at| at < 3.0), || format!("reached {reached:?}"));
        let used = arrived(call.between(wish, 3.0, 8.0));
        check(&mut failures, seed, used > 1.85e6, || format!("uses {used:.0}"));
        let queueing = most_queueing(call.between(wish, 0.0, 8.0)) / 1_000;
        check(&mut failures, seed, queueing < 300, || format!("{queueing} ms queued"));
    }
    report(failures);
}
