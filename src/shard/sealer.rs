//! Seals what the forwarder wrote, where it is sent from.

use super::{Link, Outbox};
use crate::media::drop::DropReason;
use crate::media::forwarder::Sink;
use crate::media::outgoing::Outgoing;
use crate::media::packet::MAX_PACKET;
use crate::media::spec::MediaKind;
use crate::metrics::{PacketKind, ShardSnapshot};

/// Seals what the forwarder wrote and queues it.
pub(super) struct Sealer<'a> {
    pub(super) links: &'a mut [Option<Link>],
    pub(super) outbox: &'a mut Outbox,
    pub(super) counters: &'a mut ShardSnapshot,
}

/// Room for the SRTP tag behind the largest packet: 16 octets for GCM, 10 for SHA1; SRTCP adds 4 for its index.
const TAG_ROOM: usize = 20;

impl Sink for Sealer<'_> {
    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize {
        let Some(Some(link)) = self.links.get_mut(peer) else { return 0 };
        let Some(path) = link.transport.send_path() else {
            self.counters.drop(DropReason::NotConnected);
            return 0;
        };
        let transport = &mut link.transport;
        let mut kind = PacketKind::Rtx;
        let sealed = self.outbox.write(peer, path, MAX_PACKET + TAG_ROOM, |buffer| {
            let outgoing = write(&mut buffer[..MAX_PACKET])?;
            kind = match outgoing.kind {
                _ if outgoing.is_rtx() => PacketKind::Rtx,
                MediaKind::Audio => PacketKind::Audio,
                MediaKind::Video => PacketKind::Video,
            };
            let Outgoing { stream, ssrc, seq, header_len, len, .. } = outgoing;
            transport.seal_rtp(stream, ssrc, seq, header_len, buffer, len)
        });
        match sealed {
            Ok(len) => {
                if kind != PacketKind::Audio {
                    self.outbox.last_is_video();
                }
                self.counters.send(kind, len);
                len
            }
            Err(reason) => {
                self.counters.drop(reason);
                0
            }
        }
    }

    fn rtcp(&mut self, peer: usize, packet: &[u8]) {
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        let Some(path) = link.transport.send_path() else { return };
        let transport = &mut link.transport;
        let sealed = self.outbox.write(peer, path, packet.len() + TAG_ROOM, |buffer| {
            buffer[..packet.len()].copy_from_slice(packet);
            transport.seal_rtcp(buffer, packet.len())
        });
        match sealed {
            Ok(len) => self.counters.send(PacketKind::Rtcp, len),
            Err(reason) => self.counters.drop(reason),
        }
    }

    fn dropped(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}
