//! RTCP from browsers: what publishers report and what subscribers ask for.

use super::*;
use crate::media::rtcp::{self, ReportBlocks, Rtcp};

/// Retransmissions that one RTCP packet may cause: a second of a 2 Mbit/s layer. Asking for more is an attack or
/// hopeless; a key frame helps better.
const MAX_RETRANSMISSIONS: usize = 256;

impl Forwarder {
    /// One decrypted compound RTCP packet from `peer`. What is malformed in it is counted, the rest is heard.
    pub fn receive_rtcp(&mut self, now: Instant, ntp: u64, peer: usize, packet: &[u8], sink: &mut impl Sink) {
        for part in rtcp::walk(packet) {
            match part {
                Ok(Rtcp::SenderReport { info, blocks }) => {
                    if let Some(Some(publisher)) = self.publishers.get_mut(peer) {
                        publisher.uplink.sender_report(now, info.ssrc, info.ntp, info.rtp);
                    }
                    self.reception(ntp, peer, blocks);
                }
                Ok(Rtcp::ReceiverReport { blocks, .. }) => self.reception(ntp, peer, blocks),
                Ok(Rtcp::Nack { ssrc, missing }) => {
                    if let Some(Some(subscriber)) = self.subscribers.get_mut(peer) {
                        missing.take(MAX_RETRANSMISSIONS).for_each(|seq| subscriber.outlet.ask(ssrc, seq));
                    }
                    self.let_out(now, peer, sink);
                }
                Ok(Rtcp::Pli { ssrc }) => self.picture_lost(now, peer, ssrc),
                Ok(Rtcp::Fir { requests }) => {
                    for (ssrc, _) in requests {
                        self.picture_lost(now, peer, ssrc);
                    }
                }
                Ok(Rtcp::Remb { .. } | Rtcp::TransportCc(_) | Rtcp::Bye { .. } | Rtcp::Other) => {}
                Err(reason) => sink.dropped(reason),
            }
        }
    }

    fn reception(&mut self, ntp: u64, peer: usize, blocks: ReportBlocks<'_>) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        for block in blocks {
            subscriber.downlink.receiver_report(ntp, &block);
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
