//! The giving side: a source's own shard.

use super::*;
use crate::media::feed::{Entry, Label, LayerFacts, Parcel, Passage, State, Wish};
use crate::media::uplink::Received;

/// Of a queue, in eighths: how full it may be for a picture above the lowest layer to begin, for one of the lowest, and
/// for one to go on that has begun. The rest is for sound.
const UPPER: usize = 4;
const LOWEST: usize = 6;
const BEGUN: usize = 7;
/// A layer that was shed comes back when the queue is at most so full.
const RECOVERED: usize = 2;
/// Most packets of a layer that another shard looks back at, as replays bound them.
const LOOK_BACK: u64 = 200;
/// How old the newest key frame of a camera may be for that.
const LOOK_BACK_AGE: Duration = Duration::from_secs(1);
/// Reviews between facts about a source of which only the sound is given.
const FACTS_EVERY: u64 = 10;

/// What goes from a source to one other shard.
pub(in crate::media::forwarder) struct Outfeed {
    pub(super) shard: usize,
    /// The opening that was wished for last; 0 = no pictures.
    opening: u32,
    /// Pictures go there.
    opened: bool,
    /// Layers that somebody there takes or waits for.
    pub(in crate::media::forwarder) layers: Layers,
    key_frames: [u32; LAYERS],
    /// Layers of which something was shed, until their next key frame.
    broken: Layers,
    /// Of those, the ones whose key frame was asked for.
    asked: Layers,
    told: Option<Facts>,
}

impl Outfeed {
    pub(super) fn new(shard: usize) -> Outfeed {
        let (opening, opened, layers, key_frames, told) = Default::default();
        Outfeed { shard, opening, opened, layers, key_frames, broken: Layers::NONE, asked: Layers::NONE, told }
    }

    /// Whether a packet of a picture goes there now, and how; or why not.
    fn admits(&mut self, inlet: &Inlet, layer: usize, packet: &PacketRef<'_>) -> Result<Passage, FeedShed> {
        let (depth, capacity) = inlet.filling();
        let below = |eighths: usize| depth * 8 < capacity * eighths;
        let facts = &packet.info.facts;
        let begins = facts.frame_start && facts.spatial == 0;
        if self.broken.contains(layer) {
            if !begins || !below(RECOVERED) || !facts.key_frame {
                return Err(FeedShed::NeedsKeyFrame);
            }
            self.broken = self.broken.without(layer);
            return Ok(Passage::Anew);
        }
        let (limit, reason) = match layer {
            0 => (LOWEST, FeedShed::Picture),
            _ => (UPPER, FeedShed::UpperLayer),
        };
        if below(if begins { limit } else { BEGUN }) {
            return Ok(Passage::Live);
        }
        self.broken = self.broken.with(layer);
        self.asked = self.asked.without(layer);
        Err(reason)
    }

    /// Whether the key frame should be asked for now with which a layer comes back.
    fn wants_key_frame(&mut self, inlet: &Inlet, layer: usize) -> bool {
        let (depth, capacity) = inlet.filling();
        let wants = self.broken.contains(layer) && !self.asked.contains(layer) && depth * 8 < capacity * RECOVERED;
        if wants {
            self.asked = self.asked.with(layer);
        }
        wants
    }
}

impl Feeds {
    /// Gives a packet that came to the other shards that take it. True when one did.
    pub(in crate::media::forwarder) fn give(
        &mut self,
        source: &mut Source,
        received: &Received<'_>,
        len: usize,
    ) -> bool {
        let kind = received.role.kind();
        let Source { spec, feeds, .. } = source;
        let mut parcel: Option<Arc<Parcel>> = None;
        let mut given = false;
        for feed in feeds.iter_mut().filter(|feed| kind == MediaKind::Audio || feed.opened) {
            let Some(inlet) = self.inlets.get(feed.shard) else { continue };
            let admitted = match kind {
                MediaKind::Audio => Ok(Passage::Live),
                MediaKind::Video => feed.admits(inlet, received.layer, &received.packet),
            };
            let passed = admitted.and_then(|passage| {
                let label = Label {
                    source: spec.id,
                    transport: spec.transport,
                    kind,
                    layer: received.layer,
                    ssrc: received.ssrc,
                    height: received.height,
                    len,
                };
                let parcel = parcel.get_or_insert_with(|| self.pool.fill(label, received.packet)).clone();
                let pushed = inlet.push(Entry::Packet { parcel, opening: feed.opening, passage });
                if !pushed && kind == MediaKind::Video {
                    feed.broken = feed.broken.with(received.layer);
                    feed.asked = feed.asked.without(received.layer);
                }
                let full = if kind == MediaKind::Audio { FeedShed::Sound } else { FeedShed::Picture };
                if pushed { Ok(()) } else { Err(full) }
            });
            if kind == MediaKind::Video && feed.wants_key_frame(inlet, received.layer) {
                self.lacking.push((spec.id, received.layer));
            }
            match passed {
                Ok(()) => {
                    self.totals.given += 1;
                    given = true;
                    if !self.fed.contains(&feed.shard) {
                        self.fed.push(feed.shard);
                    }
                }
                Err(reason) => self.totals.shed[reason as usize] += 1,
            }
        }
        given
    }
}

impl Forwarder {
    /// Takes what another shard wishes of a source that is published here.
    pub(super) fn wished(&mut self, now: Instant, wish: &Wish) {
        let here = |source: &&mut Source| source.spec.transport == wish.transport && source.peer.is_some();
        let Some(source) = self.sources.get_mut(&wish.source).filter(here) else { return };
        let allowed = source.spec.video_allowed;
        let Some(feed) = source.feeds.iter_mut().find(|feed| feed.shard == wish.shard) else { return };
        let asked = (0..LAYERS).filter(|layer| feed.key_frames[*layer] != wish.key_frames[*layer]);
        let asked: SmallVec<[usize; LAYERS]> = asked.filter(|_| allowed).collect();
        feed.key_frames = wish.key_frames;
        feed.layers = wish.layers;
        if feed.opening != wish.opening {
            (feed.opening, feed.opened, feed.told) = (wish.opening, false, None);
        }
        self.rerouted = true;
        self.open_feed(now, wish.source, wish.shard);
        for layer in asked {
            let source = self.sources.get(&wish.source);
            let layers = source.map_or(&[][..], |source| source.layers(&self.publishers, MediaKind::Video));
            if layers.get(layer).is_some_and(|layer| layer.alive(now)) {
                self.ask_for_key_frame(now, wish.source, layer);
            }
        }
    }

    /// Begins to give a source's pictures to a shard that wishes for them, with what their rings hold since the newest key
    /// frames.
    fn open_feed(&mut self, now: Instant, id: SourceId, shard: usize) {
        let Forwarder { feeds, sources, publishers, subscribers, .. } = self;
        let Some(source) = sources.get_mut(&id) else { return };
        let Some(inlet) = feeds.inlets.get(shard).cloned() else { return };
        let waiting = |feed: &&Outfeed| feed.shard == shard && feed.opening != 0 && !feed.opened;
        let Some(opening) = source.feeds.iter().find(waiting).map(|feed| feed.opening) else { return };
        let SourceSpec { transport, video_allowed, kind, .. } = source.spec;
        let layers = source.layers(publishers, MediaKind::Video);
        let count = layers.len();
        let (depth, capacity) = inlet.filling();
        // What finds no room now is tried again with the next review.
        if depth * 8 >= capacity * UPPER || !inlet.push(Entry::Opened { source: id, transport, opening, layers: count })
        {
            return;
        }
        inlet.put(State::Facts(facts(now, source, publishers, rtt_of(source, subscribers))));
        let recent = |layer: &Layer, key: ExtSeq| {
            let first = layer.ring().get(key);
            first.is_some_and(|first| {
                kind == SourceKind::Screen || now.saturating_duration_since(first.info.arrival) <= LOOK_BACK_AGE
            })
        };
        for (index, layer) in layers.iter().enumerate().filter(|_| video_allowed) {
            let ring = layer.ring();
            let (Some(key), Some(newest)) = (ring.key_frame(), ring.newest()) else { continue };
            if newest.0 - key.0 > LOOK_BACK || !recent(layer, key) {
                continue;
            }
            for packet in (key.0..=newest.0).filter_map(|seq| ring.get(ExtSeq(seq))) {
                let len = packet.payload.len() + packet.dependency_descriptor.len();
                let (kind, ssrc, height) = (MediaKind::Video, layer.ssrc(), layer.height());
                let label = Label { source: id, transport, kind, layer: index, ssrc, height, len };
                let parcel = feeds.pool.fill(label, packet);
                // Looking back is a favour: what finds no room is asked for as a key frame.
                if inlet.push(Entry::Packet { parcel, opening, passage: Passage::Past }) {
                    feeds.totals.given += 1;
                }
            }
        }
        if let Some(feed) = source.feeds.iter_mut().find(|feed| feed.shard == shard) {
            (feed.opened, feed.broken, feed.asked) = (true, Layers::NONE, Layers::NONE);
        }
        feeds.note(shard);
    }

    /// Tells other shards what they cannot see in packets, and opens feeds that found no room.
    pub(super) fn tell_facts(&mut self, now: Instant) {
        let all = self.feeds.reviews.is_multiple_of(FACTS_EVERY);
        let mut unopened: SmallVec<[(SourceId, usize); 8]> = SmallVec::new();
        let Forwarder { feeds, sources, publishers, subscribers, .. } = self;
        for (id, source) in sources.iter_mut().filter(|(_, source)| !source.feeds.is_empty()) {
            if !all && !source.feeds.iter().any(|feed| feed.opening != 0) {
                continue;
            }
            let facts = facts(now, source, publishers, rtt_of(source, subscribers));
            for feed in source.feeds.iter_mut().filter(|feed| all || feed.opening != 0) {
                if feed.opening != 0 && !feed.opened {
                    unopened.push((*id, feed.shard));
                }
                if feed.told.as_ref() != Some(&facts)
                    && let Some(inlet) = feeds.inlets.get(feed.shard)
                {
                    inlet.put(State::Facts(facts.clone()));
                    feed.told = Some(facts.clone());
                    if !feeds.fed.contains(&feed.shard) {
                        feeds.fed.push(feed.shard);
                    }
                }
            }
        }
        for (id, shard) in unopened {
            self.open_feed(now, id, shard);
        }
    }
}

/// Between a publisher and the server.
fn rtt_of(source: &Source, subscribers: &[Option<Subscriber>]) -> Duration {
    let publisher = source.peer.and_then(|peer| subscribers.get(peer)?.as_ref());
    publisher.map_or(Duration::ZERO, |publisher| publisher.downlink.rtt())
}

fn facts(now: Instant, source: &Source, publishers: &[Option<Publisher>], rtt: Duration) -> Facts {
    let jitter = source.layers(publishers, MediaKind::Audio).first().map_or(Duration::ZERO, Layer::jitter);
    let layers = source.layers(publishers, MediaKind::Video).iter().take(LAYERS).enumerate();
    let layers = layers.map(|(index, layer)| LayerFacts {
        ssrc: layer.ssrc(),
        codec: layer.codec(),
        height: layer.height(),
        last_arrival: layer.last_arrival(),
        obtainable: source.demand.can_be_had(now, index),
    });
    Facts { source: source.spec.id, transport: source.spec.transport, rtt, jitter, layers: layers.collect() }
}
