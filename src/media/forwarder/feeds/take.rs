//! The taking side: sources that are published on another shard.

use super::*;
use crate::media::feed::{Entry, Parcel, Passage, State, Wish};

/// Packets taken before the shard turns to what else there is to do.
const BATCH: usize = 64;

/// A source that is published on another shard.
#[derive(Default)]
pub(in crate::media::forwarder) struct Fed {
    audio: Vec<Layer>,
    video: Vec<Layer>,
    /// Numbers the wish for its pictures; 0 = nobody here is shown it.
    opening: u32,
    /// Its pictures come.
    opened: bool,
    key_frames: [u32; LAYERS],
    wished: Option<Wish>,
    facts: Option<Facts>,
}

impl Fed {
    pub(super) fn layers(&self, kind: MediaKind) -> &[Layer] {
        if kind == MediaKind::Audio { &self.audio } else { &self.video }
    }

    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    pub(super) fn can_be_had(&self, layer: usize) -> bool {
        self.facts.as_ref().and_then(|facts| facts.layers.get(layer)).is_some_and(|layer| layer.obtainable)
    }

    /// Between the publisher and its shard.
    pub(in crate::media::forwarder) fn rtt(&self) -> Duration {
        self.facts.as_ref().map_or(Duration::ZERO, |facts| facts.rtt)
    }

    /// Of the sound on its way there.
    pub(in crate::media::forwarder) fn jitter(&self) -> Duration {
        self.facts.as_ref().map_or(Duration::ZERO, |facts| facts.jitter)
    }

    /// Wishes for a key frame of `layer`.
    pub(in crate::media::forwarder) fn ask(&mut self, layer: usize) {
        if let Some(asked) = self.key_frames.get_mut(layer) {
            *asked = asked.wrapping_add(1);
        }
    }

    /// Wishes for a key frame of every layer that comes.
    pub(in crate::media::forwarder) fn ask_for_all(&mut self) {
        (0..LAYERS).for_each(|layer| self.ask(layer));
    }

    fn begin(&mut self, layers: usize) {
        self.opened = true;
        self.video.clear();
        self.video.resize_with(layers.min(Layers::MAX), || Layer::new(MediaKind::Video, None));
    }

    /// Nobody is shown it any more: its pictures need no memory here.
    fn close(&mut self) {
        (self.opening, self.opened) = (0, false);
        self.video = Vec::new();
    }

    /// What its own shard told of layers counts for those that are here.
    fn learn(&mut self) {
        let facts = self.facts.iter().flat_map(|facts| &facts.layers);
        for (layer, facts) in self.video.iter_mut().zip(facts) {
            layer.learn(facts);
        }
    }

    /// The layer that a packet belongs to, with its siblings told that it went on.
    fn follow(&mut self, parcel: &Parcel) {
        let layers = match parcel.kind {
            MediaKind::Audio => {
                if self.audio.len() <= parcel.layer && parcel.layer < Layers::MAX {
                    self.audio.resize_with(parcel.layer + 1, || Layer::new(MediaKind::Audio, None));
                }
                &mut self.audio
            }
            MediaKind::Video => &mut self.video,
        };
        for (index, layer) in layers.iter_mut().enumerate() {
            if index == parcel.layer {
                layer.follow(parcel);
            } else {
                layer.sibling_advanced(parcel.packet().info.arrival);
            }
        }
    }
}

impl Source {
    /// What its own shard told of its layers counts here too: a picture on which nothing moves sends nothing to tell it.
    fn learn(&mut self) {
        let Some(fed) = self.fed.as_mut().filter(|fed| fed.opened) else { return };
        fed.learn();
        let newest =
            fed.video.iter().filter_map(|layer| Some((layer.last_arrival()?, layer.codec()?))).max_by_key(|l| l.0);
        if let Some((arrival, codec)) = newest.filter(|(arrival, _)| self.last_video.is_none_or(|last| *arrival > last))
        {
            self.video_since.get_or_insert(arrival);
            (self.last_video, self.seen.video) = (Some(arrival), Some(codec));
        }
    }
}

impl Forwarder {
    /// Packets that wait to be taken from other shards.
    pub fn waiting_feeds(&self) -> usize {
        self.feeds.inlets.get(self.feeds.own).map_or(0, |inlet| inlet.depth())
    }

    /// Takes a batch of what other shards gave. True when more may be waiting.
    pub fn take_feeds(&mut self, now: Instant, sink: &mut impl Sink) -> bool {
        let Some(inlet) = self.feeds.inlets.get(self.feeds.own).cloned() else { return false };
        for state in inlet.take_states() {
            match state {
                State::Wish(wish) => self.wished(now, &wish),
                State::Facts(facts) => self.told(facts),
            }
        }
        for _ in 0..BATCH {
            match inlet.pop() {
                None => return false,
                Some(Entry::Opened { source, transport, opening, layers }) => {
                    self.feed_opened(now, source, transport, opening, layers);
                }
                Some(Entry::Packet { parcel, opening, passage }) => {
                    self.feeds.totals.taken += 1;
                    if let Err(reason) = self.take_parcel(now, &parcel, opening, passage, sink) {
                        sink.dropped(reason);
                    }
                }
            }
        }
        true
    }

    fn told(&mut self, facts: Facts) {
        let Some(source) = self.sources.get_mut(&facts.source) else { return };
        let transport = source.spec.transport;
        if let Some(fed) = source.fed.as_mut().filter(|_| transport == facts.transport) {
            fed.facts = Some(facts);
            source.learn();
        }
    }

    /// The pictures of a source come from now on; whoever waits for them may look for a key frame.
    fn feed_opened(&mut self, now: Instant, id: SourceId, transport: TransportId, opening: u32, layers: usize) {
        let Some(source) = self.sources.get_mut(&id).filter(|source| source.spec.transport == transport) else {
            return;
        };
        let Some(fed) = source.fed.as_mut().filter(|fed| fed.opening == opening) else { return };
        fed.begin(layers);
        source.learn();
        for layer in 0..Layers::MAX {
            // Whoever was away while the feed was closed lacks what came meanwhile.
            self.begin_anew(now, (id, layer));
        }
        for peer in 0..self.subscribers.len() {
            if self.subscribers[peer].as_ref().is_some_and(|subscriber| subscriber.shown.contains(&Some(id))) {
                self.note_waiting(peer);
            }
        }
    }

    fn take_parcel(
        &mut self,
        now: Instant,
        parcel: &Parcel,
        opening: u32,
        passage: Passage,
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        let (id, kind, layer) = (parcel.source, parcel.kind, parcel.layer);
        let current = |source: &&mut Source| source.spec.transport == parcel.transport;
        let source = self.sources.get_mut(&id).filter(current).ok_or(DropReason::UnknownStream)?;
        if !source.allows(kind) {
            return Err(DropReason::NotAllowed);
        }
        let fed = source.fed.as_mut().ok_or(DropReason::UnknownStream)?;
        if kind == MediaKind::Video && !(fed.opened && fed.opening == opening) {
            return Err(DropReason::NoSubscriber);
        }
        fed.follow(parcel);
        if passage == Passage::Past {
            return Ok(());
        }
        let packet = parcel.packet();
        source.note(now, kind, &packet);
        let newest = source.layers(&[], kind).get(layer).and_then(|layer| layer.ring().newest());
        let (seq, newest) = (packet.info.seq, newest.unwrap_or(packet.info.seq));
        if passage == Passage::Anew {
            self.forward_gathered(now, sink);
            self.begin_anew(now, (id, layer));
        }
        self.carry(now, (id, layer), kind, seq, newest, sink)
    }

    /// Something of a layer was shed on its way here: whoever shows it goes on with the key frame that comes next.
    fn begin_anew(&mut self, now: Instant, from: (SourceId, usize)) {
        let Some(source) = self.sources.get(&from.0) else { return };
        let routes = source.routes[kind_index(MediaKind::Video)].get(from.1);
        let routes: SmallVec<[Route; 16]> = routes.into_iter().flatten().copied().collect();
        for route in routes {
            let Some(Some(subscriber)) = self.subscribers.get_mut(route.peer) else { continue };
            if subscriber.downlink.subscriptions(route.line)[0] == Some(from) {
                subscriber.outlet.release(route.line);
                subscriber.downlink.interrupt(route.line);
                if subscriber.downlink.take_changed() {
                    self.route(now, route.peer);
                }
            }
        }
    }

    /// Wishes for the pictures of sources that somebody here is shown, for no others, and for what is lacking of them.
    /// A wish that was not granted is repeated with each `whole` review: its source may not have been known yet.
    pub(super) fn review_wishes(&mut self, whole: bool) {
        let mut shown: SmallVec<[SourceId; 32]> = SmallVec::new();
        for subscriber in self.subscribers.iter().flatten().filter(|subscriber| subscriber.ready) {
            for (line, id) in subscriber.spec.downlinks.iter().zip(&subscriber.shown) {
                if let Some(id) = id.filter(|id| line.kind == MediaKind::Video && !shown.contains(id)) {
                    shown.push(id);
                }
            }
        }
        let Forwarder { feeds, sources, .. } = self;
        for (id, source) in sources.iter_mut() {
            let Source { spec, routes, fed, .. } = source;
            let Some(fed) = fed else { continue };
            // What is shown until something else comes is wanted, too.
            let taken = routes[kind_index(MediaKind::Video)].iter().any(|routes| !routes.is_empty());
            let wanted = taken || shown.contains(id);
            if wanted && fed.opening == 0 {
                feeds.openings += 1;
                fed.opening = feeds.openings;
            } else if !wanted && fed.opening != 0 {
                fed.close();
            }
            let routes = routes[kind_index(MediaKind::Video)].iter().enumerate();
            let layers = routes.filter(|(_, routes)| !routes.is_empty()).map(|(layer, _)| layer).collect();
            let (transport, shard) = (spec.transport, feeds.own);
            let (opening, key_frames) = (fed.opening, fed.key_frames);
            let wish = Wish { source: *id, transport, shard, opening, layers, key_frames };
            let ungranted = whole && opening != 0 && !fed.opened;
            let nothing = Wish { opening: 0, layers: Layers::NONE, key_frames: [0; LAYERS], ..wish };
            if (ungranted || fed.wished.unwrap_or(nothing) != wish)
                && let Some(inlet) = feeds.inlets.get(spec.shard)
            {
                inlet.put(State::Wish(wish));
                fed.wished = Some(wish);
                feeds.note(spec.shard);
            }
        }
    }
}
