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
                    self.lost.clear();
                    self.lost.extend(missing.map(|seq| (ssrc, seq)).take(MAX_RETRANSMISSIONS));
                    self.retransmit(now, peer, sink);
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
