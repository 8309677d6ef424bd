//! Seals what the forwarder wrote, where it is sent from.
//!
//! Packets are encrypted a few at a time. A cipher reads the nonce that was just written across the words it was written
//! in, which processors do only once everything before it has left their store buffers: packet by packet, each would wait
//! until its own copy has.

use smallvec::SmallVec;

use super::{Link, Outbox};
use crate::media::drop::DropReason;
use crate::media::forwarder::Sink;
use crate::media::outgoing::Outgoing;
use crate::media::packet::MAX_PACKET;
use crate::media::spec::MediaKind;
use crate::metrics::{PacketKind, ShardSnapshot};
use crate::transport::srtp::Admitted;

/// So many packets are encrypted together: of a camera they fit the first-level cache three times.
const TOGETHER: usize = 8;
/// Room for the SRTP tag behind the largest packet: 16 octets for GCM, 10 for SHA1; SRTCP adds 4 for its index.
const TAG_ROOM: usize = 20;

const ROOM: usize = MAX_PACKET + TAG_ROOM;

/// Queues what the forwarder wrote. When it is gone, all of it is sealed.
pub(super) struct Sealer<'a> {
    links: &'a mut [Option<Link>],
    outbox: &'a mut Outbox,
    counters: &'a mut ShardSnapshot,
    plain: SmallVec<[Plain; TOGETHER]>,
}

/// A packet in the outbox that is not encrypted yet.
struct Plain {
    peer: usize,
    start: usize,
    admitted: Admitted,
}

impl<'a> Sealer<'a> {
    pub(super) fn new(
        links: &'a mut [Option<Link>],
        outbox: &'a mut Outbox,
        counters: &'a mut ShardSnapshot,
    ) -> Sealer<'a> {
        Sealer { links, outbox, counters, plain: SmallVec::new() }
    }

    fn encrypt(&mut self) {
        for Plain { peer, start, admitted } in self.plain.drain(..) {
            let packet = self.outbox.buffer(start, admitted.sealed_len());
            let sealed = match self.links.get_mut(peer) {
                Some(Some(link)) => link.transport.encrypt_rtp(admitted, packet),
                _ => Err(DropReason::NotConnected),
            };
            if let Err(reason) = sealed {
                // Nothing leaves in clear.
                packet.fill(0);
                self.counters.drop(reason);
            }
        }
    }
}

impl Drop for Sealer<'_> {
    fn drop(&mut self) {
        self.encrypt();
    }
}

impl Sink for Sealer<'_> {
    #[inline]
    fn rtp(&mut self, peer: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize {
        let Some(Some(link)) = self.links.get_mut(peer) else { return 0 };
        let transport = &mut link.transport;
        let Some(path) = transport.send_path() else {
            self.counters.drop(DropReason::NotConnected);
            return 0;
        };
        let place = self.outbox.place(peer, path, ROOM);
        let buffer = self.outbox.buffer(place.start, ROOM);
        let written = write(&mut buffer[..MAX_PACKET])
            .and_then(|outgoing| Ok((outgoing, transport.admit_rtp(&outgoing, buffer)?)));
        let (outgoing, admitted) = match written {
            Ok(written) => written,
            Err(reason) => {
                self.counters.drop(reason);
                return 0;
            }
        };
        let (start, len) = (place.start, admitted.sealed_len());
        let Some(path) = transport.send_path() else { return 0 };
        self.outbox.queue(place, path, len);
        let kind = match outgoing.kind {
            _ if outgoing.is_rtx() => PacketKind::Rtx,
            MediaKind::Audio => PacketKind::Audio,
            MediaKind::Video => PacketKind::Video,
        };
        if kind != PacketKind::Audio {
            self.outbox.last_is_video();
        }
        self.counters.send(kind, len);
        self.plain.push(Plain { peer, start, admitted });
        if self.plain.len() == TOGETHER {
            self.encrypt();
        }
        len
    }

    fn has_enough(&self) -> bool {
        self.outbox.has_enough()
    }

    fn prefetch(&self, peer: usize) {
        if let Some(Some(link)) = self.links.get(peer) {
            link.transport.prefetch();
        }
    }

    fn prefetch_stream(&self, peer: usize, stream: usize) {
        if let Some(Some(link)) = self.links.get(peer) {
            link.transport.prefetch_stream(stream);
        }
    }

    fn rtcp(&mut self, peer: usize, packet: &[u8]) {
        let Some(Some(link)) = self.links.get_mut(peer) else { return };
        let Some(path) = link.transport.send_path().copied() else { return };
        let transport = &mut link.transport;
        let sealed = self.outbox.write(peer, &path, packet.len() + TAG_ROOM, |buffer| {
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
