//! What one transport negotiated, in the words of the media plane. Written by `sdp`, read by `media`; no SDP in here.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::id::{AudioLineId, Mid, Pt, Rid, SeatId, Ssrc};

/// Sound or picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaKind {
    Audio,
    Video,
}

/// What the four uplinks of a browser carry. By the order of the offer's sending lines: first audio, first video,
/// second video, second audio.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UplinkRole {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

impl UplinkRole {
    pub const ALL: [UplinkRole; 4] =
        [UplinkRole::Microphone, UplinkRole::Camera, UplinkRole::Screen, UplinkRole::ScreenAudio];

    pub fn kind(self) -> MediaKind {
        match self {
            UplinkRole::Microphone | UplinkRole::ScreenAudio => MediaKind::Audio,
            UplinkRole::Camera | UplinkRole::Screen => MediaKind::Video,
        }
    }
}

/// H.264 profiles that browsers offer (RFC 6184 §8.1, by `profile_idc` and constraint flags). The level is not part of
/// the match: a receiver that cannot take a level says so through its `max-fs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    /// 4:4:4 Predictive.
    High444,
}

/// A codec with everything that decides whether a receiver can decode it. Two transports share a payload only when
/// their `Codec`s are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587, 48 kHz.
    Opus,
    /// RFC 2198 over Opus.
    Red,
    /// RFC 7741.
    Vp8,
    /// RFC 9628; `profile` is its `profile-id`.
    Vp9 { profile: u8 },
    /// RFC 6184.
    H264 { profile: H264Profile, packetization_mode: u8 },
    /// The AV1 RTP payload specification; `profile` 0 is Main.
    Av1 { profile: u8 },
}

impl Codec {
    pub fn kind(self) -> MediaKind {
        match self {
            Codec::Opus | Codec::Red => MediaKind::Audio,
            _ => MediaKind::Video,
        }
    }

    /// RTP clock rate in Hz.
    pub fn clock_rate(self) -> u32 {
        match self.kind() {
            MediaKind::Audio => 48_000,
            MediaKind::Video => 90_000,
        }
    }
}

impl fmt::Display for Codec {
    /// For people, such as `VP8` or `H.264 ConstrainedBaseline, packetization-mode=1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Codec::Opus => f.write_str("Opus"),
            Codec::Red => f.write_str("RED over Opus"),
            Codec::Vp8 => f.write_str("VP8"),
            Codec::Vp9 { profile } => write!(f, "VP9 profile {profile}"),
            Codec::Av1 { profile } => write!(f, "AV1 profile {profile}"),
            Codec::H264 { profile, packetization_mode } => {
                write!(f, "H.264 {profile:?}, packetization-mode={packetization_mode}")
            }
        }
    }
}

/// One payload type of a transport, with its retransmission companion (RFC 4588).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadType {
    pub pt: Pt,
    pub codec: Codec,
    /// The payload type of RTX packets whose `apt` is `pt`.
    pub rtx: Option<Pt>,
    /// `a=rtcp-fb` `nack` was agreed.
    pub nack: bool,
    /// `a=rtcp-fb` `transport-cc` was agreed.
    pub transport_cc: bool,
    /// `a=rtcp-fb` `goog-remb` was agreed.
    pub remb: bool,
}

/// Header extensions that Plenum reads or writes (RFC 8285). The discriminant is the index into [`ExtensionMap`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extension {
    /// RFC 8843, `urn:ietf:params:rtp-hdrext:sdes:mid`.
    Mid,
    /// RFC 8852, `…:sdes:rtp-stream-id`.
    Rid,
    /// RFC 8852, `…:sdes:repaired-rtp-stream-id`.
    RepairedRid,
    /// RFC 6464, `…:ssrc-audio-level`.
    AudioLevel,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportCc,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    AbsSendTime,
    /// RFC 5450, `…:toffset`.
    TransmissionOffset,
    /// 3GPP TS 26.114, `urn:3gpp:video-orientation`.
    Orientation,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`.
    PlayoutDelay,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/video-content-type`.
    VideoContentType,
    /// The AV1 RTP payload specification, appendix A: dependency descriptor.
    DependencyDescriptor,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00`.
    VideoLayersAllocation,
}

impl Extension {
    pub const COUNT: usize = 12;
    pub const ALL: [Extension; Extension::COUNT] = [
        Extension::Mid,
        Extension::Rid,
        Extension::RepairedRid,
        Extension::AudioLevel,
        Extension::TransportCc,
        Extension::AbsSendTime,
        Extension::TransmissionOffset,
        Extension::Orientation,
        Extension::PlayoutDelay,
        Extension::VideoContentType,
        Extension::DependencyDescriptor,
        Extension::VideoLayersAllocation,
    ];

    /// The URI under which SDP knows the extension.
    pub fn uri(self) -> &'static str {
        match self {
            Extension::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Extension::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Extension::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Extension::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Extension::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Extension::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Extension::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Extension::Orientation => "urn:3gpp:video-orientation",
            Extension::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Extension::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Extension::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Extension::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
        }
    }
}

/// Which id each extension has on one transport. BUNDLE makes ids agree across m-lines (RFC 8843 §9.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtensionMap {
    /// Id by [`Extension`]; 0 = not negotiated.
    ids: [u8; Extension::COUNT],
    /// [`Extension`] by id, for parsing.
    kinds: [Option<Extension>; 256],
}

impl Default for ExtensionMap {
    fn default() -> Self {
        ExtensionMap { ids: [0; Extension::COUNT], kinds: [None; 256] }
    }
}

impl ExtensionMap {
    /// Binds `extension` to `id` (1–255; ids above 14 need two-byte headers, RFC 8285 §4.3). An earlier binding of
    /// either is replaced.
    pub fn set(&mut self, extension: Extension, id: u8) {
        if id == 0 {
            return;
        }
        let old = self.ids[extension as usize];
        self.kinds[usize::from(old)] = None;
        if let Some(other) = self.kinds[usize::from(id)] {
            self.ids[other as usize] = 0;
        }
        self.ids[extension as usize] = id;
        self.kinds[usize::from(id)] = Some(extension);
    }

    /// The id of `extension`, when negotiated.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        Some(self.ids[extension as usize]).filter(|id| *id != 0)
    }

    /// The extension that `id` names.
    pub fn kind(&self, id: u8) -> Option<Extension> {
        self.kinds[usize::from(id)]
    }
}

/// An m-line on which the browser sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UplinkSpec {
    pub role: UplinkRole,
    pub mid: Mid,
    /// Simulcast streams in the order offered; empty without simulcast.
    pub rids: SmallVec<[Rid; 3]>,
    /// SSRCs declared in the offer with their RTX SSRCs (`ssrc-group:FID`), for senders without rid (WHIP clients).
    pub ssrcs: SmallVec<[(Ssrc, Option<Ssrc>); 3]>,
    /// Payload types accepted on this line.
    pub payloads: SmallVec<[Pt; 8]>,
    /// `false` while the line's direction keeps the browser from sending.
    pub active: bool,
}

/// An m-line on which Plenum sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DownlinkSpec {
    pub mid: Mid,
    pub kind: MediaKind,
    pub place: Place,
    /// Fixed for the life of the DTLS session; never reused within it.
    pub ssrc: Ssrc,
    /// Present when the browser takes RTX on this line (RFC 4588).
    pub rtx_ssrc: Option<Ssrc>,
    /// Payload types that the browser decodes on this line, in its order of preference.
    pub payloads: SmallVec<[Pt; 8]>,
    /// `false` while the line's direction keeps the browser from receiving.
    pub active: bool,
}

/// Where a downlink m-line belongs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// The audio or the video half of a seat.
    Seat(SeatId),
    /// A line for a loud member without a seat.
    AudioLine(AudioLineId),
}

/// Everything the media plane needs to know of one transport's negotiation. A re-offer replaces it whole: lines keep
/// their index, mid and SSRCs, and new ones are appended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MediaSpec {
    pub payloads: Vec<PayloadType>,
    pub extensions: ExtensionMap,
    pub uplinks: Vec<UplinkSpec>,
    pub downlinks: Vec<DownlinkSpec>,
}

impl MediaSpec {
    /// The payload type `pt` of this transport.
    pub fn payload(&self, pt: Pt) -> Option<&PayloadType> {
        self.payloads.iter().find(|p| p.pt == pt)
    }

    /// The payload type that is the RTX companion `rtx`.
    pub fn payload_of_rtx(&self, rtx: Pt) -> Option<&PayloadType> {
        self.payloads.iter().find(|p| p.rtx == Some(rtx))
    }
}

/// A negotiation shared between the planes.
pub type SharedMediaSpec = Arc<MediaSpec>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_extension_only() {
        let mut map = ExtensionMap::default();
        map.set(Extension::Mid, 4);
        map.set(Extension::Rid, 4);
        assert_eq!(map.id(Extension::Mid), None);
        assert_eq!(map.kind(4), Some(Extension::Rid));
        map.set(Extension::Rid, 5);
        assert_eq!(map.kind(4), None);
    }

    #[test]
    fn every_extension_has_its_own_index() {
        for (index, extension) in Extension::ALL.into_iter().enumerate() {
            assert_eq!(extension as usize, index);
        }
    }
}
