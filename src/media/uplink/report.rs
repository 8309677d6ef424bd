//! The RTCP that a receiver writes: reception reports (RFC 3550 §6.4.2), generic NACK and PLI (RFC 4585 §6), REMB.

use crate::id::{Bps, Ssrc};

const RECEIVER_REPORT: u8 = 201;
/// RFC 4585 §6.2: transport layer feedback.
pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
/// RFC 4585 §6.3: payload-specific feedback.
const PAYLOAD_FEEDBACK: u8 = 206;

/// One reception report block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReceptionReport {
    pub(super) ssrc: Ssrc,
    /// Of 256, since the last report.
    pub(super) fraction_lost: u8,
    pub(super) lost: i32,
    pub(super) highest: u32,
    /// In timestamp units.
    pub(super) jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 without one.
    pub(super) last_report: u32,
    /// Since that report came, in 1/65536 s.
    pub(super) delay: u32,
}

/// Starts an RTCP packet with our SSRC; `finish` writes its length.
pub(super) fn begin(out: &mut Vec<u8>, kind: u8, count: u8, reporter: Ssrc) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count & 0x1F, kind, 0, 0]);
    out.extend_from_slice(&reporter.0.to_be_bytes());
    start
}

/// Writes the length of a packet that ends on a 32-bit boundary.
fn finish(out: &mut [u8], start: usize) {
    let words = ((out.len() - start) / 4 - 1) as u16;
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

/// Pads to a 32-bit boundary (RFC 3550 §6.4.1: the padding bit, and the count in the last octet), then as [`finish`].
pub(super) fn finish_padded(out: &mut Vec<u8>, start: usize) {
    let padding = (4 - (out.len() - start) % 4) % 4;
    if padding > 0 {
        out.resize(out.len() + padding, 0);
        if let Some(last) = out.last_mut() {
            *last = padding as u8;
        }
        if let Some(first) = out.get_mut(start) {
            *first |= 0x20;
        }
    }
    finish(out, start);
}

/// Appends a receiver report. At most 31 blocks fit; without any it is what a compound packet begins with.
pub(super) fn receiver_report(reporter: Ssrc, blocks: &[ReceptionReport], out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(31)];
    let start = begin(out, RECEIVER_REPORT, blocks.len() as u8, reporter);
    for block in blocks {
        out.extend_from_slice(&block.ssrc.0.to_be_bytes());
        let lost = (block.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32) & 0xFF_FFFF;
        out.extend_from_slice(&(u32::from(block.fraction_lost) << 24 | lost).to_be_bytes());
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    finish(out, start);
}

/// Appends a generic NACK for the numbers `lost`, which rise (with wraps).
pub(super) fn nack(reporter: Ssrc, media: Ssrc, lost: &[u16], out: &mut Vec<u8>) {
    let start = begin(out, TRANSPORT_FEEDBACK, 1, reporter);
    out.extend_from_slice(&media.0.to_be_bytes());
    let mut lost = lost.iter().copied().peekable();
    while let Some(first) = lost.next() {
        let mut following = 0_u16;
        while let Some(offset) = lost.peek().map(|seq| seq.wrapping_sub(first))
            && (1..=16).contains(&offset)
        {
            following |= 1 << (offset - 1);
            lost.next();
        }
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&following.to_be_bytes());
    }
    finish(out, start);
}

/// Appends a picture loss indication.
pub(super) fn picture_loss(reporter: Ssrc, media: Ssrc, out: &mut Vec<u8>) {
    let start = begin(out, PAYLOAD_FEEDBACK, 1, reporter);
    out.extend_from_slice(&media.0.to_be_bytes());
    finish(out, start);
}

/// Appends a receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2.2).
pub(super) fn estimated_maximum(reporter: Ssrc, rate: Bps, media: &[Ssrc], out: &mut Vec<u8>) {
    let media = &media[..media.len().min(0xFF)];
    let start = begin(out, PAYLOAD_FEEDBACK, 15, reporter);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(b"REMB");
    // 6 bits of exponent and 18 of mantissa.
    let exponent = (64 - rate.0.leading_zeros()).saturating_sub(18);
    let mantissa = (rate.0 >> exponent) as u32;
    out.extend_from_slice(&((media.len() as u32) << 24 | exponent << 18 | mantissa).to_be_bytes());
    for ssrc in media {
        out.extend_from_slice(&ssrc.0.to_be_bytes());
    }
    finish(out, start);
}
