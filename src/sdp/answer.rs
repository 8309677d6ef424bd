//! Prints an answer: the smallest SDP on which browsers do all that Plenum needs.

use std::rc::Rc;

use rtc_sdp::description::common::{Address, Attribute, ConnectionInformation};
use rtc_sdp::description::media::{MediaDescription, MediaName, RangedPort};
use rtc_sdp::description::session::{Origin, SessionDescription, TimeDescription, Timing};
use smallvec::SmallVec;

use crate::id::{Rid, Ssrc};
use crate::media::spec::{MediaKind, Place};
use crate::transport::spec::{Candidate, IceCredentials, Protocol};

use super::capabilities::Kept;
use super::line::{Direction, Line, MAX_LAYERS};
use super::offer::Offer;
use super::{CNAME, ServerSide};

/// Longest data-channel message that Plenum takes, in bytes: the default of RFC 8841 §6.1, which `rtc-sctp` takes too.
const MAX_MESSAGE: u32 = 65_536;

/// An answer about to be printed.
pub(super) struct Answer<'a> {
    pub(super) offer: &'a Offer,
    /// One for each m-line of the offer.
    pub(super) lines: &'a [LineAnswer],
    pub(super) server: &'a ServerSide,
    pub(super) local: &'a IceCredentials,
    /// `o=`'s session id.
    pub(super) id: u64,
}

/// The answer to one m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LineAnswer {
    Rejected,
    Data { port: u16 },
    Rtp(RtpAnswer),
}

/// The answer to an audio or video m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RtpAnswer {
    pub(super) direction: Direction,
    pub(super) kept: Rc<Kept>,
    pub(super) rids: SmallVec<[Rid; MAX_LAYERS]>,
    /// What Plenum sends on the line.
    pub(super) stream: Option<Stream>,
}

impl Default for RtpAnswer {
    /// An m-line on which nothing flows.
    fn default() -> Self {
        let rids = SmallVec::new();
        RtpAnswer { direction: Direction::Inactive, kept: Rc::default(), rids, stream: None }
    }
}

/// A stream that Plenum sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    pub(super) place: Place,
    pub(super) kind: MediaKind,
    pub(super) ssrc: Ssrc,
    pub(super) rtx: Option<Ssrc>,
}

impl Answer<'_> {
    /// The answer in its version 0.
    pub(super) fn describe(&self) -> SessionDescription {
        let accepted: Vec<(&Line, &LineAnswer)> =
            self.offer.lines.iter().zip(self.lines).filter(|(_, answer)| **answer != LineAnswer::Rejected).collect();
        let mut bundle = String::from("BUNDLE");
        for mid in accepted.iter().filter_map(|(line, _)| line.mid) {
            bundle.push(' ');
            bundle.push_str(mid.as_str());
        }
        let mut attributes = vec![flag("ice-lite")];
        if self.offer.bundle {
            attributes.insert(0, with("group", bundle));
        }
        if self.offer.extmap_allow_mixed {
            attributes.push(flag("extmap-allow-mixed"));
        }
        attributes.push(with("fingerprint", self.server.fingerprint.to_string()));
        attributes.push(with("ice-ufrag", self.local.ufrag.clone()));
        attributes.push(with("ice-pwd", self.local.pwd.clone()));
        let mut transport = Some(());
        let lines = self.offer.lines.iter().zip(self.lines).map(|(line, answer)| {
            let mut media = describe(line, answer);
            // All m-lines share the first one's transport (RFC 8843 §7.3).
            if *answer != LineAnswer::Rejected && transport.take().is_some() {
                media.attributes.extend(candidates(&self.server.candidates));
            }
            media
        });
        SessionDescription {
            origin: Origin {
                username: "-".to_owned(),
                session_id: self.id,
                session_version: 0,
                network_type: "IN".to_owned(),
                address_type: "IP4".to_owned(),
                unicast_address: "0.0.0.0".to_owned(),
            },
            session_name: "-".to_owned(),
            time_descriptions: vec![TimeDescription { timing: Timing::default(), repeat_times: Vec::new() }],
            attributes,
            media_descriptions: lines.collect(),
            ..SessionDescription::default()
        }
    }
}

fn flag(key: &str) -> Attribute {
    Attribute::new(key.to_owned(), None)
}

fn with(key: &str, value: String) -> Attribute {
    Attribute::new(key.to_owned(), Some(value))
}

fn describe(line: &Line, answer: &LineAnswer) -> MediaDescription {
    let mut attributes = Vec::new();
    if let Some(mid) = line.mid {
        attributes.push(with("mid", mid.to_string()));
    }
    let (port, formats) = match answer {
        LineAnswer::Rejected => {
            attributes.push(flag("inactive"));
            (0, line.formats.clone())
        }
        LineAnswer::Data { port } => {
            attributes.push(with("setup", "passive".to_owned()));
            attributes.push(with("sctp-port", port.to_string()));
            attributes.push(with("max-message-size", MAX_MESSAGE.to_string()));
            (9, vec!["webrtc-datachannel".to_owned()])
        }
        LineAnswer::Rtp(rtp) => {
            attributes.push(with("setup", "passive".to_owned()));
            describe_rtp(line, rtp, &mut attributes);
            (9, rtp.kept.formats.iter().map(|f| f.pt.to_string()).collect())
        }
    };
    MediaDescription {
        media_name: MediaName {
            media: line.media.clone(),
            port: RangedPort { value: port, range: None },
            protos: line.protos.clone(),
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: Some(Address { address: "0.0.0.0".to_owned(), ttl: None, range: None }),
        }),
        attributes,
        ..MediaDescription::default()
    }
}

fn describe_rtp(line: &Line, rtp: &RtpAnswer, attributes: &mut Vec<Attribute>) {
    attributes.push(flag(word(rtp.direction)));
    attributes.push(flag("rtcp-mux"));
    if line.rtcp_rsize {
        attributes.push(flag("rtcp-rsize"));
    }
    if line.extmap_allow_mixed {
        attributes.push(flag("extmap-allow-mixed"));
    }
    for kept in &rtp.kept.extensions {
        let id = match kept.direction {
            Direction::SendOnly => format!("{}/recvonly", kept.id),
            Direction::RecvOnly => format!("{}/sendonly", kept.id),
            Direction::SendRecv | Direction::Inactive => kept.id.to_string(),
        };
        attributes.push(with("extmap", format!("{id} {}", kept.extension.uri())));
    }
    for format in &rtp.kept.formats {
        let pt = format.pt;
        attributes.push(with("rtpmap", format!("{pt} {}", format.rtpmap)));
        attributes.extend(format.feedback.iter().map(|f| with("rtcp-fb", format!("{pt} {f}"))));
        if !format.fmtp.is_empty() {
            attributes.push(with("fmtp", format!("{pt} {}", format.fmtp)));
        }
    }
    if !rtp.rids.is_empty() {
        attributes.extend(rtp.rids.iter().map(|rid| with("rid", format!("{rid} recv"))));
        let rids: Vec<&str> = rtp.rids.iter().map(Rid::as_str).collect();
        attributes.push(with("simulcast", format!("recv {}", rids.join(";"))));
    }
    if let Some(stream) = rtp.stream {
        describe_stream(stream, attributes);
    }
}

/// Both tracks of a seat share the stream id, so that the browser synchronises them.
fn describe_stream(stream: Stream, attributes: &mut Vec<Attribute>) {
    let id = match stream.place {
        Place::Seat(seat) => format!("seat{seat}"),
        Place::AudioLine(line) => format!("line{line}"),
    };
    let letter = match stream.kind {
        MediaKind::Audio => 'a',
        MediaKind::Video => 'v',
    };
    attributes.push(with("msid", format!("{id} {id}{letter}")));
    if let Some(rtx) = stream.rtx {
        attributes.push(with("ssrc-group", format!("FID {} {rtx}", stream.ssrc)));
    }
    for ssrc in [Some(stream.ssrc), stream.rtx].into_iter().flatten() {
        attributes.push(with("ssrc", format!("{ssrc} cname:{CNAME}")));
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// `a=candidate` lines (RFC 8839 §5.1), UDP before TCP in priority and earlier before later.
fn candidates(candidates: &[Candidate]) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = Vec::with_capacity(candidates.len() + 1);
    for (index, candidate) in candidates.iter().enumerate() {
        let ip = candidate.address.ip();
        // Candidates of one address and protocol share a foundation (RFC 8445 §5.1.1.3).
        let same = |c: &Candidate| c.address.ip() == ip && c.protocol == candidate.protocol;
        let foundation = candidates.iter().position(same).unwrap_or(index) + 1;
        let below = u32::try_from(index).unwrap_or(u32::MAX);
        let (name, preference, tail) = match candidate.protocol {
            Protocol::Udp => ("udp", priority(126, 65_535_u32.saturating_sub(below)), ""),
            // RFC 6544 §4.2: below UDP by type preference; direction preference of passive host candidates is 4.
            Protocol::Tcp => ("tcp", priority(90, (4 << 13) + 8_191_u32.saturating_sub(below)), " tcptype passive"),
        };
        let port = candidate.address.port();
        attributes.push(with("candidate", format!("{foundation} 1 {name} {preference} {ip} {port} typ host{tail}")));
    }
    attributes.push(flag("end-of-candidates"));
    attributes
}

/// RFC 8445 §5.1.2.1, for component 1.
fn priority(type_preference: u32, local_preference: u32) -> u32 {
    (type_preference << 24) + (local_preference << 8) + 255
}
