//! Rooms of modelled speakers: what takes over, what does not, and how soon.

use std::time::{Duration, Instant};

use super::*;

/// What a microphone hears.
#[derive(Clone, Copy, Debug)]
enum Sound {
    /// A room's noise at this level, −dBov.
    Noise(u8),
    /// Speech whose syllables reach the first level over noise at the second.
    Speech(u8, u8),
    /// The same without a pause for breath.
    Monologue(u8, u8),
    /// A short loud noise.
    Cough,
    /// Muted, or silenced by DTX: no packets.
    Nothing,
}

/// One seeded microphone.
struct Microphone {
    dice: u64,
    sound: Sound,
    /// Frames to the end of the syllable or gap, and of the phrase or pause.
    syllable: (bool, u32),
    phrase: (bool, u32),
}

impl Microphone {
    fn roll(&mut self, from: u32, to: u32) -> u32 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from + (self.dice >> 33) as u32 % (to - from + 1)
    }

    fn plays(&mut self, sound: Sound) {
        self.sound = sound;
        self.syllable = (false, 0);
        self.phrase = (false, 0);
    }

    /// The level of the next 20 ms.
    fn level(&mut self) -> Option<u8> {
        let noise = |noise: u8, dice: u32| (u32::from(noise) + dice).saturating_sub(2).min(127) as u8;
        match self.sound {
            Sound::Nothing => None,
            Sound::Noise(level) => Some(noise(level, self.roll(0, 4))),
            Sound::Cough => Some(self.roll(12, 20) as u8),
            Sound::Speech(level, under) => Some(self.speak(level, under, true)),
            Sound::Monologue(level, under) => Some(self.speak(level, under, false)),
        }
    }

    fn speak(&mut self, level: u8, under: u8, pauses: bool) -> u8 {
        if self.phrase.1 == 0 {
            // Phrases of 1 to 3 s, pauses of 200 to 600 ms.
            let speaks = !self.phrase.0 || !pauses;
            self.phrase = (speaks, if speaks { self.roll(50, 150) } else { self.roll(10, 30) });
        }
        if self.syllable.1 == 0 {
            // Syllables of 100 to 240 ms, gaps of 20 to 60 ms.
            let sounds = !self.syllable.0;
            self.syllable = (sounds, if sounds { self.roll(5, 12) } else { self.roll(1, 3) });
        }
        self.phrase.1 -= 1;
        self.syllable.1 -= 1;
        let [loud, soft] = [self.roll(0, 8) as u8, self.roll(0, 4) as u8];
        if self.phrase.0 && self.syllable.0 { level + loud } else { (under + soft).min(127) }
    }
}

/// A room in virtual time.
struct Room {
    now: Instant,
    frame: u32,
    microphones: Vec<Microphone>,
    voices: Vec<Voice>,
    dominance: Dominance,
    loudest: Loudest,
    /// When somebody else dominated, in ms, and who.
    changes: Vec<(u32, u32)>,
    /// When somebody began to rise, in ms, and who.
    rises: Vec<(u32, u32)>,
}

impl Room {
    fn new(sounds: &[Sound], seed: u64) -> Room {
        let now = Instant::now();
        let microphone = |(index, sound): (usize, &Sound)| Microphone {
            dice: seed.wrapping_mul(31).wrapping_add(index as u64 * 7_919 + 1),
            sound: *sound,
            syllable: (false, 0),
            phrase: (false, 0),
        };
        Room {
            now,
            frame: 0,
            microphones: sounds.iter().enumerate().map(microphone).collect(),
            voices: sounds.iter().map(|_| Voice::new(now)).collect(),
            dominance: Dominance::default(),
            loudest: Loudest::default(),
            changes: Vec::new(),
            rises: Vec::new(),
        }
    }

    fn run(&mut self, ms: u32) -> &mut Room {
        for _ in 0..ms / 20 {
            self.now += Duration::from_millis(20);
            self.frame += 1;
            for (microphone, voice) in self.microphones.iter_mut().zip(&mut self.voices) {
                if let Some(level) = microphone.level() {
                    voice.hear(self.now, level);
                }
            }
            if self.frame.is_multiple_of(5) {
                self.review();
            }
        }
        self
    }

    fn review(&mut self) {
        self.voices.iter_mut().for_each(|voice| voice.review(self.now));
        let voices = self.voices.iter().enumerate().map(|(index, voice)| (SourceId(index as u32), voice));
        let rising = self.dominance.rising();
        let changed = self.dominance.review(voices.clone());
        self.loudest.review(self.now, 3, voices);
        if let Some(SourceId(dominant)) = self.dominance.dominant().filter(|_| changed) {
            self.changes.push((self.frame * 20, dominant));
        }
        if let Some(SourceId(rises)) = self.dominance.rising().filter(|_| self.dominance.rising() != rising) {
            self.rises.push((self.frame * 20, rises));
        }
    }

    fn plays(&mut self, microphone: usize, sound: Sound) -> &mut Room {
        self.microphones[microphone].plays(sound);
        self
    }

    fn dominant(&self) -> Option<u32> {
        self.dominance.dominant().map(|source| source.0)
    }

    fn chosen(&self) -> Vec<u32> {
        let mut chosen: Vec<u32> = self.loudest.chosen().iter().map(|source| source.0).collect();
        chosen.sort_unstable();
        chosen
    }
}

const SEEDS: std::ops::Range<u64> = 0..100;
const QUIET: Sound = Sound::Noise(75);
const TALK: Sound = Sound::Speech(25, 75);

#[test]
fn before_anybody_speaks_nobody_dominates() {
    for seed in SEEDS {
        let mut room = Room::new(&[QUIET, Sound::Noise(45), Sound::Nothing, Sound::Noise(127)], seed);
        assert_eq!(room.run(20_000).dominant(), None);
        assert_eq!((room.chosen(), &room.rises), (vec![], &vec![]));
    }
}

#[test]
fn the_first_to_speak_dominates_soon() {
    for seed in SEEDS {
        let mut room = Room::new(&[QUIET, QUIET], seed);
        room.run(5_000).plays(1, TALK).run(400);
        assert_eq!(room.dominant(), Some(1));
    }
}

#[test]
fn a_cough_does_not_take_over() {
    for seed in SEEDS {
        let mut room = Room::new(&[TALK, QUIET], seed);
        room.run(4_000);
        for _ in 0..10 {
            room.plays(1, Sound::Cough).run(300).plays(1, QUIET).run(2_500);
        }
        // Nor when everybody is silent.
        room.plays(0, QUIET).run(5_000).plays(1, Sound::Cough).run(400).plays(1, QUIET).run(2_000);
        assert_eq!(room.changes.len(), 1, "{:?}", room.changes);
        assert_eq!(room.dominant(), Some(0));
    }
}

#[test]
fn a_speaker_takes_over_within_about_a_second_and_rises_before() {
    let mut slowest = 0;
    for seed in SEEDS {
        let mut room = Room::new(&[TALK, QUIET, QUIET], seed);
        room.run(10_000).plays(0, QUIET).plays(2, Sound::Monologue(30, 75)).run(2_000);
        let (at, dominant) = room.changes.last().copied().unwrap_or_default();
        assert_eq!((dominant, room.changes.len()), (2, 2), "{:?}", room.changes);
        slowest = slowest.max(at - 10_000);
        let rose = room.rises.iter().find(|(rose, who)| *rose > 10_000 && *who == 2).map_or(at, |(rose, _)| *rose);
        assert!(at - rose >= 200, "rising {} ms before", at - rose);
    }
    assert!(slowest <= 1_200, "{slowest} ms");
}

#[test]
fn the_dominant_speaker_keeps_the_place_through_pauses() {
    for seed in SEEDS {
        let mut room = Room::new(&[TALK, QUIET, Sound::Noise(50)], seed);
        room.run(30_000).plays(0, QUIET).run(60_000).plays(0, Sound::Nothing).run(10_000).plays(0, TALK).run(10_000);
        assert_eq!(room.changes.len(), 1, "{:?}", room.changes);
    }
}

#[test]
fn two_who_talk_at_once_do_not_alternate() {
    let mut all = 0;
    for seed in SEEDS {
        let mut room = Room::new(&[TALK, Sound::Speech(28, 75)], seed);
        room.run(60_000);
        all += room.changes.len() - 1;
        assert!(room.changes.len() <= 6, "{:?}", room.changes);
    }
    assert!(all <= 2 * SEEDS.count(), "{all} changes in {} minutes", SEEDS.count());
}

#[test]
fn every_voice_is_measured_by_its_own_noise() {
    for seed in SEEDS {
        // A fan is louder than the quiet speaker, and no voice.
        let mut room = Room::new(&[Sound::Noise(42), Sound::Speech(45, 80), QUIET], seed);
        assert_eq!(room.run(5_000).dominant(), Some(1));
        // Who speaks in the noise is heard over it.
        room.plays(1, Sound::Noise(80)).plays(0, Sound::Monologue(18, 42)).run(2_500);
        assert_eq!(room.dominant(), Some(0));
        // The other way round it works as well.
        room.plays(0, Sound::Noise(42)).plays(1, Sound::Monologue(45, 80)).run(2_500);
        assert_eq!(room.dominant(), Some(1));
    }
}

#[test]
fn a_fan_that_starts_is_known_for_one_within_seconds() {
    for seed in SEEDS {
        let mut room = Room::new(&[QUIET], seed);
        room.run(3_000).plays(0, Sound::Noise(50)).run(10_000);
        assert_eq!(room.voices[0].loudness(), None);
        assert!((47..=53).contains(&room.voices[0].level()));
    }
}

#[test]
fn packets_of_any_length_and_any_jitter_are_one_voice() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let [mut even, mut long, mut jittery] = [0; 3].map(|_| Voice::new(start));
    for frame in 0..100 {
        let level = if frame < 50 { 80 } else { 30 };
        even.hear(at(frame * 20), level);
        // 60 ms a packet.
        if frame % 3 == 0 {
            long.hear(at(frame * 20), level);
        }
        // In pairs.
        jittery.hear(at((frame / 2 + 1) * 40), level);
    }
    for voice in [&mut even, &mut long, &mut jittery] {
        voice.review(at(2_000));
        assert!(voice.speech() >= 9 && voice.is_active() && voice.loudness().is_some());
    }
}

#[test]
fn a_source_that_is_gone_dominates_no_more() {
    let mut room = Room::new(&[TALK, Sound::Speech(40, 75)], 1);
    room.run(3_000);
    let first = room.dominance.dominant().unwrap_or_default();
    room.dominance.forget(first);
    assert_eq!(room.dominance.dominant(), None);
    room.plays(first.0 as usize, Sound::Nothing).run(2_000);
    assert_eq!(room.dominant(), Some(1 - first.0));
}

#[test]
fn the_loudest_three_are_chosen_and_stay() {
    for seed in SEEDS {
        let mut room = Room::new(&[QUIET, TALK, QUIET, TALK, TALK, Sound::Noise(45), QUIET], seed);
        assert_eq!(room.run(5_000).chosen(), [1, 3, 4]);
        // Silence is no reason to go: nobody needs the place.
        room.plays(1, QUIET).plays(3, QUIET).plays(4, Sound::Nothing).run(30_000);
        assert_eq!(room.chosen(), [1, 3, 4]);
        // Whoever speaks takes the place of one in a pause within two looks.
        room.plays(3, Sound::Monologue(25, 75)).run(1_000).plays(0, Sound::Monologue(30, 75)).run(200);
        assert!(room.chosen().contains(&0) && room.chosen().contains(&3), "{:?}", room.chosen());
    }
}

#[test]
fn among_those_who_speak_a_newcomer_must_be_louder_for_a_while() {
    let talk = Sound::Monologue(30, 75);
    for seed in SEEDS {
        let mut room = Room::new(&[talk, talk, talk, QUIET], seed);
        room.run(3_000).plays(3, Sound::Monologue(31, 75)).run(5_000);
        assert_eq!(room.chosen(), [0, 1, 2], "as loud is not louder");
        room.plays(3, Sound::Monologue(10, 75)).run(200);
        assert_eq!(room.chosen(), [0, 1, 2], "a click takes no place");
        room.run(1_000);
        assert!(room.chosen().contains(&3));
    }
}

#[test]
fn fewer_places_keep_the_loudest() {
    let mut room = Room::new(&[Sound::Monologue(40, 80), Sound::Monologue(20, 80), Sound::Monologue(30, 80)], 5);
    assert_eq!(room.run(3_000).chosen(), [0, 1, 2]);
    let voices = room.voices.iter().enumerate().map(|(index, voice)| (SourceId(index as u32), voice));
    assert!(room.loudest.review(room.now, 1, voices.clone()));
    assert_eq!(room.loudest.chosen(), [SourceId(1)]);
    assert!(room.loudest.review(room.now, 1, voices.skip(2)), "who is gone is not chosen");
    assert_eq!(room.loudest.chosen(), [SourceId(2)]);
}
