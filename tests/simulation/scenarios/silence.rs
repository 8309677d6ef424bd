//! Discontinuous transmission: a microphone that sends next to nothing in silence is no loss and no trouble, and its first
//! word is there at once.

use super::*;
use crate::call::seeds;
use crate::time::SECOND;

const WATCHER: usize = 1;
/// Twenty milliseconds more than the network takes.
const AT_ONCE: Us = 20 * MS;

#[test]
fn silence_is_no_loss_and_no_trouble_and_the_next_word_comes_at_once() {
    for seed in seeds(20) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        let mut spoken: Vec<(Us, Us)> = Vec::new();
        for (words, pause) in [(2, 4), (1, 9), (3, 5), (1, 1)] {
            call.change(0, |publisher, now| publisher.speak_with_pauses(true, now));
            let began = call.now();
            call.run(words * SECOND);
            call.change(0, |publisher, now| publisher.speak_with_pauses(false, now));
            spoken.push((began, call.now()));
            call.run(pause * SECOND);
        }
        let (sent, packets) =
            call.sender(0).voice.as_ref().map_or((&[][..], 0), |voice| (&voice.sent[..], voice.packets));
        assert!(packets < 550, "{packets} packets of 26 s are no discontinuous transmission");
        let line = call.receiver(WATCHER).audio(0);
        let heard: HashMap<u32, Us> = line.heard.iter().map(|heard| (heard.mark.frame, heard.at)).collect();
        let delay = |number: u32, at: Us| heard.get(&number).map(|came| came - at);
        let fastest = (1..).zip(sent).filter_map(|(number, at)| delay(number, *at)).min().unwrap_or(0);
        for (number, at) in (1..).zip(sent) {
            // What came before the line was open is nobody's; what was said since is heard.
            if *at > SECOND && *at + SECOND < call.now() {
                let took = delay(number, *at);
                assert!(took.is_some_and(|took| took <= fastest + AT_ONCE), "packet {number} of {at} µs took {took:?}");
            }
        }
        for (began, ended) in &spoken[1..] {
            let first = sent.iter().find(|at| *at >= began).copied().unwrap_or(Us::MAX);
            assert!(first < began + 2 * AT_ONCE && first < *ended, "the word of {began} µs was sent at {first}");
        }
        assert_nothing_is_wrong_with_the_sound(&call);
        assert_true_to_the_source(&call, WATCHER);
    }
}

/// Nobody was ever told that the sound was bad, or missing.
fn assert_nothing_is_wrong_with_the_sound(call: &Call) {
    for (at, _, all) in call.quality.iter().filter(|(_, peer, _)| *peer == WATCHER) {
        for sound in all.iter().map(|received| received.sound) {
            assert_eq!(sound.trouble, None, "at {at} µs");
            let score = sound.score.map(|score| score.tenths());
            assert!(score.is_none_or(|score| score >= 45), "{score:?} at {at} µs on a good network");
        }
    }
}
