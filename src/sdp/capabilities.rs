//! Which of the offered codecs, feedback messages and header extensions Plenum takes.

use std::rc::Rc;

use crate::id::Pt;
use crate::media::spec::{Codec, Extension, ExtensionMap, H264Profile, MediaKind, PayloadType};

use super::line::{Direction, Offered, OfferedCodec};

/// Feedback that Plenum sends or understands (RFC 4585 §4.2, RFC 5104 §7.1).
const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"];

/// Parameters of Opus (RFC 7587 §6.1) that go back as offered: they say what the browser's own encoder may do.
const OPUS_PARAMETERS: [&str; 7] =
    ["minptime", "maxplaybackrate", "maxaveragebitrate", "stereo", "cbr", "useinbandfec", "usedtx"];

/// A payload type that the answer keeps on an m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Format {
    pub(super) pt: Pt,
    pub(super) rtpmap: &'static str,
    pub(super) fmtp: String,
    pub(super) feedback: Vec<&'static str>,
    pub(super) meaning: Meaning,
}

/// What a payload type stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    Media(Codec),
    /// Retransmissions of another payload type (RFC 4588).
    Rtx(Pt),
}

/// A header extension that the answer keeps on an m-line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ExtensionLine {
    pub(super) id: u8,
    pub(super) direction: Direction,
    pub(super) extension: Extension,
}

/// What the answer keeps on an m-line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Kept {
    /// In the browser's order.
    pub(super) formats: Vec<Format>,
    pub(super) extensions: Vec<ExtensionLine>,
}

/// What one bundle agreed on so far: payload types and extension ids mean the same on all of its m-lines (RFC 8843
/// §9). What contradicts an earlier m-line is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Agreed {
    pub(super) payloads: Vec<PayloadType>,
    pub(super) extensions: ExtensionMap,
    /// What was agreed on lines before. The same again has the same outcome: what was kept is known and contradicts
    /// nothing, what was left out contradicts what is known still.
    before: Vec<Before>,
}

/// What was offered on an m-line of which kind, whether two-byte headers may occur, and what was kept.
type Before = (Rc<Offered>, MediaKind, bool, Option<Rc<Kept>>);

impl Agreed {
    /// What Plenum keeps of `offered` on an m-line of `kind`; `None` when it takes no format. With `only`, that codec alone
    /// is taken, on all m-lines of a kind alike. `mixed`: two-byte headers may occur (RFC 8285 §4.1.2).
    pub(super) fn keep(
        &mut self,
        offered: &Rc<Offered>,
        kind: MediaKind,
        only: Option<Codec>,
        mixed: bool,
    ) -> Option<Rc<Kept>> {
        let same = |(other, of, may_mix, _): &&Before| Rc::ptr_eq(other, offered) && *of == kind && *may_mix == mixed;
        if let Some((.., kept)) = self.before.iter().find(same) {
            return kept.clone();
        }
        let formats = self.formats(offered, kind, only);
        let kept =
            (!formats.is_empty()).then(|| Rc::new(Kept { formats, extensions: self.extensions(offered, mixed) }));
        self.before.push((offered.clone(), kind, mixed, kept.clone()));
        kept
    }

    /// The formats of `line` that Plenum takes, in the browser's order; with `only`, of that codec alone. Empty when it
    /// takes none.
    fn formats(&mut self, line: &Offered, kind: MediaKind, only: Option<Codec>) -> Vec<Format> {
        let before = self.payloads.clone();
        let mut formats: Vec<Format> = Vec::new();
        for offered in &line.codecs {
            let wanted = |f: &Format| only.is_none_or(|only| f.meaning == Meaning::Media(only));
            let format = media_format(offered, line).filter(|f| f.kind() == Some(kind) && wanted(f));
            if let Some(format) = format.filter(|f| self.agrees(f)) {
                self.note(&format);
                formats.push(format);
            }
        }
        let media: Vec<Pt> = formats.iter().map(|f| f.pt).collect();
        let mut repaired: Vec<Pt> = Vec::new();
        for offered in &line.codecs {
            let Some(format) = rtx_format(offered, kind).filter(|f| self.agrees(f)) else { continue };
            let Meaning::Rtx(apt) = format.meaning else { continue };
            if media.contains(&apt) && !repaired.contains(&apt) {
                repaired.push(apt);
                self.note(&format);
                formats.push(format);
            }
        }
        let place = |pt: Pt| line.codecs.iter().position(|c| c.pt == pt);
        formats.sort_by_key(|f| place(f.pt));
        // RED or RTX alone carries nothing.
        let carries = |f: &Format| matches!(f.meaning, Meaning::Media(codec) if codec != Codec::Red);
        if !formats.iter().any(carries) {
            // The line is rejected: nothing was agreed on it.
            self.payloads = before;
            formats.clear();
        }
        formats
    }

    /// Whether `format` means on this m-line what its payload type meant before.
    fn agrees(&self, format: &Format) -> bool {
        match format.meaning {
            Meaning::Media(codec) => {
                !self.payloads.iter().any(|p| p.rtx == Some(format.pt) || (p.pt == format.pt && p.codec != codec))
            }
            Meaning::Rtx(apt) => !self.payloads.iter().any(|p| {
                p.pt == format.pt
                    || (p.rtx == Some(format.pt) && p.pt != apt)
                    || (p.pt == apt && p.rtx.is_some_and(|rtx| rtx != format.pt))
            }),
        }
    }

    fn note(&mut self, format: &Format) {
        let has = |name| format.feedback.contains(&name);
        match format.meaning {
            Meaning::Media(codec) => {
                let index = self.payloads.iter().position(|p| p.pt == format.pt).unwrap_or_else(|| {
                    let pt = format.pt;
                    self.payloads.push(PayloadType {
                        pt,
                        codec,
                        rtx: None,
                        nack: false,
                        transport_cc: false,
                        remb: false,
                    });
                    self.payloads.len() - 1
                });
                if let Some(payload) = self.payloads.get_mut(index) {
                    payload.nack |= has("nack");
                    payload.transport_cc |= has("transport-cc");
                    payload.remb |= has("goog-remb");
                }
            }
            Meaning::Rtx(apt) => {
                if let Some(payload) = self.payloads.iter_mut().find(|p| p.pt == apt) {
                    payload.rtx = Some(format.pt);
                }
            }
        }
    }

    /// The header extensions of `line` that Plenum knows. `mixed`: two-byte headers may occur (RFC 8285 §4.1.2).
    fn extensions(&mut self, line: &Offered, mixed: bool) -> Vec<ExtensionLine> {
        let mut kept: Vec<ExtensionLine> = Vec::new();
        for offered in &line.extensions {
            let Some(extension) = Extension::ALL.into_iter().find(|e| e.uri() == offered.uri) else { continue };
            // 15 ends the parsing of one-byte headers; ids above 14 need two-byte ones.
            let fits = matches!(offered.id, 1..=14) || (mixed && offered.id > 15);
            let new = self.extensions.id(extension).is_none() && self.extensions.kind(offered.id).is_none();
            let same = self.extensions.id(extension) == Some(offered.id);
            let twice = kept.iter().any(|k| k.extension == extension);
            if !fits || !(new || same) || twice || offered.direction == Direction::Inactive {
                continue;
            }
            self.extensions.set(extension, offered.id);
            kept.push(ExtensionLine { id: offered.id, direction: offered.direction, extension });
        }
        kept
    }
}

impl Format {
    fn kind(&self) -> Option<MediaKind> {
        match self.meaning {
            Meaning::Media(codec) => Some(codec.kind()),
            Meaning::Rtx(_) => None,
        }
    }
}

/// 64–95 are RTCP's when both share a port (RFC 5761 §4).
fn usable(pt: Pt) -> bool {
    pt.0 < 128 && !(64..=95).contains(&pt.0)
}

/// `offered` of `line` as a codec that Plenum forwards.
fn media_format(offered: &OfferedCodec, line: &Offered) -> Option<Format> {
    if !usable(offered.pt) {
        return None;
    }
    let (codec, rtpmap, fmtp) = match (offered.name.as_str(), offered.clock, offered.channels) {
        ("opus", 48_000, 2) => (Codec::Opus, "opus/48000/2", keep(offered, &OPUS_PARAMETERS)),
        ("red", 48_000, 2) if red_is_opus(offered, line) => (Codec::Red, "red/48000/2", offered.fmtp.clone()),
        ("vp8", 90_000, _) => (Codec::Vp8, "VP8/90000", String::new()),
        ("vp9", 90_000, _) => {
            let profile = parse_or(offered.parameter("profile-id"), 0).filter(|p| *p == 0)?;
            (Codec::Vp9 { profile }, "VP9/90000", keep(offered, &["profile-id"]))
        }
        ("h264", 90_000, _) => (h264(offered)?, "H264/90000", {
            keep(offered, &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"])
        }),
        ("av1", 90_000, _) => {
            let profile = parse_or(offered.parameter("profile"), 0).filter(|p| *p == 0)?;
            (Codec::Av1 { profile }, "AV1/90000", keep(offered, &["level-idx", "profile", "tier"]))
        }
        _ => return None,
    };
    Some(Format { pt: offered.pt, rtpmap, fmtp, feedback: feedback(offered), meaning: Meaning::Media(codec) })
}

fn rtx_format(offered: &OfferedCodec, kind: MediaKind) -> Option<Format> {
    let (clock, rtpmap) = match kind {
        MediaKind::Audio => (48_000, "rtx/48000/2"),
        MediaKind::Video => (90_000, "rtx/90000"),
    };
    if offered.name != "rtx" || offered.clock != clock || !usable(offered.pt) {
        return None;
    }
    let apt = offered.parameter("apt")?.parse().ok().map(Pt).filter(|apt| *apt != offered.pt)?;
    let fmtp = format!("apt={apt}");
    Some(Format { pt: offered.pt, rtpmap, fmtp, feedback: Vec::new(), meaning: Meaning::Rtx(apt) })
}

/// Whether every block of the RED format `red` is Opus (RFC 2198 §5: `111/111`).
fn red_is_opus(red: &OfferedCodec, line: &Offered) -> bool {
    let is_opus = |block: &str| {
        let pt = block.parse().ok().map(Pt);
        line.codecs.iter().any(|c| Some(c.pt) == pt && c.name == "opus" && usable(c.pt))
    };
    !red.fmtp.is_empty() && red.fmtp.len() <= 64 && red.fmtp.split('/').all(is_opus)
}

/// The parameters `names` of `offered` that are there, in the order of `names`.
fn keep(offered: &OfferedCodec, names: &[&str]) -> String {
    let mut kept = String::new();
    for name in names {
        if let Some(value) = offered.parameter(name) {
            if !kept.is_empty() {
                kept.push(';');
            }
            kept.push_str(name);
            kept.push('=');
            kept.push_str(value);
        }
    }
    kept
}

fn feedback(offered: &OfferedCodec) -> Vec<&'static str> {
    FEEDBACK.into_iter().filter(|name| offered.feedback.iter().any(|f| f == name)).collect()
}

/// `text` as a number, `absent` when it is missing, `None` when it is not a number.
fn parse_or(text: Option<&str>, absent: u8) -> Option<u8> {
    text.map_or(Some(absent), |t| t.parse().ok())
}

/// RFC 6184 §8.1. `None` for what Plenum does not forward.
fn h264(offered: &OfferedCodec) -> Option<Codec> {
    let packetization_mode = parse_or(offered.parameter("packetization-mode"), 0).filter(|mode| *mode <= 1)?;
    // Without the parameter: Baseline, level 1.
    let profile = h264_profile(offered.parameter("profile-level-id").unwrap_or("42000A"))?;
    Some(Codec::H264 { profile, packetization_mode })
}

/// `profile_idc` and constraint flags of RFC 6184 §8.1, table 5.
fn h264_profile(text: &str) -> Option<H264Profile> {
    if text.len() != 6 {
        return None;
    }
    let [_, idc, flags, _level] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    match (idc, flags) {
        (0x42, f) if f & 0x4F == 0x40 => Some(H264Profile::ConstrainedBaseline),
        (0x4D, f) if f & 0x8F == 0x80 => Some(H264Profile::ConstrainedBaseline),
        (0x58, f) if f & 0xCF == 0xC0 => Some(H264Profile::ConstrainedBaseline),
        (0x42, f) if f & 0x4F == 0 => Some(H264Profile::Baseline),
        (0x58, f) if f & 0xCF == 0x80 => Some(H264Profile::Baseline),
        (0x4D, f) if f & 0xAF == 0 => Some(H264Profile::Main),
        (0x64, 0) => Some(H264Profile::High),
        (0x64, 0x0C) => Some(H264Profile::ConstrainedHigh),
        _ => None,
    }
}
