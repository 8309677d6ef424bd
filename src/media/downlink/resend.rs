//! Answers to generic NACKs (RFC 4585 §6.2.1), as RTX packets (RFC 4588).
//!
//! A packet is never sealed again under its own SSRC: two seals of one index give an AES-GCM key away.

use std::time::{Duration, Instant};

use crate::id::{ExtSeq, SourceId, Ssrc};
use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use crate::media::packet::{OutHeader, PacketRef, write_header};
use crate::media::ring::Ring;

use super::history::Entry;
use super::rewrite::{self, Body};
use super::tenure::{Before, Stamp};
use super::{Downlink, Owner, abs_send_time, transport_cc, with_packet};

/// Packets that probes repeat in turn.
const PROBED: u32 = 64;
/// A packet that was sent longer ago is of no use any more: jitter buffers hold 300 ms at most, and the request took a
/// round trip, which is added.
const USEFUL: Duration = Duration::from_millis(500);
/// Most padding that a packet can have (RFC 3550 §5.1).
const PADDING: u8 = 255;

/// What a NACK asks for.
struct Recalled {
    source: SourceId,
    layer: usize,
    source_seq: ExtSeq,
    was: Was,
}

enum Was {
    /// And how long ago.
    Sent(Stamp, Duration),
    /// Its number is open, and the packet at most in the ring: one that came before the first packet of its tenure's
    /// key frame, for instance.
    Missing(ExtSeq, Before),
}

impl Downlink {
    /// Writes the retransmission of the packet `seq` of the stream `line_ssrc` into `out`. `ring` gives the ring of a
    /// source's layer, while there is one.
    ///
    /// # Errors
    /// [`DropReason::NotRetransmittable`] when RTX was not negotiated, the packet is not stored any more, came too long
    /// ago to be shown, or was sent again a moment ago or too often; [`DropReason::UnknownStream`] for an SSRC that is no line's.
    pub fn retransmit<'r>(
        &mut self,
        now: Instant,
        line_ssrc: Ssrc,
        seq: u16,
        ring: impl FnOnce(SourceId, usize) -> Option<&'r Ring>,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let Some(Owner { line: index, rtx: false }) = self.owners.get(&line_ssrc).copied() else {
            return Err(DropReason::UnknownStream);
        };
        self.stats.nacks += 1;
        let recalled = self.recall(now, index, seq).ok_or(DropReason::NotRetransmittable)?;
        let stored = ring(recalled.source, recalled.layer).and_then(|ring| ring.get(recalled.source_seq));
        let packet = stored.ok_or(DropReason::NotRetransmittable)?;
        let age = match recalled.was {
            Was::Sent(_, age) => age,
            Was::Missing(..) => now.saturating_duration_since(packet.info.arrival),
        };
        if age > USEFUL + self.rtt() {
            self.beyond_repair = Some(line_ssrc);
            return Err(DropReason::NotRetransmittable);
        }
        let stamp = match recalled.was {
            Was::Sent(stamp, _) => stamp,
            Was::Missing(out, before) => {
                let tenure = self.lines.get(index).and_then(|line| line.tenure.as_ref());
                tenure.ok_or(DropReason::NotRetransmittable)?.late_stamp(packet, out, before)
            }
        };
        let outgoing = self.write_rtx(now, index, recalled.source, packet, stamp, out)?;
        if let Was::Missing(..) = recalled.was {
            // It leaves by RTX alone; its number is taken all the same.
            let (from, sent) = ((recalled.source, recalled.layer), self.since_epoch(now));
            self.history.push(Entry::new(index, from, recalled.source_seq, stamp, sent));
            if let Some(line) = self.lines.get_mut(index) {
                line.fill(packet, stamp);
            }
        }
        self.history.resent(self.since_epoch(now), index as u16, seq);
        if let Some(line) = self.lines.get_mut(index) {
            line.repaired += 1;
        }
        self.stats.retransmitted += 1;
        Ok(outgoing)
    }

    /// Writes a packet whose only purpose is to be acknowledged into `out`: one of those sent lately, again as RTX, or
    /// padding as RTX when none is stored any more.
    ///
    /// # Errors
    /// [`DropReason::NotRetransmittable`] without a line that takes RTX.
    pub fn probe<'r>(
        &mut self,
        now: Instant,
        ring: impl FnOnce(SourceId, usize) -> Option<&'r Ring>,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        // Each in turn: the same packet over and over would be filtered out by what counts duplicates on the way.
        self.probed = (self.probed + 1) % PROBED;
        let entry = self.history.recent(self.probed).or_else(|| self.history.recent(0));
        let stored = entry.and_then(|entry| {
            let packet = ring(entry.source, usize::from(entry.layer))?.get(entry.source_seq)?;
            Some((entry, packet))
        });
        let repeated = stored.map(|(entry, packet)| {
            self.write_rtx(now, usize::from(entry.line), entry.source, packet, entry.stamp, out)
        });
        let outgoing = match repeated {
            Some(Ok(outgoing)) => outgoing,
            // A line that was closed meanwhile, or nothing to repeat.
            _ => self.write_padding(now, out)?,
        };
        self.stats.probes += 1;
        Ok(outgoing)
    }

    fn write_padding(&mut self, now: Instant, out: &mut [u8]) -> Result<Outgoing, DropReason> {
        let index = self.padding_line(true).or(self.padding_line(false)).ok_or(DropReason::NotRetransmittable)?;
        let line = self.lines.get_mut(index).ok_or(DropReason::NotRetransmittable)?;
        let repaired = line.payloads.iter().filter_map(|pt| self.spec.payload(*pt)).find(|p| p.rtx.is_some()).copied();
        let (Some(payload), Some(ssrc)) = (repaired, line.rtx_ssrc) else {
            return Err(DropReason::NotRetransmittable);
        };
        let number = transport_cc(&self.spec, &payload, self.transport_cc);
        let us = now.saturating_duration_since(self.epoch).as_micros() as i64;
        let header = OutHeader {
            padding: true,
            pt: payload.rtx.ok_or(DropReason::NotRetransmittable)?,
            seq: line.rtx_next.wire(),
            timestamp: line.clock.at(us) as u32,
            ssrc,
            mid: Some(line.mid),
            transport_cc: number,
            abs_send_time: abs_send_time(&self.spec, now.saturating_duration_since(self.epoch)),
            ..OutHeader::default()
        };
        let header_len = write_header(out, &header, &self.spec.extensions).ok_or(DropReason::TooLarge)?;
        let len = header_len + usize::from(PADDING);
        let padding = out.get_mut(header_len..len).ok_or(DropReason::TooLarge)?;
        padding.fill(0);
        if let Some(last) = padding.last_mut() {
            *last = PADDING;
        }
        let seq = line.rtx_next;
        line.rtx_next = ExtSeq(seq.0 + 1);
        line.rtx_sent.count(0);
        self.transport_cc = self.transport_cc.wrapping_add(u16::from(number.is_some()));
        Ok(Outgoing { stream: 2 * index + 1, ssrc, kind: line.kind, seq, header_len, len })
    }

    fn recall(&self, now: Instant, index: usize, seq: u16) -> Option<Recalled> {
        let line = u16::try_from(index).ok()?;
        if self.history.contains(line, seq) {
            let entry = self.history.find(self.since_epoch(now), line, seq, self.rtt())?;
            let Entry { source, layer, source_seq, stamp, sent_ms, .. } = entry;
            let now_ms = now.saturating_duration_since(self.epoch).as_millis() as u32;
            let was = Was::Sent(stamp, Duration::from_millis(now_ms.wrapping_sub(sent_ms).into()));
            return Some(Recalled { source, layer: usize::from(layer), source_seq, was });
        }
        let tenure = self.lines.get(index)?.tenure.as_ref()?;
        let (source_seq, out, before) = tenure.sequence.missing(seq)?;
        let (source, layer) = (tenure.source, tenure.layer);
        Some(Recalled { source, layer, source_seq, was: Was::Missing(out, before) })
    }

    fn write_rtx(
        &mut self,
        now: Instant,
        index: usize,
        source: SourceId,
        packet: PacketRef<'_>,
        stamp: Stamp,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let line = self.lines.get_mut(index).filter(|line| line.active).ok_or(DropReason::NotRetransmittable)?;
        let payload = rewrite::payload_for(&self.spec, &line.payloads, packet.info.codec);
        let (Some((payload, form)), Some(ssrc)) = (payload, line.rtx_ssrc) else {
            return Err(DropReason::NotRetransmittable);
        };
        let number = transport_cc(&self.spec, &payload, self.transport_cc);
        let header = OutHeader {
            pt: payload.rtx.ok_or(DropReason::NotRetransmittable)?,
            seq: line.rtx_next.wire(),
            ssrc,
            csrc: Some(source),
            mid: Some(line.mid),
            transport_cc: number,
            abs_send_time: abs_send_time(&self.spec, now.saturating_duration_since(self.epoch)),
            ..OutHeader::default()
        };
        let header = with_packet(header, packet, &stamp);
        let body =
            Body { packet, form, offsets: stamp.offsets, original: Some(stamp.seq.wire()), hollow: stamp.hollow };
        let (header_len, len) = rewrite::write(out, header, &self.spec.extensions, body)?;
        let seq = line.rtx_next;
        line.rtx_next = ExtSeq(seq.0 + 1);
        line.rtx_sent.count(len - header_len);
        self.transport_cc = self.transport_cc.wrapping_add(u16::from(number.is_some()));
        Ok(Outgoing { stream: 2 * index + 1, ssrc, kind: line.kind, seq, header_len, len })
    }
}
