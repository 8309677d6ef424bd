//! What the model browsers negotiate: what Chromium does, as far as the media plane is told.

use std::sync::Arc;

use plenum::id::{AudioLineId, Mid, Pt, Rid, SeatId, Ssrc, Token};
use plenum::media::spec::{
    Codec, DownlinkSpec, Extension, ExtensionMap, MediaKind, MediaSpec, PayloadType, Place, SharedMediaSpec,
    UplinkRole, UplinkSpec,
};

pub const OPUS: Pt = Pt(111);
pub const VP8: Pt = Pt(96);
pub const VP8_RTX: Pt = Pt(97);

pub const AUDIO_LEVEL_ID: u8 = 1;
pub const ABS_SEND_TIME_ID: u8 = 2;
pub const TRANSPORT_CC_ID: u8 = 3;
pub const MID_ID: u8 = 4;
pub const RID_ID: u8 = 10;
pub const REPAIRED_RID_ID: u8 = 11;

/// The simulcast streams of a camera, by rising quality.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// m-line ids of the uplinks.
pub const MICROPHONE_MID: &str = "0";
pub const CAMERA_MID: &str = "1";
pub const SCREEN_MID: &str = "2";

/// Audio-only lines, for loud members without a seat.
const AUDIO_LINES: u16 = 3;

/// What a browser can do, and how it is asked for rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities {
    pub seats: u16,
    /// Transport-wide feedback; otherwise REMB, by absolute send times.
    pub transport_cc: bool,
    /// The camera sends three simulcast streams; otherwise one stream without rid.
    pub simulcast: bool,
}

pub fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).unwrap_or_default()
}

/// The negotiation of one browser: seat n's audio is line 2 n of the downlinks and its video line 2 n + 1.
pub fn negotiate(abilities: Abilities) -> SharedMediaSpec {
    let mut extensions = ExtensionMap::default();
    extensions.set(Extension::AudioLevel, AUDIO_LEVEL_ID);
    extensions.set(Extension::Mid, MID_ID);
    extensions.set(Extension::Rid, RID_ID);
    extensions.set(Extension::RepairedRid, REPAIRED_RID_ID);
    if abilities.transport_cc {
        extensions.set(Extension::TransportCc, TRANSPORT_CC_ID);
    } else {
        extensions.set(Extension::AbsSendTime, ABS_SEND_TIME_ID);
    }
    let payload = |pt, codec: Codec, rtx| PayloadType {
        pt,
        codec,
        rtx,
        // As Chromium offers: sound has transport-cc but neither NACK nor RTX, and REMB is for video.
        nack: codec.kind() == MediaKind::Video,
        transport_cc: abilities.transport_cc,
        remb: codec.kind() == MediaKind::Video,
    };
    let rids: &[&str] = if abilities.simulcast { &RIDS } else { &[] };
    let seats = (0..abilities.seats)
        .flat_map(|seat| [MediaKind::Audio, MediaKind::Video].map(|kind| (Place::Seat(SeatId(seat)), kind)));
    let lines = (0..AUDIO_LINES).map(|line| (Place::AudioLine(AudioLineId(line)), MediaKind::Audio));
    Arc::new(MediaSpec {
        payloads: vec![payload(OPUS, Codec::Opus, None), payload(VP8, Codec::Vp8, Some(VP8_RTX))],
        extensions,
        uplinks: vec![
            uplink(UplinkRole::Microphone, MICROPHONE_MID, &[], OPUS),
            uplink(UplinkRole::Camera, CAMERA_MID, rids, VP8),
            uplink(UplinkRole::Screen, SCREEN_MID, &[], VP8),
            uplink(UplinkRole::ScreenAudio, "3", &[], OPUS),
        ],
        downlinks: seats.chain(lines).enumerate().map(|(line, (place, kind))| downlink(line, place, kind)).collect(),
    })
}

fn uplink(role: UplinkRole, mid: &str, rids: &[&str], pt: Pt) -> UplinkSpec {
    UplinkSpec {
        role,
        mid: token(mid),
        rids: rids.iter().map(|rid| Rid::new(rid.as_bytes()).unwrap_or_default()).collect(),
        ssrcs: Default::default(),
        payloads: [pt].into_iter().collect(),
        active: true,
    }
}

fn downlink(line: usize, place: Place, kind: MediaKind) -> DownlinkSpec {
    let video = kind == MediaKind::Video;
    let mid: Mid = token(&format!("{}", 4 + line));
    let ssrc = 0x0100_0000 + 2 * line as u32;
    DownlinkSpec {
        mid,
        kind,
        place,
        ssrc: Ssrc(ssrc),
        rtx_ssrc: video.then_some(Ssrc(ssrc + 1)),
        payloads: [if video { VP8 } else { OPUS }].into_iter().collect(),
        active: true,
    }
}
