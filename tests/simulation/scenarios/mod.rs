//! Scenarios: what a call must be like, whatever the seed.

mod bandwidth;
mod calibration;
mod chaos;
mod crowd;
mod joins;
mod layers;
mod loss;
mod outage;
mod poor_neighbour;
mod quality;
mod silence;
mod speakers;
mod switching;

use std::collections::HashMap;

use crate::call::{Call, Guest, camera};
use crate::publisher::{Shape, Tracks};
use crate::time::{MS, Us};

/// What a receiver's jitter buffer forgives.
const BUFFER: Us = 300 * MS;

/// A browser with a camera, a microphone and no seats.
fn sender(camera: Shape) -> Guest {
    Guest { tracks: Tracks { camera: Some(camera), screen: None, voice: true }, ..Guest::default() }
}

/// A browser that only watches.
fn watcher(seats: u16) -> Guest {
    Guest { seats, ..Guest::default() }
}

/// A call of one sender (browser 0), watched by one other (browser 1).
fn pair(seed: u64, sender: Guest, watcher: Guest) -> Call {
    seated(Call::new(seed), sender, watcher)
}

fn seated(mut call: Call, sender: Guest, watcher: Guest) -> Call {
    let from = call.join(sender);
    let to = call.join(watcher);
    call.seat(to, &[camera(from)]);
    call
}

/// Asserts that what `peer` was shown and heard is what was sent.
fn assert_true_to_the_source(call: &Call, peer: usize) {
    let receiver = call.receiver(peer);
    assert_eq!(receiver.strangers, 0, "packets of unknown streams");
    for (index, line) in receiver.lines.iter().enumerate() {
        let counts = line.counts;
        let bad = (counts.foreign, counts.malformed, line.assembly.torn, line.decoder.corrupted);
        assert_eq!(bad, (0, 0, 0, 0), "line {index} of {peer}: foreign, malformed, torn, corrupted");
    }
}

/// How many packets came, and how many in time.
#[derive(Clone, Copy, Debug, Default)]
struct Punctuality {
    expected: usize,
    in_time: usize,
    missing: usize,
}

impl Punctuality {
    fn share(&self) -> f64 {
        self.in_time as f64 / self.expected.max(1) as f64
    }
}

/// The packets of `layer` of the camera of browser `from` that were captured between `start` and `end`, at seat 0 of
/// browser `to`: in time is what comes within [`BUFFER`] of the fastest.
fn punctuality(call: &Call, from: usize, to: usize, layer: usize, (start, end): (Us, Us)) -> Punctuality {
    let heard = call.receiver(to).video(0).heard.iter();
    let own = heard.filter(|h| h.mark.source == camera(from) && usize::from(h.mark.layer) == layer);
    let arrivals: HashMap<(u32, u16), Us> = own.map(|h| ((h.mark.frame, h.mark.part), h.at)).collect();
    let sent = call.sender(from).camera.as_ref().map_or(&[][..], |camera| &camera.layers[layer].sent);
    let frames = (1..).zip(sent).filter(|(_, frame)| (start..end).contains(&frame.captured));
    let mut delays = Vec::new();
    let mut result = Punctuality::default();
    for (number, frame) in frames {
        for part in 0..frame.parts {
            result.expected += 1;
            match arrivals.get(&(number, part)) {
                Some(at) => delays.push(at - frame.captured),
                None => result.missing += 1,
            }
        }
    }
    let fastest = delays.iter().min().copied().unwrap_or(0);
    result.in_time = delays.iter().filter(|delay| **delay <= fastest + BUFFER).count();
    result
}

/// Asserts that the server kept to its budget of key frame requests: no two to one source within half a second. What
/// the network's delay changed by, `jitter`, is not the server's.
fn assert_requests_are_seldom(call: &Call, publisher: usize, jitter: Us) {
    let Some(camera) = &call.sender(publisher).camera else { return };
    for pair in camera.asked.windows(2) {
        let apart = pair[1].0 - pair[0].0;
        // Requests for several layers leave together.
        assert!(apart <= jitter || apart + jitter >= 500 * MS, "{publisher} was asked for key frames {apart} µs apart");
    }
}
