//! Reading an RTP header: RFC 3550 §5.1 with the one- and two-byte header extensions of RFC 8285.

use super::{AudioLevel, ReadExtensions, RtpHeader};
use crate::id::{Pt, Ssrc, Token};
use crate::media::drop::DropReason;
use crate::media::spec::{Extension, ExtensionMap};

/// The header up to and without the CSRCs (RFC 3550 §5.1).
pub(super) const FIXED_HEADER: usize = 12;
/// "Defined by profile" of one-byte header extensions (RFC 8285 §4.2).
pub(super) const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// "Defined by profile" of two-byte header extensions; the low four bits are the application's (RFC 8285 §4.3).
pub(super) const TWO_BYTE_PROFILE: u16 = 0x1000;

/// Parses the header of one RTP packet, whatever its bytes.
///
/// Extensions that `map` does not name, and values of the wrong length, are skipped. A damaged extension *element* ends
/// the reading of extensions and no more, as browsers do; a damaged length of the header itself is an error.
///
/// # Errors
/// [`DropReason::MalformedRtp`] when it is not version 2, or CSRCs, extension block or padding point outside the packet.
pub fn parse(packet: &[u8], map: &ExtensionMap) -> Result<RtpHeader, DropReason> {
    let fixed = packet.first_chunk::<FIXED_HEADER>().ok_or(DropReason::MalformedRtp)?;
    let [flags, marker_pt, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if flags >> 6 != 2 {
        return Err(DropReason::MalformedRtp);
    }
    let mut header_len = FIXED_HEADER + 4 * usize::from(flags & 0x0F);
    let mut extensions = ReadExtensions::default();
    if flags & 0x10 != 0 {
        let (profile, block) = extension_block(packet, header_len).ok_or(DropReason::MalformedRtp)?;
        read_extensions(profile, block, header_len + 4, map, &mut extensions);
        header_len += 4 + block.len();
    }
    if header_len > packet.len() {
        return Err(DropReason::MalformedRtp);
    }
    let mut padding = 0;
    if flags & 0x20 != 0 {
        padding = packet.last().map_or(0, |count| usize::from(*count));
        if padding == 0 || padding > packet.len() - header_len {
            return Err(DropReason::MalformedRtp);
        }
    }
    Ok(RtpHeader {
        marker: marker_pt & 0x80 != 0,
        pt: Pt(marker_pt & 0x7F),
        seq: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: Ssrc(u32::from_be_bytes([c0, c1, c2, c3])),
        header_len,
        padding,
        extensions,
    })
}

/// The first contributing source of an RTP packet: in what Plenum sends, the source's number. `None` without CSRCs.
pub fn first_csrc(packet: &[u8]) -> Option<u32> {
    let has_csrc = packet.first().is_some_and(|flags| flags & 0x0F != 0);
    let bytes = packet.get(FIXED_HEADER..)?.first_chunk::<4>()?;
    has_csrc.then(|| u32::from_be_bytes(*bytes))
}

/// "Defined by profile" and the words of the extension block that starts at `at` (RFC 3550 §5.3.1).
fn extension_block(packet: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let rest = packet.get(at..)?;
    let [p0, p1, w0, w1] = *rest.first_chunk::<4>()?;
    let len = 4 * usize::from(u16::from_be_bytes([w0, w1]));
    Some((u16::from_be_bytes([p0, p1]), rest.get(4..4 + len)?))
}

/// Walks the elements of a block whose first octet is at `base` in the packet.
fn read_extensions(profile: u16, block: &[u8], base: usize, map: &ExtensionMap, found: &mut ReadExtensions) {
    let two_byte = profile & 0xFFF0 == TWO_BYTE_PROFILE;
    if !two_byte && profile != ONE_BYTE_PROFILE {
        return;
    }
    let mut at = 0;
    while let Some(&first) = block.get(at) {
        if first == 0 {
            at += 1; // padding between elements, one octet at a time
            continue;
        }
        let (id, start, len) = if two_byte {
            let Some(&len) = block.get(at + 1) else { return };
            (first, at + 2, usize::from(len))
        } else {
            (first >> 4, at + 1, usize::from(first & 0x0F) + 1)
        };
        // RFC 8285 §4.2: id 15, and id 0 with a length, end the processing; what came before counts.
        if !two_byte && (id == 15 || id == 0) {
            return;
        }
        let Some(value) = block.get(start..start + len) else { return };
        if let Some(extension) = map.kind(id) {
            read_value(extension, value, base + start, found);
        }
        at = start + len;
    }
}

fn read_value(extension: Extension, value: &[u8], offset: usize, found: &mut ReadExtensions) {
    match (extension, value) {
        (Extension::Mid, text) => found.mid = Token::new(text),
        (Extension::Rid, text) => found.rid = Token::new(text),
        (Extension::RepairedRid, text) => found.repaired_rid = Token::new(text),
        (Extension::AudioLevel, [octet, ..]) => {
            found.audio_level = Some(AudioLevel { level: octet & 0x7F, voice: octet & 0x80 != 0 });
        }
        (Extension::TransportCc, [a, b, ..]) => found.transport_cc = Some(u16::from_be_bytes([*a, *b])),
        (Extension::AbsSendTime, [a, b, c]) => found.abs_send_time = Some(u32::from_be_bytes([0, *a, *b, *c])),
        (Extension::Orientation, [octet]) => found.orientation = Some(*octet),
        (Extension::PlayoutDelay, [a, b, c]) => found.playout_delay = Some(u32::from_be_bytes([0, *a, *b, *c])),
        (Extension::VideoContentType, [octet]) => found.content_type = Some(*octet),
        (Extension::DependencyDescriptor, descriptor) if !descriptor.is_empty() => {
            found.dependency_descriptor = Some((offset, descriptor.len()));
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
