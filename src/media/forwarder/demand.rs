//! What publishers should send of a source's video: the layers that somebody takes or waits for.

use super::*;
use crate::media::dynacast::{Desired, Dynacast, Layers};

/// How long a layer may take to come after its publisher was asked to send it: a browser's own estimate may have to rise
/// first, which takes seconds. What is taken now keeps flowing meanwhile.
const GRACE: Duration = Duration::from_secs(10);
/// A layer that did not come is not counted on for so long: the camera is too small for it, or the network too weak.
const REFUSED: Duration = Duration::from_secs(20);

/// One source's layers as its publisher should send them, and which may be counted on.
#[derive(Default)]
pub(super) struct Demand {
    dynacast: Option<Dynacast>,
    /// When the publisher was last asked to send each layer again.
    asked: [Option<Instant>; Layers::MAX],
    refused: [Option<Instant>; Layers::MAX],
    version: u64,
}

impl Demand {
    /// Another connection carries the source: its browser sends everything until it is told otherwise.
    pub(super) fn begin_anew(&mut self) {
        *self = Demand { version: self.version, ..Demand::default() };
    }

    /// Whether a layer is or can be had, `alive` or not.
    pub(super) fn can_be_had(&self, now: Instant, layer: usize) -> bool {
        let within = |at: Option<&Option<Instant>>, time| {
            at.copied().flatten().is_some_and(|at| now.saturating_duration_since(at) < time)
        };
        let paused = self.dynacast.as_ref().is_some_and(|dynacast| !dynacast.desired().layers.contains(layer));
        (paused && !within(self.refused.get(layer), REFUSED)) || within(self.asked.get(layer), GRACE)
    }

    /// Takes which layers are taken or waited for; `Some` when the publisher should be told.
    fn review(&mut self, now: Instant, count: usize, layers: Layers) -> Option<Desired> {
        let version = self.version;
        let dynacast = self.dynacast.get_or_insert_with(|| Dynacast::new(now, count, version));
        let before = dynacast.desired().layers;
        let desired = dynacast.demand(now, layers).or_else(|| dynacast.handle_timeout(now))?;
        self.version = desired.version;
        for (layer, asked) in self.asked.iter_mut().enumerate() {
            if desired.layers.contains(layer) && !before.contains(layer) {
                *asked = Some(now);
            }
        }
        Some(desired)
    }

    /// Notes which layers that were asked for never came.
    fn note(&mut self, now: Instant, layers: &[Layer]) {
        for ((asked, refused), layer) in self.asked.iter_mut().zip(&mut self.refused).zip(layers) {
            let came = asked.is_some_and(|at| layer.last_arrival().is_some_and(|last| last > at));
            if came {
                (*asked, *refused) = (None, None);
            } else if asked.is_some_and(|at| now.saturating_duration_since(at) >= GRACE) {
                (*asked, *refused) = (None, Some(now));
            }
        }
    }
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
            let routes = source.routes[kind_index(MediaKind::Video)].iter();
            let taken = routes.enumerate().filter(|(_, routes)| !routes.is_empty()).map(|(layer, _)| layer).collect();
            if let Some(desired) = source.demand.review(now, layers.len(), taken) {
                let (version, layers) = (desired.version, desired.layers);
                let count = publisher.uplink.layers(source.spec.kind.video_role()).len();
                self.news.push(News::Demand(source.spec.id, LayerDemand { version, count, layers }));
            }
        }
    }
}
