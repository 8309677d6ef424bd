//! Which layer a packet belongs to.

use super::*;

fn place(uplink: &mut Uplink, now: Instant, packet: &Rtp) -> Result<(UplinkRole, usize), DropReason> {
    uplink.receive(now, &packet.bytes()).map(|received| (received.role, received.layer))
}

fn without_extensions(packet: &Rtp) -> Rtp {
    Rtp { mid: None, rid: None, repaired_rid: None, ..packet.clone() }
}

#[test]
fn a_simulcast_layer_is_found_by_its_rid_and_later_by_its_ssrc() {
    let (mut uplink, now) = uplink(spec());
    for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
        let mut stream = Stream::new(Some(rid), 100 + layer as u32, 5);
        let [first, second] = stream.frame(true);
        assert_eq!(place(&mut uplink, now, &first), Ok((UplinkRole::Camera, layer)));
        assert_eq!(place(&mut uplink, now, &without_extensions(&second)), Ok((UplinkRole::Camera, layer)));
        assert_eq!(uplink.layers(UplinkRole::Camera)[layer].height(), Some(360));
    }
}

#[test]
fn layers_rise_in_quality_whatever_order_the_offer_lists() {
    let mut spec = spec();
    spec.uplinks[1].rids = ["f", "h", "q"].map(token).into_iter().collect();
    let (mut uplink, now) = uplink(spec);
    let [packet, _] = Stream::new(Some("f"), 100, 5).frame(true);
    assert_eq!(place(&mut uplink, now, &packet), Ok((UplinkRole::Camera, 2)));
    let rids: Vec<_> = uplink.layers(UplinkRole::Camera).iter().map(Layer::rid).collect();
    assert_eq!(rids, ["q", "h", "f"].map(|rid| Some(token(rid))));
}

#[test]
fn padding_on_a_retransmission_ssrc_may_come_first() {
    let (mut uplink, now) = uplink(spec());
    let mut stream = Stream::new(Some("h"), 100, 5);
    let padding = Rtp {
        pt: VP8_RTX,
        ssrc: stream.rtx_ssrc,
        seq: 1,
        mid: Some("1"),
        repaired_rid: Some("h"),
        padding: 255,
        ..Rtp::default()
    };
    assert_eq!(place(&mut uplink, now, &padding), Err(DropReason::PaddingOnly));
    let [lost, second] = stream.frame(true);
    assert_eq!(place(&mut uplink, now, &second), Ok((UplinkRole::Camera, 1)));
    // The repair's SSRC was learned from the padding.
    let repair = without_extensions(&lost.rtx(stream.rtx_ssrc, 2));
    let bytes = repair.bytes();
    let received = uplink.receive(now, &bytes).unwrap_or_else(|reason| panic!("{reason:?}"));
    assert_eq!((received.layer, received.recovered), (1, true));
    assert_eq!(received.packet.payload, lost.payload);
    assert_eq!(received.packet.info.seq.wire(), lost.seq);
}

#[test]
fn an_ssrc_moves_to_another_layer_when_its_extensions_say_so() {
    let (mut uplink, now) = uplink(spec());
    let mut stream = Stream::new(Some("q"), 100, 5);
    let [packet, _] = stream.frame(true);
    assert_eq!(place(&mut uplink, now, &packet), Ok((UplinkRole::Camera, 0)));
    stream.next.rid = Some("f");
    let [packet, next] = stream.frame(true);
    assert_eq!(place(&mut uplink, now, &packet), Ok((UplinkRole::Camera, 2)));
    assert_eq!(place(&mut uplink, now, &without_extensions(&next)), Ok((UplinkRole::Camera, 2)));
}

#[test]
fn a_layer_continues_upward_when_another_ssrc_sends_it() {
    let (mut uplink, now) = uplink(spec());
    let [old, _] = Stream::new(Some("q"), 100, 50_000).frame(true);
    let [new, _] = Stream::new(Some("q"), 200, 10).frame(true);
    let bytes = old.bytes();
    let before = uplink.receive(now, &bytes).map(|received| (received.packet.info.seq, received.tenure));
    let bytes = new.bytes();
    let after = uplink.receive(now, &bytes).map(|received| (received.packet.info.seq, received.tenure));
    let (Ok((before, 0)), Ok((after, 1))) = (before, after) else { panic!("{before:?} {after:?}") };
    assert!(after.0 > before.0 + 512 && after.wire() == new.seq);
    assert_eq!(place(&mut uplink, now, &without_extensions(&old)), Err(DropReason::UnknownStream));
}

#[test]
fn made_up_ssrcs_take_no_memory() {
    let (mut uplink, now) = uplink(spec());
    for ssrc in 0..10_000 {
        let [packet, _] = Stream::new(Some("q"), ssrc, 5).frame(true);
        assert!(place(&mut uplink, now, &packet).is_ok());
    }
    assert_eq!((0..10_000).filter(|ssrc| uplink.bindings.find(Ssrc(*ssrc)).is_some()).count(), 1);
}

#[test]
fn a_sender_without_rids_is_found_by_the_ssrcs_of_its_offer() {
    let mut spec = spec();
    spec.uplinks[2].ssrcs = smallvec![(Ssrc(500), Some(Ssrc(501)))];
    let (mut uplink, now) = uplink(spec);
    let mut stream = Stream::new(None, 500, 5);
    stream.next.mid = None;
    let [lost, packet] = stream.frame(true);
    assert_eq!(place(&mut uplink, now, &packet), Ok((UplinkRole::Screen, 0)));
    assert_eq!(place(&mut uplink, now, &lost.rtx(501, 9)), Ok((UplinkRole::Screen, 0)));
}

#[test]
fn a_sender_that_declares_nothing_is_found_by_a_payload_type_that_only_one_line_takes() {
    let mut spec = spec();
    spec.uplinks.remove(3);
    let (mut uplink, now) = uplink(spec);
    let sound = Rtp { pt: OPUS, ssrc: 9, seq: 3, payload: vec![1, 2, 3], ..Rtp::default() };
    assert_eq!(place(&mut uplink, now, &sound), Ok((UplinkRole::Microphone, 0)));
    let picture = Rtp { pt: VP8, ssrc: 10, seq: 3, payload: vp8(true, true), ..Rtp::default() };
    assert_eq!(place(&mut uplink, now, &picture), Err(DropReason::UnknownStream), "camera and screen take VP8");
}

#[test]
fn what_was_not_negotiated_is_dropped_with_its_reason() {
    let mut spec = spec();
    spec.uplinks[2].active = false;
    spec.uplinks[0].payloads.clear();
    let (mut uplink, now) = uplink(spec);
    let [screen, _] = Stream::new(None, 100, 5).frame(true);
    assert_eq!(place(&mut uplink, now, &screen), Err(DropReason::NotAllowed));
    let sound = Rtp { pt: OPUS, ssrc: 9, mid: Some("0"), payload: vec![1], ..Rtp::default() };
    assert_eq!(place(&mut uplink, now, &sound), Err(DropReason::UnknownPayloadType));
    assert_eq!(place(&mut uplink, now, &Rtp { pt: Pt(50), ..sound.clone() }), Err(DropReason::UnknownPayloadType));
    assert_eq!(place(&mut uplink, now, &Rtp { mid: Some("77"), ..sound }), Err(DropReason::UnknownStream));
    let [camera, _] = Stream::new(Some("x"), 101, 5).frame(true);
    assert_eq!(place(&mut uplink, now, &camera), Err(DropReason::UnknownStream));
}

#[test]
fn a_re_offer_keeps_what_was_learned() {
    let (mut uplink, now) = uplink(spec());
    let mut stream = Stream::new(Some("h"), 100, 5);
    let [first, second] = stream.frame(true);
    assert!(place(&mut uplink, now, &first).is_ok());
    let mut again = spec();
    again.uplinks.push(line(UplinkRole::ScreenAudio, "9", &[], OPUS));
    uplink.update(Arc::new(again));
    assert_eq!(place(&mut uplink, now, &without_extensions(&second)), Ok((UplinkRole::Camera, 1)));
    assert_eq!(uplink.layers(UplinkRole::Camera)[1].tenure(), 0);
}
