//! What trains show, and what is made of it.

use super::running::TIME_OUT;
use super::*;

const RTT: i64 = 50_000;

fn situation(estimate: f64, want: f64) -> Situation {
    Situation { estimate, want, max: 20e6, sent: estimate, rtt: RTT, held: false }
}

/// Sends the train over a path of `capacity` bits per second and judges it.
fn ride(prober: &mut Prober, now: i64, plan: ProbePlan, capacity: f64, estimate: f64) -> Outcome {
    let packets = plan.octets.div_ceil(600).max(plan.packets);
    let gap = |rate: f64| (600.0 * 8e6 / rate) as i64;
    let (departure, arrival) = (gap(plan.rate.0 as f64), gap((plan.rate.0 as f64).min(capacity)));
    (0..packets as i64).for_each(|packet| prober.sent(plan.cluster, now + packet * departure, 600));
    (0..packets as i64).for_each(|packet| {
        prober.told(plan.cluster, 600, now + packet * departure, Some(77 + packet * arrival));
    });
    prober.conclude(now + 100_000, RTT, estimate, false)
}

fn carries(outcome: Outcome) -> f64 {
    match outcome {
        Outcome::Carries(rate) => rate,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_start_probes_threefold_then_sixfold_and_no_further() {
    let mut prober = Prober::new(300e3);
    let first = prober.plan(0, situation(300e3, 0.0)).unwrap();
    assert_eq!(first.rate, Bps(900_000));
    assert!(prober.plan(0, situation(300e3, 0.0)).is_none(), "one at a time");
    let found = carries(ride(&mut prober, 0, first, 100e6, 300e3));
    assert!((0.88e6..=0.9e6).contains(&found), "{found}");
    let second = prober.plan(100_000, situation(0.9e6, 0.0)).unwrap();
    assert_eq!(second.rate, Bps(1_800_000));
    let found = carries(ride(&mut prober, 100_000, second, 100e6, 1.8e6));
    assert!(found > 1.75e6);
    assert!(prober.plan(1_000_000, situation(1.8e6, 0.0)).is_none());
}

#[test]
fn a_full_path_is_measured_and_tried_again_later() {
    let mut prober = Prober::new(300e3);
    let plan = prober.plan(0, situation(300e3, 5e6)).unwrap();
    let found = carries(ride(&mut prober, 0, plan, 400e3, 300e3));
    assert!((360e3..=400e3).contains(&found), "{found}");
    assert!(prober.plan(1_000_000, situation(380e3, 5e6)).is_none());
    prober.prompt();
    assert!(prober.plan(1_000_000, situation(380e3, 5e6)).is_none(), "it rests");
    assert!(prober.plan(1_200_000, situation(380e3, 5e6)).is_some());
}

#[test]
fn what_is_wanted_bounds_the_probes() {
    let mut prober = Prober::new(300e3);
    prober.starting = false;
    assert!(prober.plan(0, situation(1e6, 1e6)).is_none());
    let plan = prober.plan(0, situation(1e6, 1.2e6)).unwrap();
    assert_eq!(plan.rate, Bps(1_440_000));
    assert_eq!(prober.next_timeout(0, situation(1e6, 1.2e6)), Some(RTT + TIME_OUT));
    assert_eq!(prober.conclude(10_000_000, RTT, 1e6, false), Outcome::Nothing, "never sent");
    let held = Situation { held: true, ..situation(1e6, 1.2e6) };
    assert!(prober.plan(60_000_000, held).is_none());
}

#[test]
fn an_unused_estimate_is_confirmed_and_falls_when_refuted_twice() {
    let mut prober = Prober::new(300e3);
    prober.starting = false;
    let idle = Situation { sent: 0.0, ..situation(3e6, 0.2e6) };
    assert!(prober.plan(0, idle).is_none());
    let unused = Situation { sent: 0.2e6, ..idle };
    for (at, expected) in [(0, 0.0), (11_000_000, 0.95e6)] {
        let plan = prober.plan(at, unused).unwrap();
        assert_eq!(plan.rate, Bps(3_000_000));
        match ride(&mut prober, at, plan, 1e6, 3e6) {
            Outcome::Refuted(rate) => assert!((rate - expected).abs() < 0.1e6, "{rate}"),
            outcome => assert_eq!((outcome, expected), (Outcome::Nothing, 0.0)),
        }
    }
}

#[test]
fn an_outage_is_followed_by_a_probe_of_what_was() {
    let mut prober = Prober::new(300e3);
    prober.starting = false;
    prober.rest(0);
    prober.recover(0, 2e6);
    assert!(prober.is_recovering(500_000) && !prober.is_recovering(1_500_000), "it may never be sent");
    assert_eq!(prober.plan(0, situation(0.5e6, 0.0)).unwrap().rate, Bps(2_000_000));
}

#[test]
fn a_train_that_is_broken_off_comes_again_and_what_was_sent_of_it_shows_nothing() {
    let mut prober = Prober::new(300e3);
    let broken = prober.plan(0, situation(300e3, 0.0)).unwrap();
    prober.sent(broken.cluster, 0, 600);
    prober.cancel();
    assert!(!prober.goes_on(broken.cluster));
    let again = prober.plan(1_000, situation(300e3, 0.0)).unwrap();
    assert_eq!((again.rate, again.octets), (broken.rate, broken.octets));
    // Told at ten times the rate, were it counted.
    prober.told(broken.cluster, 600, 0, Some(77));
    let found = carries(ride(&mut prober, 1_000, again, 100e6, 300e3));
    assert!((0.88e6..=0.9e6).contains(&found), "{found}");

    prober.recover(2_000_000, 2e6);
    let recovery = prober.plan(2_000_000, situation(300e3, 3e6)).unwrap();
    prober.cancel();
    let again = prober.plan(2_050_000, situation(300e3, 3e6)).unwrap();
    assert_eq!(again.rate, recovery.rate, "what passed before the outage is still to be tried");
}

#[test]
fn after_a_promise_that_was_not_kept_no_short_train_is_believed_by_itself() {
    let mut prober = Prober::new(100e3);
    prober.starting = false;
    let (mut now, estimate) = (0, 900e3);
    let mut next = |prober: &mut Prober, passes: f64| {
        now += 6_000_000;
        let plan = prober.plan(now, situation(estimate, 2.3e6)).unwrap();
        let outcome = ride(prober, now, plan, passes, estimate);
        (prober.promised.is_some(), outcome)
    };
    // Held up a little, as by a busy machine, it is taken for what the path carries.
    assert!(matches!(next(&mut prober, 1.45e6), (false, Outcome::Carries(_))));
    assert_eq!(next(&mut prober, 5e6), (true, Outcome::Nothing));
    let (_, long) = next(&mut prober, 0.95e6);
    assert!(matches!(long, Outcome::Carries(rate) | Outcome::Refuted(rate) if rate < 1e6), "{long:?}");
    // The path has a bucket: the next has to be proved as well.
    assert_eq!(next(&mut prober, 1.45e6), (true, Outcome::Nothing));
}

/// A train that is due six seconds after the one before; whether it is believed as it is.
fn believed(prober: &mut Prober, now: &mut i64, estimate: f64) -> bool {
    *now += 6_000_000;
    let plan = prober.plan(*now, situation(estimate, 20e6)).unwrap();
    match ride(prober, *now, plan, 100e6, estimate) {
        Outcome::Carries(rate) => rate > 1.5 * estimate,
        _ => false,
    }
}

#[test]
fn short_trains_are_believed_until_the_start_is_over_and_below_it() {
    let (mut prober, mut now) = (Prober::new(500e3), 0);
    assert!(believed(&mut prober, &mut now, 500e3));
    assert!(believed(&mut prober, &mut now, 1.5e6), "which reaches the sixfold");
    assert!(!believed(&mut prober, &mut now, 1.5e6), "has to be proved from now on");
    prober.promised = None;
    assert!(believed(&mut prober, &mut now, 100e3), "nothing is lost there by a try");
}

#[test]
fn a_path_that_is_overused_soon_after_a_train_was_believed_is_not_believed_again() {
    for (after, again) in [(4_000_000, false), (20_000_000, true)] {
        let (mut prober, mut now) = (Prober::new(500e3), 0);
        assert!(believed(&mut prober, &mut now, 500e3));
        now += after;
        prober.overused(now);
        assert_eq!(believed(&mut prober, &mut now, 100e3), again);
    }
}
