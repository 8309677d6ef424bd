//! What the browser hears from us.

use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};

use super::*;

fn sound(seq: u16, transport_cc: u16) -> Rtp {
    let timestamp = u32::from(seq) * 960;
    Rtp {
        pt: OPUS,
        ssrc: 9,
        seq,
        timestamp,
        mid: Some("0"),
        transport_cc: Some(transport_cc),
        payload: vec![1],
        ..Rtp::default()
    }
}

/// (number, arrival in µs since the epoch) of every packet that a feedback reports as received.
fn arrivals(feedback: &TransportLayerCc) -> Vec<(u16, i64)> {
    let mut symbols = Vec::new();
    for chunk in &feedback.packet_chunks {
        match chunk {
            PacketStatusChunk::RunLengthChunk(run) => {
                symbols.extend(std::iter::repeat_n(run.packet_status_symbol, run.run_length.into()));
            }
            PacketStatusChunk::StatusVectorChunk(vector) => symbols.extend(vector.symbol_list.iter().copied()),
        }
    }
    symbols.truncate(feedback.packet_status_count.into());
    let mut at = i64::from(feedback.reference_time) * 64_000;
    let mut deltas = feedback.recv_deltas.iter();
    let received = (0_u16..).zip(symbols).filter(|(_, symbol)| *symbol != SymbolTypeTcc::PacketNotReceived);
    received
        .map(|(offset, _)| {
            at += deltas.next().map_or(0, |delta| delta.delta);
            (feedback.base_sequence_number.wrapping_add(offset), at)
        })
        .collect()
}

#[test]
fn transport_feedback_tells_when_each_packet_came() {
    let (mut uplink, epoch) = uplink(spec());
    let mut told = Vec::new();
    let mut expected = Vec::new();
    let mut polls = Vec::new();
    for i in 0..3_000_u64 {
        let at = 5_000_000 + i * 10_000;
        let now = epoch + Duration::from_micros(at);
        let number = (65_000 + i) as u16;
        // One in nine is lost; so are bursts of thirty, in which nothing is due for 300 ms.
        if i % 9 != 4 && !(200..230).contains(&(i % 500)) {
            let _ = uplink.receive(now, &sound(i as u16, number).bytes());
            expected.push((number, at as i64));
        }
        let feedback = all::<TransportLayerCc>(&feedback(&mut uplink, now));
        if !feedback.is_empty() {
            polls.push(i * 10);
        }
        told.extend(feedback.iter().flat_map(arrivals));
    }
    assert!(expected.len() - told.len() <= 10);
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!(told.0, expected.0);
        assert!((0..250).contains(&(expected.1 - told.1)), "{told:?} {expected:?}");
    }
    assert!(polls.windows(2).all(|pair| (50..=110 + 300).contains(&(pair[1] - pair[0]))), "{polls:?}");
}

#[test]
fn transport_feedback_reports_a_packet_that_came_late_again() {
    let (mut uplink, epoch) = uplink(spec());
    for (i, number) in [0xFFFE, 1, 0].into_iter().enumerate() {
        assert!(uplink.receive(epoch + ms(i as u64), &sound(i as u16, number).bytes()).is_ok());
    }
    let first = all::<TransportLayerCc>(&feedback(&mut uplink, epoch + ms(150)));
    let numbers = |f: &[TransportLayerCc]| f.iter().flat_map(arrivals).map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers(&first), [0xFFFE, 0, 1]);
    assert!(uplink.receive(epoch + ms(160), &sound(5, 0xFFFF).bytes()).is_ok());
    let second = all::<TransportLayerCc>(&feedback(&mut uplink, epoch + ms(300)));
    assert_eq!(numbers(&second), [0xFFFF, 0, 1]);
    assert_eq!(second[0].fb_pkt_count, first[0].fb_pkt_count.wrapping_add(1));
}

#[test]
fn feedback_that_does_not_fit_one_packet_follows_in_the_next() {
    let (mut uplink, epoch) = uplink(spec());
    for i in 0..2_000_u16 {
        let now = epoch + Duration::from_micros(u64::from(i) * 70_000 % 90_000 + u64::from(i));
        let _ = uplink.receive(now, &sound(i, i).bytes());
    }
    let now = epoch + ms(100);
    let mut told = Vec::new();
    while uplink.transport_due().is_some_and(|due| due <= now) {
        told.extend(all::<TransportLayerCc>(&feedback(&mut uplink, now)).iter().flat_map(arrivals));
    }
    assert_eq!(told.len(), 2_000);
}

#[test]
fn packets_of_unknown_streams_are_in_the_transport_feedback_too() {
    let (mut uplink, epoch) = uplink(spec());
    let packet = Rtp { pt: Pt(77), ..sound(1, 40) };
    assert_eq!(uplink.receive(epoch, &packet.bytes()).err(), Some(DropReason::UnknownPayloadType));
    let told = all::<TransportLayerCc>(&feedback(&mut uplink, epoch + ms(100)));
    assert_eq!(told.iter().flat_map(arrivals).collect::<Vec<_>>(), [(40, 0)]);
}

#[test]
fn reception_reports_tell_loss_before_repair_and_when_our_report_came() {
    let (mut uplink, start) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 65_530);
    let mut reports = Vec::new();
    for at in 0..3_300_u64 {
        let now = start + ms(at);
        if at % 33 == 0 {
            let [first, second] = stream.frame(at == 0);
            assert!(uplink.receive(now, &first.bytes()).is_ok());
            // Every second packet of every fourth frame is lost and repaired at once.
            let second = if at / 33 % 4 == 3 { second.rtx(stream.rtx_ssrc, at as u16) } else { second };
            assert!(uplink.receive(now, &second.bytes()).is_ok());
        }
        if at == 1_000 {
            uplink.sender_report(now, Ssrc(100), 0x1111_2222_3333_4444, stream.next.timestamp);
        }
        let block = all::<ReceiverReport>(&feedback(&mut uplink, now)).iter().find_map(|r| r.reports.first().cloned());
        reports.extend(block.map(|block| (at, block)));
    }
    let times: Vec<u64> = reports.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [200, 1_200, 2_200, 3_200]);
    let (_, last) = &reports[3];
    assert!((20..45).contains(&last.fraction_lost), "{}", last.fraction_lost);
    assert_eq!(last.last_sequence_number, 65_530 + 97 * 2);
    assert_eq!(last.total_lost, 24);
    assert_eq!(last.last_sender_report, 0x2222_3333);
    assert_eq!(last.delay, 2_200 * 65_536 / 1_000);
    assert!(uplink.layers(UplinkRole::Camera)[0].jitter() < ms(2));
    assert!(uplink.layers(UplinkRole::Camera)[0].loss() > 0.1);
    assert_eq!(uplink.stats().lost, 0);
}

#[test]
fn a_silent_browser_gets_no_reports() {
    let (mut uplink, start) = uplink(spec());
    assert_eq!(uplink.next_timeout(), None);
    assert!(uplink.receive(start, &sound(1, 1).bytes()).is_ok());
    let mut polls = 0;
    while let Some(due) = uplink.next_timeout() {
        feedback(&mut uplink, due);
        polls += 1;
    }
    assert!(polls <= 6, "{polls}");
}

#[test]
fn a_browser_without_transport_cc_is_given_a_maximum_bitrate() {
    let mut spec = spec();
    spec.payloads.iter_mut().for_each(|payload| payload.transport_cc = false);
    let (mut uplink, start) = uplink(spec);
    for packet in Stream::new(Some("q"), 100, 5).frame(true) {
        assert!(uplink.receive(start, &packet.bytes()).is_ok());
    }
    let packets = feedback(&mut uplink, start + ms(200));
    let remb = all::<ReceiverEstimatedMaximumBitrate>(&packets);
    assert_eq!(remb.len(), 1);
    assert_eq!(remb[0].ssrcs, [100]);
    assert!((remb[0].bitrate - 6e6).abs() < 100.0, "{}", remb[0].bitrate);
    assert!(all::<TransportLayerCc>(&packets).is_empty());
}

#[test]
fn key_frames_are_asked_for_within_the_budget_and_until_they_come() {
    let (mut uplink, start) = uplink(spec());
    let mut streams = [Stream::new(Some("q"), 100, 5), Stream::new(Some("f"), 300, 5)];
    for packet in streams.iter_mut().flat_map(|stream| stream.frame(true)) {
        assert!(uplink.receive(start, &packet.bytes()).is_ok());
    }
    uplink.request_key_frame(start, UplinkRole::Camera, 2);
    assert_eq!(pli_targets(&feedback(&mut uplink, start)), [300]);
    uplink.request_key_frame(start + ms(10), UplinkRole::Camera, 0);
    assert_eq!(pli_targets(&feedback(&mut uplink, start + ms(400))), [0; 0], "one request in 500 ms for all layers");
    assert_eq!(pli_targets(&feedback(&mut uplink, start + ms(500))), [100, 300]);
    for packet in streams.iter_mut().flat_map(|stream| stream.frame(true)) {
        assert!(uplink.receive(start + ms(600), &packet.bytes()).is_ok());
    }
    assert_eq!(pli_targets(&feedback(&mut uplink, start + ms(3_000))), [0; 0]);
    assert_eq!(uplink.stats().plis, 3);
}

#[test]
fn a_layer_that_never_sent_is_not_asked() {
    let (mut uplink, start) = uplink(spec());
    uplink.request_key_frame(start, UplinkRole::Screen, 0);
    uplink.request_key_frame(start, UplinkRole::Camera, 17);
    assert_eq!(uplink.next_timeout(), None);
}
