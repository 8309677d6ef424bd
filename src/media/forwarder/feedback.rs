//! RTCP from browsers: what publishers report and what subscribers ask for.

use super::*;
use crate::media::congestion::Estimator;
use crate::media::rtcp::transport_cc::Feedback;
use crate::media::rtcp::{self, ReportBlocks, Rtcp};

/// Retransmissions that one RTCP packet may cause: a second of a 2 Mbit/s layer. Asking for more is an attack or
/// hopeless; a key frame helps better.
const MAX_RETRANSMISSIONS: usize = 256;

/// An estimate below this share of the one that was shared out does not wait for the next review.
const FALLEN_PERCENT: u64 = 95;

impl Forwarder {
    /// One decrypted compound RTCP packet from `peer`. What is malformed in it is counted, the rest is heard.
    pub fn receive_rtcp(&mut self, now: Instant, ntp: u64, peer: usize, packet: &[u8], sink: &mut impl Sink) {
        self.forward_gathered(now, sink);
        self.touch(peer);
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
                Ok(Rtcp::Remb { rate, .. }) => self.estimated(now, peer, |estimator| estimator.remb(rate)),
                Ok(Rtcp::TransportCc(packet)) => match Feedback::parse(packet) {
                    Some(feedback) => self.estimated(now, peer, |estimator| estimator.feedback(now, &feedback)),
                    None => sink.dropped(DropReason::MalformedRtcp),
                },
                Ok(Rtcp::Bye { .. } | Rtcp::Other) => {}
                Err(reason) => sink.dropped(reason),
            }
        }
    }

    /// The estimate may have moved. A fall is acted upon at once, a rise with the next review.
    fn estimated(&mut self, now: Instant, peer: usize, tell: impl FnOnce(&mut Estimator)) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        let Some(estimator) = subscriber.estimator.as_mut() else { return };
        tell(estimator);
        let fell = estimator.estimate().0 < subscriber.allocated.0 * FALLEN_PERCENT / 100;
        subscriber.set_rate(now);
        if fell {
            self.allocate(now, peer);
            if let Some(Some(subscriber)) = self.subscribers.get_mut(peer)
                && subscriber.downlink.take_changed()
            {
                self.route(now, peer);
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
        if let Some((id, layer)) = subscriber.downlink.picture_lost(now, ssrc) {
            self.ask_for_key_frame(now, id, layer);
        }
    }

    /// Asks the publisher of a source for a key frame, within the budget; of one elsewhere, by its own shard.
    pub(super) fn ask_for_key_frame(&mut self, now: Instant, id: SourceId, layer: usize) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        if let Some(fed) = &mut source.fed {
            fed.ask(layer);
            self.rerouted = true;
            return;
        }
        let Some(peer) = source.peer else { return };
        if let Some(Some(publisher)) = self.publishers.get_mut(peer) {
            publisher.uplink.request_key_frame(now, source.spec.kind.video_role(), layer);
            self.note_feedback(peer);
        }
    }
}
