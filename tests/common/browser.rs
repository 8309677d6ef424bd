//! A browser of our own over one real socket: ICE, DTLS, SRTP, RTX in both directions. It can do what the `webrtc` crate
//! cannot: change its 5-tuple, repeat a layer with its rid, send packets that no browser sends.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use rtc_crypto::default_provider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::{Marshal, Unmarshal};
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};

use super::dtls::{Dtls, GCM, Keys};
use super::offer::{self, Answered, CAMERA, MICROPHONE, Wanted};
use super::picture;
use super::server::{Member, Server};

/// Between two checks, until an answer came.
const CHECK_FIRST: Duration = Duration::from_millis(50);
/// Between two checks of a path that works. More often than browsers check, so that nothing is found out late.
const CHECK_AGAIN: Duration = Duration::from_millis(500);
/// Between two requests for the same lost packet: longer than a round trip on a busy machine.
const NACK_AGAIN: Duration = Duration::from_millis(60);
/// Lost packets asked for at most: more come only when something is wrong.
const MOST_MISSING: usize = 500;

/// A media packet as it came, retransmissions unwrapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    pub ssrc: u32,
    pub seq: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub pt: u8,
    pub csrc: Vec<u32>,
    pub mid: Option<String>,
    pub level: Option<u8>,
    pub payload: Bytes,
    /// By RTX.
    pub repaired: bool,
}

/// One stream that a browser sends.
struct Uplink {
    ssrc: u32,
    rtx: u32,
    mid: &'static str,
    rid: Option<&'static str>,
    pt: u8,
    seq: u16,
    rtx_seq: u16,
    sent: HashMap<u16, Packet>,
    packets: u32,
    octets: u32,
}

/// What is missing of a stream that comes.
#[derive(Default)]
struct Gaps {
    highest: Option<u16>,
    missing: BTreeMap<u16, Option<Instant>>,
}

pub struct Browser {
    pub member: Member,
    transport: String,
    revision: u32,
    socket: UdpSocket,
    ufrag: String,
    pwd: String,
    pub answered: Answered,
    /// Where the server answered from; media goes there.
    pub server: Option<SocketAddr>,
    /// Datagrams from addresses that were not asked.
    pub strangers: usize,
    checks: HashMap<TransactionId, SocketAddr>,
    /// A check of the present credentials and socket was answered.
    pub is_checked: bool,
    next_check: Instant,
    dtls: Dtls,
    /// Datagrams of DTLS that came.
    pub handshake_datagrams: usize,
    keys: Option<Keys>,
    /// All that came, in order.
    pub received: Vec<Received>,
    gaps: HashMap<u32, Gaps>,
    uplinks: Vec<Uplink>,
    born: Instant,
    picture: u32,
    sound: u32,
    /// Lost packets that the server asked for.
    pub asked: usize,
    /// Key frames that the server asked for.
    pub plis: usize,
    /// The latest sender report by SSRC.
    pub reports: HashMap<u32, SenderReport>,
    /// What datagrams looked like on the wire, for replays.
    pub wire: Vec<Bytes>,
}

fn random(letters: usize) -> String {
    use rand::Rng;
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(letters).map(char::from).collect()
}

/// A layer or a microphone: SSRCs from one of a browser's own ten.
fn uplink(index: u32, mid: &'static str, rid: Option<&'static str>, pt: u8) -> Uplink {
    use rand::Rng;
    let base = rand::rng().random_range(1..u32::MAX / 16) * 16 + index * 2;
    let (seq, sent) = (rand::rng().random_range(0..1_000), HashMap::new());
    Uplink { ssrc: base, rtx: base + 1, mid, rid, pt, seq, rtx_seq: 7, sent, packets: 0, octets: 0 }
}

/// How a browser is to be.
pub struct Shape<'a> {
    pub profiles: &'a [SrtpProtectionProfile],
    pub simulcast: bool,
    pub seats: usize,
    /// Where its socket is bound.
    pub bind: &'a str,
}

impl Default for Shape<'_> {
    fn default() -> Self {
        Shape { profiles: &[GCM], simulcast: false, seats: 1, bind: "127.0.0.1:0" }
    }
}

impl Browser {
    /// Joins and offers; its microphone and camera are on. `edit` may change the answer before it is read.
    pub async fn join(
        server: &Server,
        room: &str,
        name: &str,
        shape: &Shape<'_>,
        edit: impl FnOnce(&str) -> String,
    ) -> Browser {
        let member = server.join(room, name).await;
        let now = Instant::now();
        let socket = UdpSocket::bind(shape.bind).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut uplinks = vec![uplink(0, MICROPHONE, None, offer::OPUS)];
        match shape.simulcast {
            true => {
                uplinks.extend((1..).zip(offer::RIDS).map(|(index, rid)| uplink(index, CAMERA, Some(rid), offer::VP8)))
            }
            false => uplinks.push(uplink(1, CAMERA, None, offer::VP8)),
        }
        let mut browser = Browser {
            member,
            transport: random(12),
            revision: 0,
            socket,
            ufrag: String::new(),
            pwd: String::new(),
            answered: Answered::default(),
            server: None,
            strangers: 0,
            checks: HashMap::new(),
            is_checked: false,
            next_check: now,
            dtls: Dtls::new(shape.profiles),
            handshake_datagrams: 0,
            keys: None,
            received: Vec::new(),
            gaps: HashMap::new(),
            uplinks,
            born: now,
            picture: 0,
            sound: 0,
            asked: 0,
            plis: 0,
            reports: HashMap::new(),
            wire: Vec::new(),
        };
        browser.offer(shape.simulcast, shape.seats, edit).await;
        browser.member.media(true).await;
        browser
    }

    /// Offers with new ICE credentials; any offer but the first is an ICE restart.
    pub async fn offer(&mut self, simulcast: bool, seats: usize, edit: impl FnOnce(&str) -> String) {
        (self.ufrag, self.pwd) = (random(8), random(24));
        self.revision += 1;
        let sdp = self.sdp(simulcast, seats);
        let answer = self.member.offer(&self.transport, self.revision, &sdp).await.unwrap();
        self.answered = offer::read(&edit(&answer.sdp));
        (self.is_checked, self.next_check) = (false, Instant::now());
        self.checks.clear();
    }

    /// Its offer, by its present credentials.
    pub fn sdp(&self, simulcast: bool, seats: usize) -> String {
        let (ufrag, pwd, fingerprint) = (&*self.ufrag, &*self.pwd, &*self.dtls.fingerprint);
        offer::offer(&Wanted { ufrag, pwd, fingerprint, simulcast, seats })
    }

    /// Offers `sdp` for this connection, whatever it is. The error's text.
    pub async fn offer_text(&mut self, sdp: &str) -> Result<(), String> {
        let answer = self.member.offer(&self.transport, self.revision + 1, sdp).await;
        answer.map(|_| self.revision += 1).map_err(|error| error.message)
    }

    /// Goes on from another port, as after a change of network. Nobody is told.
    pub fn move_away(&mut self) {
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket.set_nonblocking(true).unwrap();
        (self.is_checked, self.next_check) = (false, Instant::now());
        self.checks.clear();
    }

    pub fn is_connected(&self) -> bool {
        self.keys.is_some()
    }

    pub fn profile(&self) -> Option<SrtpProtectionProfile> {
        self.dtls.profile
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The SSRC that the server uses on the line with `mid`.
    pub fn ssrc_of(&self, mid: &str) -> u32 {
        self.answered.lines.iter().find(|line| line.mid == mid).unwrap().ssrc
    }

    /// What came on the line with `mid`.
    pub fn on(&self, mid: &str) -> Vec<&Received> {
        let ssrc = self.ssrc_of(mid);
        self.received.iter().filter(|packet| packet.ssrc == ssrc).collect()
    }

    /// Sends anything to the server.
    pub fn send_raw(&self, datagram: &[u8]) {
        // A full buffer is one more lossy network.
        let _ = self.socket.send_to(datagram, self.server.unwrap_or(self.answered.candidates[0]));
    }

    /// Reads all that came, and sends what is due: checks, handshakes, requests for lost packets.
    pub fn pump(&mut self) {
        let now = Instant::now();
        let mut buffer = [0; 2_048];
        // Errors belong to earlier datagrams (ICMP); nothing to read is the usual end.
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            self.take(now, from, &buffer[..len]);
        }
        if now >= self.next_check && !self.answered.candidates.is_empty() {
            self.check(now);
        }
        if self.server.is_some() {
            for datagram in self.dtls.poll(now) {
                self.send_raw(&datagram);
            }
        }
        self.ask(now);
    }

    fn take(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if !self.answered.candidates.contains(&from) {
            self.strangers += 1;
            return;
        }
        match datagram.first() {
            Some(0..=3) => self.take_stun(now, from, datagram),
            Some(20..=63) => {
                self.handshake_datagrams += 1;
                if let Some(keys) = self.dtls.read(now, datagram) {
                    self.keys = Some(keys);
                }
            }
            Some(128..=191) if matches!(datagram.get(1), Some(192..=223)) => self.take_rtcp(datagram),
            Some(128..=191) => self.take_rtp(datagram),
            _ => panic!("the server sent {datagram:?}"),
        }
    }

    /// A connectivity check with whatever password.
    pub fn check_with(&self, pwd: &str, id: TransactionId) -> Vec<u8> {
        let provider = default_provider().unwrap();
        let mut message = Message::new();
        message.write_header();
        BINDING_REQUEST.add_to(&mut message).unwrap();
        id.add_to(&mut message).unwrap();
        message.add(ATTR_USERNAME, format!("{}:{}", self.answered.ufrag, self.ufrag).as_bytes());
        message.add(ATTR_PRIORITY, &[0x6E, 0x00, 0x01, 0xFF]);
        message.add(ATTR_ICE_CONTROLLING, &[7; 8]);
        message.add(ATTR_USE_CANDIDATE, &[]);
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(pwd.as_bytes(), provider.crypto());
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    fn check(&mut self, now: Instant) {
        self.next_check = now + if self.is_checked { CHECK_AGAIN } else { CHECK_FIRST };
        let known = self.server.filter(|_| self.is_checked);
        let targets = known.map_or_else(|| self.answered.candidates.clone(), |server| vec![server]);
        for target in targets {
            let id = TransactionId(rand::random());
            self.checks.insert(id, target);
            // As in `send_raw`.
            let _ = self.socket.send_to(&self.check_with(&self.answered.pwd, id), target);
        }
    }

    fn take_stun(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).unwrap();
        let provider = default_provider().unwrap();
        let is_ours = self.checks.get(&message.transaction_id) == Some(&from);
        let holds = MessageIntegrity::check(&mut message, self.answered.pwd.as_bytes(), provider.crypto()).is_ok();
        if message.typ != BINDING_SUCCESS || !is_ours || !holds {
            // An answer to a check of earlier credentials.
            return;
        }
        self.is_checked = true;
        if self.server.is_none() {
            self.server = Some(from);
            self.dtls.start(now);
        }
    }

    fn take_rtp(&mut self, datagram: &[u8]) {
        let Some(keys) = &mut self.keys else { return };
        let Ok(plain) = keys.open.decrypt_rtp(datagram) else { panic!("an SRTP packet that does not open") };
        self.wire.push(Bytes::copy_from_slice(datagram));
        let mut packet = Packet::unmarshal(&mut plain.freeze()).unwrap();
        let repaired = self.answered.lines.iter().find(|line| line.rtx == Some(packet.header.ssrc));
        let is_repaired = repaired.is_some();
        if let Some(line) = repaired {
            // RFC 4588 §4: the original sequence number comes first. Without, it is a probe.
            let Some(original) = packet.payload.first_chunk::<2>() else { return };
            (packet.header.ssrc, packet.header.sequence_number) = (line.ssrc, u16::from_be_bytes(*original));
            (packet.header.payload_type, packet.payload) = (offer::VP8, packet.payload.slice(2..));
        }
        if packet.payload.is_empty() && !is_repaired {
            self.gaps.entry(packet.header.ssrc).or_default().note(packet.header.sequence_number);
            return;
        }
        let header = packet.header;
        let gaps = self.gaps.entry(header.ssrc).or_default();
        gaps.note(header.sequence_number);
        self.received.push(Received {
            ssrc: header.ssrc,
            seq: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            pt: header.payload_type,
            mid: header.get_extension(offer::MID).map(|mid| String::from_utf8(mid.to_vec()).unwrap()),
            level: header.get_extension(offer::LEVEL).and_then(|level| level.first().copied()),
            csrc: header.csrc,
            payload: packet.payload,
            repaired: is_repaired,
        });
    }

    fn take_rtcp(&mut self, datagram: &[u8]) {
        let Some(keys) = &mut self.keys else { return };
        let Ok(plain) = keys.open.decrypt_rtcp(datagram) else { panic!("an SRTCP packet that does not open") };
        for packet in rtc_rtcp::packet::unmarshal(&mut plain.freeze()).unwrap() {
            if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() {
                let lost: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
                self.asked += lost.len();
                for seq in lost {
                    self.repeat(nack.media_ssrc, seq);
                }
            } else if let Some(pli) = packet.as_any().downcast_ref::<PictureLossIndication>() {
                self.plis += usize::from(self.uplinks.iter().any(|uplink| uplink.ssrc == pli.media_ssrc));
            } else if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
                self.reports.insert(report.ssrc, report.clone());
            }
        }
    }

    /// Asks for lost video packets.
    fn ask(&mut self, now: Instant) {
        let due = |asked: &Option<Instant>| asked.is_none_or(|at| now >= at + NACK_AGAIN);
        let mut requests = Vec::new();
        for line in self.answered.lines.iter().filter(|line| line.rtx.is_some()) {
            let Some(gaps) = self.gaps.get_mut(&line.ssrc) else { continue };
            assert!(gaps.missing.len() < MOST_MISSING, "{} packets are missing", gaps.missing.len());
            let lost: Vec<u16> = gaps.missing.iter().filter(|(_, asked)| due(asked)).map(|(seq, _)| *seq).collect();
            for seq in &lost {
                gaps.missing.insert(*seq, Some(now));
            }
            if !lost.is_empty() {
                let nacks = nack_pairs_from_sequence_numbers(&lost);
                requests.push(TransportLayerNack { sender_ssrc: 1, media_ssrc: line.ssrc, nacks });
            }
        }
        for request in requests {
            self.send_rtcp(&request.marshal().unwrap());
        }
    }

    /// Numbers of the line with `mid` that are missing.
    pub fn missing(&self, mid: &str) -> usize {
        self.gaps.get(&self.ssrc_of(mid)).map_or(0, |gaps| gaps.missing.len())
    }

    /// Asks for a key frame of the picture on the line with `mid`.
    pub fn ask_for_key_frame(&mut self, mid: &str) {
        let pli = PictureLossIndication { sender_ssrc: 1, media_ssrc: self.ssrc_of(mid) };
        self.send_rtcp(&pli.marshal().unwrap());
    }

    pub fn send_rtcp(&mut self, plain: &[u8]) {
        let Some(keys) = &mut self.keys else { return };
        let sealed = keys.seal.encrypt_rtcp(plain).unwrap();
        self.send_raw(&sealed);
    }

    /// Seals a packet with its keys, whatever is in it.
    pub fn seal(&mut self, plain: &[u8]) -> BytesMut {
        self.keys.as_mut().unwrap().seal.encrypt_rtp(plain).unwrap()
    }

    /// Sends a picture on the lowest layer or the only one; what the server may not change of its packets.
    pub fn send_picture(&mut self, key: bool, parts: usize) -> Vec<Bytes> {
        self.send_layers(1, key, parts).remove(0)
    }

    /// Sends one picture on the lowest `layers` layers.
    pub fn send_layers(&mut self, layers: usize, key: bool, parts: usize) -> Vec<Vec<Bytes>> {
        self.picture += 1;
        let maker = self.maker();
        let timestamp = (self.born.elapsed().as_millis() as u32).wrapping_mul(90);
        let mut bodies = Vec::new();
        for layer in 0..layers {
            let payloads = picture::picture(maker + layer as u8, self.picture, key, parts);
            for (part, payload) in payloads.iter().enumerate() {
                self.send_media(1 + layer, timestamp, part + 1 == parts, payload.clone());
            }
            bodies.push(payloads.iter().map(|payload| payload.slice(picture::DESCRIPTOR..)).collect());
        }
        bodies
    }

    /// Names this browser in its payloads; its layers count on from it.
    pub fn maker(&self) -> u8 {
        (self.member.source().0 as u8).wrapping_mul(8)
    }

    /// Sends 20 ms of sound; its payload.
    pub fn send_sound(&mut self) -> Bytes {
        self.sound += 1;
        let payload = picture::sound(self.maker(), self.sound);
        let timestamp = (self.born.elapsed().as_millis() as u32).wrapping_mul(48);
        self.send_media(0, timestamp, false, payload.clone());
        payload
    }

    fn send_media(&mut self, index: usize, timestamp: u32, marker: bool, payload: Bytes) {
        let uplink = &mut self.uplinks[index];
        let mut header = Header {
            version: 2,
            marker,
            payload_type: uplink.pt,
            sequence_number: uplink.seq,
            timestamp,
            ssrc: uplink.ssrc,
            ..Header::default()
        };
        header.set_extension(offer::MID, Bytes::from_static(uplink.mid.as_bytes())).unwrap();
        if let Some(rid) = uplink.rid {
            header.set_extension(offer::RID, Bytes::from_static(rid.as_bytes())).unwrap();
        }
        if uplink.pt == offer::OPUS {
            header.set_extension(offer::LEVEL, Bytes::from_static(&[0x80 | 30])).unwrap();
        }
        let packet = Packet { header, payload };
        uplink.sent.insert(uplink.seq, packet.clone());
        uplink.seq = uplink.seq.wrapping_add(1);
        uplink.packets += 1;
        uplink.octets += packet.payload.len() as u32;
        let sealed = self.seal(&packet.marshal().unwrap());
        self.send_raw(&sealed);
    }

    /// Answers a request for a lost packet by RTX (RFC 4588), with the layer's rid as Chromium does.
    fn repeat(&mut self, ssrc: u32, seq: u16) {
        let Some(uplink) = self.uplinks.iter_mut().find(|uplink| uplink.ssrc == ssrc) else { return };
        let Some(packet) = uplink.sent.get(&seq).filter(|_| uplink.pt == offer::VP8) else { return };
        let mut header = Header {
            version: 2,
            marker: packet.header.marker,
            payload_type: offer::RTX,
            sequence_number: uplink.rtx_seq,
            timestamp: packet.header.timestamp,
            ssrc: uplink.rtx,
            ..Header::default()
        };
        header.set_extension(offer::MID, Bytes::from_static(uplink.mid.as_bytes())).unwrap();
        if let Some(rid) = uplink.rid {
            header.set_extension(offer::REPAIRED_RID, Bytes::from_static(rid.as_bytes())).unwrap();
        }
        uplink.rtx_seq = uplink.rtx_seq.wrapping_add(1);
        let mut payload = BytesMut::new();
        payload.put_u16(seq);
        payload.put_slice(&packet.payload);
        let packet = Packet { header, payload: payload.freeze() };
        let sealed = self.seal(&packet.marshal().unwrap());
        self.send_raw(&sealed);
    }
}

impl Gaps {
    fn note(&mut self, seq: u16) {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return;
        };
        let ahead = seq.wrapping_sub(highest);
        if ahead == 0 || ahead >= 0x8000 {
            self.missing.remove(&seq);
            return;
        }
        for step in 1..ahead {
            self.missing.insert(highest.wrapping_add(step), None);
        }
        self.highest = Some(seq);
    }
}

/// A stream as its receiver's jitter buffer gets it: in order of its numbers, extended over wraps.
pub fn in_order(packets: &[&Received]) -> Vec<(i64, Received)> {
    let Some(first) = packets.first() else { return Vec::new() };
    let mut last = i64::from(first.seq);
    let extended = packets.iter().map(|packet| {
        last += i64::from(packet.seq.wrapping_sub(last as u16) as i16);
        (last, (*packet).clone())
    });
    let mut all: Vec<(i64, Received)> = extended.collect();
    all.sort_by_key(|(seq, _)| *seq);
    all
}

/// Panics unless a picture's stream is one that a decoder takes without a hitch: no number twice or missing, time
/// rises from picture to picture, picture ids and TL0PICIDX count, and it starts with a key frame.
pub fn assert_gapless(packets: &[&Received]) {
    let stream = in_order(packets);
    let numbers: HashSet<i64> = stream.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers.len(), stream.len(), "a number came twice");
    let mut last: Option<(i64, Received, picture::Vp8)> = None;
    for (seq, packet) in stream {
        let vp8 = picture::read(&packet.payload).expect("a VP8 payload");
        match &last {
            None => assert!(vp8.start && vp8.key, "the stream starts in the middle"),
            Some((before, previous, earlier)) => {
                assert_eq!(seq, before + 1, "a number is missing");
                let next = previous.marker;
                assert_eq!(vp8.start, next, "pictures are mixed at {seq}");
                let step = packet.timestamp.wrapping_sub(previous.timestamp) as i32;
                assert!(if next { step > 0 } else { step == 0 }, "time went by {step} at {seq}");
                let ids = (vp8.picture_id.wrapping_sub(earlier.picture_id) & 0x7FFF, vp8.tl0.wrapping_sub(earlier.tl0));
                assert_eq!(ids, if next { (1, 1) } else { (0, 0) }, "at {seq}");
                if packet.csrc != previous.csrc {
                    assert!(vp8.key, "another source starts without a key frame");
                }
            }
        }
        last = Some((seq, packet, vp8));
    }
}
