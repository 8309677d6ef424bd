//! Writing an RTP header for one subscriber, with the extension ids of its negotiation.

use super::AudioLevel;
use super::read::{FIXED_HEADER, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
use crate::id::{Mid, Pt, SourceId, Ssrc};
use crate::media::spec::{Extension, ExtensionMap};

/// The header of a packet Plenum sends. An extension is written when it is `Some` here *and* the subscriber negotiated
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutHeader<'a> {
    pub marker: bool,
    /// Sets the padding bit: the caller ends the packet with padding whose last octet counts it (RFC 3550 §5.1).
    pub padding: bool,
    pub pt: Pt,
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: Ssrc,
    /// Whose picture or sound this is; `None` only for probes that carry nobody's.
    pub csrc: Option<SourceId>,
    pub mid: Option<Mid>,
    pub audio_level: Option<AudioLevel>,
    pub transport_cc: Option<u16>,
    /// 24 bits, 6.18 fixed-point seconds; higher bits are ignored.
    pub abs_send_time: Option<u32>,
    pub orientation: Option<u8>,
    /// 24 bits; higher bits are ignored.
    pub playout_delay: Option<u32>,
    pub content_type: Option<u8>,
    /// Already rewritten for this subscriber; at most 255 octets.
    pub dependency_descriptor: Option<&'a [u8]>,
}

/// Writes `fields` to the start of `out` and returns the header's length, a multiple of 4.
///
/// One-byte extension headers, unless an id above 14 or a value that is empty or longer than 16 octets needs the
/// two-byte form (RFC 8285 §4.3). `None` when `out` is too small or the dependency descriptor too long; `out` is
/// then unspecified.
pub fn write_header(out: &mut [u8], fields: &OutHeader<'_>, map: &ExtensionMap) -> Option<usize> {
    let mut form = Form::default();
    each_extension(fields, map, |id, value| form.add(id, value.len()));
    if form.too_long {
        return None;
    }
    let block = form.block_len();
    let csrcs = usize::from(fields.csrc.is_some());
    let extensions_at = FIXED_HEADER + 4 * csrcs;
    let len = if block == 0 { extensions_at } else { extensions_at + 4 + block };
    let out = out.get_mut(..len)?;

    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out[0] = 0x80 | flag(fields.padding, 0x20) | flag(block > 0, 0x10) | csrcs as u8;
    out[1] = flag(fields.marker, 0x80) | (fields.pt.0 & 0x7F);
    out[2..4].copy_from_slice(&fields.seq.to_be_bytes());
    out[4..8].copy_from_slice(&fields.timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&fields.ssrc.0.to_be_bytes());
    if let Some(source) = fields.csrc {
        out[12..16].copy_from_slice(&source.0.to_be_bytes());
    }
    if block > 0 {
        let profile = if form.two_byte { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE };
        let words = (block / 4) as u16; // at most a few hundred octets: eight small values and one of 255
        out[extensions_at..extensions_at + 2].copy_from_slice(&profile.to_be_bytes());
        out[extensions_at + 2..extensions_at + 4].copy_from_slice(&words.to_be_bytes());
        form.write(&mut out[extensions_at + 4..], fields, map);
    }
    Some(len)
}

/// What the extensions of one packet add up to.
#[derive(Default)]
struct Form {
    two_byte: bool,
    too_long: bool,
    elements: usize,
    octets: usize,
}

impl Form {
    fn add(&mut self, id: u8, len: usize) {
        self.two_byte |= id > 14 || len > 16 || len == 0;
        self.too_long |= len > usize::from(u8::MAX);
        self.elements += 1;
        self.octets += len;
    }

    /// Octets of all elements with their headers, padded to words.
    fn block_len(&self) -> usize {
        let per_element = if self.two_byte { 2 } else { 1 };
        (self.octets + per_element * self.elements).next_multiple_of(4)
    }

    fn write(&self, block: &mut [u8], fields: &OutHeader<'_>, map: &ExtensionMap) {
        let mut at = 0;
        each_extension(fields, map, |id, value| {
            if self.two_byte {
                block[at] = id;
                block[at + 1] = value.len() as u8;
                at += 2;
            } else {
                block[at] = (id << 4) | (value.len() as u8 - 1);
                at += 1;
            }
            block[at..at + value.len()].copy_from_slice(value);
            at += value.len();
        });
        block[at..].fill(0);
    }
}

/// Visits what will be written, in one fixed order, twice per packet: to measure and to write.
fn each_extension(fields: &OutHeader<'_>, map: &ExtensionMap, mut visit: impl FnMut(u8, &[u8])) {
    let mut each = |extension, value: Option<&[u8]>| {
        if let (Some(value), Some(id)) = (value, map.id(extension)) {
            visit(id, value);
        }
    };
    let level = fields.audio_level.map(|level| [level.octet()]);
    let transport_cc = fields.transport_cc.map(u16::to_be_bytes);
    let send_time = fields.abs_send_time.map(low_24_bits);
    let orientation = fields.orientation.map(|octet| [octet]);
    let playout_delay = fields.playout_delay.map(low_24_bits);
    let content_type = fields.content_type.map(|octet| [octet]);
    each(Extension::Mid, fields.mid.as_ref().map(|mid| mid.as_bytes()));
    each(Extension::AudioLevel, level.as_ref().map(|v| &v[..]));
    each(Extension::TransportCc, transport_cc.as_ref().map(|v| &v[..]));
    each(Extension::AbsSendTime, send_time.as_ref().map(|v| &v[..]));
    each(Extension::Orientation, orientation.as_ref().map(|v| &v[..]));
    each(Extension::PlayoutDelay, playout_delay.as_ref().map(|v| &v[..]));
    each(Extension::VideoContentType, content_type.as_ref().map(|v| &v[..]));
    each(Extension::DependencyDescriptor, fields.dependency_descriptor);
}

pub(super) fn low_24_bits(value: u32) -> [u8; 3] {
    let [_, a, b, c] = value.to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
