//! RTCP from browsers: what publishers report and what subscribers ask for.

use bytes::Bytes;
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport as ReportBlock;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::*;
use crate::media::downlink::ReceptionReport;

/// Retransmissions that one RTCP packet may cause: a second of a 2 Mbit/s layer. Asking for more is an attack or
/// hopeless; a key frame helps better.
const MAX_RETRANSMISSIONS: usize = 256;

impl Forwarder {
    /// One decrypted compound RTCP packet from `peer`.
    pub fn receive_rtcp(&mut self, now: Instant, ntp: u64, peer: usize, packet: &[u8], sink: &mut impl Sink) {
        let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(packet)) else {
            return sink.dropped(DropReason::MalformedRtcp);
        };
        for packet in packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                if let Some(Some(publisher)) = self.publishers.get_mut(peer) {
                    publisher.uplink.sender_report(now, Ssrc(report.ssrc), report.ntp_time, report.rtp_time);
                }
                self.reception(ntp, peer, &report.reports);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.reception(ntp, peer, &report.reports);
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                self.lost.clear();
                let numbers = nack.nacks.iter().flat_map(|pair| pair.into_iter());
                self.lost.extend(numbers.map(|seq| (Ssrc(nack.media_ssrc), seq)).take(MAX_RETRANSMISSIONS));
                self.retransmit(now, peer, sink);
            } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                self.picture_lost(now, peer, Ssrc(pli.media_ssrc));
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                for entry in &fir.fir {
                    self.picture_lost(now, peer, Ssrc(entry.ssrc));
                }
            }
        }
    }

    fn reception(&mut self, ntp: u64, peer: usize, blocks: &[ReportBlock]) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        for block in blocks {
            let report = ReceptionReport {
                ssrc: Ssrc(block.ssrc),
                fraction_lost: block.fraction_lost,
                last_sender_report: block.last_sender_report,
                delay: block.delay,
            };
            subscriber.downlink.receiver_report(ntp, report);
        }
    }

    /// Answers what is in `self.lost` from the rings of whoever was shown.
    fn retransmit(&mut self, now: Instant, peer: usize, sink: &mut impl Sink) {
        let Forwarder { subscribers, publishers, sources, lost, .. } = self;
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return };
        let spec = subscriber.spec.clone();
        for (ssrc, seq) in lost.drain(..) {
            let Some(line) = spec.downlinks.iter().find(|line| line.ssrc == ssrc) else { continue };
            let ring = |id: SourceId, layer: usize| -> Option<&Ring> {
                let source = sources.get(&id)?;
                let role = match line.kind {
                    MediaKind::Audio => source.spec.kind.audio_role(),
                    MediaKind::Video => source.spec.kind.video_role(),
                };
                let publisher = publishers.get(source.peer?)?.as_ref()?;
                publisher.uplink.layers(role).get(layer).map(|layer| layer.ring())
            };
            let downlink = &mut subscriber.downlink;
            sink.rtp(peer, |out| downlink.retransmit(now, ssrc, seq, ring, out));
        }
    }

    /// A subscriber cannot decode what a line shows: its publisher is asked for a key frame, within the budget.
    fn picture_lost(&mut self, now: Instant, peer: usize, ssrc: Ssrc) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        let Some((id, layer)) = subscriber.downlink.picture_lost(ssrc) else { return };
        let Some(source) = self.sources.get(&id) else { return };
        if let Some(Some(publisher)) = source.peer.map(|p| &mut self.publishers[p]) {
            publisher.uplink.request_key_frame(now, source.spec.kind.video_role(), layer);
        }
    }
}
