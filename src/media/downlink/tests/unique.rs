//! The invariant that keys hang on: no number of a stream is given out twice, whatever happens in whatever order.

use std::collections::HashSet;

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Frame {
        publisher: usize,
        packets: usize,
        key: bool,
        temporal: u8,
        shuffle: bool,
        lost: u8,
    },
    /// A packet of a publisher's past comes (again).
    Late {
        publisher: usize,
        back: usize,
    },
    Assign {
        line: usize,
        source: Option<u32>,
    },
    Target {
        line: usize,
        source: u32,
        layer: usize,
        max_temporal: Option<u8>,
    },
    Replay {
        line: usize,
        publisher: usize,
    },
    Nack {
        line: usize,
        back: u16,
    },
    Probe,
    Update {
        seats: u16,
        active: bool,
        rtx: bool,
    },
    Leap {
        publisher: usize,
        by: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let line = 0..4_usize;
    prop_oneof![
        8 => (0..6_usize, 1..5_usize, prop::bool::weighted(0.3), 0..3_u8, any::<bool>(), any::<u8>()).prop_map(
            |(publisher, packets, key, temporal, shuffle, lost)| Step::Frame { publisher, packets, key, temporal, shuffle, lost }
        ),
        3 => (0..6_usize, 1..60_usize).prop_map(|(publisher, back)| Step::Late { publisher, back }),
        2 => (line.clone(), prop::option::of(1..3_u32)).prop_map(|(line, source)| Step::Assign { line, source }),
        2 => (line.clone(), 1..3_u32, 0..2_usize, prop::option::weighted(0.8, 0..3_u8))
            .prop_map(|(line, source, layer, max_temporal)| Step::Target { line, source, layer, max_temporal }),
        2 => (line.clone(), 0..6_usize).prop_map(|(line, publisher)| Step::Replay { line, publisher }),
        3 => (line, 0..80_u16).prop_map(|(line, back)| Step::Nack { line, back }),
        1 => Just(Step::Probe),
        1 => (2..4_u16, prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(seats, active, rtx)| Step::Update { seats, active, rtx }),
        1 => (0..6_usize, prop::sample::select(vec![5, 900, 5_000, 70_000]))
            .prop_map(|(publisher, by)| Step::Leap { publisher, by }),
    ]
}

struct World {
    bench: Bench,
    publishers: Vec<Publisher>,
    past: Vec<Vec<Packet>>,
    us: i64,
}

impl World {
    fn new() -> World {
        let mut publishers: Vec<Publisher> =
            (0..4).map(|n| Publisher::vp8(1 + n / 2, n as usize % 2, 5 * n + 3)).collect();
        publishers.extend((1..3).map(|source| Publisher::opus(source, source)));
        let past = publishers.iter().map(|_| Vec::new()).collect();
        World { bench: Bench::new(spec(2), 9), publishers, past, us: 0 }
    }

    fn offer(&mut self, publisher: usize, packet: &Packet) {
        for line in 0..self.bench.downlink.lines.len() {
            // As the owner's fan-out lists do: audio to audio lines, video to video lines.
            if (line % 2 == AUDIO) == (publisher >= 4) {
                let _ = self.bench.forward(line, &self.publishers[publisher], packet);
            }
        }
    }

    fn take(&mut self, step: Step) {
        self.us += 7_000;
        let us = self.us;
        match step {
            Step::Frame { publisher, packets, key, temporal, shuffle, lost } => {
                let epoch = self.bench.epoch;
                let packets = if publisher >= 4 { 1 } else { packets };
                let mut made = self.publishers[publisher].frame(epoch, us, packets, key, temporal);
                self.past[publisher].extend(made.iter().cloned());
                if shuffle {
                    made.reverse();
                }
                for (n, packet) in made.iter().enumerate() {
                    if lost & (1 << n) == 0 || lost > 60 {
                        self.offer(publisher, packet);
                    }
                }
            }
            Step::Late { publisher, back } => {
                let past = &self.past[publisher];
                if let Some(packet) = past.len().checked_sub(back).and_then(|at| past.get(at)).cloned() {
                    self.offer(publisher, &packet);
                }
            }
            Step::Assign { line, source } => self.bench.downlink.assign(line, source.map(SourceId)),
            Step::Target { line, source, layer, max_temporal } => {
                let target = max_temporal.and_then(|temporal| up_to(layer, temporal));
                self.bench.downlink.target(line, SourceId(source), target);
            }
            Step::Replay { line, publisher } => {
                let ring = &self.publishers[publisher];
                if self.bench.downlink.wants_key_frame(line) == Some((ring.source, ring.layer)) {
                    self.bench.replay(us, line, &ring.ring, ReplayLimits::SCREEN);
                }
            }
            Step::Probe => {
                let _ = self.bench.probe(us, &self.publishers[..4]);
            }
            Step::Nack { line, back } => {
                let state = &self.bench.downlink.lines[line];
                let (ssrc, seq) = (state.ssrc.0, state.next.0.saturating_sub(u64::from(back)));
                let _ = self.bench.nack(us, ssrc, seq as u16, &self.publishers[..4]);
            }
            Step::Update { seats, active, rtx } => {
                let mut update = spec(seats);
                update.downlinks[VIDEO].active = active;
                if !rtx {
                    update.payloads[1].rtx = None;
                }
                let mut rng = self.bench.rng.clone();
                self.bench.downlink.update(Arc::new(update), &mut rng);
            }
            Step::Leap { publisher, by } => self.publishers[publisher].seq += by,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_number_of_a_stream_is_given_out_twice(steps in prop::collection::vec(step(), 1..250)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.take(step));
        let mut given = HashSet::new();
        let mut frames: std::collections::HashMap<(usize, u32), (u32, Option<u32>)> = Default::default();
        for read in &world.bench.got {
            prop_assert!(given.insert((read.stream, read.seq)), "{:?}", read);
            // One timestamp on a line is one frame of one source.
            let media = read.stream % 2 == 0 && read.pt == 96 && !read.payload.is_empty();
            if media {
                prop_assert_eq!(read.csrc, u32::from(read.payload[7]), "CSRC names the payload's source");
                let frame = u32::from_be_bytes(read.payload[9..13].try_into().unwrap());
                let known = frames.entry((read.stream, read.timestamp)).or_insert((read.csrc, Some(frame)));
                prop_assert_eq!(*known, (read.csrc, Some(frame)));
            }
        }
        let numbers: Vec<u16> = world.bench.got.iter().filter_map(|read| read.transport_cc).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    }
}
