use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const MBPS: Bps = Bps(1_000_000);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn video(line: u16, number: u32) -> Class {
    Class::Video(Frame { line, number, key: false })
}

fn key(line: u16, number: u32) -> Class {
    Class::Video(Frame { line, number, key: true })
}

/// Sends all that may leave now.
fn flush(pacer: &mut Pacer<u32>, now: Instant) -> Vec<u32> {
    let mut sent = Vec::new();
    while let Next::Send { item, .. } = pacer.poll(now) {
        sent.push(item);
    }
    sent
}

/// Ticks every 5 ms until nothing waits: what left in which order, and how long it took.
fn drain(pacer: &mut Pacer<u32>, start: Instant) -> (Vec<u32>, Duration) {
    let (mut sent, mut now) = (Vec::new(), start);
    while !pacer.is_empty() {
        sent.extend(flush(pacer, now));
        now += ms(5);
    }
    (sent, now - start)
}

fn shed(pacer: &mut Pacer<u32>) -> Vec<u32> {
    std::iter::from_fn(|| pacer.shed()).map(|shed| shed.item).collect()
}

#[test]
fn sound_goes_first_then_retransmissions_then_frames_in_order() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    pacer.push(now, video(0, 1), 1_000, 1);
    pacer.push(now, video(1, 7), 1_000, 2);
    pacer.push(now, video(0, 1), 1_000, 3);
    pacer.push(now, Class::Retransmission, 1_000, 4);
    pacer.push(now, Class::Audio, 100, 5);
    let (sent, took) = drain(&mut pacer, now);
    assert_eq!(sent, [5, 4, 1, 2, 3]);
    assert!((ms(25)..=ms(40)).contains(&took), "4,100 octets at 1 Mbit/s: {took:?}");
}

#[test]
fn a_train_after_a_pause_is_five_milliseconds_of_the_rate_at_most() {
    let start = Instant::now();
    let mut pacer = Pacer::new(start, Bps(10_000_000));
    let now = start + ms(1_000);
    (0..100).for_each(|item| pacer.push(now, video(0, 1), 1_000, item));
    // 5 ms are 6,250 octets, and the packet that crosses the line.
    assert_eq!(flush(&mut pacer, now).len(), 7);
    let Next::Wait(Some(next)) = pacer.poll(now) else { panic!("it waits") };
    assert!(next > now && next - now < ms(1));
    for tick in 1..10 {
        assert!(flush(&mut pacer, now + ms(5 * tick)).len() <= 7);
    }
    let (_, took) = drain(&mut pacer, now + ms(50));
    assert!(took <= ms(35), "the ticks cost no rate: {took:?}");
}

#[test]
fn sound_waits_for_nothing_and_the_others_pay() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    pacer.push(now, video(0, 1), 1_000, 0);
    flush(&mut pacer, now);
    for item in 1..=10 {
        pacer.push(now, Class::Audio, 125, item);
    }
    assert_eq!(flush(&mut pacer, now).len(), 10);
    assert!(pacer.wait(now) >= ms(12), "{:?}", pacer.wait(now));
}

#[test]
fn a_frame_that_would_wait_too_long_is_shed_whole() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    // 144 ms of frames 1 and 2.
    (0..9).for_each(|item| pacer.push(now, video(0, 1), 1_000, item));
    (10..19).for_each(|item| pacer.push(now, video(1, 2), 1_000, item));
    assert_eq!(shed(&mut pacer), []);
    // Its first packet would be in time, the third is not.
    (20..24).for_each(|item| pacer.push(now, video(0, 3), 1_000, item));
    assert_eq!(shed(&mut pacer), [20, 21, 22, 23]);
    pacer.push(now, video(0, 4), 500, 30);
    assert_eq!(shed(&mut pacer), [], "what fits goes on");
    let (sent, took) = drain(&mut pacer, now);
    assert_eq!(sent.len(), 19);
    assert!(took <= MOST_WAIT + ms(10), "{took:?}");
}

#[test]
fn a_frame_that_is_leaving_is_completed() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    pacer.push(now, video(0, 1), 1_000, 0);
    assert_eq!(flush(&mut pacer, now), [0]);
    (1..30).for_each(|item| pacer.push(now, video(0, 1), 1_000, item));
    assert_eq!(shed(&mut pacer), []);
    (30..90).for_each(|item| pacer.push(now, video(0, 1), 1_000, item));
    let rest: Vec<_> = std::iter::from_fn(|| pacer.shed()).collect();
    assert!(!rest.is_empty() && rest.iter().all(|shed| shed.truncates), "within reason");
}

#[test]
fn a_key_frame_takes_the_place_of_what_waits_of_its_line() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    (0..2).for_each(|item| pacer.push(now, video(0, 1), 1_000, item));
    assert_eq!(flush(&mut pacer, now), [0]);
    (2..10).for_each(|item| pacer.push(now, video(0, 2), 1_000, item));
    pacer.push(now, video(1, 2), 1_000, 50);
    (10..40).for_each(|item| pacer.push(now, key(0, 3), 1_000, item));
    assert_eq!(shed(&mut pacer), (2..10).collect::<Vec<_>>());
    let (sent, _) = drain(&mut pacer, now);
    assert_eq!(sent, [1, 50].into_iter().chain(10..40).collect::<Vec<_>>());
}

#[test]
fn a_lower_rate_sheds_the_last_frames_but_no_key_frame() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, Bps(4_000_000));
    (0..20).for_each(|item| pacer.push(now, key(0, 1), 1_000, item));
    (20..30).for_each(|item| pacer.push(now, video(0, 2), 1_000, item));
    (30..40).for_each(|item| pacer.push(now, video(1, 1), 1_000, item));
    assert_eq!(shed(&mut pacer), []);
    pacer.set_rate(now, Bps(2_000_000));
    assert_eq!(shed(&mut pacer), (30..40).collect::<Vec<_>>());
    pacer.set_rate(now, MBPS);
    assert_eq!(shed(&mut pacer), (20..30).collect::<Vec<_>>());
    pacer.push(now, video(1, 1), 1_000, 40);
    assert_eq!(shed(&mut pacer), [40], "the rest of a frame that was shed");
}

#[test]
fn retransmissions_that_would_be_late_are_shed() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    (0..30).for_each(|item| pacer.push(now, Class::Retransmission, 1_000, item));
    assert_eq!(shed(&mut pacer), (19..30).collect::<Vec<_>>());
}

#[test]
fn a_probe_sends_at_its_own_rate_media_first_and_padding_then() {
    let now = Instant::now();
    let mut pacer = Pacer::new(now, MBPS);
    let plan = ProbePlan { cluster: Cluster(9), rate: Bps(4_000_000), octets: 15_000, packets: 5 };
    pacer.push(now, video(0, 1), 1_000, 7);
    pacer.probe(now, plan);
    assert_eq!(pacer.poll(now), Next::Send { item: 7, size: 1_000, cluster: Some(Cluster(9)) });
    let (mut tick, mut padding) = (now, 0);
    while padding < 14_000 {
        match pacer.poll(tick) {
            Next::Padding { size, cluster } => {
                assert_eq!((size, cluster), (3_000, Cluster(9)));
                pacer.padded(tick, 1_000);
                padding += 1_000;
            }
            Next::Wait(at) => tick = at.unwrap(),
            Next::Send { .. } => panic!("nothing waits"),
        }
    }
    assert!((ms(24)..=ms(30)).contains(&(tick - now)), "15,000 octets at 4 Mbit/s: {:?}", tick - now);
    assert!(matches!(pacer.poll(now + ms(1_000)), Next::Wait(None)), "complete");
}

#[test]
fn a_probe_that_nobody_can_pad_or_that_takes_too_long_ends() {
    let now = Instant::now();
    let mut pacer: Pacer<u32> = Pacer::new(now, MBPS);
    let plan = ProbePlan { cluster: Cluster(1), rate: MBPS, octets: 5_000, packets: 5 };
    pacer.probe(now, plan);
    assert!(matches!(pacer.poll(now), Next::Padding { .. }));
    pacer.padded(now, 0);
    assert_eq!(pacer.poll(now), Next::Wait(None));
    pacer.probe(now, plan);
    assert_eq!(pacer.poll(now + ms(301)), Next::Wait(None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever comes: each packet leaves once or is shed once, frames leave whole unless the shed part says so, sound
    /// is never shed, and nothing waits longer than it may.
    #[test]
    fn nothing_is_forgotten_doubled_or_late(
        rate in 100_000_u64..5_000_000,
        steps in prop::collection::vec((0_u64..20, 0_u8..10, 0_u16..3, 1_usize..30, 0_u32..5), 1..80),
    ) {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now, Bps(rate));
        let mut sent = Sent::default();
        let mut frame = 0;
        for (pause, what, line, count, turn) in steps {
            now += ms(pause);
            frame += 1;
            let class = match what {
                0 => Class::Audio,
                1 => Class::Retransmission,
                2 => key(line, frame),
                _ => video(line, frame),
            };
            for packet in 0..if class == Class::Audio { 1 } else { count } {
                sent.packets.push((class, now, 0));
                pacer.push(now, class, 100 + (packet * 373) % 1_100, sent.packets.len() - 1);
                if turn == 0 && packet % 5 == 4 {
                    sent.settle(&mut pacer, now)?;
                    now += ms(3);
                }
            }
            if turn == 1 {
                pacer.set_rate(now, Bps(rate / 2));
            } else if turn == 2 {
                pacer.set_rate(now, Bps(rate));
            }
            sent.settle(&mut pacer, now)?;
        }
        for _ in 0..400 {
            now += ms(5);
            sent.settle(&mut pacer, now)?;
        }
        prop_assert!(pacer.is_empty());
        prop_assert!(sent.packets.iter().all(|(_, _, times)| *times == 1));
    }
}

/// What was pushed when, and how often it came out.
#[derive(Default)]
struct Sent {
    packets: Vec<(Class, Instant, u8)>,
    /// Frames of which something left, and frames that were shed whole.
    left: BTreeSet<u32>,
    shed: BTreeSet<u32>,
}

impl Sent {
    /// Sends and sheds what may be now, and checks each.
    fn settle(&mut self, pacer: &mut Pacer<usize>, now: Instant) -> Result<(), TestCaseError> {
        while let Some(shed) = pacer.shed() {
            self.packets[shed.item].2 += 1;
            prop_assert_eq!(self.packets[shed.item].0, shed.class);
            prop_assert!(shed.class != Class::Audio);
            if let Class::Video(frame) = shed.class {
                prop_assert_eq!(shed.truncates, self.left.contains(&frame.number));
                if !shed.truncates {
                    self.shed.insert(frame.number);
                }
            }
        }
        while let Next::Send { item, .. } = pacer.poll(now) {
            let (class, since, times) = &mut self.packets[item];
            *times += 1;
            if let Class::Video(frame) = class {
                self.left.insert(frame.number);
                prop_assert!(!self.shed.contains(&frame.number), "a part of a frame that was shed");
            }
            let waited = now - *since;
            match class {
                Class::Audio => prop_assert!(waited < ms(6)),
                // Doubled when the rate is halved and nothing may be shed, and longer by what overtakes.
                _ => prop_assert!(waited <= 2 * (MOST_WAIT_WHOLE + MOST_WAIT) + ms(150), "{waited:?}"),
            }
        }
        Ok(())
    }
}
