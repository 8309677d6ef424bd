//! Reads one m-line of an offer.

use std::collections::HashMap;
use std::rc::Rc;

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use smallvec::SmallVec;

use crate::id::{Mid, Pt, Rid, Ssrc, Token};
use crate::media::spec::MediaKind;
use crate::transport::spec::SctpSpec;

use super::SdpError;

/// Simulcast streams taken from one m-line: browsers encode at most three.
pub(super) const MAX_LAYERS: usize = 3;

/// SSRCs examined on one m-line. A browser declares at most six (three layers with RTX).
const MAX_SSRCS: usize = 32;

/// A browser's default when it does not say how long a data-channel message may be (RFC 8841 §6.1).
const DEFAULT_MAX_MESSAGE: u32 = 65_536;

/// What an m-line carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineKind {
    Rtp(MediaKind),
    Data,
    /// Something that Plenum rejects.
    Other,
}

/// The direction of an m-line or header extension, as its writer sees it (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn parse(text: &str) -> Option<Direction> {
        match text {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        }
    }

    pub(super) fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub(super) fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// One m-line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// `m=`'s media word.
    pub(super) media: String,
    pub(super) protos: Vec<String>,
    /// `m=`'s formats as written.
    pub(super) formats: Vec<String>,
    pub(super) kind: LineKind,
    /// `None` only where the line is stopped.
    pub(super) mid: Option<Mid>,
    /// Port 0 without `bundle-only`: the browser gave the line up.
    pub(super) stopped: bool,
    pub(super) direction: Direction,
    pub(super) offered: Rc<Offered>,
    pub(super) rids: SmallVec<[Rid; MAX_LAYERS]>,
    pub(super) ssrcs: SmallVec<[(Ssrc, Option<Ssrc>); MAX_LAYERS]>,
    pub(super) rtcp_rsize: bool,
    pub(super) extmap_allow_mixed: bool,
    pub(super) sctp: Option<SctpSpec>,
}

/// The codecs and header extensions of an m-line.
#[derive(Debug, Default)]
pub(super) struct Offered {
    pub(super) codecs: Vec<OfferedCodec>,
    pub(super) extensions: Vec<OfferedExtension>,
}

/// What was read of m-lines before: browsers offer the same codecs and extensions on nearly all of theirs, which are a good
/// part of an offer's length.
#[derive(Default)]
pub(super) struct Known<'a> {
    lines: SmallVec<[(&'a MediaDescription, Rc<Offered>); MAX_KNOWN]>,
}

/// Different m-lines that are remembered. Browsers write four at most: audio and video, to send and to receive.
const MAX_KNOWN: usize = 6;

impl<'a> Known<'a> {
    fn read(&mut self, media: &'a MediaDescription) -> Rc<Offered> {
        if let Some((_, offered)) = self.lines.iter().find(|(known, _)| offers_the_same(known, media)) {
            return offered.clone();
        }
        let extensions = values(&media.attributes, "extmap").filter_map(parse_extmap).collect();
        let offered = Rc::new(Offered { codecs: read_codecs(media), extensions });
        if self.lines.len() < MAX_KNOWN {
            self.lines.push((media, offered.clone()));
        }
        offered
    }
}

/// Whether all that [`Offered`] is read from is the same.
fn offers_the_same(a: &MediaDescription, b: &MediaDescription) -> bool {
    fn read(media: &MediaDescription) -> impl Iterator<Item = (&str, Option<&str>)> {
        let attributes = media.attributes.iter().map(|a| (a.key.as_str(), a.value.as_deref()));
        attributes.filter(|(key, _)| matches!(*key, "rtpmap" | "fmtp" | "rtcp-fb" | "extmap"))
    }
    a.media_name.formats == b.media_name.formats && read(a).eq(read(b))
}

/// One payload type of an m-line with all that is said of it.
#[derive(Clone, Debug)]
pub(super) struct OfferedCodec {
    pub(super) pt: Pt,
    /// Lower case.
    pub(super) name: String,
    pub(super) clock: u32,
    pub(super) channels: u8,
    pub(super) fmtp: String,
    pub(super) feedback: Vec<String>,
}

impl OfferedCodec {
    /// A parameter of `a=fmtp`, its name compared without case (RFC 4855 §3).
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// One `a=extmap` (RFC 8285 §5).
#[derive(Clone, Debug)]
pub(super) struct OfferedExtension {
    pub(super) id: u8,
    pub(super) direction: Direction,
    pub(super) uri: String,
}

impl Line {
    pub(super) fn read<'a>(
        media: &'a MediaDescription,
        session: &SessionDescription,
        index: usize,
        known: &mut Known<'a>,
    ) -> Result<Line, SdpError> {
        let attributes = &media.attributes;
        let name = &media.media_name;
        let stopped = name.port.value == 0 && !media.has_attribute("bundle-only");
        let mid = value(attributes, "mid").and_then(|m| Token::new(m.as_bytes()));
        let kind = line_kind(&name.media, &name.protos, &name.formats);
        let line = mid.map_or_else(|| format!("#{index}"), |m| m.to_string());
        if mid.is_none() && !stopped {
            return Err(SdpError::BadMid { line });
        }
        let rtp = matches!(kind, LineKind::Rtp(_)) && !stopped;
        if rtp && !media.has_attribute("rtcp-mux") {
            return Err(SdpError::NoRtcpMux { line });
        }
        let direction = |attributes: &[Attribute]| attributes.iter().find_map(|a| Direction::parse(&a.key));
        Ok(Line {
            media: name.media.clone(),
            protos: name.protos.clone(),
            formats: name.formats.clone(),
            kind,
            mid,
            stopped,
            direction: direction(attributes).or_else(|| direction(&session.attributes)).unwrap_or(Direction::SendRecv),
            offered: if rtp { known.read(media) } else { Rc::default() },
            rids: read_rids(attributes),
            ssrcs: read_ssrcs(attributes),
            rtcp_rsize: media.has_attribute("rtcp-rsize"),
            extmap_allow_mixed: media.has_attribute("extmap-allow-mixed"),
            sctp: (kind == LineKind::Data && !stopped).then(|| read_sctp(attributes)).flatten(),
        })
    }
}

fn line_kind(media: &str, protos: &[String], formats: &[String]) -> LineKind {
    let protos: Vec<&str> = protos.iter().map(String::as_str).collect();
    match (media, protos.as_slice()) {
        ("audio", [.., "RTP", "SAVPF"]) => LineKind::Rtp(MediaKind::Audio),
        ("video", [.., "RTP", "SAVPF"]) => LineKind::Rtp(MediaKind::Video),
        ("application", [_, "DTLS", "SCTP"]) if formats.iter().any(|f| f == "webrtc-datachannel") => LineKind::Data,
        _ => LineKind::Other,
    }
}

/// One pass over the attributes, so that a hostile offer costs no more than its length.
fn read_codecs(media: &MediaDescription) -> Vec<OfferedCodec> {
    let mut found: HashMap<u8, OfferedCodec> = HashMap::new();
    let mut fmtps: HashMap<u8, &str> = HashMap::new();
    let mut feedback: HashMap<Option<u8>, Vec<String>> = HashMap::new();
    for attribute in &media.attributes {
        let Some(value) = attribute.value.as_deref() else { continue };
        let Some((pt, rest)) = value.trim().split_once(' ') else { continue };
        let number = pt.parse::<u8>().ok().filter(|pt| *pt < 128);
        let rest = rest.trim();
        match (attribute.key.as_str(), number) {
            ("rtpmap", Some(pt)) => {
                if let Some(codec) = parse_rtpmap(Pt(pt), rest) {
                    found.entry(pt).or_insert(codec);
                }
            }
            ("fmtp", Some(pt)) => {
                fmtps.entry(pt).or_insert(rest);
            }
            ("rtcp-fb", Some(_)) => feedback.entry(number).or_default().push(rest.to_owned()),
            ("rtcp-fb", None) if pt == "*" => feedback.entry(None).or_default().push(rest.to_owned()),
            _ => {}
        }
    }
    let for_all = feedback.remove(&None).unwrap_or_default();
    let mut codecs = Vec::new();
    for format in &media.media_name.formats {
        // Taken out: a format listed twice is read once.
        let Some(mut codec) = format.parse::<u8>().ok().and_then(|pt| found.remove(&pt)) else { continue };
        codec.fmtp = fmtps.get(&codec.pt.0).copied().unwrap_or("").to_owned();
        codec.feedback = feedback.remove(&Some(codec.pt.0)).unwrap_or_default();
        codec.feedback.extend(for_all.iter().take(16).cloned());
        codecs.push(codec);
    }
    codecs
}

/// `opus/48000/2`.
fn parse_rtpmap(pt: Pt, text: &str) -> Option<OfferedCodec> {
    let mut parts = text.split('/');
    let name = parts.next()?.to_ascii_lowercase();
    let clock = parts.next()?.parse().ok()?;
    let channels = parts.next().map_or(Some(1), |c| c.parse().ok())?;
    Some(OfferedCodec { pt, name, clock, channels, fmtp: String::new(), feedback: Vec::new() })
}

/// `4 urn:…`, `4/sendonly urn:… attributes`.
fn parse_extmap(text: &str) -> Option<OfferedExtension> {
    let mut words = text.split_ascii_whitespace();
    let (id, direction) = match words.next()?.split_once('/') {
        Some((id, direction)) => (id, Direction::parse(direction)?),
        None => (text.split_ascii_whitespace().next()?, Direction::SendRecv),
    };
    Some(OfferedExtension { id: id.parse().ok()?, direction, uri: words.next()?.to_owned() })
}

/// The rids of `a=simulcast:send` (RFC 8853 §5.1) that an `a=rid:… send` declares, in their order. Of alternatives
/// the first is taken; an initially paused stream (`~`) counts.
fn read_rids(attributes: &[Attribute]) -> SmallVec<[Rid; MAX_LAYERS]> {
    let mut rids = SmallVec::new();
    let Some(simulcast) = value(attributes, "simulcast") else { return rids };
    let mut words = simulcast.split_ascii_whitespace();
    let Some(list) = words.find(|w| *w == "send").and_then(|_| words.next()) else { return rids };
    let declared = |rid: &str| {
        values(attributes, "rid").take(MAX_SSRCS).any(|r| {
            let mut words = r.split_ascii_whitespace();
            words.next() == Some(rid) && words.next() == Some("send")
        })
    };
    for stream in list.split(';').take(MAX_SSRCS) {
        let first = stream.split(',').next().unwrap_or("");
        let first = first.strip_prefix('~').unwrap_or(first);
        let Some(rid) = Token::new(first.as_bytes()).filter(|_| declared(first)) else { continue };
        if !rids.contains(&rid) && rids.len() < MAX_LAYERS {
            rids.push(rid);
        }
    }
    rids
}

/// The SSRCs of `a=ssrc` (RFC 5576) with their RTX SSRCs by `a=ssrc-group:FID`; repair streams are not listed alone.
fn read_ssrcs(attributes: &[Attribute]) -> SmallVec<[(Ssrc, Option<Ssrc>); MAX_LAYERS]> {
    let mut repair: HashMap<u32, u32> = HashMap::new();
    let mut repairing: Vec<u32> = Vec::new();
    for group in values(attributes, "ssrc-group").take(MAX_SSRCS) {
        let mut words = group.split_ascii_whitespace();
        let semantics = words.next();
        let mut number = || words.next().and_then(|w| w.parse::<u32>().ok()).filter(|s| *s != 0);
        let (Some("FID" | "FEC-FR"), Some(primary), Some(second)) = (semantics, number(), number()) else { continue };
        repairing.push(second);
        if semantics == Some("FID") && primary != second {
            repair.entry(primary).or_insert(second);
        }
    }
    let mut ssrcs: SmallVec<[(Ssrc, Option<Ssrc>); MAX_LAYERS]> = SmallVec::new();
    for text in values(attributes, "ssrc") {
        let number = text.split_ascii_whitespace().next().and_then(|w| w.parse::<u32>().ok());
        let Some(ssrc) = number.filter(|s| *s != 0 && !repairing.contains(s)) else { continue };
        if ssrcs.len() < MAX_LAYERS && !ssrcs.iter().any(|(s, _)| s.0 == ssrc) {
            ssrcs.push((Ssrc(ssrc), repair.get(&ssrc).copied().map(Ssrc)));
        }
    }
    ssrcs
}

/// RFC 8841 §5, §6.
fn read_sctp(attributes: &[Attribute]) -> Option<SctpSpec> {
    let port = value(attributes, "sctp-port")?.parse().ok().filter(|p| *p != 0)?;
    let max_message_size = match value(attributes, "max-message-size") {
        Some(text) => text.parse::<u64>().ok().map(|n| u32::try_from(n).unwrap_or(u32::MAX))?,
        None => DEFAULT_MAX_MESSAGE,
    };
    Some(SctpSpec { port, max_message_size })
}

/// The value of the first attribute `key`; empty for a flag.
pub(super) fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.key == key).map(|a| a.value.as_deref().unwrap_or("").trim())
}

/// The values of all attributes `key`.
pub(super) fn values<'a>(attributes: &'a [Attribute], key: &'a str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |a| a.key == key).filter_map(|a| a.value.as_deref()).map(str::trim)
}
