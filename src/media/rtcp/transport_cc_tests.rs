use super::*;
use proptest::prelude::*;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_shared::marshal::Unmarshal;

const A: Ssrc = Ssrc(1);
const B: Ssrc = Ssrc(2);

fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

/// Transport-wide numbers with arrivals in ticks since the epoch.
fn told(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
    let feedback = Feedback::parse(packet).unwrap();
    let start = i64::from(feedback.reference) * REFERENCE_TICKS;
    feedback.packets().map(|(seq, ticks)| (seq, ticks.map(|ticks| start + ticks))).collect()
}

#[test]
fn a_feedback_tells_arrivals_losses_and_gaps() {
    let mut out = Vec::new();
    let packets = [(65_534, None), (65_535, ms(1_000)), (0, ms(1_010)), (3, ms(1_005)), (4, None)];
    assert_eq!(write(&mut out, A, B, 7, &packets), 5);
    assert_eq!(out[..12], [0x8F, 205, 0, out.len() as u8 / 4 - 1, 0, 0, 0, 1, 0, 0, 0, 2]);
    let feedback = Feedback::parse(&out).unwrap();
    assert_eq!((feedback.base, feedback.count, feedback.feedback_count), (65_534, 7, 7));
    assert_eq!(feedback.reference, 15, "1,000 ms in units of 64 ms");
    let expected =
        [(65_534, None), (65_535, Some(4_000)), (0, Some(4_040)), (1, None), (2, None), (3, Some(4_020)), (4, None)];
    assert_eq!(told(&out), expected);
}

#[test]
fn an_arrival_that_no_delta_reaches_goes_into_the_next_feedback() {
    let packets = [(1, ms(0)), (2, ms(9_000)), (3, ms(9_001))];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    assert_eq!(write(&mut first, A, B, 0, &packets), 1);
    assert_eq!(write(&mut second, A, B, 1, &packets[1..]), 2);
    assert_eq!(told(&second), [(2, Some(36_000)), (3, Some(36_004))]);
}

#[test]
fn a_feedback_is_bounded_and_lost_packets_alone_are_not_told() {
    let many: Vec<_> = (0..1_000).map(|seq| (seq, ms(1_000 * u64::from(seq % 2)))).collect();
    let mut out = Vec::new();
    assert_eq!(write(&mut out, A, B, 0, &many), MAX_RECEIVED);
    assert!(out.len() < 1_200);
    assert_eq!(write(&mut out, A, B, 0, &[(1, ms(1)), (9_000, ms(2))]), 1, "a gap of 9,000");
    assert_eq!(write(&mut out, A, B, 0, &[(5, ms(1)), (4, ms(2))]), 1, "out of order");
    let len = out.len();
    assert_eq!(write(&mut out, A, B, 0, &[(1, None), (2, None)]), 2);
    assert_eq!(write(&mut out, A, B, 0, &[]), 0);
    assert_eq!(out.len(), len);
}

#[test]
fn chunks_or_deltas_that_are_missing_are_refused() {
    let mut out = Vec::new();
    write(&mut out, A, B, 0, &[(1, ms(1)), (2, ms(2)), (3, ms(500))]);
    assert_eq!(out.len(), 28);
    for len in 0..26 {
        assert!(Feedback::parse(&out[..len]).is_none(), "{len} octets");
    }
    out[20..22].copy_from_slice(&[0x60, 3]); // a run of the reserved symbol
    assert!(Feedback::parse(&out).is_none());
}

fn packets() -> impl Strategy<Value = Vec<(u16, Option<Duration>)>> {
    let one = (1_u16..40, prop::option::weighted(0.8, prop_oneof![4 => 0_i64..60, 1 => -400_i64..2_000]));
    (any::<u16>(), 0_i64..100_000_000, prop::collection::vec((prop_oneof![4 => Just(1), 1 => 1_u16..300], one), 1..300))
        .prop_map(|(mut seq, mut ticks, steps)| {
            let mut packets = Vec::new();
            for (gap, (_, delta)) in steps {
                seq = seq.wrapping_add(gap);
                ticks = (ticks + delta.unwrap_or(0)).max(0);
                packets.push((seq, delta.map(|_| TICK * ticks as u32)));
            }
            packets
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_by_us_and_by_others(packets in packets()) {
        let mut rest = &packets[..];
        while !rest.is_empty() {
            let mut out = Vec::new();
            let count = write(&mut out, A, B, 0, rest);
            prop_assert!(count > 0);
            let (told_of, later) = rest.split_at(count);
            rest = later;
            if out.is_empty() {
                prop_assert!(told_of.iter().all(|(_, arrival)| arrival.is_none()));
                continue;
            }
            let mut expected = Vec::new();
            let mut next = told_of[0].0;
            for (seq, arrival) in told_of {
                while next != *seq {
                    expected.push((next, None));
                    next = next.wrapping_add(1);
                }
                expected.push((*seq, arrival.map(ticks)));
                next = next.wrapping_add(1);
            }
            prop_assert_eq!(told(&out), expected);
            let theirs = TransportLayerCc::unmarshal(&mut &out[..]).unwrap();
            let received = told_of.iter().filter(|(_, arrival)| arrival.is_some()).count();
            prop_assert_eq!(theirs.recv_deltas.len(), received);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..80), count in prop::option::of(0_u16..80),
    ) {
        if let (Some(count), Some(field)) = (count, bytes.get_mut(14..16)) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        if let Some(feedback) = Feedback::parse(&bytes) {
            prop_assert_eq!(feedback.packets().count(), usize::from(feedback.count));
        }
    }
}
