//! A room above the size from which on only the three loudest are forwarded.

use super::*;
use crate::call::seeds;
use crate::time::SECOND;

const SPEAKERS: usize = 6;
const LISTENER: usize = SPEAKERS;
/// Seats of the listener: some speakers sit, and are heard there, and some do not.
const SEATS: usize = 2;

fn room(seed: u64) -> Call {
    let mut call = Call::crowd(seed, SPEAKERS - 1);
    for _ in 0..SPEAKERS {
        call.join(sender(Shape { layers: 1, ..Shape::CAMERA }));
    }
    call.join(watcher(SEATS as u16));
    let seated: Vec<u32> = (0..SEATS).map(camera).collect();
    call.seat(LISTENER, &seated);
    call
}

fn speak(call: &mut Call, speaker: usize, speaks: bool) {
    call.change(speaker, |publisher, _| publisher.speak(speaks));
}

/// By packet of the voice of `speaker`, captured since: on how many lines the listener heard it.
fn heard(call: &Call, speaker: usize, since: Us) -> Vec<usize> {
    let lines = &call.receiver(LISTENER).lines;
    let voice = call.sender(speaker).voice.as_ref();
    let sent = (1..).zip(voice.map_or(&[][..], |voice| &voice.sent)).filter(|(_, at)| **at >= since);
    let times = |number: u32| {
        let all = lines.iter().flat_map(|line| &line.heard);
        all.filter(|heard| heard.mark.source == camera(speaker) && heard.mark.layer == crate::wire::Mark::SOUND)
            .filter(|heard| heard.mark.frame == number)
            .count()
    };
    sent.map(|(number, _)| times(number)).collect()
}

#[test]
fn three_are_heard_and_a_fourth_only_when_one_of_them_pauses_from_its_first_word_on() {
    for seed in seeds(5) {
        let mut call = room(seed);
        call.run(2 * SECOND);
        (0..3).for_each(|speaker| speak(&mut call, speaker, true));
        call.run(2 * SECOND);
        let start = call.now();
        call.run(2 * SECOND);
        for speaker in 0..3 {
            let times = heard(&call, speaker, start);
            // What is under way at the end has not come yet.
            assert!(times[..times.len() - 10].iter().all(|times| *times == 1), "{speaker}: {times:?}");
        }
        for speaker in 3..SPEAKERS {
            assert_eq!(heard(&call, speaker, start).iter().sum::<usize>(), 0, "{speaker} is not among the loudest");
        }

        speak(&mut call, 0, false);
        call.run(SECOND);
        let begins = call.now();
        speak(&mut call, 4, true);
        call.run(2 * SECOND);
        let times = heard(&call, 4, begins);
        assert!(times[..times.len() - 10].iter().all(|times| *times == 1), "the first word is whole: {times:?}");
        assert_eq!(heard(&call, 0, begins + SECOND).iter().sum::<usize>(), 0, "its place is taken");
        assert_true_to_the_source(&call, LISTENER);
    }
}

#[test]
fn a_voice_stays_on_its_line_while_it_speaks_though_its_picture_is_seated_and_unseated() {
    for seed in seeds(3) {
        let mut call = room(50 + seed);
        call.run(SECOND);
        speak(&mut call, 5, true);
        call.run(2 * SECOND);
        let start = call.now();
        for seated in [[5, 1], [0, 1], [0, 5], [2, 3]] {
            call.seat(LISTENER, &seated.map(camera));
            call.run(700 * MS);
        }
        let times = heard(&call, 5, start);
        assert!(times[..times.len() - 10].iter().all(|times| *times == 1), "{times:?}");
        let lines = &call.receiver(LISTENER).lines;
        let on = |line: &&crate::receiver::Line| {
            line.heard.iter().any(|heard| {
                heard.at > start && heard.mark.source == camera(5) && heard.mark.layer == crate::wire::Mark::SOUND
            })
        };
        assert_eq!(lines.iter().filter(on).count(), 1, "one line for the whole speech");
        assert_true_to_the_source(&call, LISTENER);
    }
}
