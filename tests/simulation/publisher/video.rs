//! A camera or a screen: VP8 in one or more simulcast layers, with or without temporal layers.

use std::collections::VecDeque;

use plenum::id::Ssrc;
use rand::Rng;
use rand::rngs::StdRng;

use crate::publisher::OwnClock;
use crate::spec::{CAMERA_MID, RIDS, SCREEN_MID, VP8};
use crate::time::{MS, SECOND, Us};
use crate::wire::{Mark, Rtp};

/// From a request to the encoder's taking it up: with the wait for the next frame of a camera at 30 frames a second this
/// gives what was measured with Chromium, PLI to key frame 63 ms at the median, 125 ms at the ninth decile, 270 ms at
/// most (research/browser-spike.md §3). Log-normal.
const ENCODER_MEDIAN: f64 = 44_000.0;
const ENCODER_SIGMA: f64 = 0.66;
const ENCODER_MAX: f64 = 240_000.0;

/// A key frame's size in delta frames, as libvpx makes of a talking head, paid back by smaller frames after it.
const KEY_FRAME: u64 = 4;

/// Payload octets of one packet: libwebrtc's maximum less headers.
const PACKET: usize = 1_100;

/// Packets kept for retransmission: libwebrtc's history for video is at least 600.
const HISTORY: usize = 600;

/// What a video track is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub screen: bool,
    /// Of RIDS, from the lowest; one layer goes without rid.
    pub layers: usize,
    pub fps: u64,
    /// 1 to 3.
    pub temporal: u8,
    /// A request for one layer is answered on all, as Chromium may.
    pub everywhere: bool,
}

impl Shape {
    pub const CAMERA: Shape = Shape { screen: false, layers: 3, fps: 30, temporal: 1, everywhere: false };
    /// What a small machine sends: 360 and 180 lines.
    pub const SMALL: Shape = Shape { layers: 2, fps: 10, ..Shape::CAMERA };
    pub const SINGLE: Shape = Shape { layers: 1, ..Shape::CAMERA };
    pub const SCREEN: Shape = Shape { screen: true, layers: 1, fps: 5, temporal: 1, everywhere: false };

    pub fn temporal(self, temporal: u8) -> Shape {
        Shape { temporal, ..self }
    }

    fn layer(self, index: usize) -> (u64, u16, u16) {
        const CAMERA: [(u64, u16, u16); 3] = [(150_000, 320, 180), (500_000, 640, 360), (1_700_000, 1_280, 720)];
        match (self.screen, self.layers) {
            (true, _) => (400_000, 1_920, 1_080),
            (false, 1) => CAMERA[2],
            (false, _) => CAMERA[index],
        }
    }
}

/// A frame that left, as the publisher remembers it.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub captured: Us,
    pub parts: u16,
}

/// A key frame that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct KeyFrame {
    pub asked: Us,
    pub sent: Us,
}

/// One simulcast layer.
pub struct Layer {
    index: usize,
    rid: Option<&'static str>,
    pub ssrc: Ssrc,
    rtx_ssrc: Ssrc,
    seq: u32,
    rtx_seq: u16,
    timestamp: u32,
    picture_id: u16,
    tl0picidx: u8,
    pub rate: u64,
    width: u16,
    height: u16,
    pub active: bool,
    /// Somebody takes it, as far as the server has said.
    taken: bool,
    /// When a key frame was asked for, and when the encoder will take it up.
    wanted: Option<(Us, Us)>,
    /// The last frame of each temporal layer.
    last: [u32; 3],
    /// Place in the pattern of temporal layers.
    step: u32,
    /// Octets that key frames took ahead.
    debt: u64,
    pub acknowledged: bool,
    history: VecDeque<(Rtp, Us)>,
    pub packets: u32,
    /// By frame number less one.
    pub sent: Vec<Sent>,
}

/// A video track of one source.
pub struct VideoTrack {
    source: u32,
    shape: Shape,
    mid: &'static str,
    pub layers: Vec<Layer>,
    next: Us,
    /// When the server asked for key frames: the layer, too.
    pub asked: Vec<(Us, usize)>,
    pub answered: Vec<KeyFrame>,
    /// Somebody is in front of it; a track that was removed sends nothing.
    pub running: bool,
}

impl VideoTrack {
    pub(super) fn new(shape: Shape, source: u32, ssrc: u32, rng: &mut StdRng) -> VideoTrack {
        let layers = (0..shape.layers).map(|index| Layer::new(shape, index, ssrc + 2 * index as u32, rng)).collect();
        let mid = if shape.screen { SCREEN_MID } else { CAMERA_MID };
        let next = rng.random_range(0..SECOND / shape.fps);
        VideoTrack { source, shape, mid, layers, next, asked: Vec::new(), answered: Vec::new(), running: true }
    }

    pub fn next(&self) -> Option<Us> {
        self.running.then_some(self.next)
    }

    pub fn rate(&self) -> u64 {
        self.layers.iter().filter(|layer| layer.sends()).map(|layer| layer.rate).sum()
    }

    /// Bits per second of each layer, from the lowest.
    pub fn rates(&self) -> Vec<u64> {
        self.layers.iter().map(|layer| layer.rate).collect()
    }

    /// The track goes on after a pause.
    pub fn resume(&mut self, now: Us) {
        self.running = true;
        self.next = self.next.max(now);
        self.layers.iter_mut().for_each(Layer::restart);
    }

    /// The packets of the frame captured at `now`, of all layers, the lowest first.
    pub(super) fn frame(&mut self, now: Us, clock: &OwnClock, rng: &mut StdRng) -> Vec<Rtp> {
        let captured = self.next;
        self.next += SECOND / self.shape.fps;
        let mut packets = Vec::new();
        for layer in self.layers.iter_mut().filter(|layer| layer.sends()) {
            if let Some((asked, _)) = layer.due_key_frame(now) {
                self.answered.push(KeyFrame { asked, sent: now });
            }
            let frame = layer.encode(captured, self.shape, rng);
            packets.extend(layer.packetize(frame, (self.source, self.mid), self.shape.temporal, clock));
        }
        packets
    }

    pub(super) fn layer(&mut self, ssrc: Ssrc) -> Option<&mut Layer> {
        self.layers.iter_mut().find(|layer| layer.ssrc == ssrc)
    }

    pub(super) fn ask(&mut self, now: Us, ssrc: Ssrc, rng: &mut StdRng) {
        let Some(index) = self.layers.iter().position(|layer| layer.ssrc == ssrc) else { return };
        self.asked.push((now, index));
        let delay = encoder_delay(rng);
        for layer in &mut self.layers {
            if layer.index == index || self.shape.everywhere {
                layer.wanted.get_or_insert((now, now + delay));
            }
        }
    }

    pub(super) fn retransmit(&mut self, now: Us, ssrc: Ssrc, seq: u16, pause: Us) -> Option<Rtp> {
        let mid = self.mid;
        let layer = self.layer(ssrc)?;
        let (packet, last) = layer.history.iter_mut().rev().find(|(packet, _)| packet.seq == seq)?;
        if *last != 0 && now < *last + pause {
            return None;
        }
        *last = now;
        layer.rtx_seq = layer.rtx_seq.wrapping_add(1);
        Some(packet.rtx(layer.rtx_ssrc, layer.rtx_seq, mid, layer.rid))
    }
}

/// How long the encoder takes to make a key frame.
fn encoder_delay(rng: &mut StdRng) -> Us {
    // Box–Muller: a normal deviate out of two uniform ones.
    let (a, b): (f64, f64) = (rng.random_range(f64::EPSILON..1.0), rng.random_range(0.0..std::f64::consts::TAU));
    let normal = (-2.0 * a.ln()).sqrt() * b.cos();
    (ENCODER_MEDIAN * (ENCODER_SIGMA * normal).exp()).min(ENCODER_MAX) as Us
}

/// An encoded frame.
struct Frame {
    captured: Us,
    number: u32,
    reference: u32,
    key: bool,
    temporal: u8,
    /// It refers to the base layer alone.
    sync: bool,
    octets: u64,
}

impl Layer {
    fn new(shape: Shape, index: usize, ssrc: u32, rng: &mut StdRng) -> Layer {
        let (rate, width, height) = shape.layer(index);
        Layer {
            index,
            rid: if shape.layers > 1 { RIDS.get(index).copied() } else { None },
            ssrc: Ssrc(ssrc),
            rtx_ssrc: Ssrc(ssrc + 1),
            // Streams start anywhere, often near a wrap.
            seq: 0xFF00 + rng.random_range(0..0x8000),
            rtx_seq: rng.random_range(0..0x8000),
            timestamp: rng.random(),
            picture_id: rng.random_range(0..0x8000),
            tl0picidx: rng.random(),
            rate,
            width,
            height,
            active: true,
            taken: true,
            wanted: Some((0, 0)),
            last: [0; 3],
            step: 0,
            debt: 0,
            acknowledged: false,
            history: VecDeque::with_capacity(HISTORY),
            packets: 0,
            sent: Vec::new(),
        }
    }

    pub(super) fn timestamp(&self, clock: &OwnClock, now: Us) -> u32 {
        self.timestamp.wrapping_add(clock.ticks(now, 90_000))
    }

    pub fn sends(&self) -> bool {
        self.active && self.taken
    }

    pub(super) fn set_wanted(&mut self, wanted: bool) {
        if wanted && !self.taken {
            self.restart();
        }
        self.taken = wanted;
    }

    pub(super) fn set_active(&mut self, active: bool) {
        if active && !self.active {
            self.restart();
        }
        self.active = active;
    }

    /// An encoder begins with a key frame, and after a pause it begins anew.
    fn restart(&mut self) {
        self.wanted.get_or_insert((0, 0));
    }

    /// The request that the next frame answers, when there is one.
    fn due_key_frame(&mut self, now: Us) -> Option<(Us, Us)> {
        let due = self.wanted.filter(|(_, ready)| *ready <= now);
        if due.is_some() {
            self.step = 0;
            self.wanted = None;
            self.last = [0; 3];
        }
        due.filter(|(asked, _)| *asked > 0)
    }

    fn encode(&mut self, captured: Us, shape: Shape, rng: &mut StdRng) -> Frame {
        let key = self.last[0] == 0;
        let number = self.sent.len() as u32 + 1;
        let (temporal, share) = pattern(shape.temporal, self.step);
        self.step += 1;
        let average = self.rate / 8 / shape.fps;
        let mut octets = (average as f64 * share * rng.random_range(0.75..1.25)) as u64;
        if key {
            octets = average * KEY_FRAME;
            self.debt += octets - average;
        } else {
            let back = (octets / 4).min(self.debt);
            self.debt -= back;
            octets -= back;
        }
        // L1T2: the upper layer refers to the base. L1T3: so does the middle, and the last frame of the top to it.
        let reference = match temporal {
            2 if self.last[1] > self.last[0] => self.last[1],
            _ => self.last[0],
        };
        let sync = temporal > 0 && reference == self.last[0];
        self.last[usize::from(temporal)] = number;
        Frame { captured, number, reference: if key { 0 } else { reference }, key, temporal, sync, octets }
    }

    fn packetize(
        &mut self,
        frame: Frame,
        (source, mid): (u32, &'static str),
        layers: u8,
        clock: &OwnClock,
    ) -> Vec<Rtp> {
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        if frame.temporal == 0 {
            self.tl0picidx = self.tl0picidx.wrapping_add(1);
        }
        let parts = (frame.octets as usize).div_ceil(PACKET).max(1) as u16;
        let size = (frame.octets as usize / usize::from(parts)).max(64);
        self.sent.push(Sent { captured: frame.captured, parts });
        let timestamp = self.timestamp(clock, frame.captured);
        let packets = (0..parts).map(|part| {
            self.seq += 1;
            self.packets += 1;
            let mark = Mark {
                source,
                layer: self.index as u8,
                frame: frame.number,
                reference: frame.reference,
                part,
                parts,
                number: self.seq,
            };
            let payload = self.payload(&frame, &mark, size, layers).into();
            let named = !self.acknowledged;
            let packet = Rtp {
                marker: part + 1 == parts,
                mid: named.then_some(mid),
                rid: self.rid.filter(|_| named),
                ..Rtp::new(VP8, self.ssrc, self.seq as u16, timestamp, payload)
            };
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back((packet.clone(), 0));
            packet
        });
        packets.collect()
    }

    /// Payload descriptor (RFC 7741 §4.2) as Chromium writes it, the head of the VP8 frame, the mark, and filling.
    fn payload(&self, frame: &Frame, mark: &Mark, size: usize, layers: u8) -> Vec<u8> {
        let mut payload = Vec::with_capacity(size + 40);
        let [high, low] = self.picture_id.to_be_bytes();
        let start = if mark.part == 0 { 0x10 } else { 0 };
        if layers == 1 {
            payload.extend([0x80 | start, 0x80, high | 0x80, low]);
        } else {
            payload.extend([0x80 | start, 0xE0, high | 0x80, low, self.tl0picidx]);
            payload.push(frame.temporal << 6 | u8::from(frame.sync) << 5);
        }
        if mark.part == 0 {
            payload.extend([u8::from(!frame.key), 0, 0]);
            if frame.key {
                payload.extend([0x9D, 0x01, 0x2A]);
                payload.extend(self.width.to_le_bytes());
                payload.extend(self.height.to_le_bytes());
            }
        }
        mark.put(&mut payload);
        payload.resize(payload.len().max(size), 0x5A);
        payload
    }
}

/// The temporal layer of a frame and its size relative to the average: libwebrtc's patterns 0, 01 and 0212.
fn pattern(layers: u8, step: u32) -> (u8, f64) {
    match (layers, step % 4) {
        (1, _) => (0, 1.0),
        (2, 0 | 2) | (3, 0) => (0, if layers == 2 { 1.2 } else { 1.6 }),
        (2, _) => (1, 0.8),
        (_, 2) => (1, 0.8),
        _ => (2, 0.8),
    }
}

/// Longest time from a request to the key frame that a camera takes.
pub const LONGEST_KEY_FRAME: Us = ENCODER_MAX as Us + 34 * MS;
