//! Which packet belongs to which layer of which line: by header extensions, by what they taught, by what the offer
//! declared, last by the payload type (RFC 8843 §9.2, RFC 8852 §4).

use smallvec::SmallVec;

use crate::id::{Rid, Ssrc};
use crate::media::drop::DropReason;
use crate::media::packet::RtpHeader;
use crate::media::spec::{MediaSpec, PayloadType, UplinkSpec};

/// Layers of one line. Browsers send three.
pub(super) const LAYERS: usize = 4;

/// A place for a stream of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target {
    /// Index into the spec's uplinks.
    pub(super) line: usize,
    pub(super) layer: usize,
    /// Retransmissions of the layer rather than the layer itself.
    pub(super) rtx: bool,
}

/// The lines of a connection and the SSRCs found on them: at most one with media and one with retransmissions for each
/// layer, so whoever makes up SSRCs gets no memory for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    /// As negotiated, rids by rising quality.
    lines: Vec<UplinkSpec>,
    learned: Vec<(Ssrc, Target)>,
}

impl Bindings {
    pub(super) fn new(spec: &MediaSpec) -> Bindings {
        let mut bindings = Bindings::default();
        bindings.update(spec);
        bindings
    }

    /// Takes a new negotiation. What was learned stays, for lines keep their index.
    pub(super) fn update(&mut self, spec: &MediaSpec) {
        self.lines = spec.uplinks.clone();
        for line in &mut self.lines {
            by_quality(&mut line.rids);
        }
        let lines = &self.lines;
        self.learned.retain(|(_, target)| lines.get(target.line).is_some_and(|line| target.layer < layers(line)));
    }

    pub(super) fn lines(&self) -> &[UplinkSpec] {
        &self.lines
    }

    /// Where a packet with `header` goes, and the payload type of its media: for a retransmission the one it repeats.
    pub(super) fn resolve(
        &mut self,
        spec: &MediaSpec,
        header: &RtpHeader,
    ) -> Result<(Target, PayloadType), DropReason> {
        let (payload, rtx) = match spec.payload(header.pt) {
            Some(payload) => (*payload, false),
            None => (*spec.payload_of_rtx(header.pt).ok_or(DropReason::UnknownPayloadType)?, true),
        };
        let known = self.find(header.ssrc);
        let target = self.target(header, &payload, rtx, known).ok_or(DropReason::UnknownStream)?;
        let line = self.lines.get(target.line).ok_or(DropReason::UnknownStream)?;
        if !line.active {
            return Err(DropReason::NotAllowed);
        }
        if !line.payloads.contains(&payload.pt) {
            return Err(DropReason::UnknownPayloadType);
        }
        if known != Some(target) {
            self.learned.retain(|(ssrc, other)| *ssrc != header.ssrc && *other != target);
            self.learned.push((header.ssrc, target));
        }
        Ok((target, payload))
    }

    /// Where `ssrc` was last seen.
    pub(super) fn find(&self, ssrc: Ssrc) -> Option<Target> {
        self.learned.iter().find(|(known, _)| *known == ssrc).map(|(_, target)| *target)
    }

    fn target(&self, header: &RtpHeader, payload: &PayloadType, rtx: bool, known: Option<Target>) -> Option<Target> {
        let extensions = &header.extensions;
        let rid = if rtx { extensions.repaired_rid.or(extensions.rid) } else { extensions.rid };
        let known = known.map(|target| Target { rtx, ..target });
        if extensions.mid.is_none() && (rid.is_none() || known.is_none()) {
            return known.or_else(|| self.declared(header.ssrc, rtx)).or_else(|| self.by_payload(payload, rtx));
        }
        let line = match extensions.mid {
            Some(mid) => self.lines.iter().position(|line| line.mid == mid)?,
            None => known?.line,
        };
        let spec = self.lines.get(line)?;
        let layer = match rid {
            Some(rid) if !spec.rids.is_empty() => spec.rids.iter().take(LAYERS).position(|known| *known == rid)?,
            _ if layers(spec) == 1 => 0,
            _ => known.or_else(|| self.declared(header.ssrc, rtx)).filter(|known| known.line == line)?.layer,
        };
        Some(Target { line, layer, rtx })
    }

    /// By the SSRCs of the offer, when the line has no rids: their order is then the only one there is.
    fn declared(&self, ssrc: Ssrc, rtx: bool) -> Option<Target> {
        self.lines.iter().enumerate().filter(|(_, line)| line.rids.is_empty()).find_map(|(index, line)| {
            let layer = line.ssrcs.iter().take(LAYERS).position(|(media, repair)| match rtx {
                false => *media == ssrc,
                true => *repair == Some(ssrc),
            })?;
            Some(Target { line: index, layer, rtx })
        })
    }

    /// By the payload type, when only one active line takes it and that has one layer.
    fn by_payload(&self, payload: &PayloadType, rtx: bool) -> Option<Target> {
        let mut taking = self.lines.iter().enumerate().filter(|(_, l)| l.active && l.payloads.contains(&payload.pt));
        let (line, spec) = taking.next()?;
        (taking.next().is_none() && layers(spec) == 1).then_some(Target { line, layer: 0, rtx })
    }
}

/// Layers of a line: its rids, or the SSRCs that the offer declared, or one.
pub(super) fn layers(line: &UplinkSpec) -> usize {
    let streams = if line.rids.is_empty() { line.ssrcs.len() } else { line.rids.len() };
    streams.clamp(1, LAYERS)
}

/// Sorts the rids that everybody knows, whatever order the offer lists (Chromium keeps the layers listed first when a
/// camera is small, so clients may list the highest first). Others stay in the order offered.
fn by_quality(rids: &mut SmallVec<[Rid; 3]>) {
    let rank = |rid: &Rid| [b"q", b"h", b"f"].iter().position(|known| rid.as_bytes() == *known);
    if rids.iter().all(|rid| rank(rid).is_some()) {
        rids.sort_by_key(rank);
    }
}
