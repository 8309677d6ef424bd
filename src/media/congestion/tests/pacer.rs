//! The sender of these tests: when packets leave toward one browser, and which first: sound, then the picture in order,
//! then the padding of a probe.
//!
//! Holds references, not packets: numbers, header and seal come at release. Knows no sockets and no estimate; the rate
//! and the probes are [`crate::media::congestion`]'s. Grows to the longest queue there was, then allocates no more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::id::Bps;
use crate::media::congestion::{Cluster, ProbePlan};

/// What may leave at once after a pause: a train of this much is no queue to speak of in the path, and at one tick in
/// so much time the rate is still reached.
const BURST: Duration = Duration::from_millis(5);
/// What would wait longer is shed: by then a newer frame says more. Half of the delay that a conversation bears.
const MOST_WAIT: Duration = Duration::from_millis(150);
/// A key frame may take longer, and so may the rest of a frame that is leaving: without it there is no picture at all,
/// and the next one is no smaller.
const MOST_WAIT_WHOLE: Duration = Duration::from_millis(500);
/// Sound never waits for the rate. More than this many packets waiting means that nobody polls.
const MOST_AUDIO: usize = 256;
/// A train of a probe that takes longer measures something else.
const MOST_PROBE: Duration = Duration::from_millis(750);
/// Slower than this is a mistake: one packet would take seconds.
const LEAST_RATE: u64 = 8_000;

/// What a packet is, and so when it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Leaves at once; the others wait for it all the longer.
    Audio,
    Video(Frame),
}

/// Which frame a packet of the picture is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// The subscriber's line, dense.
    pub(super) line: u16,
    /// Any number that the line's neighbouring frames do not have.
    pub(super) number: u32,
    /// A new beginning: what waits of the line before it is not needed any more.
    pub(super) key: bool,
}

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next<T> {
    /// Send this, as part of the probe if there is one.
    Send { item: T, size: usize, cluster: Option<Cluster> },
    /// Send padding of about this size for the probe, and say how much it was: [`Pacer::padded`].
    Padding { size: usize, cluster: Cluster },
    /// Nothing before this moment, or before something is pushed.
    Wait(Option<Instant>),
}

/// A packet that is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shed<T> {
    pub(super) item: T,
    pub(super) class: Class,
    /// Its frame is on its way without it: the gap must show. Otherwise no packet of the frame left.
    pub(super) truncates: bool,
}

#[derive(Clone, Copy)]
struct Entry<T> {
    item: T,
    size: usize,
}

/// What is known of one line's frames.
#[derive(Clone, Copy, Default)]
struct Line {
    /// The frame of which a packet left last.
    leaving: Option<u32>,
    /// The frame whose packets are refused.
    refused: Option<u32>,
}

#[derive(Clone, Copy)]
struct Probe {
    plan: ProbePlan,
    since: Instant,
    octets: usize,
    packets: usize,
}

/// The queue toward one browser.
pub(super) struct Pacer<T> {
    audio: VecDeque<Entry<T>>,
    video: VecDeque<(Entry<T>, Frame)>,
    /// Octets that wait for the rate.
    video_octets: usize,
    shed: VecDeque<Shed<T>>,
    lines: Vec<Line>,
    rate: u64,
    /// The bucket is empty until then.
    free: Instant,
    probe: Option<Probe>,
}

impl<T: Copy> Pacer<T> {
    pub(super) fn new(now: Instant, rate: Bps) -> Pacer<T> {
        Pacer {
            audio: VecDeque::new(),
            video: VecDeque::new(),
            video_octets: 0,
            shed: VecDeque::new(),
            lines: Vec::new(),
            rate: rate.0.max(LEAST_RATE),
            free: now,
            probe: None,
        }
    }

    /// How fast packets may leave from now on. Frames that would wait too long at this rate are shed, the last first.
    pub(super) fn set_rate(&mut self, now: Instant, rate: Bps) {
        self.rate = rate.0.max(LEAST_RATE);
        self.trim(now);
    }

    /// Sheds frames from the last one on until nothing waits too long, or what is left has to go.
    fn trim(&mut self, now: Instant) {
        while self.wait(now) > MOST_WAIT {
            let Some(frame) = self.expendable() else { break };
            self.shed_frame(frame);
        }
    }

    /// Takes a packet of `size` octets. What cannot wait for its turn comes out of [`Pacer::shed`].
    pub(super) fn push(&mut self, now: Instant, class: Class, size: usize, item: T) {
        let entry = Entry { item, size };
        match class {
            Class::Audio => {
                if self.audio.len() >= MOST_AUDIO
                    && let Some(oldest) = self.audio.pop_front()
                {
                    self.shed.push_back(Shed { item: oldest.item, class, truncates: false });
                }
                self.audio.push_back(entry);
            }
            Class::Video(frame) => self.push_video(now, frame, entry),
        }
    }

    fn push_video(&mut self, now: Instant, frame: Frame, entry: Entry<T>) {
        let line = self.line(frame.line);
        let leaving = line.leaving == Some(frame.number);
        if line.refused == Some(frame.number) {
            let class = Class::Video(frame);
            return self.shed.push_back(Shed { item: entry.item, class, truncates: leaving });
        }
        if frame.key {
            self.make_way(frame);
        }
        self.video_octets += entry.size;
        self.video.push_back((entry, frame));
        let most = if frame.key || leaving { MOST_WAIT_WHOLE } else { MOST_WAIT };
        // The wait is that of the packet's own first octet.
        if self.wait(now).saturating_sub(self.time(entry.size)) > most {
            self.shed_frame(frame);
        }
    }

    /// The next packet to send, until it is [`Next::Wait`].
    pub(super) fn poll(&mut self, now: Instant) -> Next<T> {
        self.probe.take_if(|probe| now.saturating_duration_since(probe.since) > MOST_PROBE);
        if let Some(entry) = self.audio.pop_front() {
            return self.release(now, entry);
        }
        if self.free > now {
            let waiting = !self.video.is_empty() || self.probe.is_some();
            return Next::Wait(waiting.then_some(self.free));
        }
        if let Some((entry, frame)) = self.video.pop_front() {
            self.video_octets -= entry.size;
            self.line(frame.line).leaving = Some(frame.number);
            return self.release(now, entry);
        }
        match self.probe {
            Some(Probe { plan, .. }) => {
                Next::Padding { size: plan.octets.div_ceil(plan.packets.max(1)), cluster: plan.cluster }
            }
            None => Next::Wait(None),
        }
    }

    /// Padding of `size` octets was sent after [`Next::Padding`]. 0 ends the probe: there is nothing to pad with.
    pub(super) fn padded(&mut self, now: Instant, size: usize) {
        if size == 0 {
            self.probe = None;
        }
        self.charge(now, size);
    }

    /// The train under way.
    pub(super) fn cluster(&self) -> Option<Cluster> {
        self.probe.map(|probe| probe.plan.cluster)
    }

    /// Ends the train under way.
    pub(super) fn end_probe(&mut self) {
        self.probe = None;
    }

    /// Sends at the probe's rate until the train is complete.
    pub(super) fn probe(&mut self, now: Instant, plan: ProbePlan) {
        self.probe = Some(Probe { plan, since: now, octets: 0, packets: 0 });
    }

    /// The next packet that is not sent. Asked for until there is none, after each [`Pacer::push`] and
    /// [`Pacer::set_rate`].
    pub(super) fn shed(&mut self) -> Option<Shed<T>> {
        self.shed.pop_front()
    }

    /// How long a packet pushed now would wait.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.debt(now) + self.time(self.video_octets)
    }

    fn release(&mut self, now: Instant, entry: Entry<T>) -> Next<T> {
        let cluster = self.probe.map(|probe| probe.plan.cluster);
        self.charge(now, entry.size);
        Next::Send { item: entry.item, size: entry.size, cluster }
    }

    fn charge(&mut self, now: Instant, size: usize) {
        let rate = self.probe.map_or(self.rate, |probe| probe.plan.rate.0.max(LEAST_RATE));
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        self.free = self.free.max(earliest) + time(size, rate);
        if let Some(probe) = &mut self.probe {
            probe.octets += size;
            probe.packets += 1;
            if probe.octets >= probe.plan.octets && probe.packets >= probe.plan.packets {
                self.probe = None;
            }
        }
    }

    /// Drops what waits of the line before a key frame, except a frame that is leaving.
    fn make_way(&mut self, key: Frame) {
        let leaving = self.line(key.line).leaving;
        let Pacer { video, shed, video_octets, .. } = self;
        video.retain(|(entry, frame)| {
            let needless = frame.line == key.line && frame.number != key.number && leaving != Some(frame.number);
            if needless {
                *video_octets -= entry.size;
                shed.push_back(Shed { item: entry.item, class: Class::Video(*frame), truncates: false });
            }
            !needless
        });
    }

    /// The last frame in the queue that may be shed: neither a key frame nor one that is leaving.
    fn expendable(&self) -> Option<Frame> {
        self.video.iter().rev().map(|(_, frame)| *frame).find(|frame| {
            let line = self.lines.get(usize::from(frame.line)).copied().unwrap_or_default();
            !frame.key && line.leaving != Some(frame.number)
        })
    }

    /// Drops what waits of a frame, and refuses what comes of it.
    fn shed_frame(&mut self, doomed: Frame) {
        let line = self.line(doomed.line);
        line.refused = Some(doomed.number);
        let truncates = line.leaving == Some(doomed.number);
        let Pacer { video, shed, video_octets, .. } = self;
        video.retain(|(entry, frame)| {
            let dropped = frame.line == doomed.line && frame.number == doomed.number;
            if dropped {
                *video_octets -= entry.size;
                shed.push_back(Shed { item: entry.item, class: Class::Video(*frame), truncates });
            }
            !dropped
        });
    }

    fn line(&mut self, line: u16) -> &mut Line {
        let line = usize::from(line);
        if self.lines.len() <= line {
            self.lines.resize(line + 1, Line::default());
        }
        &mut self.lines[line]
    }

    fn debt(&self, now: Instant) -> Duration {
        self.free.saturating_duration_since(now)
    }

    fn time(&self, octets: usize) -> Duration {
        time(octets, self.rate)
    }
}

fn time(octets: usize, rate: u64) -> Duration {
    Duration::from_nanos((octets as u64).saturating_mul(8_000_000_000) / rate)
}
