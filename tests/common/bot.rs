//! The `webrtc` crate as a browser: it knows nothing of Plenum but the SDP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder, SrtpProtectionProfile, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::offer::{self, OPUS, RIDS, RTX, VP8};
use super::server::{Member, Server};
use super::{eventually, picture};

const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// What a bot has seen, shared with the tasks that the crate runs.
#[derive(Default)]
struct Seen {
    connected: bool,
    packets: Vec<Packet>,
    /// Channel and message.
    messages: Vec<(String, Bytes)>,
    open: Vec<String>,
}

#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Seen>>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.0.lock().unwrap().connected = state == RTCPeerConnectionState::Connected;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    seen.lock().unwrap().packets.push(packet);
                }
            }
        });
    }
}

impl Watcher {
    fn watch(&self, label: &str, channel: Arc<dyn DataChannel>) {
        let (seen, label) = (self.0.clone(), label.to_owned());
        tokio::spawn(async move {
            while let Some(event) = channel.poll().await {
                match event {
                    DataChannelEvent::OnOpen => seen.lock().unwrap().open.push(label.clone()),
                    DataChannelEvent::OnMessage(message) => {
                        seen.lock().unwrap().messages.push((label.clone(), message.data.freeze()));
                    }
                    _ => {}
                }
            }
        });
    }
}

/// One stream that it sends.
struct Layer {
    ssrc: u32,
    rid: Option<&'static str>,
    seq: u16,
}

pub struct Bot {
    pub member: Member,
    connection: Arc<dyn PeerConnection>,
    watcher: Watcher,
    tracks: [Arc<TrackLocalStaticRTP>; 2],
    microphone: Layer,
    camera: Vec<Layer>,
    /// By URI, as offered.
    extensions: HashMap<String, u8>,
    channels: HashMap<String, Arc<dyn DataChannel>>,
    pub answered: offer::Answered,
    born: Instant,
    number: u32,
}

/// How a bot is to be.
#[derive(Default)]
pub struct Shape {
    pub simulcast: bool,
    pub channels: bool,
    /// The crate's own when empty.
    pub profiles: Vec<SrtpProtectionProfile>,
}

fn codec(mime_type: &str, clock_rate: u32, channels: u16, fmtp: &str, pt: u8) -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: mime_type.into(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.into(),
        rtcp_feedback: vec![],
    };
    RTCRtpCodecParameters { rtp_codec, payload_type: pt }
}

fn engine() -> (MediaEngine, Registry) {
    let mut engine = MediaEngine::default();
    engine
        .register_codec(codec("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", OPUS), RtpCodecKind::Audio)
        .unwrap();
    engine.register_codec(codec("video/VP8", 90_000, 0, "", VP8), RtpCodecKind::Video).unwrap();
    engine.register_codec(codec("video/rtx", 90_000, 0, "apt=96", RTX), RtpCodecKind::Video).unwrap();
    for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
        let mid = RTCRtpHeaderExtensionCapability { uri: MID_URI.into() };
        engine.register_header_extension(mid, kind, None).unwrap();
    }
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    (engine, registry)
}

fn track(name: &str, kind: RtpCodecKind, codec: &RTCRtpCodecParameters, layers: &[Layer]) -> Arc<TrackLocalStaticRTP> {
    let codings = layers.iter().map(|layer| RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: layer.rid.unwrap_or_default().into(),
            ssrc: Some(layer.ssrc),
            ..RTCRtpCodingParameters::default()
        },
        active: true,
        codec: codec.rtp_codec.clone(),
        ..RTCRtpEncodingParameters::default()
    });
    let track = MediaStreamTrack::new("stream".into(), name.into(), name.into(), kind, codings.collect());
    Arc::new(TrackLocalStaticRTP::new(track))
}

fn init(direction: RTCRtpTransceiverDirection) -> Option<RTCRtpTransceiverInit> {
    Some(RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() })
}

impl Bot {
    /// Joins, offers, and waits until media flows; its microphone and camera are on.
    pub async fn join(server: &Server, room: &str, name: &str, shape: Shape, edit: impl FnOnce(&str) -> String) -> Bot {
        let member = server.join(room, name).await;
        let layer = |rid| Layer { ssrc: rand::random_range(1..u32::MAX), rid, seq: 100 };
        let microphone = layer(None);
        let camera: Vec<Layer> =
            if shape.simulcast { RIDS.map(|rid| layer(Some(rid))).into() } else { vec![layer(None)] };
        let tracks = [
            track(
                "microphone",
                RtpCodecKind::Audio,
                &codec("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", OPUS),
                std::slice::from_ref(&microphone),
            ),
            track("camera", RtpCodecKind::Video, &codec("video/VP8", 90_000, 0, "", VP8), &camera),
        ];
        let (engine, registry) = engine();
        let mut settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_include_loopback_candidate(true);
        if !shape.profiles.is_empty() {
            settings = settings.with_srtp_protection_profiles(shape.profiles);
        }
        let watcher = Watcher::default();
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_interceptor_registry(registry)
                .with_setting_engine(settings.build())
                .with_handler(Arc::new(watcher.clone()))
                .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
                .build()
                .await
                .unwrap(),
        );
        for track in &tracks {
            let track: Arc<dyn TrackLocal> = track.clone();
            connection.add_transceiver_from_track(track, init(RTCRtpTransceiverDirection::Sendonly)).await.unwrap();
        }
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            connection.add_transceiver_from_kind(kind, init(RTCRtpTransceiverDirection::Recvonly)).await.unwrap();
        }
        let mut channels = HashMap::new();
        if shape.channels {
            let lossy =
                RTCDataChannelInit { ordered: false, max_retransmits: Some(0), ..RTCDataChannelInit::default() };
            for (label, init) in [("reliable", None), ("lossy", Some(lossy))] {
                let channel = connection.create_data_channel(label, init).await.unwrap();
                watcher.watch(label, channel.clone());
                channels.insert(label.to_owned(), channel);
            }
        }
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer.clone()).await.unwrap();
        let extensions = offer.sdp.lines().filter_map(|line| {
            let (id, uri) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
            Some((uri.to_owned(), id.split('/').next()?.parse().ok()?))
        });
        let extensions = extensions.collect();
        let answer = member.offer("thebotstransport", 1, &offer.sdp).await.unwrap().sdp;
        let answer = edit(&answer);
        let answered = offer::read(&answer);
        connection.set_remote_description(RTCSessionDescription::answer(answer).unwrap()).await.unwrap();
        member.media(true).await;
        let born = Instant::now();
        let bot = Bot {
            member,
            connection,
            watcher,
            tracks,
            microphone,
            camera,
            extensions,
            channels,
            answered,
            born,
            number: 0,
        };
        eventually("the crate's connection", || bot.seen(|seen| seen.connected)).await;
        bot
    }

    fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.watcher.0.lock().unwrap())
    }

    /// Sends a picture of `parts` packets on every layer and 20 ms of sound.
    ///
    /// What may not change of them: the highest layer's bodies, and the sound's payload.
    pub async fn publish(&mut self, key: bool, parts: usize) -> (Vec<Bytes>, Bytes) {
        self.number += 1;
        let (maker, time) = (self.member.source().0 as u8 * 8, self.born.elapsed().as_millis() as u32);
        let mut bodies = Vec::new();
        for index in 0..self.camera.len() {
            let payloads = picture::picture(maker + index as u8, self.number, key, parts);
            bodies = payloads.iter().map(|payload| payload.slice(picture::DESCRIPTOR..)).collect();
            for (part, payload) in payloads.into_iter().enumerate() {
                let layer = &mut self.camera[index];
                let mut header = header(layer, VP8, time.wrapping_mul(90), &self.extensions, offer::CAMERA);
                header.marker = part + 1 == parts;
                self.tracks[1].write_rtp(Packet { header, payload }).await.unwrap();
            }
        }
        let sound = picture::sound(maker, self.number);
        let header = header(&mut self.microphone, OPUS, time.wrapping_mul(48), &self.extensions, offer::MICROPHONE);
        self.tracks[0].write_rtp(Packet { header, payload: sound.clone() }).await.unwrap();
        (bodies, sound)
    }

    /// What came on the line with `mid`, in the order of coming.
    pub fn on(&self, mid: &str) -> Vec<super::stream::Received> {
        let line = self.answered.lines.iter().find(|line| line.mid == mid).unwrap();
        let mid_id = self.extensions[MID_URI];
        let received = |packet: &Packet| super::stream::Received {
            ssrc: packet.header.ssrc,
            seq: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            pt: packet.header.payload_type,
            csrc: packet.header.csrc.clone(),
            mid: packet.header.get_extension(mid_id).map(|mid| String::from_utf8(mid.to_vec()).unwrap()),
            level: None,
            payload: packet.payload.clone(),
            repaired: false,
        };
        self.seen(|seen| seen.packets.iter().filter(|p| p.header.ssrc == line.ssrc).map(received).collect())
    }

    /// Waits until both data channels are open.
    pub async fn opened(&self) {
        eventually("open data channels", || self.seen(|seen| seen.open.len() == 2)).await;
    }

    pub async fn send(&self, channel: &str, message: &[u8]) {
        self.channels[channel].send(BytesMut::from(message)).await.unwrap();
    }

    /// The messages that came by `channel`.
    pub fn messages(&self, channel: &str) -> Vec<Bytes> {
        self.seen(|seen| {
            seen.messages.iter().filter(|(by, _)| by == channel).map(|(_, message)| message.clone()).collect()
        })
    }

    pub async fn close(&self) {
        self.connection.close().await.unwrap();
    }
}

fn header(layer: &mut Layer, pt: u8, timestamp: u32, extensions: &HashMap<String, u8>, mid: &'static str) -> Header {
    let mut header = Header {
        version: 2,
        payload_type: pt,
        sequence_number: layer.seq,
        timestamp,
        ssrc: layer.ssrc,
        ..Header::default()
    };
    layer.seq = layer.seq.wrapping_add(1);
    header.set_extension(extensions[MID_URI], Bytes::from_static(mid.as_bytes())).unwrap();
    if let Some(rid) = layer.rid {
        header.set_extension(extensions[RID_URI], Bytes::from_static(rid.as_bytes())).unwrap();
    }
    header
}
