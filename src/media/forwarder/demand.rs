//! What publishers should send of a source's video: the layers that somebody takes or waits for.

use super::*;
use crate::media::dynacast::{Desired, Dynacast, Layers};

/// How long a layer may take to come after its publisher was asked to send it: a browser's own estimate may have to rise
/// first, which takes seconds. What is taken now keeps flowing meanwhile.
const GRACE: Duration = Duration::from_secs(10);
/// A layer that did not come is not counted on for so long: the camera is too small for it, or the network or the encoder too
/// weak. It goes on being asked for: it may only be late.
const REFUSED: Duration = Duration::from_secs(20);
/// A spatial layer is seen in a stream for so long after its last packet.
const WINDOW: Duration = Duration::from_secs(1);

/// One source's layers as its publisher should send them, and which may be counted on.
#[derive(Default)]
pub(super) struct Demand {
    dynacast: Option<Dynacast>,
    /// When the publisher was last asked to send each layer again, of those that have not come since,
    asked: [Option<Instant>; Layers::MAX],
    /// and when each was given up.
    refused: [Option<Instant>; Layers::MAX],
    version: u64,
    /// The sizes that have come as spatial layers of one stream. What the publisher should send is then counted in
    /// these: 0 and 1 = in simulcast streams.
    sizes: usize,
}

/// The stream that has the other sizes in it, as spatial layers.
pub(super) fn scalable(now: Instant, layers: &[Layer]) -> Option<usize> {
    layers.iter().position(|layer| layer.alive(now) && layer.highest_layers().0 > 0)
}

impl Demand {
    /// Another connection carries the source: its browser sends everything until it is told otherwise.
    pub(super) fn begin_anew(&mut self) {
        *self = Demand { version: self.version, ..Demand::default() };
    }

    /// Whether a layer is or can be had, `alive` or not.
    pub(super) fn can_be_had(&self, now: Instant, layer: usize) -> bool {
        let paused = self.dynacast.as_ref().is_some_and(|dynacast| !dynacast.desired().layers.contains(layer));
        (paused && !self.is_refused(now, layer)) || within(now, self.asked.get(layer), GRACE)
    }

    fn is_refused(&self, now: Instant, layer: usize) -> bool {
        within(now, self.refused.get(layer), REFUSED)
    }

    /// The sizes that the stream `layer` has had in it; `None` while simulcast streams bring them.
    pub(super) fn sizes(&self, layer: usize) -> Option<usize> {
        (self.sizes > 1 && layer == 0).then_some(self.sizes)
    }

    /// Takes which layers are taken or waited for; `Some` when the publisher should be told.
    pub(super) fn review(&mut self, now: Instant, count: usize, layers: Layers) -> Option<Desired> {
        let version = self.version;
        let late = (0..count).filter(|layer| !layers.is_empty() && self.is_refused(now, *layer));
        let layers = late.fold(layers, Layers::with);
        let dynacast = self.dynacast.get_or_insert_with(|| Dynacast::new(now, count, version));
        let before = dynacast.desired().layers;
        let desired = dynacast.demand(now, layers).or_else(|| dynacast.handle_timeout(now))?;
        self.version = desired.version;
        for (layer, asked) in self.asked.iter_mut().enumerate() {
            match desired.layers.contains(layer) {
                true if !before.contains(layer) => *asked = Some(now),
                true => {}
                // Nobody waited for it to the end: that says nothing of what the publisher can.
                false => *asked = None,
            }
        }
        Some(desired)
    }

    /// Notes how the sizes come, and which layers that were asked for never came.
    pub(super) fn note(&mut self, now: Instant, layers: &[Layer]) {
        let stream = scalable(now, layers);
        if stream == Some(0) {
            let highest = layers.first().map_or(0, |layer| layer.highest_layers().0);
            self.sizes = self.sizes.max(usize::from(highest) + 1).min(layers.len().max(1));
        } else if layers.iter().skip(1).any(|layer| layer.arrives(now)) {
            self.sizes = 0;
        }
        let top = layers.first().map_or(0, |layer| usize::from(layer.highest_layers().0));
        for (index, ((asked, refused), layer)) in self.asked.iter_mut().zip(&mut self.refused).zip(layers).enumerate() {
            let came = asked.or(*refused).is_some_and(|at| match self.sizes > 1 && index > 0 {
                // The window in which layers are seen reaches back to before it was asked for.
                true => index <= top && now.saturating_duration_since(at) > WINDOW,
                false => layer.last_arrival().is_some_and(|last| last > at),
            });
            if came {
                (*asked, *refused) = (None, None);
            } else if asked.is_some_and(|at| now.saturating_duration_since(at) >= GRACE) {
                (*asked, *refused) = (None, Some(now));
            }
        }
    }
}

fn within(now: Instant, at: Option<&Option<Instant>>, time: Duration) -> bool {
    at.copied().flatten().is_some_and(|at| now.saturating_duration_since(at) < time)
}

impl Forwarder {
    /// Tells publishers which of their layers to send.
    pub(super) fn review_demand(&mut self, now: Instant) {
        self.rerouted = false;
        for source in self.sources.values_mut() {
            let Some(Some(publisher)) = source.peer.and_then(|peer| self.publishers.get(peer)) else { continue };
            let layers = publisher.uplink.layers(source.spec.kind.video_role());
            if layers.is_empty() || !source.spec.video_allowed {
                continue;
            }
            source.demand.note(now, layers);
            let routes = &source.routes[kind_index(MediaKind::Video)];
            let streams = routes.iter().enumerate().filter(|(_, routes)| !routes.is_empty()).map(|(layer, _)| layer);
            let mut taken: Layers = streams.chain(source.feeds.iter().flat_map(|feed| feed.layers.iter())).collect();
            if source.demand.sizes(0).is_some() {
                let routes = routes.first().into_iter().flatten();
                let spatial = routes.filter_map(|route| {
                    let target = self.subscribers.get(route.peer)?.as_ref()?.downlink.wished(route.line)?;
                    // Whoever waits for another stream takes what there is.
                    Some(if target.layer == 0 { usize::from(target.spatial) } else { 0 })
                });
                // Other shards tell which streams they take, not which sizes of them.
                let fed = source.feeds.iter().any(|feed| feed.layers.contains(0)).then_some(usize::MAX);
                let highest = spatial.chain(fed).max().map_or(0, |highest| highest.min(layers.len() - 1));
                taken = (1..=highest).fold(taken, Layers::with);
            }
            if let Some(desired) = source.demand.review(now, layers.len(), taken) {
                let (version, layers) = (desired.version, desired.layers);
                let count = publisher.uplink.layers(source.spec.kind.video_role()).len();
                self.news.push(News::Demand(source.spec.id, LayerDemand { version, count, layers }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOWEST: [usize; 1] = [0];
    const BOTH: [usize; 2] = [0, 1];

    /// One look a tenth of a second at what is `wanted`, for `seconds`, while nothing comes. Returns what the publisher should send.
    fn look(demand: &mut Demand, now: &mut Instant, seconds: u64, wanted: &[usize]) -> Vec<usize> {
        let layers = [0, 1].map(|_| Layer::new(MediaKind::Video, None));
        for _ in 0..seconds * 10 {
            *now += Duration::from_millis(100);
            demand.note(*now, &layers);
            demand.review(*now, BOTH.len(), wanted.iter().copied().collect());
        }
        demand.dynacast.as_ref().map(|dynacast| dynacast.desired().layers.iter().collect()).unwrap_or_default()
    }

    fn paused(now: &mut Instant) -> Demand {
        let mut demand = Demand::default();
        assert_eq!(look(&mut demand, now, 6, &LOWEST), LOWEST);
        assert!(demand.can_be_had(*now, 1));
        demand
    }

    #[test]
    fn a_layer_that_does_not_come_is_not_counted_on_but_asked_for_still() {
        let mut now = Instant::now();
        let mut demand = paused(&mut now);
        look(&mut demand, &mut now, 9, &BOTH);
        assert!(demand.can_be_had(now, 1));
        look(&mut demand, &mut now, 2, &BOTH);
        assert!(!demand.can_be_had(now, 1));
        // Whoever waited took what there is instead.
        assert_eq!(look(&mut demand, &mut now, 15, &LOWEST), BOTH);
        assert!(!demand.can_be_had(now, 1));
        assert_eq!(look(&mut demand, &mut now, 10, &LOWEST), LOWEST);
        assert!(demand.can_be_had(now, 1), "the next try");
    }

    #[test]
    fn a_layer_that_nobody_waited_for_to_the_end_was_not_refused() {
        let mut now = Instant::now();
        let mut demand = paused(&mut now);
        look(&mut demand, &mut now, 1, &BOTH);
        assert_eq!(look(&mut demand, &mut now, 6, &LOWEST), LOWEST);
        look(&mut demand, &mut now, 6, &LOWEST);
        assert!(demand.can_be_had(now, 1));
    }
}
