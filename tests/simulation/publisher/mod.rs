//! The model publisher: what a browser's encoders, pacer and retransmission send.
//!
//! As libwebrtc: frames leave paced at 2.5 times the bit rate of what is encoded, sound is not paced; retransmissions go
//! out on an SSRC of their own; streams carry mid and rid until a reception report on them came
//! (research/browser-spike.md §3). The encoder does not follow its path's bandwidth: it sends what its layers cost.

mod video;
mod voice;

use std::collections::VecDeque;

use plenum::id::Ssrc;
use plenum::media::rtcp::{self, ReportBlock, Rtcp, SenderInfo};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::time::{MS, SECOND, Us, ntp, short_ntp_us};
use crate::wire::Rtp;

pub use video::{KeyFrame, LONGEST_KEY_FRAME, Shape, VideoTrack};
pub use voice::Voice;

/// How much faster than the encoders the pacer sends: libwebrtc's pacing factor.
const PACING: f64 = 2.5;

/// Between sender reports: libwebrtc's for video.
const REPORT: Us = SECOND;

/// A browser's own clock: where it started, and how fast it runs.
#[derive(Clone, Copy, Debug)]
pub struct OwnClock {
    /// Microseconds that it is ahead at the start of a run.
    ahead: u64,
    ppm: i64,
}

impl OwnClock {
    /// Up to an hour ahead, and up to 100 ppm off: the worst of crystals.
    fn random(rng: &mut impl Rng) -> OwnClock {
        OwnClock { ahead: rng.random_range(0..3_600 * SECOND), ppm: rng.random_range(-100..=100) }
    }

    pub fn at(&self, now: Us) -> Us {
        self.ahead + now.saturating_add_signed(now as i64 * self.ppm / 1_000_000)
    }

    /// Ticks of an RTP clock of `rate` Hz.
    pub fn ticks(&self, now: Us, rate: u64) -> u32 {
        (u128::from(self.at(now)) * u128::from(rate) / u128::from(SECOND)) as u32
    }
}

/// Which tracks a browser sends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracks {
    pub camera: Option<Shape>,
    pub screen: Option<Shape>,
    pub voice: bool,
}

/// One browser's sending side.
pub struct Publisher {
    clock: OwnClock,
    pub camera: Option<VideoTrack>,
    pub screen: Option<VideoTrack>,
    pub voice: Option<Voice>,
    /// Packets that wait for their turn.
    paced: VecDeque<(Us, Rtp)>,
    pacer_free: Us,
    /// The next transport-wide number, when those were negotiated.
    transport_cc: Option<u16>,
    next_report: Us,
    rtt: Option<Us>,
    rng: StdRng,
}

impl Publisher {
    /// `camera` and `screen` are the numbers of the browser's two sources, `first_ssrc` the first of 16 SSRCs that it
    /// may use.
    pub fn new(tracks: Tracks, camera: u32, screen: u32, first_ssrc: u32, transport_cc: bool, seed: u64) -> Publisher {
        let mut rng = StdRng::seed_from_u64(seed);
        let clock = OwnClock::random(&mut rng);
        let mut track =
            |shape: Option<Shape>, source, ssrc| shape.map(|shape| VideoTrack::new(shape, source, ssrc, &mut rng));
        Publisher {
            clock,
            camera: track(tracks.camera, camera, first_ssrc),
            screen: track(tracks.screen, screen, first_ssrc + 8),
            voice: tracks.voice.then(|| Voice::new(camera, Ssrc(first_ssrc + 15), &mut rng)),
            paced: VecDeque::new(),
            pacer_free: 0,
            transport_cc: transport_cc.then_some(65_500),
            next_report: rng.random_range(0..REPORT),
            rtt: None,
            rng,
        }
    }

    /// The round trip to the server, as reception reports told.
    pub fn rtt(&self) -> Option<Us> {
        self.rtt
    }

    pub fn first_ssrc(&self) -> Option<Ssrc> {
        let video = self.tracks().next().and_then(|track| track.layers.first()).map(|layer| layer.ssrc);
        video.or(self.voice.as_ref().map(|voice| voice.ssrc))
    }

    /// When [`Publisher::poll`] has something to do next.
    pub fn next(&self) -> Us {
        let frames = self.tracks().filter_map(VideoTrack::next);
        let voice = self.voice.as_ref().map(|voice| voice.next);
        let paced = self.paced.front().map(|(at, _)| *at);
        frames.chain(voice).chain(paced).fold(self.next_report, Us::min)
    }

    /// Appends the packets that leave at `now`.
    pub fn poll(&mut self, now: Us, out: &mut Vec<Vec<u8>>) {
        self.encode(now);
        while self.paced.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, packet)) = self.paced.pop_front() {
                self.release(packet, out);
            }
        }
        if let Some(voice) = self.voice.as_mut().filter(|voice| voice.next <= now) {
            let packet = voice.packet(&self.clock);
            self.release(packet, out);
        }
        if self.next_report <= now {
            self.next_report = now + REPORT;
            let reports = self.reports(now);
            if !reports.is_empty() {
                out.push(reports);
            }
        }
    }

    fn release(&mut self, packet: Rtp, out: &mut Vec<Vec<u8>>) {
        let number = self.transport_cc;
        self.transport_cc = number.map(|number| number.wrapping_add(1));
        out.push(Rtp { transport_cc: number, ..packet }.bytes());
    }

    fn encode(&mut self, now: Us) {
        let rate: u64 = self.tracks().map(VideoTrack::rate).sum();
        let per_octet = 8.0 * SECOND as f64 / (PACING * rate.max(100_000) as f64);
        let Publisher { camera, screen, clock, rng, paced, pacer_free, .. } = self;
        for track in camera.iter_mut().chain(screen) {
            while track.next().is_some_and(|at| at <= now) {
                for packet in track.frame(now, clock, rng) {
                    let at = (*pacer_free).max(now);
                    *pacer_free = at + (packet.len() as f64 * per_octet) as Us;
                    paced.push_back((at, packet));
                }
            }
        }
    }

    /// Takes what the server says about our streams.
    pub fn rtcp(&mut self, now: Us, part: &Rtcp<'_>, out: &mut Vec<Vec<u8>>) {
        match part {
            Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => {
                for block in blocks.clone() {
                    self.reported(now, &block);
                }
            }
            Rtcp::Pli { ssrc } => self.key_frame(now, *ssrc),
            Rtcp::Fir { requests } => requests.clone().for_each(|(ssrc, _)| self.key_frame(now, ssrc)),
            Rtcp::Nack { ssrc, missing } => {
                let pause = self.rtt.unwrap_or(100 * MS) / 2;
                let mut tracks = self.camera.iter_mut().chain(&mut self.screen);
                let Some(track) = tracks.find(|track| track.layers.iter().any(|layer| layer.ssrc == *ssrc)) else {
                    return;
                };
                let again: Vec<Rtp> =
                    missing.clone().filter_map(|seq| track.retransmit(now, *ssrc, seq, pause)).collect();
                again.into_iter().for_each(|packet| self.release(packet, out));
            }
            _ => {}
        }
    }

    fn reported(&mut self, now: Us, block: &ReportBlock) {
        let mut tracks = self.camera.iter_mut().chain(&mut self.screen);
        if let Some(layer) = tracks.find_map(|track| track.layer(block.ssrc)) {
            layer.acknowledged = true;
        }
        if block.last_report != 0 {
            let middle = (ntp(self.clock.at(now)) >> 16) as u32;
            self.rtt = Some(short_ntp_us(middle.wrapping_sub(block.last_report).wrapping_sub(block.delay)));
        }
    }

    fn key_frame(&mut self, now: Us, ssrc: Ssrc) {
        let Publisher { camera, screen, rng, .. } = self;
        for track in camera.iter_mut().chain(screen) {
            track.ask(now, ssrc, rng);
        }
    }

    /// Sender reports of all streams that send, as one compound (RFC 3550 §6.4.1).
    fn reports(&self, now: Us) -> Vec<u8> {
        let mut out = Vec::new();
        let video = self.tracks().flat_map(|track| track.layers.iter()).filter(|layer| layer.active);
        let video = video.map(|layer| (layer.ssrc, layer.timestamp(&self.clock, now), layer.packets));
        let sound = self.voice.iter().map(|voice| (voice.ssrc, voice.timestamp(&self.clock, now), voice.packets));
        let mut described = None;
        for (ssrc, rtp, packets) in video.chain(sound) {
            let info = SenderInfo { ssrc, ntp: ntp(self.clock.at(now)), rtp, packets, octets: packets * 900 };
            rtcp::sender_report(&mut out, &info, &[]);
            described = described.or(Some(ssrc));
        }
        if let Some(ssrc) = described {
            rtcp::sdes_cname(&mut out, ssrc, "model");
        }
        out
    }

    fn tracks(&self) -> impl Iterator<Item = &VideoTrack> {
        self.camera.iter().chain(&self.screen)
    }

    /// Starts or stops one layer of the camera, as an encoder that is short of time does, or one that is told to.
    pub fn set_active(&mut self, layer: usize, active: bool) {
        if let Some(layer) = self.camera.as_mut().and_then(|camera| camera.layers.get_mut(layer)) {
            layer.set_active(active);
        }
    }

    /// Sends one layer of the camera only while somebody takes it.
    pub fn set_wanted(&mut self, layer: usize, wanted: bool) {
        if let Some(layer) = self.camera.as_mut().and_then(|camera| camera.layers.get_mut(layer)) {
            layer.set_wanted(wanted);
        }
    }

    /// The camera's track is taken away: nothing is sent of it.
    pub fn pause_camera(&mut self) {
        if let Some(camera) = &mut self.camera {
            camera.running = false;
        }
    }

    /// The camera has a track again.
    pub fn resume_camera(&mut self, now: Us) {
        if let Some(camera) = self.camera.as_mut().filter(|camera| !camera.running) {
            camera.resume(now);
        }
    }

    pub fn speak(&mut self, speaking: bool) {
        if let Some(voice) = &mut self.voice {
            voice.speaking = speaking;
        }
    }

    /// As [`Publisher::speak`], with a microphone that sends nothing in between.
    pub fn speak_with_pauses(&mut self, speaking: bool, now: Us) {
        if let Some(voice) = &mut self.voice {
            voice.discontinuous = true;
            voice.speak(speaking, now);
        }
    }
}
