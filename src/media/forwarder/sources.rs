//! Sources as they are announced, moved to another connection and ended.

use super::*;

impl Forwarder {
    /// Announces a source or changes what it may send.
    pub fn set_source(&mut self, now: Instant, spec: SourceSpec) {
        let home = self.feeds.is_home(&spec);
        let peer = self.peers.get(&spec.transport).copied().filter(|_| home);
        self.room_gains_source(spec.id, spec.room);
        let source = self.sources.entry(spec.id).or_insert_with(|| Source {
            spec,
            peer,
            routes: [Vec::new(), Vec::new()],
            voice: Voice::new(now),
            heard: true,
            asked_early: None,
            seen: SourceState::default(),
            told: None,
            last_audio: None,
            last_video: None,
            video_since: None,
            demand: Demand::default(),
            feeds: SmallVec::new(),
            fed: None,
        });
        let old = source.peer;
        let moved = source.spec.transport != spec.transport;
        if moved {
            source.demand.begin_anew();
        }
        (source.spec, source.peer) = (spec, peer);
        let fed = source.fed.is_some();
        if moved || fed == home {
            source.begin_feeds(&self.feeds);
            // Whoever has it now tells of it.
            source.told = None;
        } else {
            source.align(&self.feeds);
        }
        self.rerouted = true;
        let index = source_index(spec.kind.video_role());
        for (at, id) in [(old, None), (peer, Some(spec.id))] {
            if let Some(publisher) = at.and_then(|p| self.publishers.get_mut(p)).and_then(Option::as_mut)
                && (id.is_some() || publisher.sources[index] == Some(spec.id))
            {
                publisher.sources[index] = id;
            }
        }
        if (peer.is_some() && peer != old) || (moved && (fed || !home)) {
            self.restart(spec.id);
        }
    }

    /// Another browser connection carries `source` from now on, as after a reload: what subscribers know of its numbers
    /// is void.
    fn restart(&mut self, source: SourceId) {
        for peer in 0..self.subscribers.len() {
            let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { continue };
            if subscriber.downlink.restart(source) {
                for line in 0..subscriber.shown.len() {
                    if subscriber.shown[line] == Some(source) {
                        subscriber.outlet.release(line);
                    }
                }
                self.note_waiting(peer);
            }
        }
    }

    /// Ends a source.
    pub fn remove_source(&mut self, now: Instant, id: SourceId) {
        let Some(source) = self.sources.remove(&id) else { return };
        self.room_loses_source(id, source.spec.room);
        if let Some(Some(publisher)) = source.peer.and_then(|p| self.publishers.get_mut(p)) {
            for slot in &mut publisher.sources {
                slot.take_if(|s| *s == id);
            }
        }
        let watching: Vec<usize> = source.routes.iter().flatten().flatten().map(|route| route.peer).collect();
        for peer in watching {
            self.seat(now, peer);
        }
    }
}

impl Source {
    /// Whether packets of a kind are forwarded.
    pub(super) fn allows(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.spec.audio_allowed,
            MediaKind::Video => self.spec.video_allowed,
        }
    }

    /// Remembers that packets arrive, and how loud they are.
    pub(super) fn note(&mut self, now: Instant, kind: MediaKind, packet: &PacketRef<'_>) {
        match kind {
            MediaKind::Audio => {
                self.last_audio = Some(now);
                self.seen.audio = Some(packet.info.codec);
                if let Some(level) = packet.info.audio_level {
                    self.voice.hear(now, level.level);
                }
            }
            MediaKind::Video => {
                let pause = self.last_video.map(|last| now.saturating_duration_since(last));
                if pause.is_none_or(|pause| pause > ARRIVING) {
                    self.video_since = Some(now);
                }
                self.last_video = Some(now);
                self.seen.video = Some(packet.info.codec);
            }
        }
    }
}
