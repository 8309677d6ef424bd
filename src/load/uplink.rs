//! What a synthetic browser sends: sounds, pictures on its layers, reports, key frames when asked, and lost packets again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::picture::{self, Part};
use super::plan::{Publishing, Speech};
use super::sdp;
use super::wire::{Header, Out, Wire};
use crate::id::Ssrc;
use crate::media::rtcp::{self, Rtcp, SenderInfo};

/// Sent packets that can be sent again: 2 s of a 2.5 Mbit/s layer.
const HISTORY: usize = 512;
/// A frame leaves in bursts of so many packets a millisecond, as libwebrtc's pacer lets it.
const BURST: usize = 16;
const BURST_INTERVAL: Duration = Duration::from_millis(1);
const SOUND_INTERVAL: Duration = Duration::from_millis(20);
/// Opus at 32 kbit/s; its packets differ by a quarter.
const SOUND: usize = 80;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A key frame is so many times as large as the others.
const KEY_FRAME: usize = 4;
/// Frames of a camera differ by this much from their mean, in percent.
const SPREAD: i64 = 30;
/// Loud and silent, −dBov.
const LOUD: u8 = 25;
const SILENT: u8 = 127;
/// Whoever is late by more than this does not catch up: it was asleep.
const MOST_LATE: Duration = Duration::from_millis(500);

/// A packet that was sent, as far as it takes to make it again.
#[derive(Clone, Copy)]
struct Sent {
    seq: u64,
    timestamp: u32,
    marker: bool,
    part: Part,
    at: u64,
}

/// One stream that is sent: the microphone, or a layer.
struct Stream {
    index: usize,
    ssrc: u32,
    mid: &'static str,
    rid: Option<&'static str>,
    pt: u8,
    seq: u64,
    repeats: u64,
    sent: Vec<Option<Sent>>,
    /// Octets of a usual frame.
    frame: usize,
    height: u16,
    wants_key: bool,
    packets: u32,
    octets: u32,
    timestamp: u32,
}

impl Stream {
    fn new(rng: &mut SmallRng, index: usize, mid: &'static str, rid: Option<&'static str>, pt: u8) -> Stream {
        Stream {
            index,
            ssrc: rng.random_range(1..u32::MAX / 2) * 2,
            mid,
            rid,
            pt,
            seq: rng.random_range(0..1_000),
            repeats: 1,
            sent: Vec::new(),
            frame: 0,
            height: 0,
            wants_key: true,
            packets: 0,
            octets: 0,
            timestamp: 0,
        }
    }
}

/// A part of a picture that waits for its turn.
struct Queued {
    stream: usize,
    part: Part,
    timestamp: u32,
    marker: bool,
}

/// The sending half of a peer.
pub(super) struct Uplink {
    epoch: Instant,
    plan: Publishing,
    rng: SmallRng,
    /// The microphone first.
    streams: Vec<Stream>,
    number: u32,
    queue: VecDeque<Queued>,
    next_sound: Option<Instant>,
    next_picture: Option<Instant>,
    next_burst: Instant,
    next_report: Instant,
    /// Packets sent, repeats not counted.
    pub(super) packets: u64,
}

impl Uplink {
    pub(super) fn new(now: Instant, epoch: Instant, plan: Publishing, seed: u64) -> Uplink {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut streams = vec![Stream::new(&mut rng, 0, sdp::MICROPHONE, None, sdp::OPUS)];
        if let Some(pictures) = &plan.pictures {
            let mid = if pictures.screen { sdp::SCREEN } else { sdp::CAMERA };
            for (index, layer) in pictures.layers.iter().enumerate() {
                let rid = sdp::RIDS.get(index).copied().filter(|_| pictures.layers.len() > 1);
                let mut stream = Stream::new(&mut rng, index + 1, mid, rid, sdp::VP8);
                stream.frame = (layer.kbps as f64 * 125.0 / pictures.fps) as usize;
                stream.height = layer.height;
                streams.push(stream);
            }
        }
        // Not all publishers at the same moment.
        let start = |interval: Duration, rng: &mut SmallRng| now + interval.mul_f64(rng.random::<f64>());
        let next_sound = plan.sound.then(|| start(SOUND_INTERVAL, &mut rng));
        let next_picture = plan.pictures.as_ref().map(|pictures| start(pictures.interval(), &mut rng));
        Uplink {
            epoch,
            plan,
            rng,
            streams,
            number: 0,
            queue: VecDeque::new(),
            next_sound,
            next_picture,
            next_burst: now,
            next_report: now + REPORT_INTERVAL / 10,
            packets: 0,
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        let burst = (!self.queue.is_empty()).then_some(self.next_burst);
        let due = [self.next_sound, self.next_picture, burst].into_iter().flatten().min();
        due.map_or(self.next_report, |due| due.min(self.next_report))
    }

    /// Sends what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant, wire: &mut Wire, out: &mut Out) {
        while let Some(due) = self.next_sound.filter(|due| *due <= now) {
            self.next_sound = Some(next(now, due, SOUND_INTERVAL));
            self.sound(now, wire, out);
        }
        while let Some(due) = self.next_picture.filter(|due| *due <= now) {
            let interval = self.plan.pictures.as_ref().map_or(REPORT_INTERVAL, |pictures| pictures.interval());
            self.next_picture = Some(next(now, due, interval));
            self.picture(now);
        }
        if self.next_burst <= now && !self.queue.is_empty() {
            self.next_burst = now + BURST_INTERVAL;
            for _ in 0..BURST {
                let Some(queued) = self.queue.pop_front() else { break };
                self.part(now, &queued, wire, out);
            }
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_INTERVAL;
            self.report(now, wire, out);
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_micros() as u64
    }

    fn sound(&mut self, now: Instant, wire: &mut Wire, out: &mut Out) {
        let at = self.micros(now);
        let loud = self.plan.speech.is_loud(Duration::from_micros(at));
        let Some(stream) = self.streams.first_mut() else { return };
        stream.timestamp = match stream.packets {
            0 => (at * 48 / 1_000) as u32,
            _ => stream.timestamp.wrapping_add(960),
        };
        let len = self.rng.random_range(SOUND - SOUND / 4..=SOUND + SOUND / 4);
        let level = if loud { 0x80 | LOUD } else { SILENT };
        let header = Header {
            stream: 0,
            ssrc: stream.ssrc,
            seq: stream.seq,
            timestamp: stream.timestamp,
            marker: stream.packets == 0,
            pt: stream.pt,
            mid: stream.mid,
            rid: None,
            level: Some(level),
        };
        wire.rtp(&header, len, |payload| picture::write_sound(payload, at), out);
        stream.seq += 1;
        stream.packets = stream.packets.wrapping_add(1);
        stream.octets = stream.octets.wrapping_add(len as u32);
        self.packets += 1;
    }

    /// Queues a picture on every layer.
    fn picture(&mut self, now: Instant) {
        self.number = self.number.wrapping_add(1);
        let timestamp = (self.micros(now) * 9 / 100) as u32;
        let steady = self.plan.pictures.as_ref().is_some_and(|pictures| pictures.steady);
        let spread = if steady { 0 } else { self.rng.random_range(-SPREAD..=SPREAD) };
        for (index, stream) in self.streams.iter_mut().enumerate().skip(1) {
            let key = std::mem::take(&mut stream.wants_key).then_some(stream.height);
            let usual = stream.frame.saturating_add_signed((stream.frame as i64 * spread / 100) as isize);
            let octets = if key.is_some() { usual * KEY_FRAME } else { usual };
            let parts: Vec<usize> = picture::split(octets).collect();
            for (place, len) in parts.iter().enumerate() {
                let layer = index as u8 - 1;
                let part = Part { number: self.number, first: place == 0, key, len: *len, layer };
                self.queue.push_back(Queued { stream: index, part, timestamp, marker: place + 1 == parts.len() });
            }
            stream.timestamp = timestamp;
        }
    }

    fn part(&mut self, now: Instant, queued: &Queued, wire: &mut Wire, out: &mut Out) {
        let at = self.micros(now);
        let Some(stream) = self.streams.get_mut(queued.stream) else { return };
        let Queued { part, timestamp, marker, .. } = *queued;
        let header = Header {
            stream: stream.index * 2,
            ssrc: stream.ssrc,
            seq: stream.seq,
            timestamp,
            marker,
            pt: stream.pt,
            mid: stream.mid,
            rid: stream.rid.map(|rid| (sdp::RID, rid)),
            level: None,
        };
        wire.rtp(&header, part.len, |payload| picture::write_picture(payload, &part, at), out);
        if stream.sent.is_empty() {
            stream.sent = vec![None; HISTORY];
        }
        if let Some(place) = stream.sent.get_mut(stream.seq as usize % HISTORY) {
            *place = Some(Sent { seq: stream.seq, timestamp, marker, part, at });
        }
        stream.seq += 1;
        stream.packets = stream.packets.wrapping_add(1);
        stream.octets = stream.octets.wrapping_add(part.len as u32);
        self.packets += 1;
    }

    /// Sender reports of all streams (RFC 3550 §6.4.1).
    fn report(&mut self, now: Instant, wire: &mut Wire, out: &mut Out) {
        let at = self.micros(now);
        // Which moment NTP's own epoch was matters to nobody: all reports count from ours.
        let (seconds, fraction) = (0x8000_0000 + at / 1_000_000, ((at % 1_000_000) << 32) / 1_000_000);
        let ntp = seconds << 32 | fraction;
        for (index, stream) in self.streams.iter().enumerate().filter(|(_, stream)| stream.packets > 0) {
            let ticks = if index == 0 { 48 } else { 90 };
            let rtp = match index {
                0 => stream.timestamp,
                _ => (at * ticks / 1_000) as u32,
            };
            let (packets, octets) = (stream.packets, stream.octets);
            let mut packet = Vec::with_capacity(64);
            rtcp::sender_report(&mut packet, &SenderInfo { ssrc: Ssrc(stream.ssrc), ntp, rtp, packets, octets }, &[]);
            rtcp::sdes_cname(&mut packet, Ssrc(stream.ssrc), "load");
            wire.rtcp(&packet, out);
        }
    }

    /// Obeys the server: key frames and lost packets.
    pub(super) fn heed(&mut self, packet: &Rtcp<'_>, wire: &mut Wire, out: &mut Out) {
        match packet {
            Rtcp::Pli { ssrc } => self.wants_key(*ssrc),
            Rtcp::Fir { requests } => requests.clone().for_each(|(ssrc, _)| self.wants_key(ssrc)),
            Rtcp::Nack { ssrc, missing } => missing.clone().for_each(|seq| self.repeat(*ssrc, seq, wire, out)),
            _ => {}
        }
    }

    fn wants_key(&mut self, ssrc: Ssrc) {
        for stream in self.streams.iter_mut().filter(|stream| stream.ssrc == ssrc.0) {
            stream.wants_key = true;
        }
    }

    /// Sends a lost packet again (RFC 4588), with the layer's rid as Chromium does.
    fn repeat(&mut self, ssrc: Ssrc, seq: u16, wire: &mut Wire, out: &mut Out) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc.0) else { return };
        let wanted = |sent: &&Sent| sent.seq as u16 == seq;
        let Some(sent) = stream.sent.iter().flatten().find(wanted).copied() else { return };
        let header = Header {
            stream: stream.index * 2 + 1,
            ssrc: stream.ssrc + 1,
            seq: stream.repeats,
            timestamp: sent.timestamp,
            marker: sent.marker,
            pt: sdp::RTX,
            mid: stream.mid,
            rid: stream.rid.map(|rid| (sdp::REPAIRED_RID, rid)),
            level: None,
        };
        stream.repeats += 1;
        let fill = |payload: &mut [u8]| {
            let Some((original, body)) = payload.split_first_chunk_mut::<2>() else { return };
            *original = seq.to_be_bytes();
            picture::write_picture(body, &sent.part, sent.at);
        };
        wire.rtp(&header, sent.part.len + 2, fill, out);
    }
}

/// The next time after `due`; from `now` on when that is long past.
fn next(now: Instant, due: Instant, interval: Duration) -> Instant {
    let next = due + interval;
    if next + MOST_LATE < now { now + interval } else { next }
}

impl Speech {
    /// Whether this member speaks at `time` since the tester's start.
    fn is_loud(&self, time: Duration) -> bool {
        match *self {
            Speech::Always => true,
            Speech::Never => false,
            Speech::Turns { index, of } => {
                time.as_millis() as u64 / Speech::TURN.as_millis() as u64 % u64::from(of.max(1)) == u64::from(index)
            }
        }
    }
}
