//! What a test found: as data, as a table for people, as JSON.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::LoadError;
use super::director::Director;
use super::measure::{Figures, Percentiles, Quality, note, times};
use super::options::{Options, Scenario, Shape};
use super::server::Sample;

/// Quality holds while this share of members sees no gaps, and nothing else is worse than these.
const SMOOTH_SHARE: f64 = 0.99;
const MOST_LOSS: f64 = 0.001;
const FIRST_FRAME_MS: f64 = 500.0;
/// A generator busier than this measures itself.
const MOST_BUSY: f64 = 0.8;

/// What was measured in the end, before it is summed up.
pub(super) struct Measured {
    pub(super) figures: Figures,
    pub(super) span: Duration,
    pub(super) before: Option<Sample>,
    pub(super) after: Option<Sample>,
    /// Processor time of the tester, in cores.
    pub(super) own: Option<f64>,
    /// Members whose signalling the server ended.
    pub(super) lost: usize,
}

/// The findings. Times are in milliseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    pub scenario: Scenario,
    pub call: String,
    pub seconds: f64,
    pub members: Members,
    /// From the beginning of the connection, of members with a good network that came before the measuring; in a search
    /// for the capacity, for its last step.
    pub first_frame: Percentiles,
    /// The same, of those that came while it was measured.
    pub newcomers: Percentiles,
    pub sent: Rate,
    pub received: Rate,
    /// From a publisher's socket to a receiver's.
    pub latency: Percentiles,
    /// How much longer than the sender's clock says receivers waited for the next picture.
    pub gaps: Percentiles,
    /// Of simulcast, lowest first: how long of all the time that pictures were watched each layer was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerShare>,
    /// Share of packets that never came, of members with a good network and of the others.
    pub loss: f64,
    pub loss_weak: Option<f64>,
    pub repaired: u64,
    pub freezes: u64,
    pub frozen: f64,
    pub server: Option<ServerUse>,
    pub generator: Generator,
    pub quality: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// How many came, and what became of them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Members {
    pub asked: usize,
    pub connected: usize,
    /// Of the others, whose connectivity checks were never answered, and whose handshake has not ended.
    pub unanswered: usize,
    pub handshaking: usize,
    /// Saw a picture or heard a sound, of those that watch.
    pub seeing: usize,
    pub watching: usize,
    /// Saw no gap of note.
    pub smooth: usize,
    pub joins_per_second: f64,
    pub failed_joins: usize,
    pub lost: usize,
}

/// How much of the time a layer was what members saw.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LayerShare {
    pub kbps: u32,
    pub share: f64,
}

/// Media packets and their octets, without IP and UDP.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Rate {
    pub packets: u64,
    pub per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mbit_per_second: Option<f64>,
}

/// What the server used while it was measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ServerUse {
    /// Of processor time.
    pub cores: f64,
    /// Processor time for each packet that was received, in microseconds.
    pub micros_per_packet: f64,
    pub memory_mb: f64,
    /// Datagrams in one system call.
    pub datagrams_per_send: Option<f64>,
}

/// The tester itself.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Generator {
    /// Share of its media threads' time that they worked: beyond 0.8 it measures itself.
    pub busy: f64,
    pub threads: usize,
    /// Processor time of the whole process, in cores.
    pub cores: Option<f64>,
    /// Datagrams that the kernel did not take.
    pub unsent: u64,
    /// Share of packets that were decrypted.
    pub opened: f64,
    pub own_sockets: bool,
}

/// Whether the quality held.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    pub held: bool,
    pub problems: Vec<String>,
}

/// What a search for the capacity found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Capacity {
    /// The last number that held; 0 = not even the first.
    pub held: usize,
    pub what: String,
    pub steps: Vec<Step>,
}

/// One number that was tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    pub count: usize,
    pub held: bool,
    /// Media packets that members received each second.
    pub forwarded: f64,
    /// Of those that came to make this number, and of those that came one by one while it was measured.
    pub first_frame: Percentiles,
    pub newcomers: Percentiles,
    pub problems: Vec<String>,
}

impl Step {
    pub(super) fn text(&self) -> String {
        let verdict = if self.held { "held".to_owned() } else { format!("broke: {}", self.problems.join("; ")) };
        let (crowd, new) = (&self.first_frame, &self.newcomers);
        let firsts = format!("first frame p95 {:.0} ms in the crowd, {:.0} ms of newcomers", crowd.p95, new.p95);
        format!("{:>7}  {:>9.0} packets/s  {firsts}  {verdict}", self.count, self.forwarded)
    }
}

impl Report {
    pub(super) fn new(options: &Options, director: &Director<'_>, first: Figures, measured: Measured) -> Report {
        let Measured { figures, span, before, after, own, lost } = measured;
        let seconds = span.as_secs_f64();
        let all = &figures.members;
        let sum = |count: fn(&Quality) -> u64| all.iter().map(count).sum::<u64>();
        let share = |weak: bool| {
            let some = || all.iter().filter(move |member| member.weak == weak);
            let lost = some().map(|member| member.lost).sum::<u64>();
            let received = some().map(|member| member.received).sum::<u64>();
            some().next().map(|_| lost as f64 / (lost + received).max(1) as f64)
        };
        let watching = all.iter().filter(|member| member.watches);
        let waiting = |at: fn(&Quality) -> bool| {
            all.iter().filter(|member| !member.connected && !member.gone && at(member)).count()
        };
        let received = sum(|member| member.received);
        let mut report = Report {
            scenario: options.scenario,
            call: director.shape.text(),
            seconds,
            members: Members {
                asked: all.iter().filter(|member| !member.gone && !member.young).count() + director.failed.len(),
                connected: all.iter().filter(|member| member.connected && !member.gone).count(),
                unanswered: waiting(|member| !member.checked),
                handshaking: waiting(|member| member.checked),
                seeing: watching.clone().filter(|member| member.first_frame.is_some()).count(),
                watching: watching.clone().count(),
                smooth: watching.clone().filter(|member| member.is_smooth()).count(),
                joins_per_second: director.joined as f64 / director.joining.as_secs_f64().max(0.001),
                failed_joins: director.failed.len(),
                lost,
            },
            first_frame: first_frames(&first.members),
            newcomers: first_frames(all),
            sent: Rate { packets: figures.sent, per_second: figures.sent as f64 / seconds, mbit_per_second: None },
            received: Rate {
                packets: received,
                per_second: received as f64 / seconds,
                mbit_per_second: Some(sum(|member| member.octets) as f64 / 125_000.0 / seconds),
            },
            latency: Percentiles::of(&figures.latency),
            gaps: Percentiles::of(&figures.gaps),
            layers: layer_shares(&figures, &director.shape),
            loss: share(false).unwrap_or_default(),
            loss_weak: share(true),
            repaired: sum(|member| member.repaired),
            freezes: sum(|member| member.freezes),
            frozen: all.iter().map(|member| member.frozen.as_secs_f64() * 1_000.0).sum(),
            server: before.zip(after).map(|(before, after)| server_use(&before, &after, seconds, received)),
            generator: Generator {
                busy: figures.busy.as_secs_f64() / figures.span.as_secs_f64().max(0.001),
                threads: options.threads,
                cores: own,
                unsent: figures.unsent,
                opened: sum(|member| member.opened) as f64 / received.max(1) as f64,
                own_sockets: options.own_sockets,
            },
            quality: Verdict { held: true, problems: Vec::new() },
            capacity: None,
        };
        let late = late_first_frames(all);
        report.judge(sum(|member| member.unopened), &director.failed, options.find_capacity, late);
        report
    }

    /// `crowds`: members came faster than a room's do, so that their own first pictures are not judged. `late`: newcomers
    /// who waited too long; one may, however few they are.
    fn judge(&mut self, unopened: u64, failed: &[LoadError], crowds: bool, late: u64) {
        let Members { seeing, watching, connected, asked, unanswered, handshaking, lost, .. } = self.members;
        let good = |member: &usize| *member as f64 >= SMOOTH_SHARE * watching as f64;
        let mut problems = Vec::new();
        let mut note = |bad: bool, text: String| {
            if bad {
                problems.push(text);
            }
        };
        let stuck = match (unanswered, handshaking) {
            (0, 0) => String::new(),
            _ => format!(" ({unanswered} got no answer to their checks, {handshaking} none in the handshake)"),
        };
        note(connected < asked, format!("{connected} of {asked} members connected{stuck}"));
        note(seeing < watching, format!("{seeing} of {watching} see or hear something"));
        note(!good(&self.members.smooth), format!("{} of {watching} see no gap of 50 ms", self.members.smooth));
        note(self.loss >= MOST_LOSS, format!("loss {:.2} %", self.loss * 100.0));
        let slow = |first: &Percentiles| first.p95 >= FIRST_FRAME_MS;
        note(!crowds && slow(&self.first_frame), format!("first frame p95 {:.0} ms", self.first_frame.p95));
        note(slow(&self.newcomers) && late > 1, format!("first frame of newcomers p95 {:.0} ms", self.newcomers.p95));
        note(lost > 0, format!("the server closed {lost} connections"));
        note(unopened > 0, format!("{unopened} packets did not open"));
        if let Some(error) = failed.first() {
            note(true, format!("{} joins failed, the first with: {error}", failed.len()));
        }
        note(
            self.generator.busy > MOST_BUSY,
            format!("the tester itself was busy for {:.0} % of its time", self.generator.busy * 100.0),
        );
        self.quality = Verdict { held: problems.is_empty(), problems };
    }

    /// How much of the time the topmost layer was seen; `None` without simulcast.
    pub(super) fn top_share(&self) -> Option<f64> {
        self.layers.last().map(|top| top.share)
    }

    /// One more thing that was not as it should be.
    pub(super) fn blame(&mut self, problem: String) {
        self.quality.problems.push(problem);
        self.quality.held = false;
    }

    /// Prints the table, or JSON where that was asked for.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn print(&self, json: Option<&Path>) -> Result<(), LoadError> {
        let text = || serde_json::to_string_pretty(self).unwrap_or_default();
        match json {
            Some(path) if path == Path::new("-") => println!("{}", text()),
            Some(path) => {
                println!("{}", self.table());
                let failed = |error| LoadError::Report { path: path.display().to_string(), error };
                std::fs::write(path, text() + "\n").map_err(failed)?;
            }
            None => println!("{}", self.table()),
        }
        Ok(())
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, text: String| {
            // A string takes everything.
            let _ = writeln!(out, "{name:<12} {text}");
        };
        let Members { asked, connected, seeing, watching, smooth, joins_per_second, .. } = self.members;
        row("call", self.call.clone());
        row(
            "members",
            format!("{connected} of {asked} connected, {joins_per_second:.0}/s; {seeing} of {watching} see or hear"),
        );
        row("first frame", percentiles(&self.first_frame));
        if self.newcomers.count > 0 {
            row("newcomers", percentiles(&self.newcomers));
        }
        row("sent", format!("{:.0} packets/s", self.sent.per_second));
        let mbit = self.received.mbit_per_second.unwrap_or_default();
        row(
            "received",
            format!("{:.0} packets/s, {mbit:.1} Mbit/s, for {:.0} s", self.received.per_second, self.seconds),
        );
        row("latency", percentiles(&self.latency));
        row("gaps", format!("{}; {smooth} of {watching} members see none", percentiles(&self.gaps)));
        if !self.layers.is_empty() {
            let each = |layer: &LayerShare| format!("{} kbit/s {:.0} %", layer.kbps, layer.share * 100.0);
            row("layers", self.layers.iter().map(each).collect::<Vec<_>>().join(", ") + " of the time");
        }
        row("freezes", format!("{}, {:.1} s in all", self.freezes, self.frozen / 1_000.0));
        let weak = self.loss_weak.map_or(String::new(), |loss| format!("; {:.3} % on bad networks", loss * 100.0));
        row("loss", format!("{:.4} %{weak}; {} packets repaired", self.loss * 100.0, self.repaired));
        match &self.server {
            Some(server) => {
                let sends =
                    server.datagrams_per_send.map_or(String::new(), |many| format!(", {many:.1} datagrams a send"));
                let ServerUse { cores, micros_per_packet, memory_mb, .. } = server;
                row(
                    "server",
                    format!("{cores:.2} cores, {micros_per_packet:.2} µs a packet, {memory_mb:.0} MB{sends}"),
                );
            }
            None => row("server", "unknown: name its process with --server-pid".to_owned()),
        }
        let Generator { busy, threads, cores, opened, unsent, .. } = &self.generator;
        let cores = cores.map_or(String::new(), |cores| format!(", {cores:.2} cores in all"));
        let unsent = if *unsent > 0 { format!(", {unsent} datagrams unsent") } else { String::new() };
        let each = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        row(
            "tester",
            format!("{:.0} % of {each}{cores}; {:.0} % of packets decrypted{unsent}", busy * 100.0, opened * 100.0),
        );
        row(
            "quality",
            if self.quality.held { "held".to_owned() } else { format!("broke: {}", self.quality.problems.join("; ")) },
        );
        if let Some(capacity) = &self.capacity {
            let Capacity { held, what, .. } = capacity;
            row("capacity", format!("{held} {what} held, joined at {joins_per_second:.0}/s"));
        }
        out.trim_end().to_owned()
    }
}

/// A layer of many packets a second is looked into more often: its rate evens that out.
fn layer_shares(figures: &Figures, shape: &Shape) -> Vec<LayerShare> {
    let Some(pictures) = shape.pictures.as_ref().filter(|pictures| pictures.layers.len() > 1) else {
        return Vec::new();
    };
    let seen = || {
        pictures
            .layers
            .iter()
            .zip(figures.layers)
            .map(|(layer, seen)| (layer.kbps, seen as f64 / f64::from(layer.kbps)))
    };
    let all = seen().map(|(_, time)| time).sum::<f64>();
    seen().filter(|_| all > 0.0).map(|(kbps, time)| LayerShare { kbps, share: time / all }).collect()
}

/// Of members with a good network that came since the measuring began.
fn first_frames(members: &[Quality]) -> Percentiles {
    let mut began = times();
    let new = members.iter().filter(|member| !member.weak && !member.old);
    new.filter_map(|member| member.first_frame).for_each(|time| note(&mut began, time));
    Percentiles::of(&began)
}

/// Newcomers whose first picture came too late.
fn late_first_frames(members: &[Quality]) -> u64 {
    let new = members.iter().filter(|member| !member.weak && !member.old).filter_map(|member| member.first_frame);
    new.filter(|first| first.as_secs_f64() * 1_000.0 >= FIRST_FRAME_MS).count() as u64
}

fn percentiles(times: &Percentiles) -> String {
    if times.count == 0 {
        return "none measured".to_owned();
    }
    let Percentiles { p50, p95, p99, p999, max, .. } = times;
    format!("p50 {p50:.2}  p95 {p95:.2}  p99 {p99:.2}  p99.9 {p999:.2}  longest {max:.1} ms")
}

fn server_use(before: &Sample, after: &Sample, seconds: f64, received: u64) -> ServerUse {
    let cpu = after.cpu - before.cpu;
    let delta = |after: Option<f64>, before: Option<f64>| after.zip(before).map(|(after, before)| after - before);
    let sends = delta(after.sends, before.sends).filter(|sends| *sends > 0.0);
    ServerUse {
        cores: cpu / seconds,
        micros_per_packet: cpu * 1e6 / received.max(1) as f64,
        memory_mb: after.memory / 1e6,
        datagrams_per_send: delta(after.datagrams, before.datagrams)
            .zip(sends)
            .map(|(datagrams, sends)| datagrams / sends),
    }
}
