//! A microphone: Opus at 20 ms a packet and about 32 kbit/s, with the level of each packet (RFC 6464).

use plenum::id::Ssrc;
use rand::Rng;
use rand::rngs::StdRng;

use crate::publisher::OwnClock;
use crate::spec::{MICROPHONE_MID, OPUS};
use crate::time::{MS, Us};
use crate::wire::{Mark, Rtp};

/// One Opus packet, every browser's default.
const STEP: Us = 20 * MS;

/// Between two packets of a silence with discontinuous transmission, as Opus has it.
pub const KEEP_ALIVE: Us = 400 * MS;

/// Octets of a packet: 32 kbit/s at 50 packets a second.
const OCTETS: usize = 80;

/// −dBov of a voice into a headset, and of a quiet room after noise suppression.
const SPEECH: u8 = 25;
const SILENCE: u8 = 95;

/// One audio stream.
pub struct Voice {
    source: u32,
    pub ssrc: Ssrc,
    seq: u32,
    timestamp: u32,
    pub next: Us,
    pub speaking: bool,
    /// Silence is told of now and then only (DTX, RFC 7587 §3.1.3).
    pub discontinuous: bool,
    pub packets: u32,
    /// When each packet was sent, by its number less one.
    pub sent: Vec<Us>,
    rng_level: u8,
}

impl Voice {
    pub(super) fn new(source: u32, ssrc: Ssrc, rng: &mut StdRng) -> Voice {
        Voice {
            source,
            ssrc,
            seq: rng.random_range(0..0x1_0000),
            timestamp: rng.random(),
            next: rng.random_range(0..STEP),
            speaking: false,
            discontinuous: false,
            packets: 0,
            sent: Vec::new(),
            rng_level: rng.random_range(0..8),
        }
    }

    pub(super) fn timestamp(&self, clock: &OwnClock, now: Us) -> u32 {
        self.timestamp.wrapping_add(clock.ticks(now, 48_000))
    }

    /// Begins to speak, or ceases to. A silence ends with the next 20 ms of sound.
    pub(super) fn speak(&mut self, speaking: bool, now: Us) {
        if speaking && !self.speaking {
            self.next = self.next.min(now + STEP);
        }
        self.speaking = speaking;
    }

    /// The packet whose time has come. Its timestamp counts samples of the browser's clock.
    pub(super) fn packet(&mut self, clock: &OwnClock) -> Rtp {
        self.packets += 1;
        self.seq += 1;
        let number = self.seq;
        let mark = Mark {
            source: self.source,
            layer: Mark::SOUND,
            frame: self.packets,
            reference: 0,
            part: 0,
            parts: 1,
            number,
        };
        let mut payload = Vec::with_capacity(OCTETS);
        mark.put(&mut payload);
        payload.resize(OCTETS, 0);
        let timestamp = self.timestamp(clock, self.next);
        let voice = if self.speaking { 0x80 } else { 0 };
        let level = if self.speaking { SPEECH + self.rng_level } else { SILENCE };
        self.sent.push(self.next);
        self.next += if self.discontinuous && !self.speaking { KEEP_ALIVE } else { STEP };
        Rtp {
            mid: Some(MICROPHONE_MID),
            audio_level: Some(voice | level),
            ..Rtp::new(OPUS, self.ssrc, number as u16, timestamp, payload.into())
        }
    }
}
