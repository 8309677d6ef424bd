//! Which layer of each picture a subscriber gets: what its network carries, shared out among its seats.

use std::ops::Range;

use super::demand::scalable;
use super::*;
use crate::border::SeatedSource;
use crate::media::allocate::{Choice, Seat};
use crate::media::congestion::Estimator;
use crate::media::downlink::LayerTarget;

/// Assumed of a browser that tells nothing of what arrives.
const UNLIMITED: Bps = Bps(1_000_000_000);
/// Measured rates are of packets as publishers send them. On the way out a seal and other header extensions come to
/// them: 3 % of a video packet.
const OVERHEAD_PERCENT: u64 = 103;
/// Rates count smoothed, and wobble: what the allocator makes of one may be this much more.
const SMOOTHED_PERCENT: u64 = 150;
/// What the pictures need, and some room, in which the rates of encoders wobble;
const ROOM_PERCENT: u64 = 125;
/// while some are smaller than they might be, the room with which the allocator raises them whatever happened lately.
const ROOM_TO_RISE_PERCENT: u64 = 155;
/// Pictures that take so much more than a moment ago have risen: rates of the same ones change by less at once.
const RISE_PERCENT: u64 = 115;
/// Sent on trust before anything is known of a browser's network: a screen with some cameras.
const ON_TRUST: Bps = Bps(5_000_000);
/// A pause that is over sooner is not worth a word: a call begins with an estimate that says little.
const WORTH_TELLING: Duration = Duration::from_secs(1);
/// The height of a camera's lowest layer while no key frame told it: a quarter of 720 lines.
const LOWEST_HEIGHT: u16 = 180;

impl Forwarder {
    /// Chooses anew what each line of `peer` takes.
    pub(super) fn allocate(&mut self, now: Instant, peer: usize) {
        let mut points = std::mem::take(&mut self.points);
        points.clear();
        let pressure = self.pressure.level();
        let Forwarder { subscribers, publishers, sources, news, pressed, .. } = self;
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return };
        let rose = pressure > std::mem::replace(&mut subscriber.pressure, pressure);
        let spec = subscriber.spec.clone();
        let mut sound = 0;
        let mut lines: SmallVec<[Line; 16]> = SmallVec::new();
        for (line, downlink) in spec.downlinks.iter().enumerate() {
            let Some(source) = subscriber.shown[line].and_then(|id| sources.get(&id)) else { continue };
            if !source.is_carried() {
                continue;
            }
            let layers = source.layers(publishers, downlink.kind);
            if downlink.kind == MediaKind::Audio {
                sound += layers.first().map_or(0, |layer| layer.bitrate(now).0);
                subscriber.downlink.target(line, source.spec.id, Some(LayerTarget::whole(0)));
                continue;
            }
            let Place::Seat(seat) = downlink.place else { continue };
            let Some(seated) = subscriber.plan.seats.iter().find(|seated| seated.seat == seat) else { continue };
            let first = points.len();
            let current = subscriber.downlink.subscriptions(line)[0];
            let shown = current.filter(|(id, _)| *id == source.spec.id);
            let flows = shown.and_then(|(_, layer)| layers.get(layer)).is_some_and(|layer| layer.alive(now));
            let had = |index| source.can_be_had(now, index);
            operating_points(now, layers, flows, &source.demand, had, &mut points);
            let kept = first + pressure.keeps(&points[first..]);
            let takes = kept < points.len() || pressure == Pressure::Pictures;
            pressed[pressure as usize] += u64::from(rose && takes);
            points.truncate(kept);
            let (kind, sizes) = (source.spec.kind, source.demand.sizes(0));
            lines.push(Line { line, seated: *seated, kind, points: first..points.len(), sizes });
        }
        let seats: SmallVec<[Seat<'_>; 16]> = lines.iter().map(|line| line.seat(&points)).collect();
        let estimate =
            subscriber.estimator.as_ref().map_or(UNLIMITED, |estimator| match estimator.is_recovering(now) {
                true => estimator.estimate().max(Bps(subscriber.used.0 * RISE_PERCENT / 100)),
                false => estimator.estimate(),
            });
        subscriber.allocated = estimate;
        let mut pictures = Bps(estimate.0.saturating_sub(sound));
        if subscriber.is_unproven(now) {
            pictures = pictures.max(floors(&seats));
        } else if subscriber.estimator.as_ref().is_some_and(Estimator::is_by_remb) {
            // Such an estimate follows what is sent: with nothing it would stay where it is.
            pictures = pictures.max(floors(seats.get(..1).unwrap_or_default()));
        }
        if pressure == Pressure::Pictures {
            pictures = pictures.min(floor_of_first(&seats));
        }
        let allocation = subscriber.allocator.allocate(now, pictures, &seats);
        let mut paused: Vec<(SourceId, Bps)> = Vec::new();
        for ((share, line), seat) in allocation.shares.iter().zip(&lines).zip(&seats) {
            let target = match share.choice {
                Choice::Take(index) => target(seat.points, index, line.sizes),
                Choice::Paused { needs } => {
                    paused.push((share.source, needs));
                    subscriber.outlet.release(line.line);
                    None
                }
                // Nothing came yet: whatever comes first is welcome.
                Choice::Nothing => Some(LayerTarget::whole(0)),
            };
            subscriber.downlink.target(line.line, share.source, target);
        }
        let room = if allocation.unmet.0 > 0 { ROOM_TO_RISE_PERCENT } else { ROOM_PERCENT };
        let wanted = Bps((allocation.used.0 + allocation.unmet.0) * room / 100 + sound);
        let rises = allocation.used.0 * 100 > (subscriber.used.0.saturating_sub(sound)) * RISE_PERCENT;
        if let Some(estimator) = subscriber.estimator.as_mut() {
            estimator.want(wanted);
            if rises {
                estimator.rose(now);
            }
        }
        subscriber.used = Bps(allocation.used.0 + sound);
        subscriber.unmet = allocation.unmet;
        subscriber.set_rate(now);
        drop(seats);
        self.points = points;
        if subscriber.pauses.review(now, &paused) {
            news.push(News::Paused(subscriber.transport, subscriber.pauses.told().collect()));
        }
    }
}

/// What the smallest picture of every seat takes together.
fn floors(seats: &[Seat<'_>]) -> Bps {
    let smallest = seats.iter().filter_map(|seat| seat.points.iter().find(|point| point.alive));
    let sum: u64 = smallest.filter_map(|point| point.rate).map(|rate| rate.0).sum();
    Bps((sum * SMOOTHED_PERCENT / 100).min(ON_TRUST.0))
}

/// What the smallest picture of the seat takes that is served first.
fn floor_of_first(seats: &[Seat<'_>]) -> Bps {
    let first = seats.iter().max_by_key(|seat| (seat.priority, seat.kind == SourceKind::Screen, seat.max_height));
    first.map_or(Bps(0), |first| floors(std::slice::from_ref(first)))
}

/// Pictures of one subscriber that are held back for want of bandwidth.
#[derive(Default)]
pub(super) struct Pauses(Vec<Pause>);

struct Pause {
    source: SourceId,
    needs: Bps,
    since: Instant,
    told: bool,
}

impl Pauses {
    /// Takes which pictures are held back. True when the subscriber should be told anew. What a pause needs wobbles
    /// with the publisher's rate: only who is paused is worth a message.
    fn review(&mut self, now: Instant, paused: &[(SourceId, Bps)]) -> bool {
        let mut news = false;
        self.0.retain(|pause| {
            let goes_on = paused.iter().any(|(source, _)| *source == pause.source);
            news |= pause.told && !goes_on;
            goes_on
        });
        for (source, needs) in paused {
            match self.0.iter_mut().find(|pause| pause.source == *source) {
                Some(pause) => {
                    pause.needs = *needs;
                    if !pause.told && now.saturating_duration_since(pause.since) >= WORTH_TELLING {
                        (pause.told, news) = (true, true);
                    }
                }
                None => self.0.push(Pause { source: *source, needs: *needs, since: now, told: false }),
            }
        }
        news
    }

    pub(super) fn told(&self) -> impl Iterator<Item = (SourceId, Bps)> + '_ {
        self.0.iter().filter(|pause| pause.told).map(|pause| (pause.source, pause.needs))
    }
}

/// An occupied video line.
struct Line {
    line: usize,
    seated: SeatedSource,
    kind: SourceKind,
    points: Range<usize>,
    /// Sizes that its first stream has had in it.
    sizes: Option<usize>,
}

impl Line {
    fn seat<'a>(&self, points: &'a [OperatingPoint]) -> Seat<'a> {
        let SeatedSource { seat, source, max_height, priority } = self.seated;
        let points = points.get(self.points.clone()).unwrap_or_default();
        Seat { seat, source, priority, max_height, kind: self.kind, points }
    }
}

/// The point `index` as a line takes it: without bounds where there is nothing above. What is above within a stream of
/// `sizes` may be resting.
fn target(points: &[OperatingPoint], index: usize, sizes: Option<usize>) -> Option<LayerTarget> {
    let OperatingPoint { layer, spatial, temporal, .. } = *points.get(index)?;
    let others = || points.iter().filter(|point| point.layer == layer);
    let rests = layer == 0 && sizes.is_some_and(|sizes| usize::from(spatial) + 1 < sizes);
    let spatial = if rests || others().any(|point| point.spatial > spatial) { spatial } else { u8::MAX };
    let temporal = if others().any(|point| point.temporal > temporal) { temporal } else { u8::MAX };
    Some(LayerTarget { layer, spatial, temporal })
}

/// Appends what can be taken of a source's video, worst first. A layer that its publisher has paused takes a while to
/// come, if it comes: it counts while the line's picture `flows` meanwhile, or when there is nothing else.
fn operating_points(
    now: Instant,
    layers: &[Layer],
    flows: bool,
    demand: &Demand,
    can_be_had: impl Fn(usize) -> bool,
    points: &mut Vec<OperatingPoint>,
) {
    let patient = flows || !layers.iter().any(|layer| layer.alive(now));
    // A stream with spatial layers has in it what its siblings would bring: none of them is waited for.
    let scalable = demand.sizes(0).map(|_| 0).or_else(|| scalable(now, layers));
    let mut below = 0_u16;
    for (index, layer) in layers.iter().enumerate() {
        if scalable.is_some_and(|scalable| scalable != index) {
            continue;
        }
        let obtainable = patient && can_be_had(index);
        let seen = layer.ssrc().is_some();
        if !seen && !obtainable {
            continue;
        }
        let alive = layer.alive(now) || obtainable;
        let arriving = layer.arrives(now);
        // Each layer of a camera has twice the height of the one below. A key frame that tells may be long in coming.
        let height = layer.height().unwrap_or(if below == 0 { LOWEST_HEIGHT } else { below.saturating_mul(2) });
        below = height;
        let (spatials, temporals) = layer.highest_layers();
        for spatial in 0..=spatials {
            // Thinning is for those that cannot go lower in any other way.
            let thinnest = if points.is_empty() || layers.len() == 1 && spatial == 0 { 0 } else { temporals };
            for temporal in thinnest..=temporals {
                let rate = Bps(layer.bitrate_up_to(now, spatial, temporal).0 * OVERHEAD_PERCENT / 100);
                points.push(OperatingPoint {
                    layer: index,
                    spatial,
                    temporal,
                    height: layer.spatial_height(spatial).unwrap_or(height >> (spatials - spatial).min(4)),
                    frame_share: 100 >> (temporals - temporal).min(4),
                    rate: Some(rate).filter(|_| arriving),
                    alive,
                });
            }
        }
        // Sizes within this stream that its publisher has paused.
        for spatial in usize::from(spatials) + 1..demand.sizes(index).unwrap_or(0) {
            below = below.saturating_mul(2);
            if patient && can_be_had(spatial) {
                let (spatial, temporal) = (spatial as u8, temporals);
                let (height, frame_share) = (below, 100);
                points.push(OperatingPoint { layer: index, spatial, temporal, height, frame_share, rate: None, alive });
            }
        }
    }
}

#[cfg(test)]
mod tests;
