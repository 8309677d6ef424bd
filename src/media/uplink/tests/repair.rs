//! Loss and what mends it.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// A camera layer over a path of 20 ms each way that loses `loss` of everything and lets packets overtake each other by
/// up to `jitter` ms, for `frames` frames of 33 ms.
struct Call {
    uplink: Uplink,
    start: Instant,
    rng: StdRng,
    loss: f64,
    jitter: u64,
    /// On their way to us, by arrival in ms.
    flying: Vec<(u64, Rtp)>,
    /// On their way to the browser: retransmissions it will send.
    asked: Vec<(u64, u16)>,
    received: BTreeSet<u64>,
    requests: usize,
}

impl Call {
    fn new(seed: u64, loss: f64, jitter: u64) -> Call {
        let (uplink, start) = uplink(spec());
        Call {
            uplink,
            start,
            rng: StdRng::seed_from_u64(seed),
            loss,
            jitter,
            flying: Vec::new(),
            asked: Vec::new(),
            received: BTreeSet::new(),
            requests: 0,
        }
    }

    fn send(&mut self, at: u64, packet: Rtp) {
        if !self.rng.random_bool(self.loss) {
            let delay = 20 + self.rng.random_range(0..=self.jitter);
            self.flying.push((at + delay, packet));
        }
    }

    fn run(&mut self, stream: &mut Stream, frames: u64) {
        for at in 0..frames * 33 + 2_000 {
            if at % 33 == 0 && at / 33 < frames {
                for packet in stream.frame(at == 0) {
                    self.send(at, packet);
                }
            }
            let (due, later): (Vec<_>, Vec<_>) = self.asked.drain(..).partition(|(arrives, _)| *arrives <= at);
            self.asked = later;
            for (_, seq) in due {
                if let Some(packet) = stream.retransmit(seq) {
                    self.send(at, packet);
                }
            }
            self.step(at);
        }
    }

    fn step(&mut self, at: u64) {
        let now = self.start + ms(at);
        let (due, later): (Vec<_>, Vec<_>) = self.flying.drain(..).partition(|(arrives, _)| *arrives <= at);
        self.flying = later;
        for (_, packet) in due {
            if let Ok(received) = self.uplink.receive(now, &packet.bytes()) {
                let seq = received.packet.info.seq;
                assert!(self.received.insert(seq.0), "{seq} came twice");
                assert!(self.uplink.layers(UplinkRole::Camera)[0].ring().get(seq).is_some());
            }
        }
        let nacks = nacked(&feedback(&mut self.uplink, now));
        self.requests += nacks.len();
        if !self.rng.random_bool(self.loss) {
            self.asked.extend(nacks.into_iter().map(|(_, seq)| (at + 20, seq)));
        }
    }

    fn gaps(&self) -> u64 {
        let (Some(first), Some(last)) = (self.received.first(), self.received.last()) else { return 0 };
        last - first + 1 - self.received.len() as u64
    }
}

#[test]
fn every_lost_packet_is_repaired_at_ten_percent_loss_over_a_wrap() {
    for seed in 0..5 {
        let mut call = Call::new(seed, 0.1, 0);
        call.run(&mut Stream::new(Some("q"), 100, 65_000), 1_000);
        let stats = call.uplink.stats();
        assert_eq!(call.gaps(), 0, "seed {seed}: {stats:?}");
        assert!(stats.recovered > 120 && stats.lost == 0, "{stats:?}");
        assert!(stats.nacks as usize == call.requests && call.requests < 400, "{stats:?}");
    }
}

#[test]
fn a_path_that_only_reorders_is_hardly_asked_for_anything() {
    let mut call = Call::new(3, 0.0, 15);
    call.run(&mut Stream::new(Some("q"), 100, 5), 1_000);
    let stats = call.uplink.stats();
    assert_eq!((call.gaps(), stats.recovered), (0, 0), "{stats:?}");
    assert!(stats.nacks < 20, "{stats:?}");
}

#[test]
fn duplicates_die_here() {
    let (mut uplink, now) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 5);
    let packets = stream.frame(true);
    for packet in &packets {
        assert!(uplink.receive(now, &packet.bytes()).is_ok());
    }
    for packet in &packets {
        assert_eq!(uplink.receive(now, &packet.bytes()).err(), Some(DropReason::Duplicate));
        let again = packet.rtx(stream.rtx_ssrc, packet.seq);
        assert_eq!(uplink.receive(now, &again.bytes()).err(), Some(DropReason::Duplicate));
    }
    assert_eq!((uplink.stats().duplicates, uplink.stats().packets), (4, 2));
}

#[test]
fn probes_of_padding_are_counted_but_leave_no_gap_and_no_request() {
    let (mut uplink, start) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 5);
    let mut last = None;
    for frame in 0..40 {
        let now = start + ms(frame * 33);
        for packet in stream.frame(frame == 0) {
            let bytes = packet.bytes();
            let received = uplink.receive(now, &bytes).unwrap_or_else(|reason| panic!("{reason:?}"));
            let seq = received.packet.info.seq.0;
            assert!(last.is_none_or(|last| seq == last + 1), "{last:?} {seq}");
            last = Some(seq);
        }
        stream.next.seq = stream.next.seq.wrapping_add(1);
        let probe = Rtp { padding: 200, ..stream.next.clone() };
        assert_eq!(uplink.receive(now, &probe.bytes()).err(), Some(DropReason::PaddingOnly));
        assert_eq!(nacked(&feedback(&mut uplink, now)), []);
    }
    assert_eq!((uplink.stats().padding, uplink.stats().lost), (40, 0));
}

#[test]
fn after_a_key_frame_nothing_older_is_asked_for() {
    let (mut uplink, start) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 5);
    let send = |uplink: &mut Uplink, packets: &[Rtp]| {
        for packet in packets {
            assert!(uplink.receive(start, &packet.bytes()).is_ok());
        }
    };
    send(&mut uplink, &stream.frame(true));
    stream.frame(false);
    send(&mut uplink, &stream.frame(false));
    send(&mut uplink, &stream.frame(true));
    assert_eq!(nacked(&feedback(&mut uplink, start + ms(50))), []);
}

#[test]
fn the_later_packets_of_a_vp8_key_frame_know_that_they_belong_to_it() {
    let (mut uplink, now) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 5);
    for (key, expected) in [(true, [true, true]), (false, [false, false])] {
        let facts = stream.frame(key).map(|packet| {
            let bytes = packet.bytes();
            uplink.receive(now, &bytes).is_ok_and(|received| received.packet.info.facts.key_frame)
        });
        assert_eq!(facts, expected);
    }
}

#[test]
fn no_bytes_make_the_receiver_panic() {
    let (mut uplink, start) = uplink(spec());
    let mut rng = StdRng::seed_from_u64(11);
    let mut out = Vec::new();
    let mut stream = Stream::new(Some("q"), 100, 5);
    for step in 0..20_000_u64 {
        let now = start + ms(step);
        let [mut packet, _] = stream.frame(rng.random_bool(0.1));
        packet.seq = if rng.random_bool(0.1) { rng.random() } else { packet.seq };
        packet.timestamp = if rng.random_bool(0.1) { rng.random() } else { packet.timestamp };
        packet.transport_cc = rng.random_bool(0.5).then(|| rng.random());
        packet.ssrc = rng.random_range(100..103);
        packet.pt = if rng.random_bool(0.2) { VP8_RTX } else { VP8 };
        let mut bytes = packet.bytes();
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(0..=bytes.len() * 4).min(bytes.len()));
        let _ = uplink.receive(now, &bytes);
        uplink.sender_report(now, Ssrc(rng.random_range(100..103)), rng.random(), rng.random());
        uplink.request_key_frame(now, UplinkRole::Camera, rng.random_range(0..5));
        out.clear();
        uplink.poll_feedback(now, RTT, &mut out);
        assert!(out.len() <= COMPOUND);
    }
}
