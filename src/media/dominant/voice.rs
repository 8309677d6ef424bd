//! One source's last second of levels: noise, activity, loudness.

use std::time::{Duration, Instant};

use crate::media::dominant::score::{IMMEDIATE_PARTS, LONG_PARTS, MEDIUM_PARTS, Scores};

/// Levels are put into frames of this length, that of nearly all Opus packets.
const FRAME: Duration = Duration::from_millis(20);
const FRAMES: usize = MEDIUM_PARTS as usize * LONG_PARTS as usize;

/// A step above the noise: 13 of them cover the 26 dB between noise and a loud voice. Our own: where the paper has
/// sub-bands of the spectrum, jitsi-utils divides all 127 dB into 13 steps, which tells loud from soft but not a fan
/// from a voice.
const STEP_DB: u16 = 2;
/// With so many steps a frame is active: more than half as in the paper, 14 dB above the noise.
const ACTIVE_STEPS: u8 = 7;
/// With so many active frames a medium interval is: a syllable with the gap after it. jitsi-utils demands all five,
/// which levels of 20 ms with gaps between syllables seldom give.
const ACTIVE_FRAMES: usize = 3;
/// With so many, somebody begins.
const STARTING_FRAMES: usize = 2;

/// Loudness is counted in dB above −127 dBov, the least that RFC 6464 knows.
const SILENT: u8 = 127;
/// Noise below −70 dBov counts as this, down to a noise suppressor's silence: a breath is not speech.
const NOISE_MIN: u16 = 57;
/// Noise is kept in 25ths of a dB. It is the lowest level lately: it falls at once, and rises by one 25th a frame, 2 dB
/// a second, so that no pause between words is missed and a fan is known for one within seconds.
const NOISE_SCALE: u16 = 25;

/// The longest packet is 120 ms (RFC 7587 §4.2): a packet after no longer a gap speaks for all of it, and only a longer
/// gap is silence (DTX, mute).
const GAP: u64 = 6;

/// A level is smoothed no more often than this, however often stock is taken.
const SMOOTHING: Duration = Duration::from_millis(90);

/// Keep this many medium intervals without speech before a voice counts as idle: shorter than a pause between
/// sentences, longer than one between words.
const IDLE: usize = 3;

/// One source's voice.
#[derive(Clone, Debug)]
pub struct Voice {
    start: Instant,
    /// Steps above the noise by frame number, in a circle.
    steps: [u8; FRAMES],
    /// Number of the newest frame.
    newest: u64,
    /// Lowest level lately in 25ths of a dB above −127 dBov; `None` before the first sound.
    noise: Option<u16>,
    /// Loudest since the last review, −dBov.
    loudest: u8,
    level: u8,
    smoothed: Option<Instant>,
    medium: u8,
    speech: u8,
    recent: bool,
}

impl Voice {
    pub fn new(now: Instant) -> Voice {
        Voice {
            start: now,
            steps: [0; FRAMES],
            newest: 0,
            noise: None,
            loudest: SILENT,
            level: SILENT,
            smoothed: None,
            medium: 0,
            speech: 0,
            recent: false,
        }
    }

    /// Takes the level of a packet, −dBov (RFC 6464).
    pub fn hear(&mut self, now: Instant, level: u8) {
        let level = level.min(SILENT);
        self.loudest = self.loudest.min(level);
        let number = self.number(now);
        let steps = self.steps_above_noise(SILENT - level, number.saturating_sub(self.newest).clamp(1, GAP));
        let missing = number.saturating_sub(self.newest);
        if missing > GAP {
            self.fill(number - 1, 0);
        }
        self.fill(number, steps);
        // Two packets in one frame came late or early: the louder counts.
        let newest = &mut self.steps[(self.newest % FRAMES as u64) as usize];
        *newest = steps.max(*newest);
    }

    /// Takes stock; to be called before every decision.
    pub fn review(&mut self, now: Instant) {
        let number = self.number(now);
        if number.saturating_sub(self.newest) > GAP {
            self.fill(number, 0);
        }
        let active = |part: usize| {
            let frames = part * usize::from(MEDIUM_PARTS)..(part + 1) * usize::from(MEDIUM_PARTS);
            frames.filter(|back| self.back(*back) >= ACTIVE_STEPS).count()
        };
        let speech = (0..usize::from(LONG_PARTS)).filter(|part| active(*part) >= ACTIVE_FRAMES).count();
        let recent = (0..IDLE).any(|part| active(part) >= STARTING_FRAMES);
        let medium = active(0);
        if self.smoothed.is_none_or(|last| now.saturating_duration_since(last) >= SMOOTHING) {
            self.smooth(now);
        }
        (self.medium, self.speech, self.recent) = (medium as u8, speech as u8, recent);
    }

    /// Fast attack, slow release: half way up at once, an eighth of the way down.
    fn smooth(&mut self, now: Instant) {
        self.smoothed = Some(now);
        let heard = std::mem::replace(&mut self.loudest, SILENT);
        self.level = if heard < self.level {
            self.level - (self.level - heard).div_ceil(2)
        } else {
            self.level + (heard - self.level).div_ceil(8)
        };
    }

    /// Smoothed, −dBov: noise counts as well.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Smoothed, −dBov, of a voice that was heard above its noise just now. Falls into a pause after 300 ms.
    pub fn loudness(&self) -> Option<u8> {
        self.recent.then_some(self.level)
    }

    /// Whether somebody speaks or begins to.
    pub fn starts(&self) -> bool {
        usize::from(self.medium) >= STARTING_FRAMES
    }

    /// The same as far as the last 100 ms tell, without a review: cheap enough for every packet.
    pub fn begins(&self) -> bool {
        let active = (0..usize::from(MEDIUM_PARTS)).filter(|back| self.back(*back) >= ACTIVE_STEPS);
        active.count() >= STARTING_FRAMES
    }

    /// Whether somebody speaks.
    pub fn is_active(&self) -> bool {
        usize::from(self.medium) >= ACTIVE_FRAMES
    }

    /// Tenths of the last second with speech: 0 to 10.
    pub fn speech(&self) -> u8 {
        self.speech
    }

    pub(super) fn scores(&self) -> Scores {
        Scores::of(self.back(0), self.medium, self.speech)
    }

    fn number(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.start).as_millis() / FRAME.as_millis()) as u64
    }

    /// The frame that lies `back` frames before the newest.
    fn back(&self, back: usize) -> u8 {
        let back = back as u64;
        if back > self.newest { 0 } else { self.steps[((self.newest - back) % FRAMES as u64) as usize] }
    }

    /// Fills the frames after the newest up to `number`.
    fn fill(&mut self, number: u64, steps: u8) {
        for frame in (self.newest + 1..=number).rev().take(FRAMES) {
            self.steps[(frame % FRAMES as u64) as usize] = steps;
        }
        self.newest = self.newest.max(number);
    }

    /// How far `loudness` (in dB) is above the noise, which has learnt from it for so many frames.
    fn steps_above_noise(&mut self, loudness: u8, frames: u64) -> u8 {
        let scaled = u16::from(loudness).max(NOISE_MIN) * NOISE_SCALE;
        let noise = self.noise.map_or(scaled, |noise| scaled.min(noise + frames as u16));
        self.noise = Some(noise);
        let above = u16::from(loudness).saturating_sub(noise / NOISE_SCALE);
        (above / STEP_DB).min(u16::from(IMMEDIATE_PARTS)) as u8
    }
}
