//! What scores mean, that they recover, and what is told of trouble.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::id::Bps;
use crate::media::spec::Codec;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A second of sound in which `lost` of 50 packets did not come.
fn sound(lost: u32, delay: u64, jitter: u64) -> AudioSample {
    AudioSample { expected: 50, lost, delay: ms(delay), jitter: ms(jitter) }
}

fn picture(delivered: u64, lost: u32, frozen: u64) -> VideoSample {
    VideoSample {
        span: ms(1_000),
        frozen: ms(frozen),
        wanted: Bps(1_600_000),
        delivered: Bps(delivered),
        expected: 200,
        lost,
    }
}

fn audio_score(sample: AudioSample) -> u8 {
    let now = Instant::now();
    let mut meter = AudioMeter::default();
    meter.add(now, sample);
    meter.score(now).map_or(0, Score::tenths)
}

fn video_score(sample: VideoSample) -> u8 {
    let now = Instant::now();
    let mut meter = VideoMeter::default();
    meter.add(now, sample);
    meter.score(now).map_or(0, Score::tenths)
}

#[test]
fn perfect_sound_and_a_full_picture_are_excellent() {
    assert_eq!(audio_score(sound(0, 0, 0)), 50);
    assert!(audio_score(sound(0, 50, 5)) >= 48, "an ordinary network");
    assert_eq!(video_score(picture(1_600_000, 0, 0)), 50);
    assert_eq!(video_score(picture(9_000_000, 0, 0)), 50, "more than wanted is not better");
    assert_eq!(Score::BEST.to_string(), "5.0");
}

#[test]
fn sound_is_rated_as_the_e_model_does() {
    // 10 % loss: Ie,eff = 95 · 10 / 35.1 = 27.07, R = 66.13, MOS = 3.41 of 4.41, 3.8 when stretched.
    assert_eq!(audio_score(sound(5, 0, 0)), 38);
    // 400 ms of network: Id = 0.024 · 400 + 0.11 · 262.7 = 38.5, R = 54.7, MOS = 2.82, 3.1 when stretched.
    assert_eq!(audio_score(sound(0, 400, 0)), 31);
    // Jitter is delay, twice.
    assert_eq!(audio_score(sound(0, 0, 200)), audio_score(sound(0, 400, 0)));
    // All is lost: Ie,eff = 75.9, R = 17.3, MOS = 1.18, 1.2 when stretched.
    assert_eq!(audio_score(sound(50, 0, 0)), 12);
    assert_eq!(audio_score(AudioSample { lost: 99, ..sound(0, 60_000, 60_000) }), 10);
}

#[test]
fn a_picture_is_worth_its_layers_less_loss_and_freezes() {
    assert_eq!(video_score(picture(800_000, 0, 0)), 42, "half the rate costs 0.8");
    assert_eq!(video_score(picture(100_000, 0, 0)), 18, "a sixteenth is poor");
    assert_eq!(video_score(picture(0, 0, 0)), 10, "paused is bad");
    assert_eq!(video_score(picture(1_600_000, 2, 0)), 43, "1 % lost");
    assert_eq!(video_score(picture(1_600_000, 0, 40)), 37, "200 ms in five seconds");
    assert_eq!(video_score(picture(1_600_000, 0, 1_000)), 10, "all frozen");
}

#[test]
fn what_nobody_sends_or_wants_has_no_score() {
    let now = Instant::now();
    let mut sound_meter = AudioMeter::default();
    assert_eq!(sound_meter.score(now), None);
    sound_meter.add(now, AudioSample { delay: ms(30), ..AudioSample::default() });
    assert_eq!(sound_meter.score(now), None);
    let mut picture_meter = VideoMeter::default();
    picture_meter.add(now, VideoSample { wanted: Bps(0), ..picture(0, 0, 1_000) });
    assert_eq!(picture_meter.score(now), None);
    picture_meter.add(now, picture(1_600_000, 0, 0));
    assert_eq!(picture_meter.score(now + ms(60_000)), None, "long ago");
}

#[test]
fn scores_fall_within_a_second_and_recover_within_six() {
    let start = Instant::now();
    let at = |second: u64| start + ms(second * 1_000);
    let mut sound_meter = AudioMeter::default();
    let mut picture_meter = VideoMeter::default();
    let mut scores = Vec::new();
    for second in 0..60 {
        let trouble = (20..40).contains(&second);
        sound_meter.add(at(second), if trouble { sound(25, 500, 80) } else { sound(0, 30, 4) });
        picture_meter.add(at(second), if trouble { picture(100_000, 20, 700) } else { picture(1_600_000, 0, 0) });
        let both = [sound_meter.score(at(second)), picture_meter.score(at(second))];
        scores.push(both.map(|score| score.map_or(0, Score::tenths)));
    }
    assert!(scores[..20].iter().flatten().all(|score| *score >= 45));
    assert!(scores[20].iter().all(|score| *score < 40), "{:?}", scores[20]);
    assert!(scores[25..40].iter().flatten().all(|score| *score < 20), "{:?}", &scores[25..40]);
    assert!(scores[45..].iter().flatten().all(|score| *score >= 45), "{:?}", &scores[40..]);
}

#[test]
fn trouble_is_told_once_with_its_deepest_cause() {
    let start = Instant::now();
    let at = |time: u64| start + ms(time);
    let mut watch = TroubleWatch::default();
    let well = Reception { expected: true, last_packet: Some(start), ..Reception::default() };
    assert!(!watch.review(at(0), &well));
    assert!(!watch.review(at(1_999), &well));
    assert!(watch.review(at(2_000), &well));
    assert_eq!(watch.trouble(), Some(Trouble::NoPackets));
    assert!(!watch.review(at(3_000), &well), "once");

    let waits = Reception { last_packet: Some(at(3_500)), waits_since: Some(at(2_500)), ..well };
    assert!(watch.review(at(3_500), &waits));
    assert_eq!(watch.trouble(), Some(Trouble::NoKeyFrame));
    let undecodable = Reception { unsupported: Some(Codec::Av1 { profile: 0 }), paused: Some(Bps(1)), ..waits };
    assert!(watch.review(at(3_600), &undecodable));
    assert_eq!(watch.trouble(), Some(Trouble::UnsupportedCodec(Codec::Av1 { profile: 0 })));
    assert!(watch.review(at(3_700), &Reception { waits_since: None, ..waits }));
    assert_eq!(watch.trouble(), None);
}

#[test]
fn a_pause_for_bandwidth_says_what_it_needs_and_again_when_that_changed_much() {
    let now = Instant::now();
    let paused = |needs| Reception { expected: true, paused: Some(Bps(needs)), ..Reception::default() };
    let mut watch = TroubleWatch::default();
    assert!(watch.review(now, &paused(150_000)));
    assert!(!watch.review(now, &paused(130_000)));
    assert!(!watch.review(now, &paused(170_000)));
    assert_eq!(watch.trouble(), Some(Trouble::PausedForBandwidth { needs: Bps(150_000) }));
    assert!(watch.review(now, &paused(400_000)));
    assert!(watch.review(now, &Reception::default()), "nobody expects anything any more");
    assert_eq!(watch.trouble(), None);
}

#[test]
fn a_source_that_begins_again_has_its_time() {
    let start = Instant::now();
    let at = |time: u64| start + ms(time);
    let mut watch = TroubleWatch::default();
    let long_ago = Reception { expected: true, last_packet: Some(start), ..Reception::default() };
    assert!(!watch.review(at(60_000), &Reception { expected: false, ..long_ago }));
    assert!(!watch.review(at(70_000), &long_ago));
    assert!(!watch.review(at(71_900), &long_ago));
    assert!(watch.review(at(72_000), &long_ago));
}

proptest! {
    #[test]
    fn worse_is_never_better(
        (lost, more) in (0_u32..=50, 0_u32..=50),
        (delay, later) in (0_u64..2_000, 0_u64..2_000),
        (jitter, unsteadier) in (0_u64..500, 0_u64..500),
    ) {
        let worse = sound((lost + more).min(50), delay + later, jitter + unsteadier);
        prop_assert!(audio_score(worse) <= audio_score(sound(lost, delay, jitter)));
        prop_assert!((10..=50).contains(&audio_score(worse)));
    }

    #[test]
    fn a_worse_picture_is_never_better(
        (delivered, fewer) in (0_u64..3_000_000, 0_u64..3_000_000),
        (lost, more) in (0_u32..=200, 0_u32..=200),
        (frozen, longer) in (0_u64..=1_000, 0_u64..=1_000),
    ) {
        let worse = picture(delivered.saturating_sub(fewer), (lost + more).min(200), frozen + longer);
        prop_assert!(video_score(worse) <= video_score(picture(delivered, lost, frozen)));
        prop_assert!((10..=50).contains(&video_score(worse)));
    }

    #[test]
    fn no_sample_makes_a_score_that_is_none(
        [expected, lost] in any::<[u32; 2]>(), [wanted, delivered, span, frozen] in any::<[u64; 4]>(),
    ) {
        let now = Instant::now();
        let [span, frozen] = [span, frozen].map(Duration::from_micros);
        let mut sound = AudioMeter::default();
        let mut picture = VideoMeter::default();
        for _ in 0..3 {
            sound.add(now, AudioSample { expected, lost, delay: span, jitter: frozen });
            let [wanted, delivered] = [wanted, delivered].map(Bps);
            picture.add(now, VideoSample { span, frozen, wanted, delivered, expected, lost });
        }
        for score in [sound.score(now), picture.score(now)].into_iter().flatten() {
            prop_assert!((Score::WORST..=Score::BEST).contains(&score));
        }
    }
}
