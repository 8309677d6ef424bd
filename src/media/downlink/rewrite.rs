//! One forwarded packet as bytes: the line's header, then the payload with its codec's counters made continuous.

use crate::id::Pt;
use crate::media::codec::{Detail, Facts};
use crate::media::drop::DropReason;
use crate::media::packet::{MAX_PACKET, OutHeader, PacketRef, write_header};
use crate::media::spec::{Codec, ExtensionMap, MediaSpec, PayloadType};

/// What is added to a publisher's counters so that a line's picture ids and the like run on across sources and layers.
/// All sums wrap at the counters' own widths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Offsets {
    picture_id: u16,
    tl0picidx: u8,
}

impl Offsets {
    /// A frame is dropped on purpose: frames after it close up. A receiver takes a hole in VP8's picture ids for loss and waits;
    /// VP9 and AV1 name their references by distance, so that nothing may move there.
    pub(super) fn leave_out(&mut self, facts: &Facts) {
        if facts.detail != Detail::None {
            self.picture_id = self.picture_id.wrapping_sub(1);
        }
    }

    fn patch(self, payload: &mut [u8], facts: &Facts) {
        let (picture_id, tl0picidx) = read(facts);
        let picture_id = picture_id.unwrap_or(0).wrapping_add(self.picture_id);
        let tl0picidx = tl0picidx.unwrap_or(0).wrapping_add(self.tl0picidx);
        facts.detail.patch(payload, picture_id & PICTURE_ID_MASK, tl0picidx);
    }
}

/// Picture ids have 15 bits.
const PICTURE_ID_MASK: u16 = 0x7FFF;

/// The counters of the newest forwarded frame, as the line's receiver saw them. `None` before the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counters {
    picture_id: Option<u16>,
    tl0picidx: Option<u8>,
}

impl Counters {
    /// Offsets with which a tenure that begins with a frame of `facts` continues the line.
    pub(super) fn offsets_for(&self, facts: &Facts) -> Offsets {
        let (picture_id, tl0picidx) = read(facts);
        let continued =
            |last: Option<u16>, new: Option<u16>| last.zip(new).map(|(l, n)| l.wrapping_add(1).wrapping_sub(n));
        Offsets {
            picture_id: continued(self.picture_id, picture_id).unwrap_or(0),
            tl0picidx: continued(self.tl0picidx.map(u16::from), tl0picidx.map(u16::from)).unwrap_or(0) as u8,
        }
    }

    /// A packet of the newest frame is forwarded.
    pub(super) fn follow(&mut self, facts: &Facts, offsets: Offsets) {
        let (picture_id, tl0picidx) = read(facts);
        if let Some(id) = picture_id {
            self.picture_id = Some(id.wrapping_add(offsets.picture_id) & PICTURE_ID_MASK);
        }
        if let Some(index) = tl0picidx {
            self.tl0picidx = Some(index.wrapping_add(offsets.tl0picidx));
        }
    }
}

fn read(facts: &Facts) -> (Option<u16>, Option<u8>) {
    match facts.detail {
        Detail::None => (None, None),
        Detail::Vp8(detail) => (detail.picture_id.map(|id| id.value), detail.tl0picidx),
        Detail::Vp9(detail) => (detail.picture_id.map(|id| id.value), detail.tl0picidx),
    }
}

/// What happens to a payload besides its counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    AsIs,
    /// RED for a line without it: only the newest Opus frame stays.
    Primary,
    /// RED whose blocks name the publisher's payload type of Opus: they get the line's.
    Blocks(Pt),
}

/// The line's payload type for packets of `codec`, and what to do to them.
pub(super) fn payload_for(spec: &MediaSpec, accepted: &[Pt], codec: Codec) -> Option<(PayloadType, Form)> {
    let find =
        |codec| accepted.iter().filter_map(|pt| spec.payload(*pt)).find(|payload| payload.codec == codec).copied();
    if codec != Codec::Red {
        return Some((find(codec)?, Form::AsIs));
    }
    let opus = find(Codec::Opus)?;
    Some(find(Codec::Red).map_or((opus, Form::Primary), |red| (red, Form::Blocks(opus.pt))))
}

/// Room kept for the authentication tag behind a packet.
const TAG: usize = 16;

/// Writes header and payload into `out`; returns (header length, length).
///
/// With `original` (an OSN, RFC 4588 §4) the packet is a retransmission. A `hollow` packet has no payload.
pub(super) fn write(
    out: &mut [u8],
    header: &OutHeader<'_>,
    map: &ExtensionMap,
    body: Body<'_>,
) -> Result<(usize, usize), DropReason> {
    let header_len = write_header(out, header, map).ok_or(DropReason::TooLarge)?;
    let mut at = header_len;
    if let Some(original) = body.original {
        out.get_mut(at..at + 2).ok_or(DropReason::TooLarge)?.copy_from_slice(&original.to_be_bytes());
        at += 2;
    }
    let payload = match body.form {
        _ if body.hollow => &[],
        Form::AsIs | Form::Blocks(_) => body.packet.payload,
        Form::Primary => red_primary(body.packet.payload).ok_or(DropReason::MalformedPayload)?,
    };
    let len = at + payload.len();
    if len + TAG > MAX_PACKET {
        return Err(DropReason::TooLarge);
    }
    let written = out.get_mut(at..len).ok_or(DropReason::TooLarge)?;
    written.copy_from_slice(payload);
    if let Form::Blocks(pt) = body.form {
        rename_red_blocks(written, pt);
    }
    body.offsets.patch(written, &body.packet.info.facts);
    Ok((header_len, len))
}

/// The payload of a packet to write.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) packet: PacketRef<'a>,
    pub(super) form: Form,
    pub(super) offsets: Offsets,
    pub(super) original: Option<u16>,
    pub(super) hollow: bool,
}

/// Octets of a RED block header; the last block's has one (RFC 2198 §3).
const RED_HEADER: usize = 4;

/// The newest frame in a RED payload.
fn red_primary(payload: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    let mut redundant = 0;
    while payload.get(at)? & 0x80 != 0 {
        let header = payload.get(at..at + RED_HEADER)?;
        redundant += usize::from(u16::from_be_bytes([header[2], header[3]]) & 0x3FF);
        at += RED_HEADER;
    }
    payload.get(at + 1 + redundant..).filter(|primary| !primary.is_empty())
}

/// Puts `pt` into every block header.
fn rename_red_blocks(payload: &mut [u8], pt: Pt) {
    for header in payload.chunks_mut(RED_HEADER) {
        let more = header[0] & 0x80;
        header[0] = more | (pt.0 & 0x7F);
        if more == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_yields_its_newest_frame_and_takes_another_payload_type() {
        let mut red = [0x80 | 111, 0, 0, 2, 111, 1, 2, 3, 4, 5];
        assert_eq!(red_primary(&red), Some(&[3, 4, 5][..]));
        rename_red_blocks(&mut red, Pt(96));
        assert_eq!(red, [0x80 | 96, 0, 0, 2, 96, 1, 2, 3, 4, 5]);
        assert_eq!(red_primary(&[111, 7]), Some(&[7][..]));
        assert_eq!(red_primary(&[0x80 | 111, 0, 0]), None);
        assert_eq!(red_primary(&[0x80 | 111, 0, 3, 0xFF, 111, 1]), None);
    }
}
