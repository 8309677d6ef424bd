//! One forwarded packet as bytes: the line's header, then the payload with its codec's counters made continuous.

use crate::id::Pt;
use crate::media::codec::dd::{self, DdPatch};
use crate::media::codec::{Detail, Facts, red};
use crate::media::drop::DropReason;
use crate::media::packet::{MAX_PACKET, OutHeader, PacketRef, write_header};
use crate::media::spec::{Codec, ExtensionMap, MediaSpec, PayloadType};

/// What is added to a publisher's counters so that a line's picture ids and the like run on across sources and layers.
/// All sums wrap at the counters' own widths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Offsets {
    picture_id: u16,
    tl0picidx: u8,
    /// Of the dependency descriptor, as the template shift.
    frame_number: u16,
    template_shift: u8,
    /// The decode targets that the line gets, when it does not get all.
    pub(super) active_decode_targets: Option<u32>,
}

impl Offsets {
    /// A frame is dropped on purpose: frames after it close up. A receiver takes a hole in VP8's picture ids for loss
    /// and waits; VP9 and the dependency descriptor name references by distance, so that nothing may move there.
    pub(super) fn leave_out(&mut self, facts: &Facts) {
        if let Detail::Vp8(_) = facts.detail {
            self.picture_id = self.picture_id.wrapping_sub(1);
        }
    }

    fn patch_payload(self, payload: &mut [u8], facts: &Facts) {
        let read = Read::of(facts);
        let picture_id = read.picture_id.unwrap_or(0).wrapping_add(self.picture_id) & PICTURE_ID_MASK;
        facts.detail.patch(payload, picture_id, read.tl0picidx.unwrap_or(0).wrapping_add(self.tl0picidx));
    }

    /// The packet's dependency descriptor as the line sends it, in `space`; `None` when it has none.
    fn descriptor<'a>(self, packet: PacketRef<'_>, space: &'a mut [u8]) -> Result<Option<&'a [u8]>, DropReason> {
        let Some(frame) = packet.info.facts.dd.filter(|_| !packet.dependency_descriptor.is_empty()) else {
            return Ok(None);
        };
        let patch = DdPatch {
            frame_number: frame.frame_number.wrapping_add(self.frame_number),
            template_shift: self.template_shift,
            active_decode_targets: self.active_decode_targets,
        };
        let len = dd::write(space, packet.dependency_descriptor, &frame, &patch).ok_or(DropReason::MalformedPayload)?;
        Ok(space.get(..len))
    }
}

/// Picture ids have 15 bits.
const PICTURE_ID_MASK: u16 = 0x7FFF;
/// Template ids have 6 bits. A new structure's begin half a cycle behind those of the one before it: far from any that
/// a late packet may still use, as no browser has more than 32 templates.
const TEMPLATE_IDS: u8 = 64;

/// A packet's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Read {
    picture_id: Option<u16>,
    tl0picidx: Option<u8>,
    frame_number: Option<u16>,
}

impl Read {
    fn of(facts: &Facts) -> Read {
        let (picture_id, tl0picidx) = match facts.detail {
            Detail::None => (None, None),
            Detail::Vp8(detail) => (detail.picture_id, detail.tl0picidx),
            Detail::Vp9(detail) => (detail.picture_id, detail.tl0picidx),
        };
        Read { picture_id: picture_id.map(|id| id.value), tl0picidx, frame_number: facts.dd.map(|dd| dd.frame_number) }
    }
}

/// The template id offset of a descriptor with a structure, which begins with it right after the five flags.
fn template_offset(packet: PacketRef<'_>) -> Option<u8> {
    packet.info.facts.dd.filter(|dd| dd.structure)?;
    let [_, _, _, high, low] = *packet.dependency_descriptor.first_chunk::<5>()?;
    Some((high & 0x07) << 3 | low >> 5)
}

/// The counters of the newest forwarded frame, as the line's receiver saw them. `None` before the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counters {
    newest: Read,
    template_offset: Option<u8>,
}

impl Counters {
    /// Offsets with which a tenure that begins with `packet` continues the line.
    pub(super) fn offsets_for(&self, packet: PacketRef<'_>) -> Offsets {
        let new = Read::of(&packet.info.facts);
        let wide = |last: Option<u16>, new: Option<u16>| {
            last.zip(new).map_or(0, |(last, new)| last.wrapping_add(1).wrapping_sub(new))
        };
        let tl0picidx = self.newest.tl0picidx.zip(new.tl0picidx);
        let template = self.template_offset.zip(template_offset(packet));
        Offsets {
            picture_id: wide(self.newest.picture_id, new.picture_id),
            tl0picidx: tl0picidx.map_or(0, |(last, new)| last.wrapping_add(1).wrapping_sub(new)),
            frame_number: wide(self.newest.frame_number, new.frame_number),
            template_shift: template
                .map_or(0, |(last, new)| last.wrapping_add(TEMPLATE_IDS / 2).wrapping_sub(new) % TEMPLATE_IDS),
            active_decode_targets: None,
        }
    }

    /// A packet of the newest frame is forwarded.
    pub(super) fn follow(&mut self, packet: PacketRef<'_>, offsets: Offsets) {
        let new = Read::of(&packet.info.facts);
        let newest = &mut self.newest;
        if let Some(id) = new.picture_id {
            newest.picture_id = Some(id.wrapping_add(offsets.picture_id) & PICTURE_ID_MASK);
        }
        if let Some(index) = new.tl0picidx {
            newest.tl0picidx = Some(index.wrapping_add(offsets.tl0picidx));
        }
        if let Some(number) = new.frame_number {
            newest.frame_number = Some(number.wrapping_add(offsets.frame_number));
        }
        if let Some(offset) = template_offset(packet) {
            self.template_offset = Some(offset.wrapping_add(offsets.template_shift) % TEMPLATE_IDS);
        }
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

/// Room kept for the authentication tag behind a packet, and for the OSN in front of its retransmission's payload.
const TAG: usize = 16;
const OSN: usize = 2;
/// Longest dependency descriptor that a header takes.
const LONGEST_DESCRIPTOR: usize = 255;
/// Octets of a RED block header; the last block's has one (RFC 2198 §3).
const RED_HEADER: usize = 4;

/// The payload of a packet to write.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) packet: PacketRef<'a>,
    pub(super) form: Form,
    pub(super) offsets: Offsets,
    /// The original sequence number, which makes the packet a retransmission (OSN, RFC 4588 §4).
    pub(super) original: Option<u16>,
    /// Nothing of the payload goes out.
    pub(super) hollow: bool,
}

/// Writes header and payload into `out`; returns (header length, length). The dependency descriptor is the body's.
pub(super) fn write(
    out: &mut [u8],
    header: OutHeader<'_>,
    map: &ExtensionMap,
    body: Body<'_>,
) -> Result<(usize, usize), DropReason> {
    let header_len = if body.hollow || body.packet.dependency_descriptor.is_empty() {
        write_header(out, &header, map)
    } else {
        let mut space = [0; LONGEST_DESCRIPTOR];
        let dependency_descriptor = body.offsets.descriptor(body.packet, &mut space)?;
        write_header(out, &OutHeader { dependency_descriptor, ..header }, map)
    };
    let header_len = header_len.ok_or(DropReason::TooLarge)?;
    Ok((header_len, write_payload(out, header_len, body)?))
}

/// Writes the payload into `out`, behind a header of `header_len` octets; returns the length of both.
pub(super) fn write_payload(out: &mut [u8], header_len: usize, body: Body<'_>) -> Result<usize, DropReason> {
    let payload = match body.form {
        _ if body.hollow => &[],
        Form::AsIs | Form::Blocks(_) => body.packet.payload,
        Form::Primary => red::primary(body.packet.payload)
            .and_then(|primary| body.packet.payload.get(primary.range))
            .ok_or(DropReason::MalformedPayload)?,
    };
    if header_len + OSN + payload.len() + TAG > MAX_PACKET {
        return Err(DropReason::TooLarge);
    }
    let mut at = header_len;
    if let Some(original) = body.original {
        out.get_mut(at..at + OSN).ok_or(DropReason::TooLarge)?.copy_from_slice(&original.to_be_bytes());
        at += OSN;
    }
    let len = at + payload.len();
    let written = out.get_mut(at..len).ok_or(DropReason::TooLarge)?;
    written.copy_from_slice(payload);
    if let Form::Blocks(pt) = body.form {
        rename_red_blocks(written, pt);
    }
    body.offsets.patch_payload(written, &body.packet.info.facts);
    Ok(len)
}

/// Puts `pt` into every block header.
fn rename_red_blocks(payload: &mut [u8], pt: Pt) {
    for header in payload.chunks_mut(RED_HEADER) {
        let Some(first) = header.first_mut() else { return };
        let more = *first & 0x80;
        *first = more | (pt.0 & 0x7F);
        if more == 0 {
            return;
        }
    }
}
