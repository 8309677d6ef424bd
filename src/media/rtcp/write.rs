//! Building RTCP packets, each appended to the caller's buffer, so that a compound is made by calling one after the
//! other (a report first, RFC 3550 §6.1).

use super::{MAX_COUNT, REMB, ReportBlock, SenderInfo, format, packet_type};
use crate::id::{Bps, Ssrc};

/// Appends receiver reports of `blocks` by `sender`: one, or as many as 31 blocks each require.
pub fn receiver_report(out: &mut Vec<u8>, sender: Ssrc, blocks: &[ReportBlock]) {
    let (first, rest) = blocks.split_at(blocks.len().min(MAX_COUNT));
    packet(out, packet_type::RECEIVER_REPORT, first.len() as u8, |out| {
        put(out, sender.0);
        first.iter().for_each(|block| put_block(out, block));
    });
    if !rest.is_empty() {
        receiver_report(out, sender, rest);
    }
}

/// Appends a sender report with `blocks`, and receiver reports for those above 31.
pub fn sender_report(out: &mut Vec<u8>, info: &SenderInfo, blocks: &[ReportBlock]) {
    let (first, rest) = blocks.split_at(blocks.len().min(MAX_COUNT));
    packet(out, packet_type::SENDER_REPORT, first.len() as u8, |out| {
        put(out, info.ssrc.0);
        out.extend(info.ntp.to_be_bytes());
        put(out, info.rtp);
        put(out, info.packets);
        put(out, info.octets);
        first.iter().for_each(|block| put_block(out, block));
    });
    if !rest.is_empty() {
        receiver_report(out, info.ssrc, rest);
    }
}

/// Appends a source description with the canonical name alone (RFC 3550 §6.5.1); at most 255 octets of it.
pub fn sdes_cname(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    packet(out, packet_type::SOURCE_DESCRIPTION, 1, |out| {
        put(out, ssrc.0);
        out.extend([1, cname.len() as u8]);
        out.extend(cname);
        out.push(0); // the item that ends the chunk; `packet` fills it up to a word
    });
}

/// Appends a BYE of one stream (RFC 3550 §6.6).
pub fn bye(out: &mut Vec<u8>, ssrc: Ssrc) {
    packet(out, packet_type::BYE, 1, |out| put(out, ssrc.0));
}

/// Appends a generic NACK for packets of `media` (RFC 4585 §6.2.1). `missing` in rising order, which may wrap, packs
/// best. Nothing is appended when it is empty.
pub fn nack(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, missing: &[u16]) {
    let Some((&first, rest)) = missing.split_first() else { return };
    packet(out, packet_type::TRANSPORT_FEEDBACK, format::NACK, |out| {
        put(out, sender.0);
        put(out, media.0);
        let (mut base, mut mask) = (first, 0_u16);
        for &seq in rest {
            match seq.wrapping_sub(base) {
                0 => {}
                ahead @ 1..=16 => mask |= 1 << (ahead - 1),
                _ => {
                    put(out, u32::from(base) << 16 | u32::from(mask));
                    (base, mask) = (seq, 0);
                }
            }
        }
        put(out, u32::from(base) << 16 | u32::from(mask));
    });
}

/// Appends a picture loss indication (RFC 4585 §6.3.1).
pub fn pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    packet(out, packet_type::PAYLOAD_FEEDBACK, format::PLI, |out| {
        put(out, sender.0);
        put(out, media.0);
    });
}

/// Appends a full intra request (RFC 5104 §4.3.1). `number` counts the requests to `media`; a repetition keeps it.
pub fn fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, number: u8) {
    packet(out, packet_type::PAYLOAD_FEEDBACK, format::FIR, |out| {
        put(out, sender.0);
        put(out, 0);
        put(out, media.0);
        put(out, u32::from(number) << 24);
    });
}

/// Appends a REMB: what all of `ssrcs` (at most 255 count) may send together. Rounded down to 18 significant bits.
pub fn remb(out: &mut Vec<u8>, sender: Ssrc, rate: Bps, ssrcs: &[Ssrc]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(255)];
    let exponent = (u64::BITS - rate.0.leading_zeros()).saturating_sub(18);
    let mantissa = (rate.0 >> exponent) as u32;
    packet(out, packet_type::PAYLOAD_FEEDBACK, format::APPLICATION, |out| {
        put(out, sender.0);
        put(out, 0);
        out.extend(REMB);
        put(out, (ssrcs.len() as u32) << 24 | exponent << 18 | mantissa);
        ssrcs.iter().for_each(|ssrc| put(out, ssrc.0));
    });
}

/// Appends a header, what `body` appends, and zeros up to a word; then sets the length.
pub(super) fn packet(out: &mut Vec<u8>, kind: u8, count: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0x80 | (count & 0x1F), kind, 0, 0]);
    body(out);
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    // Bodies are bounded by their callers far below the 65,535 words that the field holds.
    let words = ((out.len() - start) / 4 - 1) as u16;
    if let Some(field) = out.get_mut(start + 2..start + 4) {
        field.copy_from_slice(&words.to_be_bytes());
    }
}

pub(super) fn put(out: &mut Vec<u8>, word: u32) {
    out.extend(word.to_be_bytes());
}

fn put_block(out: &mut Vec<u8>, block: &ReportBlock) {
    let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
    put(out, block.ssrc.0);
    put(out, u32::from(block.fraction_lost) << 24 | lost);
    put(out, block.highest_seq);
    put(out, block.jitter);
    put(out, block.last_report);
    put(out, block.delay);
}
