//! How each subscriber receives what it should: scores, trouble, and how long pictures take to come.

use super::*;
use crate::border::{PictureLayer, Received, Standing};
use crate::media::allocate::fills;
use crate::media::downlink::{LayerTarget, LineReport};
use crate::media::histogram::{DURATIONS_MS, Durations, SCORES, Scores};
use crate::media::quality::{
    AudioMeter, AudioSample, Reception, Score, Trouble, TroubleWatch, VideoMeter, VideoSample,
};

/// How often scores are made: as browsers report what they received.
const SAMPLE: Duration = Duration::from_secs(1);
/// Pictures further apart than this stand still, as the eye sees it.
const FREEZE: Duration = Duration::from_millis(200);
/// A source whose newest packet is older has no rate to compare with.
const LIVE: Duration = Duration::from_secs(1);
/// An RTP header with its extensions, which a line's octets do not count and the publisher's do.
const HEADER: u64 = 24;
/// A score that moved by less, in tenths, is not worth a message: neither ear nor eye tells the difference.
const NOTICED: u8 = 3;
/// Each simulcast layer has four times the pixels of the one below, and about four times the rate.
const RATE_STEP: u64 = 4;

/// What was counted of how pictures came and how all was rated, browsers that are gone included; and what is wrong now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QualityTotals {
    /// From a seat that showed nothing to its first frame.
    pub first_frames: Durations,
    /// From one source to another.
    pub source_switches: Durations,
    /// From one layer to another, or out of an interruption.
    pub layer_switches: Durations,
    /// One a second of each source at each subscriber: sound, picture.
    pub scores: [Scores; 2],
    /// Sounds and pictures in trouble now, in the order of [`TROUBLES`].
    pub troubles: [[u64; TROUBLES.len()]; 2],
    /// What pictures need now beyond what their members' networks carry.
    pub unmet: Bps,
}

/// Labels of [`QualityTotals::troubles`].
pub const TROUBLES: [&str; 4] = ["no_packets", "no_key_frame", "paused_for_bandwidth", "unsupported_codec"];

fn place(trouble: Trouble) -> usize {
    match trouble {
        Trouble::NoPackets => 0,
        Trouble::NoKeyFrame => 1,
        Trouble::PausedForBandwidth { .. } => 2,
        Trouble::UnsupportedCodec(_) => 3,
    }
}

/// What one subscriber's lines got of what they show.
#[derive(Default)]
pub(super) struct Receptions {
    lines: Vec<LineWatch>,
    /// When scores were made last.
    sampled: Option<Instant>,
    told: Vec<Received>,
}

#[derive(Default)]
struct LineWatch {
    /// The source of which something was shown last.
    showed: Option<SourceId>,
    wait: Option<Wait>,
    gauge: Option<Box<Gauge>>,
}

/// A picture that a line waits for.
#[derive(Clone, Copy, Debug)]
struct Wait {
    source: SourceId,
    since: Instant,
    /// Meanwhile the line shows another one.
    covered: bool,
}

/// Measures one source on one line.
struct Gauge {
    source: SourceId,
    meter: Meter,
    watch: TroubleWatch,
    before: LineReport,
    /// Repairs that no reported loss was set against yet.
    credit: u32,
    began: Instant,
    frozen: Duration,
    stalled: bool,
    standing: Standing,
    /// Which of the source's pictures flows.
    layer: Option<PictureLayer>,
}

enum Meter {
    Sound(AudioMeter),
    Picture(VideoMeter),
}

impl Gauge {
    fn new(now: Instant, source: SourceId, kind: MediaKind, before: LineReport) -> Gauge {
        let meter = match kind {
            MediaKind::Audio => Meter::Sound(AudioMeter::default()),
            MediaKind::Video => Meter::Picture(VideoMeter::default()),
        };
        let (watch, standing) = (TroubleWatch::default(), Standing::default());
        let (frozen, stalled, layer) = (Duration::ZERO, false, None);
        Gauge { source, meter, watch, before, credit: 0, began: now, frozen, stalled, standing, layer }
    }

    /// Counts the time in which the picture stands still though its source goes on.
    fn watch_freeze(&mut self, last_sent: Option<Instant>, newest: Option<Instant>) {
        let shown = last_sent.map_or(self.began, |sent| sent.max(self.began));
        let stalled = newest.is_some_and(|newest| newest.saturating_duration_since(shown) > FREEZE);
        if stalled {
            self.frozen += if self.stalled { REVIEW } else { FREEZE };
        }
        self.stalled = stalled;
    }

    /// Of what was sent since the last call: packets, those that were lost for good, and octets.
    fn advance(&mut self, report: LineReport) -> (u32, u32, u64) {
        let before = std::mem::replace(&mut self.before, report);
        let sent = report.packets.saturating_sub(before.packets);
        let repaired = u32::try_from(report.repaired.saturating_sub(before.repaired)).unwrap_or(u32::MAX);
        let lost = u32::try_from(report.lost.saturating_sub(before.lost)).unwrap_or(0);
        // A repair may be counted a second before its loss is reported, but not longer.
        let forgiven = lost.min(self.credit.saturating_add(repaired));
        self.credit = self.credit.saturating_add(repaired).saturating_sub(forgiven).min(repaired);
        let octets = report.octets.saturating_sub(before.octets) + sent * HEADER;
        (u32::try_from(sent).unwrap_or(u32::MAX), lost - forgiven, octets)
    }

    /// Keeps `score` unless it is about what was told already.
    fn rate(&mut self, score: Option<Score>) {
        let same = match (self.standing.score, score) {
            (Some(told), Some(score)) => told.tenths().abs_diff(score.tenths()) < NOTICED,
            (told, score) => told == score,
        };
        if !same {
            self.standing.score = score;
        }
    }
}

impl Subscriber {
    /// Notes what its lines wait for now, and counts how long that took which has come. `live_since` tells since when
    /// a source's picture comes: before that, nobody can show it.
    pub(super) fn note_waits(
        &mut self,
        now: Instant,
        live_since: impl Fn(SourceId) -> Option<Instant>,
        totals: &mut QualityTotals,
    ) {
        self.receptions.lines.resize_with(self.spec.downlinks.len(), LineWatch::default);
        for (line, watch) in self.receptions.lines.iter_mut().enumerate() {
            if self.spec.downlinks[line].kind != MediaKind::Video {
                continue;
            }
            if self.shown.get(line).copied().flatten().is_none() {
                (watch.showed, watch.wait) = (None, None);
                continue;
            }
            let [current, pending] = self.downlink.subscriptions(line).map(|from| from.map(|(source, _)| source));
            if let Some(source) = pending {
                if watch.wait.is_none_or(|wait| wait.source != source) {
                    watch.wait = Some(Wait { source, since: now, covered: current.is_some() });
                }
            } else if let Some(wait) = watch.wait.take().filter(|wait| current == Some(wait.source)) {
                let since = live_since(wait.source).map_or(wait.since, |live| live.max(wait.since));
                let took = u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX);
                let durations = match watch.showed {
                    Some(showed) if showed == wait.source => &mut totals.layer_switches,
                    Some(_) if wait.covered => &mut totals.source_switches,
                    _ => &mut totals.first_frames,
                };
                durations.add(&DURATIONS_MS, took);
            }
            watch.showed = current.or(watch.showed);
        }
    }

    /// Forgets what is waited for: nothing may be sent at present.
    pub(super) fn forget_waits(&mut self) {
        self.receptions.lines.iter_mut().for_each(|watch| watch.wait = None);
    }

    /// Adds what is wrong now.
    pub(super) fn add_troubles(&self, totals: &mut QualityTotals) {
        totals.unmet.0 += if self.ready { self.unmet.0 } else { 0 };
        for gauge in self.receptions.lines.iter().filter_map(|line| line.gauge.as_ref()) {
            let kind = if matches!(gauge.meter, Meter::Sound(_)) { 0 } else { 1 };
            if let Some(trouble) = gauge.standing.trouble {
                totals.troubles[kind][place(trouble)] += 1;
            }
        }
    }
}

impl Forwarder {
    /// Looks after what `peer` receives; to be called at each review.
    pub(super) fn review_quality(&mut self, now: Instant, peer: usize) {
        let Forwarder { subscribers, publishers, sources, news, quality, .. } = self;
        let Some(rtt) = subscribers.get(peer).and_then(Option::as_ref).map(|s| s.downlink.rtt()) else { return };
        let trip = |source: &Source| {
            let publisher = source.peer.and_then(|peer| subscribers.get(peer)?.as_ref());
            let elsewhere = source.fed.as_ref().map_or(Duration::ZERO, |fed| fed.rtt());
            (publisher.map_or(elsewhere, |publisher| publisher.downlink.rtt()) + rtt) / 2
        };
        // What needs other subscribers is looked up before this one is changed.
        let Some(Some(subscriber)) = subscribers.get(peer) else { return };
        let lines = subscriber.shown.iter().map(|id| id.and_then(|id| Some((sources.get(&id)?, id))));
        let views: SmallVec<[Option<View<'_>>; 32]> = lines
            .map(|line| {
                let (source, id) = line?;
                Some(View { id, source, publishers, delay: trip(source) }).filter(|_| source.is_carried())
            })
            .collect();
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return };
        let span = subscriber.receptions.sampled.map_or(SAMPLE, |sampled| now.saturating_duration_since(sampled));
        let sample = span >= SAMPLE;
        if sample || subscriber.receptions.sampled.is_none() {
            subscriber.receptions.sampled = Some(now);
        }
        subscriber.receptions.lines.resize_with(subscriber.spec.downlinks.len(), LineWatch::default);
        for line in 0..subscriber.spec.downlinks.len() {
            subscriber.review_line(
                now,
                line,
                views.get(line).and_then(Option::as_ref),
                sample.then_some(span),
                quality,
            );
        }
        if sample {
            let received = subscriber.received();
            if received != subscriber.receptions.told {
                news.push(News::Quality(subscriber.transport, received.clone()));
                subscriber.receptions.told = received;
            }
        }
    }
}

/// What a line shows, with its publisher.
struct View<'a> {
    id: SourceId,
    source: &'a Source,
    publishers: &'a [Option<Publisher>],
    /// From the publisher to the subscriber, one way.
    delay: Duration,
}

impl View<'_> {
    fn layers(&self, kind: MediaKind) -> &[Layer] {
        self.source.layers(self.publishers, kind)
    }

    /// Of the sound on its way from its publisher.
    fn jitter(&self) -> Duration {
        let here = || self.layers(MediaKind::Audio).first().map_or(Duration::ZERO, Layer::jitter);
        self.source.fed.as_ref().map_or_else(here, |fed| fed.jitter())
    }

    /// The rate of the best layer that a tile of `height` can show. One that rests because nobody takes it counts by
    /// its place among the others.
    fn wanted(&self, now: Instant, height: u16) -> Bps {
        if self.source.last_video.is_none_or(|last| now.saturating_duration_since(last) > LIVE) {
            return Bps(0);
        }
        let (mut best, mut below): (Bps, Option<u16>) = (Bps(0), None);
        for (index, layer) in self.layers(MediaKind::Video).iter().enumerate() {
            let covered = below.is_some_and(|below| fills(below, height));
            if covered || !(layer.alive(now) || self.source.can_be_had(now, index)) {
                continue;
            }
            let rate = layer.bitrate(now);
            best = if rate > Bps(0) { rate } else { Bps(best.0 * RATE_STEP) };
            below = layer.height().or(below.map(|below| below.saturating_mul(2)));
        }
        best
    }
}

impl Subscriber {
    /// Looks after one line, and makes a score of the `span` that is over.
    fn review_line(
        &mut self,
        now: Instant,
        line: usize,
        view: Option<&View<'_>>,
        span: Option<Duration>,
        totals: &mut QualityTotals,
    ) {
        let Some(view) = view else {
            self.receptions.lines[line].gauge = None;
            return;
        };
        let kind = self.spec.downlinks[line].kind;
        let report = self.downlink.line_report(line);
        let height = self.tile_height(line);
        let taken = self.downlink.taken(line).filter(|(source, _)| *source == view.id && kind == MediaKind::Video);
        let reception = self.reception(now, line, view);
        let watch = &mut self.receptions.lines[line];
        let gauge = match &mut watch.gauge {
            Some(gauge) if gauge.source == view.id => gauge,
            other => other.insert(Box::new(Gauge::new(now, view.id, kind, report))),
        };
        if kind == MediaKind::Video && reception.paused.is_none() {
            gauge.watch_freeze(report.last_sent, view.source.last_video);
        }
        if gauge.watch.review(now, &reception) {
            gauge.standing.trouble = gauge.watch.trouble();
        }
        let Some(span) = span else { return };
        let (expected, lost, octets) = gauge.advance(report);
        let score = match &mut gauge.meter {
            Meter::Sound(meter) => {
                let jitter = view.jitter() + report.jitter;
                meter.add(now, AudioSample { expected, lost, delay: view.delay, jitter });
                meter.score(now)
            }
            Meter::Picture(meter) => {
                let wanted = if reception.expected { view.wanted(now, height) } else { Bps(0) };
                let frozen = std::mem::take(&mut gauge.frozen);
                let delivered = Bps((octets as f64 * 8.0 / span.as_secs_f64()) as u64);
                meter.add(now, VideoSample { span, frozen, wanted, delivered, expected, lost });
                meter.score(now)
            }
        };
        // While nothing comes there is trouble to tell, and no quality.
        let score = score.filter(|_| reception.expected && gauge.standing.trouble != Some(Trouble::NoPackets));
        if let Some(score) = score {
            totals.scores[kind_index(kind)].add(&SCORES, u64::from(score.tenths()));
        }
        gauge.layer = taken.filter(|_| expected > 0).and_then(|(_, taken)| picture_layer(view.layers(kind), taken));
        gauge.rate(score);
    }

    fn tile_height(&self, line: usize) -> u16 {
        let Some(Place::Seat(seat)) = self.spec.downlinks.get(line).map(|spec| spec.place) else { return u16::MAX };
        let seated = self.plan.seats.iter().find(|seated| seated.seat == seat);
        seated.map_or(u16::MAX, |seated| seated.max_height)
    }

    fn reception(&self, now: Instant, line: usize, view: &View<'_>) -> Reception {
        let Source { spec, last_audio, last_video, video_since, .. } = view.source;
        if self.spec.downlinks[line].kind == MediaKind::Audio {
            return Reception { expected: spec.audio_allowed, last_packet: *last_audio, ..Reception::default() };
        }
        // A screen on which nothing moves may send nothing for as long as it likes.
        let rests = spec.kind == SourceKind::Screen && last_video.is_some();
        let waits = self.receptions.lines.get(line).and_then(|watch| watch.wait);
        // Without packets, a key frame is not what is missing.
        let comes = last_video.is_some_and(|last| now.saturating_duration_since(last) < LIVE);
        let [current, _] = self.downlink.subscriptions(line);
        let shows = current.is_some_and(|(source, _)| source == view.id);
        Reception {
            expected: spec.video_allowed,
            unsupported: self.downlink.unsupported(line).filter(|(id, _)| *id == view.id).map(|(_, codec)| codec),
            paused: self.pauses.told().find(|(id, _)| *id == view.id).map(|(_, needs)| needs),
            last_packet: if rests { Some(now) } else { *last_video },
            waits_since: waits
                .filter(|wait| comes && !shows && wait.source == view.id)
                .map(|wait| video_since.map_or(wait.since, |since| since.max(wait.since))),
        }
    }

    /// All that is known of what it receives, by source.
    fn received(&self) -> Vec<Received> {
        let mut all: Vec<Received> = Vec::new();
        for watch in &self.receptions.lines {
            let Some(gauge) = &watch.gauge else { continue };
            if gauge.standing == Standing::default() && gauge.layer.is_none() {
                continue;
            }
            let place = all.iter().position(|received| received.source == gauge.source).unwrap_or(all.len());
            if place == all.len() {
                let (sound, picture) = (Standing::default(), Standing::default());
                all.push(Received { source: gauge.source, sound, picture, layer: None });
            }
            match gauge.meter {
                Meter::Sound(_) => all[place].sound = gauge.standing,
                Meter::Picture(_) => (all[place].picture, all[place].layer) = (gauge.standing, gauge.layer),
            }
        }
        all
    }
}

/// The place of what is `taken` among the pictures that come, or came, of a source.
fn picture_layer(layers: &[Layer], taken: LayerTarget) -> Option<PictureLayer> {
    let (highest_spatial, highest_temporal) = layers.get(taken.layer)?.highest_layers();
    let seen = |layers: &[Layer]| layers.iter().filter(|layer| layer.ssrc().is_some()).count();
    // A stream with spatial layers has all sizes in it.
    let (spatial, spatials) = match highest_spatial {
        0 => (seen(layers.get(..taken.layer)?), seen(layers)),
        highest => (usize::from(taken.spatial.min(highest)), usize::from(highest) + 1),
    };
    Some(PictureLayer {
        spatial: u8::try_from(spatial + 1).ok()?,
        spatials: u8::try_from(spatials).ok()?,
        temporal: taken.temporal.min(highest_temporal) + 1,
        temporals: highest_temporal + 1,
    })
}
