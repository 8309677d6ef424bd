//! A browser of our own over one real socket: ICE, DTLS, SRTP, RTX in both directions. It can do what the `webrtc` crate
//! cannot: change its 5-tuple, repeat a layer with its rid, send packets that no browser sends.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use plenum::load::ice::{self, random};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::{Marshal, Unmarshal};
use rtc_stun::message::TransactionId;

use super::dtls::{Dtls, GCM, Keys};
use super::offer::{self, Answered, CAMERA, MICROPHONE, Wanted};
use super::server::{Member, Server};
use super::stream::{Gaps, Received};
use publish::{Uplink, uplink};

mod publish;

/// Between two checks, until an answer came.
const CHECK_FIRST: Duration = Duration::from_millis(50);
/// Between two checks of a path that works. More often than browsers check, so that nothing is found out late.
const CHECK_AGAIN: Duration = Duration::from_millis(500);
/// Between two requests for the same lost packet: longer than a round trip on a busy machine.
const NACK_AGAIN: Duration = Duration::from_millis(60);
/// Lost packets asked for at most: more come only when something is wrong.
const MOST_MISSING: usize = 500;

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
    /// Of the sound that is sent next.
    level: u8,
    /// Lost packets that the server asked for.
    pub asked: usize,
    /// Key frames that the server asked for.
    pub plis: usize,
    /// The latest sender report by SSRC.
    pub reports: HashMap<u32, SenderReport>,
    /// What datagrams looked like on the wire, for replays.
    pub wire: Vec<Bytes>,
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
            level: 30,
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

    /// Gives its connection up for a new one, from another port.
    pub async fn reconnect(&mut self, shape: &Shape<'_>) {
        (self.transport, self.revision) = (random(12), 0);
        (self.dtls, self.keys, self.server) = (Dtls::new(shape.profiles), None, None);
        self.gaps.clear();
        self.move_away();
        self.offer(shape.simulcast, shape.seats, str::to_owned).await;
    }

    /// Its offer, by its present credentials.
    pub fn sdp(&self, simulcast: bool, seats: usize) -> String {
        let (ufrag, pwd, fingerprint) = (&*self.ufrag, &*self.pwd, &*self.dtls.fingerprint);
        let layers = if simulcast { offer::RIDS.len() } else { 1 };
        offer::offer(&Wanted {
            ufrag,
            pwd,
            fingerprint,
            layers,
            screen: false,
            seats,
            audio_lines: 0,
            transport_cc: false,
        })
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
        let pair = ice::Pair { remote_ufrag: &self.answered.ufrag, remote_pwd: pwd, ufrag: &self.ufrag };
        ice::check(&pair, id).unwrap()
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
        let id = ice::answered(datagram, &self.answered.pwd);
        if id.is_none_or(|id| self.checks.get(&id) != Some(&from)) {
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

    pub fn send_rtcp(&mut self, plain: &[u8]) {
        let Some(keys) = &mut self.keys else { return };
        let sealed = keys.seal.encrypt_rtcp(plain).unwrap();
        self.send_raw(&sealed);
    }

    /// Seals a packet with its keys, whatever is in it.
    pub fn seal(&mut self, plain: &[u8]) -> BytesMut {
        self.keys.as_mut().unwrap().seal.encrypt_rtp(plain).unwrap()
    }
}
