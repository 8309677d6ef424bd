//! Feeds: a room on several shards. What a source's own shard gives to the others, what it takes from them, and what
//! they wish of each other.
//!
//! The shard on which a source is published, its home, opens, parses and repairs each packet and gives a copy to the other
//! shards of the room: sound always, for each of them has to know who speaks; pictures while somebody there is shown the
//! source. There the packets go into rings of their own, and from these to members as any others do.

mod give;
mod take;

use super::*;
use crate::border::Span;
use crate::media::dynacast::Layers;
use crate::media::feed::{Facts, Inlet, LAYERS, Pool};

pub(super) use give::Outfeed;
pub(super) use take::Fed;

/// Why something was not given to another shard. Labels of the counter of what was shed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedShed {
    /// The queue is filling: pictures above the lowest layer go first.
    UpperLayer,
    /// It is nearly full: no picture begins.
    Picture,
    /// It is full.
    Sound,
    /// Something before it was shed, and only a key frame helps.
    NeedsKeyFrame,
}

impl FeedShed {
    pub const ALL: [FeedShed; 4] = [FeedShed::UpperLayer, FeedShed::Picture, FeedShed::Sound, FeedShed::NeedsKeyFrame];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            FeedShed::UpperLayer => "upper_layer",
            FeedShed::Picture => "picture",
            FeedShed::Sound => "sound",
            FeedShed::NeedsKeyFrame => "needs_key_frame",
        }
    }
}

/// Packets that crossed between shards since the start, and what there is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedTotals {
    /// Packets given to other shards, once for each of them.
    pub given: u64,
    /// Packets taken from other shards.
    pub taken: u64,
    /// By [`FeedShed`].
    pub shed: [u64; FeedShed::ALL.len()],
    /// Packets that wait for this shard now.
    pub waiting: u64,
    /// Sources of other shards whose pictures come now.
    pub pictures: u64,
}

/// This shard among the others.
#[derive(Default)]
pub(super) struct Feeds {
    own: usize,
    /// Of all shards, by number; this one's too.
    inlets: Vec<Arc<Inlet>>,
    pool: Pool,
    spans: HashMap<RoomKey, Arc<Span>, ahash::RandomState>,
    /// Shards for which something was put in since they were last told.
    fed: Vec<usize>,
    /// Key frames to ask for: a feed that shed something goes on with one.
    lacking: Vec<(SourceId, usize)>,
    /// Numbers wishes for pictures, so that none is taken for an earlier one.
    openings: u32,
    /// Reviews since the start.
    reviews: u64,
    totals: FeedTotals,
}

impl Feeds {
    /// Whether this shard speaks for `room`: it alone tells who dominates and who is audible.
    pub(super) fn leads(&self, room: RoomKey) -> bool {
        self.spans.get(&room).is_none_or(|span| span.lead() == Some(self.own))
    }

    /// Members of a room that spans several shards.
    pub(super) fn members(&self, room: RoomKey) -> Option<usize> {
        self.spans.get(&room).map(|span| span.members)
    }

    /// Whether the home of a source is here.
    pub(super) fn is_home(&self, spec: &SourceSpec) -> bool {
        spec.shard == self.own
    }

    /// Something was put in for `shard`.
    fn note(&mut self, shard: usize) {
        if !self.fed.contains(&shard) {
            self.fed.push(shard);
        }
    }
}

impl Forwarder {
    /// Says which shard this is, and where all of them take from one another. To be said before the first browser is
    /// there.
    pub fn set_feeds(&mut self, own: usize, inlets: Vec<Arc<Inlet>>) {
        (self.feeds.own, self.feeds.inlets) = (own, inlets);
    }

    /// Applies which shards a room spans; `None` = this one alone, or it has left this one.
    pub fn set_span(&mut self, room: RoomKey, span: Option<Arc<Span>>) {
        match span {
            Some(span) => self.feeds.spans.insert(room, span),
            None => self.feeds.spans.remove(&room),
        };
        for source in self.sources.values_mut().filter(|source| source.spec.room == room) {
            source.align(&self.feeds);
        }
        self.rerouted = true;
    }

    /// Shards for which something was put in since this was asked last, and that are to be woken.
    pub fn take_fed(&mut self) -> impl Iterator<Item = usize> + '_ {
        let Feeds { fed, inlets, .. } = &mut self.feeds;
        fed.drain(..).filter(|shard| inlets.get(*shard).is_some_and(|inlet| inlet.notify()))
    }

    /// Looks after feeds: once in a review, and when routes changed.
    pub(super) fn review_feeds(&mut self, now: Instant, whole: bool) {
        if self.feeds.spans.is_empty() {
            return;
        }
        self.review_wishes(whole);
        for (id, layer) in std::mem::take(&mut self.feeds.lacking) {
            self.ask_for_key_frame(now, id, layer);
        }
        if whole {
            self.tell_facts(now);
            self.feeds.reviews += 1;
        }
    }

    /// Counters, and what waits now.
    pub(super) fn feed_totals(&self) -> FeedTotals {
        let pictures = self.sources.values().filter(|source| source.fed.as_ref().is_some_and(|fed| fed.is_open()));
        let waiting = self.feeds.inlets.get(self.feeds.own).map_or(0, |inlet| inlet.depth() as u64);
        FeedTotals { waiting, pictures: pictures.count() as u64, ..self.feeds.totals }
    }
}

impl Source {
    /// Layers of one kind, wherever they are published; none when nobody carries the source.
    pub(super) fn layers<'a>(&'a self, publishers: &'a [Option<Publisher>], kind: MediaKind) -> &'a [Layer] {
        if let Some(fed) = &self.fed {
            return fed.layers(kind);
        }
        let publisher = self.peer.and_then(|peer| publishers.get(peer)).and_then(Option::as_ref);
        publisher.map_or(&[], |publisher| publisher.uplink.layers(self.role(kind)))
    }

    pub(super) fn role(&self, kind: MediaKind) -> UplinkRole {
        match kind {
            MediaKind::Audio => self.spec.kind.audio_role(),
            MediaKind::Video => self.spec.kind.video_role(),
        }
    }

    /// Whether a connection carries it, here or on another shard.
    pub(super) fn is_carried(&self) -> bool {
        self.peer.is_some() || self.fed.is_some()
    }

    /// Whether a layer of its video is or can be had, alive or not.
    pub(super) fn can_be_had(&self, now: Instant, layer: usize) -> bool {
        self.fed.as_ref().map_or_else(|| self.demand.can_be_had(now, layer), |fed| fed.can_be_had(layer))
    }

    /// Gives to the other shards of its room, and no others.
    pub(super) fn align(&mut self, feeds: &Feeds) {
        let span = feeds.spans.get(&self.spec.room).filter(|_| feeds.is_home(&self.spec));
        let others: &[usize] = span.map_or(&[], |span| &span.shards);
        self.feeds.retain(|feed| others.contains(&feed.shard));
        for shard in others.iter().filter(|shard| **shard != feeds.own && **shard < feeds.inlets.len()) {
            if !self.feeds.iter().any(|feed| feed.shard == *shard) {
                self.feeds.push(Outfeed::new(*shard));
            }
        }
    }

    /// Another connection carries it, or one on another shard: what was known of its feeds is void.
    pub(super) fn begin_feeds(&mut self, feeds: &Feeds) {
        self.feeds.clear();
        self.fed = (!feeds.is_home(&self.spec)).then(Box::default);
        self.align(feeds);
    }
}
