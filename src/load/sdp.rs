//! The offer of a page's connection in as few words as a browser's may have, and what is read in the answer.

use std::fmt::Write;
use std::net::SocketAddr;

/// Header extension ids of our browsers.
pub const LEVEL: u8 = 1;
pub const TRANSPORT_CC: u8 = 3;
pub const MID: u8 = 4;
pub const RID: u8 = 10;
pub const REPAIRED_RID: u8 = 11;

pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const RTX: u8 = 97;

/// Header extension of packets that are numbered for feedback on the whole connection.
const NUMBERED: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Mids of the uplinks.
pub const MICROPHONE: &str = "0";
pub const CAMERA: &str = "1";
pub const SCREEN: &str = "2";

/// Simulcast layers, lowest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// What of an offer may differ.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub ufrag: &'a str,
    pub pwd: &'a str,
    /// `sha-256 AB:…`.
    pub fingerprint: &'a str,
    /// Streams of the camera, 1 to 3: of several, each has a rid.
    pub layers: usize,
    /// A third uplink, for a screen.
    pub screen: bool,
    pub seats: usize,
    /// Lines on which loud members without a seat are heard.
    pub audio_lines: usize,
    /// Packets are numbered for feedback on the whole connection, in both directions.
    pub transport_cc: bool,
}

/// One m-line of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    pub mid: String,
    pub video: bool,
    pub sends: bool,
}

/// A page's offer: microphone, camera, perhaps a screen, seats, audio-only lines.
pub fn offer(wanted: &Wanted<'_>) -> String {
    let uplinks = if wanted.screen { 3 } else { 2 };
    let lines = (0..uplinks + 2 * wanted.seats + wanted.audio_lines).map(|index| {
        let video = match index.checked_sub(uplinks) {
            None => index > 0,
            Some(place) => place % 2 == 1 && place < 2 * wanted.seats,
        };
        Offered { mid: index.to_string(), video, sends: index < uplinks }
    });
    offer_of(wanted, &lines.collect::<Vec<_>>())
}

/// An offer of just these m-lines.
pub fn offer_of(wanted: &Wanted<'_>, lines: &[Offered]) -> String {
    let mids: Vec<&str> = lines.iter().map(|line| line.mid.as_str()).collect();
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    put(&mut sdp, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    for Offered { mid, video, sends } in lines {
        line(&mut sdp, wanted, mid, *video, if *sends { "sendonly" } else { "recvonly" });
        if mid == CAMERA && *sends && wanted.layers > 1 {
            let rids = RIDS.get(..wanted.layers).unwrap_or(&RIDS);
            for rid in rids {
                put(&mut sdp, format_args!("a=rid:{rid} send"));
            }
            put(&mut sdp, format_args!("a=simulcast:send {}", rids.join(";")));
        }
    }
    sdp
}

fn put(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = write!(sdp, "{text}\r\n");
}

fn line(sdp: &mut String, wanted: &Wanted<'_>, mid: &str, video: bool, direction: &str) {
    let (kind, payloads) = if video { ("video", format!("{VP8} {RTX}")) } else { ("audio", OPUS.to_string()) };
    let mut put = |text: std::fmt::Arguments<'_>| put(sdp, text);
    put(format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF {payloads}"));
    put(format_args!("c=IN IP4 0.0.0.0"));
    put(format_args!("a=ice-ufrag:{}\r\na=ice-pwd:{}", wanted.ufrag, wanted.pwd));
    put(format_args!("a=fingerprint:{}\r\na=setup:actpass", wanted.fingerprint));
    put(format_args!("a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize"));
    put(format_args!("a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid"));
    let (codec, payload) = if video { ("VP8/90000", VP8) } else { ("opus/48000/2", OPUS) };
    put(format_args!("a=rtpmap:{payload} {codec}"));
    if wanted.transport_cc {
        put(format_args!("a=extmap:{TRANSPORT_CC} {NUMBERED}"));
        put(format_args!("a=rtcp-fb:{payload} transport-cc"));
    }
    if video {
        put(format_args!("a=extmap:{RID} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
        put(format_args!("a=extmap:{REPAIRED_RID} urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"));
        put(format_args!("a=rtcp-fb:{VP8} nack\r\na=rtcp-fb:{VP8} nack pli"));
        put(format_args!("a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}"));
    } else {
        put(format_args!("a=extmap:{LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level"));
        put(format_args!("a=fmtp:{OPUS} minptime=10;useinbandfec=1"));
    }
}

/// One m-line of an answer on which the server sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub mid: String,
    pub video: bool,
    pub ssrc: u32,
    /// Of retransmissions (RFC 4588). Servers without repeat a packet as it was.
    pub rtx: Option<u32>,
}

/// What a browser reads in an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answered {
    pub ufrag: String,
    pub pwd: String,
    /// Over UDP.
    pub candidates: Vec<SocketAddr>,
    pub lines: Vec<Line>,
    /// By which id the server numbers packets for feedback on the whole connection, where it does.
    pub transport_cc: Option<u8>,
}

/// Reads an answer. `None` when it lacks what every answer has.
pub fn read(answer: &str) -> Option<Answered> {
    let mut answered = Answered::default();
    let mut mid = String::new();
    let (mut video, mut sends) = (false, true);
    for line in answer.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            (video, sends) = (media.starts_with("video"), true);
        }
        // Other servers name their SSRC for reports there, too. The direction comes before it.
        sends &= !matches!(line, "a=recvonly" | "a=inactive");
        let Some((key, value)) = line.strip_prefix("a=").and_then(|rest| rest.split_once(':')) else { continue };
        let words: Vec<&str> = value.split(' ').collect();
        match (key, words.as_slice()) {
            ("ice-ufrag", _) => answered.ufrag = value.into(),
            ("ice-pwd", _) => answered.pwd = value.into(),
            ("candidate", [_, _, "udp", _, ip, port, ..]) => {
                let ip: std::net::IpAddr = ip.parse().ok()?;
                answered.candidates.push((ip, port.parse().ok()?).into());
            }
            ("mid", _) => mid = value.into(),
            ("extmap", [id, NUMBERED]) => answered.transport_cc = id.parse().ok(),
            ("ssrc-group", ["FID", ssrc, rtx]) if sends => {
                let (ssrc, rtx) = (ssrc.parse().ok()?, rtx.parse().ok());
                answered.lines.push(Line { mid: mid.clone(), video, ssrc, rtx });
            }
            ("ssrc", [ssrc, ..]) if sends => {
                let ssrc = ssrc.parse().ok()?;
                let known = |line: &Line| line.ssrc == ssrc || line.rtx == Some(ssrc);
                if !answered.lines.iter().any(known) {
                    answered.lines.push(Line { mid: mid.clone(), video, ssrc, rtx: None });
                }
            }
            _ => {}
        }
    }
    (!answered.ufrag.is_empty() && !answered.candidates.is_empty()).then_some(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_server_receives_is_no_line_and_what_it_sends_needs_no_retransmissions() {
        let answer = "a=ice-ufrag:u\r\na=ice-pwd:p\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\na=mid:0\r\na=ssrc:1 cname:x\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\na=mid:1\r\na=ssrc:2 cname:x\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=mid:2\r\na=ssrc:3 cname:x\r\n\
            a=candidate:1 1 udp 2015363327 192.0.2.2 34410 typ host\r\n";
        let line = |mid: &str, video, ssrc| Line { mid: mid.into(), video, ssrc, rtx: None };
        assert_eq!(read(answer).unwrap().lines, vec![line("1", false, 2), line("2", true, 3)]);
    }
}
