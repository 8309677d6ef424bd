//! Parsers of the media plane: RTP, RTCP and payloads.

use std::time::Duration;

use plenum::id::{Bps, ExtSeq, SourceId, Ssrc};
use plenum::media::codec::dd::{self, DdPatch, DdReader};
use plenum::media::codec::{self, Detail, Facts};
use plenum::media::packet::{self, OutHeader};
use plenum::media::rtcp::{self, Rtcp, transport_cc as twcc};
use plenum::media::spec::{Codec, Extension, ExtensionMap, H264Profile};

/// A whole RTP packet. What was read is written again with the same ids, and read back the same.
pub fn rtp_header(data: &[u8]) -> bool {
    let mut map = ExtensionMap::default();
    for (id, extension) in (1..).zip(Extension::ALL) {
        map.set(extension, id);
    }
    let Ok(header) = packet::parse(data, &map) else { return false };
    assert_eq!(header.payload(data).len(), data.len() - header.header_len - header.padding);
    let descriptor = header.dependency_descriptor(data);
    let found = header.extensions;
    let fields = OutHeader {
        marker: header.marker,
        padding: false,
        pt: header.pt,
        seq: header.seq,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        csrc: packet::first_csrc(data).map(SourceId),
        mid: found.mid,
        audio_level: found.audio_level,
        transport_cc: found.transport_cc,
        abs_send_time: found.abs_send_time,
        orientation: found.orientation,
        playout_delay: found.playout_delay,
        content_type: found.content_type,
        dependency_descriptor: Some(descriptor).filter(|descriptor| !descriptor.is_empty()),
    };
    let mut out = [0; 512];
    let len = packet::write_header(&mut out, &fields, &map).expect("512 octets hold every extension");
    let again = packet::parse(&out[..len], &map).expect("a written header parses");
    assert_eq!(again.header_len, len);
    assert_eq!(again.dependency_descriptor(&out[..len]), descriptor);
    let comparable = packet::ReadExtensions { rid: None, repaired_rid: None, dependency_descriptor: None, ..found };
    assert_eq!(packet::ReadExtensions { dependency_descriptor: None, ..again.extensions }, comparable);
    true
}

/// A compound of RTCP packets. Parses when every packet does.
pub fn rtcp(data: &[u8]) -> bool {
    let mut all = true;
    for packet in rtcp::walk(data) {
        all &= packet.is_ok_and(|packet| match packet {
            Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => blocks.count() <= 31,
            Rtcp::Nack { missing, .. } => missing.count() <= data.len() / 4 * 17,
            Rtcp::Fir { requests } => requests.count() <= data.len() / 8,
            Rtcp::Remb { rate: Bps(_), ssrcs } => ssrcs.count() <= 255,
            Rtcp::Bye { ssrcs } => ssrcs.count() <= 31,
            Rtcp::TransportCc(raw) => twcc::Feedback::parse(raw)
                .inspect(|feedback| assert_eq!(feedback.packets().count(), usize::from(feedback.count)))
                .is_some(),
            Rtcp::Pli { .. } | Rtcp::Other => true,
        });
    }
    all && !data.is_empty()
}

/// A transport-cc feedback. What it tells is written again, and read back the same.
pub fn transport_cc(data: &[u8]) -> bool {
    let Some(feedback) = twcc::Feedback::parse(data) else { return false };
    let told = |feedback: &twcc::Feedback<'_>| -> Vec<(u16, Option<i64>)> {
        let start = i64::from(feedback.reference) * 256;
        feedback.packets().map(|(seq, arrival)| (seq, arrival.map(|ticks| start + ticks))).collect()
    };
    let before = told(&feedback);
    assert_eq!(before.len(), usize::from(feedback.count));
    if before.iter().any(|(_, ticks)| ticks.is_some_and(|ticks| ticks < 0)) {
        // Before the beginning of time, which no duration says.
        return true;
    }
    let moment = |ticks: i64| Duration::from_micros(ticks as u64 * twcc::TICK.as_micros() as u64);
    let packets: Vec<_> = before.iter().map(|(seq, ticks)| (*seq, ticks.map(moment))).collect();
    let mut out = Vec::new();
    let count = twcc::write(&mut out, Ssrc(1), Ssrc(2), feedback.feedback_count, &packets);
    assert!(count <= packets.len());
    if let Some(again) = twcc::Feedback::parse(&out) {
        // The reference time wraps.
        let wire = |told: &[(u16, Option<i64>)]| -> Vec<(u16, Option<u32>)> {
            told.iter().map(|(seq, ticks)| (*seq, ticks.map(|ticks| ticks as u32))).collect()
        };
        let after = told(&again);
        assert_eq!(wire(&after), wire(&before[..after.len()]));
        assert!(before[after.len()..count].iter().all(|(_, arrival)| arrival.is_none()));
    }
    true
}

/// A VP8 payload.
pub fn vp8(data: &[u8]) -> bool {
    codec::vp8::resolution(data);
    let Ok(facts) = codec::facts(Codec::Vp8, data, true, None) else { return false };
    check_patch(data, facts, |bytes| codec::facts(Codec::Vp8, bytes, true, None).ok());
    true
}

/// A VP9 payload.
pub fn vp9(data: &[u8]) -> bool {
    codec::vp9::resolution(data);
    let codec = Codec::Vp9 { profile: 0 };
    let Ok(facts) = codec::facts(codec, data, true, None) else { return false };
    check_patch(data, facts, |bytes| codec::facts(codec, bytes, true, None).ok());
    true
}

/// A patch of the counters keeps everything else, and can be undone.
fn check_patch(data: &[u8], facts: Facts, read: impl Fn(&[u8]) -> Option<Facts>) {
    let (picture_id, tl0picidx) = match facts.detail {
        Detail::Vp8(detail) => (detail.picture_id, detail.tl0picidx),
        Detail::Vp9(detail) => (detail.picture_id, detail.tl0picidx),
        Detail::None => (None, None),
    };
    let mut patched = data.to_vec();
    facts.detail.patch(&mut patched, 0x1234, 0x56);
    let after = read(&patched).expect("a patched payload parses");
    assert_eq!(Facts { detail: Detail::None, ..after }, Facts { detail: Detail::None, ..facts });
    after.detail.patch(&mut patched, picture_id.map_or(0, |id| id.value), tl0picidx.unwrap_or(0));
    assert_eq!(patched, data);
}

/// An H.264 payload.
pub fn h264(data: &[u8]) -> bool {
    let codec = Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 };
    codec::facts(codec, data, true, None).is_ok()
}

/// An AV1 payload without a dependency descriptor.
pub fn av1(data: &[u8]) -> bool {
    codec::facts(Codec::Av1 { profile: 0 }, data, true, None).is_ok()
}

/// A RED payload.
pub fn red(data: &[u8]) -> bool {
    codec::red::primary(data).is_some_and(|primary| data.get(primary.range).is_some_and(|block| !block.is_empty()))
}

/// Dependency descriptors of one stream, each behind its length. Parses when each does. Every one that does is
/// rewritten and must mean the same to a reader of the rewritten stream.
pub fn dependency_descriptor(mut data: &[u8]) -> bool {
    let (mut reader, mut receiver) = (DdReader::default(), DdReader::default());
    let mut all = !data.is_empty();
    for seq in 0.. {
        let Some((&len, rest)) = data.split_first() else { break };
        let (descriptor, rest) = rest.split_at(rest.len().min(usize::from(len)));
        data = rest;
        let Ok(frame) = reader.read(descriptor, ExtSeq(seq)) else {
            all = false;
            continue;
        };
        let frame_number = frame.frame_number.wrapping_add(1_000);
        let patch = DdPatch { frame_number, template_shift: 60, active_decode_targets: Some(1) };
        let mut out = [0; 255 + dd::MAX_GROWTH];
        let written = dd::write(&mut out, descriptor, &frame, &patch).expect("a parsed descriptor can be written");
        assert!(written <= descriptor.len() + dd::MAX_GROWTH);
        let again = receiver.read(&out[..written], ExtSeq(seq)).expect("a written descriptor parses");
        assert_eq!((again.frame_number, again.active_decode_targets), (frame_number, Some(1)));
        assert_eq!((again.spatial, again.temporal, again.key_frame), (frame.spatial, frame.temporal, frame.key_frame));
        assert!(again.references().eq(frame.references()));
        assert!((0..frame.decode_targets).all(|dt| again.dti(dt) == frame.dti(dt)));
        assert!((0..frame.chains).all(|chain| again.chain_fdiff(chain) == frame.chain_fdiff(chain)));
    }
    all
}
