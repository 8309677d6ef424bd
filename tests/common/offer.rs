//! The offer of a page's connection, in as few words as a browser's may have.

use std::fmt::Write;

/// Header extension ids of our browsers.
pub const LEVEL: u8 = 1;
pub const MID: u8 = 4;
pub const RID: u8 = 10;
pub const REPAIRED_RID: u8 = 11;

pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const RTX: u8 = 97;

/// Mids of the two uplinks.
pub const MICROPHONE: &str = "0";
pub const CAMERA: &str = "1";

/// Simulcast layers, lowest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// What of an offer may differ.
pub struct Wanted<'a> {
    pub ufrag: &'a str,
    pub pwd: &'a str,
    /// `sha-256 AB:…`.
    pub fingerprint: &'a str,
    pub simulcast: bool,
    pub seats: usize,
}

/// Microphone, camera and `seats` seats.
pub fn offer(wanted: &Wanted<'_>) -> String {
    let lines = 2 + 2 * wanted.seats;
    let mids: Vec<String> = (0..lines).map(|mid| mid.to_string()).collect();
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    write!(sdp, "a=group:BUNDLE {}\r\n", mids.join(" ")).unwrap();
    for (index, mid) in mids.iter().enumerate() {
        let direction = if index < 2 { "sendonly" } else { "recvonly" };
        line(&mut sdp, wanted, mid, index % 2 == 1, direction);
        if index == 1 && wanted.simulcast {
            for rid in RIDS {
                write!(sdp, "a=rid:{rid} send\r\n").unwrap();
            }
            write!(sdp, "a=simulcast:send {}\r\n", RIDS.join(";")).unwrap();
        }
    }
    sdp
}

fn line(sdp: &mut String, wanted: &Wanted<'_>, mid: &str, video: bool, direction: &str) {
    let (kind, payloads) = if video { ("video", format!("{VP8} {RTX}")) } else { ("audio", OPUS.to_string()) };
    let mut put = |text: String| write!(sdp, "{text}\r\n").unwrap();
    put(format!("m={kind} 9 UDP/TLS/RTP/SAVPF {payloads}"));
    put("c=IN IP4 0.0.0.0".into());
    put(format!("a=ice-ufrag:{}\r\na=ice-pwd:{}", wanted.ufrag, wanted.pwd));
    put(format!("a=fingerprint:{}\r\na=setup:actpass", wanted.fingerprint));
    put(format!("a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize"));
    put(format!("a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid"));
    if video {
        put(format!("a=extmap:{RID} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
        put(format!("a=extmap:{REPAIRED_RID} urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"));
        put(format!("a=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack\r\na=rtcp-fb:{VP8} nack pli"));
        put(format!("a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}"));
    } else {
        put(format!("a=extmap:{LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level"));
        put(format!("a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1"));
    }
}

/// One m-line of an answer on which the server sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub mid: String,
    pub ssrc: u32,
    pub rtx: Option<u32>,
}

/// What a browser reads in an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answered {
    pub ufrag: String,
    pub pwd: String,
    pub candidates: Vec<std::net::SocketAddr>,
    pub lines: Vec<Line>,
}

/// Reads an answer; panics when it lacks what every answer has.
pub fn read(answer: &str) -> Answered {
    let mut answered = Answered::default();
    let mut mid = String::new();
    for line in answer.lines() {
        let Some((key, value)) = line.strip_prefix("a=").and_then(|rest| rest.split_once(':')) else { continue };
        let words: Vec<&str> = value.split(' ').collect();
        match key {
            "ice-ufrag" => answered.ufrag = value.into(),
            "ice-pwd" => answered.pwd = value.into(),
            "candidate" if words[2] == "udp" => {
                answered
                    .candidates
                    .push((words[4].parse::<std::net::IpAddr>().unwrap(), words[5].parse().unwrap()).into());
            }
            "mid" => mid = value.into(),
            "ssrc-group" => {
                let (ssrc, rtx) = (words[1].parse().unwrap(), words[2].parse().ok());
                answered.lines.push(Line { mid: mid.clone(), ssrc, rtx });
            }
            "ssrc" => {
                let ssrc = words[0].parse().unwrap();
                let known = |line: &Line| line.ssrc == ssrc || line.rtx == Some(ssrc);
                if !answered.lines.iter().any(known) {
                    answered.lines.push(Line { mid: mid.clone(), ssrc, rtx: None });
                }
            }
            _ => {}
        }
    }
    assert!(!answered.ufrag.is_empty() && !answered.candidates.is_empty(), "{answer}");
    answered
}
