//! Which line takes what: sources on lines, and lines behind the layers that they take.

use super::*;

impl Forwarder {
    /// Puts the sources of the plan and of the audio-only lines on their lines.
    pub(super) fn seat(&mut self, now: Instant, peer: usize) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        let sound = subscriber.place_sound(&self.sources);
        let heard: SmallVec<[SourceId; 16]> =
            sound.iter().filter_map(|(line, _)| subscriber.shown.get(*line).copied().flatten()).collect();
        for (line, spec) in subscriber.spec.downlinks.iter().enumerate() {
            let wanted = match spec.place {
                _ if spec.kind == MediaKind::Audio => {
                    sound.iter().find(|(at, _)| *at == line).and_then(|(_, source)| *source)
                }
                Place::Seat(seat) => subscriber.plan.seats.iter().find(|s| s.seat == seat).map(|s| s.source),
                Place::AudioLine(_) => None,
            }
            .filter(|id| spec.active && self.sources.contains_key(id));
            if subscriber.shown[line] != wanted {
                subscriber.shown[line] = wanted;
                subscriber.moved[line] = wanted.is_some_and(|id| heard.contains(&id));
                subscriber.downlink.assign(line, wanted);
                if wanted.is_none() {
                    subscriber.outlet.release(line);
                }
            }
        }
        self.tell_audio_lines(peer);
        self.route(now, peer);
    }

    /// Rebuilds the routes of one subscriber from what its lines take now.
    pub(super) fn route(&mut self, now: Instant, peer: usize) {
        self.rerouted = true;
        self.touch(peer);
        for source in self.sources.values_mut() {
            for routes in source.routes.iter_mut().flatten() {
                routes.retain(|route| route.peer != peer);
            }
        }
        self.allocate(now, peer);
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        if !subscriber.ready {
            return subscriber.forget_waits();
        }
        let live_since = |id: SourceId| self.sources.get(&id)?.video_since;
        subscriber.note_waits(now, live_since, &mut self.quality);
        for (line, spec) in subscriber.spec.downlinks.iter().enumerate() {
            for (id, layer) in subscriber.downlink.subscriptions(line).into_iter().flatten() {
                let Some(source) = self.sources.get_mut(&id) else { continue };
                let layers = &mut source.routes[kind_index(spec.kind)];
                if layers.len() <= layer {
                    layers.resize_with(layer + 1, Vec::new);
                }
                let route = Route { peer, line };
                if !layers[layer].contains(&route) {
                    layers[layer].push(route);
                }
            }
        }
        self.note_waiting(peer);
    }
}
