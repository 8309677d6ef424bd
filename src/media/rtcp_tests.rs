use super::*;
use proptest::prelude::*;

const ME: Ssrc = Ssrc(0x0102_0304);
const PEER: Ssrc = Ssrc(0xAABB_CCDD);

fn only(packet: &[u8]) -> Rtcp<'_> {
    let mut walk = walk(packet);
    let first = walk.next().unwrap().unwrap();
    assert!(walk.next().is_none());
    first
}

fn block() -> impl Strategy<Value = ReportBlock> {
    (any::<(u32, u8, u32)>(), -0x80_0000..0x7F_FFFF, any::<(u32, u32, u32)>()).prop_map(
        |((ssrc, fraction_lost, highest_seq), lost, (jitter, last_report, delay))| ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost,
            lost,
            highest_seq,
            jitter,
            last_report,
            delay,
        },
    )
}

#[test]
fn a_compound_is_walked_packet_by_packet() {
    let info = SenderInfo { ssrc: ME, ntp: 0x0123_4567_89AB_CDEF, rtp: 90_000, packets: 3, octets: 4_000 };
    let mut out = Vec::new();
    sender_report(&mut out, &info, &[]);
    sdes_cname(&mut out, ME, "plenum");
    pli(&mut out, ME, PEER);
    bye(&mut out, ME);
    assert_eq!(out.len(), 28 + 20 + 12 + 8);
    let kinds: Vec<_> = walk(&out).map(Result::unwrap).collect();
    assert!(matches!(&kinds[0], Rtcp::SenderReport { info: read, .. } if *read == info));
    assert!(matches!(kinds[1], Rtcp::Other));
    assert!(matches!(kinds[2], Rtcp::Pli { ssrc: PEER }));
    assert!(matches!(&kinds[3], Rtcp::Bye { ssrcs } if ssrcs.clone().eq([ME])));
}

#[test]
fn a_cname_ends_with_a_null_and_fills_its_words() {
    for len in 0..9 {
        let mut out = Vec::new();
        sdes_cname(&mut out, ME, &"plenum-ab"[..len]);
        assert_eq!(out.len() % 4, 0);
        assert_eq!(out[8..10], [1, len as u8]);
        assert_eq!(out.last(), Some(&0));
        assert_eq!(walk(&out).count(), 1);
    }
}

#[test]
fn a_broken_length_ends_the_walk_and_a_broken_body_does_not() {
    let mut out = vec![0x80, 206, 0, 1, 0, 0, 0, 1]; // feedback without a media source
    out[0] |= 1;
    pli(&mut out, ME, PEER);
    out.extend([0x80, 201, 0, 9]);
    let results: Vec<_> = walk(&out).map(|packet| packet.map(|_| ())).collect();
    assert_eq!(results, [Err(DropReason::MalformedRtcp), Ok(()), Err(DropReason::MalformedRtcp)]);
}

#[test]
fn padding_is_no_part_of_a_nack() {
    let mut out = Vec::new();
    nack(&mut out, ME, PEER, &[5]);
    out.extend([0, 0, 0, 4]);
    out[0] |= 0x20;
    out[3] += 1;
    assert!(matches!(only(&out), Rtcp::Nack { missing, .. } if missing.clone().eq([5])));
    for count in [0, 255] {
        *out.last_mut().unwrap() = count;
        assert!(walk(&out).next().unwrap().is_err());
    }
}

#[test]
fn a_rate_too_large_for_its_type_is_the_largest() {
    let mut out = Vec::new();
    remb(&mut out, ME, Bps(u64::MAX), &[PEER]);
    assert!(matches!(only(&out), Rtcp::Remb { rate, .. } if rate.0 == 0x3_FFFF << 46));
    out[17] = 0xFF;
    assert!(matches!(only(&out), Rtcp::Remb { rate: Bps(u64::MAX), .. }));
    out[17..20].copy_from_slice(&[0xFC, 0, 0]);
    assert!(matches!(only(&out), Rtcp::Remb { rate: Bps(0), .. }));
}

#[test]
fn a_request_for_key_frames_names_its_streams() {
    let mut out = Vec::new();
    fir(&mut out, ME, PEER, 9);
    assert!(matches!(only(&out), Rtcp::Fir { requests } if requests.clone().eq([(PEER, 9)])));
}

#[test]
fn nothing_missing_is_no_nack() {
    let mut out = Vec::new();
    nack(&mut out, ME, PEER, &[]);
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn reports_are_read_back_whatever_their_number(blocks in prop::collection::vec(block(), 0..70)) {
        let mut out = Vec::new();
        receiver_report(&mut out, ME, &blocks);
        let mut read = Vec::new();
        for packet in walk(&out) {
            let Ok(Rtcp::ReceiverReport { ssrc: ME, blocks }) = packet else { panic!("{packet:?}") };
            read.extend(blocks);
        }
        prop_assert_eq!(&read, &blocks);
        out.clear();
        sender_report(&mut out, &SenderInfo { ssrc: ME, ..Default::default() }, &blocks);
        prop_assert_eq!(walk(&out).count(), blocks.len().div_ceil(31).max(1));
    }

    #[test]
    fn a_nack_names_what_is_missing(start in any::<u16>(), gaps in prop::collection::vec(1_u16..30, 1..100)) {
        let missing: Vec<u16> = gaps.iter().scan(start, |seq, gap| { *seq = seq.wrapping_add(*gap); Some(*seq) }).collect();
        let mut out = Vec::new();
        nack(&mut out, ME, PEER, &missing);
        let Rtcp::Nack { ssrc: PEER, missing: read } = only(&out) else { panic!("no NACK") };
        prop_assert_eq!(read.collect::<Vec<_>>(), missing);
    }

    #[test]
    fn a_rate_keeps_its_highest_eighteen_bits(rate in any::<u64>(), shift in 0_u32..64, ssrcs in prop::collection::vec(any::<u32>(), 0..9)) {
        let rate = Bps(rate >> shift);
        let ssrcs: Vec<_> = ssrcs.into_iter().map(Ssrc).collect();
        let mut out = Vec::new();
        remb(&mut out, ME, rate, &ssrcs);
        let Rtcp::Remb { rate: read, ssrcs: named } = only(&out) else { panic!("no REMB") };
        prop_assert!(read <= rate && rate.0 - read.0 <= rate.0 >> 17);
        prop_assert_eq!(named.collect::<Vec<_>>(), ssrcs);
    }

    #[test]
    fn no_bytes_make_the_walk_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..120), kind in prop::option::of(200_u8..208), words in 0_u8..12,
    ) {
        if let (Some(kind), [flags, second, high, low, ..]) = (kind, &mut bytes[..]) {
            *flags = 0x80 | *flags & 0x3F;
            (*second, *high, *low) = (kind, 0, words);
        }
        for packet in walk(&bytes).flatten() {
            match packet {
                Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => drop(blocks.count()),
                Rtcp::Nack { missing, .. } => drop(missing.count()),
                Rtcp::Remb { ssrcs, .. } | Rtcp::Bye { ssrcs } => drop(ssrcs.count()),
                Rtcp::Fir { requests } => drop(requests.count()),
                Rtcp::TransportCc(raw) => drop(transport_cc::Feedback::parse(raw).map(|f| f.packets().count())),
                Rtcp::Pli { .. } | Rtcp::Other => {}
            }
        }
    }
}
