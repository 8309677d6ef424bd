//! Packets of one picture that came together, and go to each of its lines together.
//!
//! What a browser's keys, numbers and histories lie in is as large as the fastest caches hold of a few hundred browsers:
//! taken packet by packet they are fetched anew for each, taken browser by browser once for all of them. What leaves for
//! one browser then lies in one piece as well.

use super::*;
use crate::media::congestion::Kind;

/// Most packets that wait for one another.
const MOST: usize = 16;
/// Most copies that they may make altogether: 16 MiB of the largest packets.
const MOST_COPIES: usize = 16 * 1_024 * 1_024 / packet::MAX_PACKET;

/// Packets of one layer that lie in its ring and have not been sent to anybody.
#[derive(Default)]
pub(super) struct Gathered {
    from: Option<(SourceId, usize)>,
    /// The publisher's number of each, and the layer's highest one when it came.
    packets: SmallVec<[(ExtSeq, ExtSeq); MOST]>,
    /// More of them may come before [`Forwarder::forward_gathered`] is called.
    open: bool,
}

impl Forwarder {
    /// Whether pictures' packets wait for one another from now on. The owner then calls
    /// [`Forwarder::forward_gathered`] at the end of what came together.
    pub fn gather(&mut self, gathering: bool) {
        self.gathered.open = gathering;
    }

    /// A packet of a picture has been stored, and `routes` lines take its layer.
    pub(super) fn gather_picture(
        &mut self,
        now: Instant,
        from: (SourceId, usize),
        seq: ExtSeq,
        newest: ExtSeq,
        routes: usize,
        sink: &mut impl Sink,
    ) {
        if self.gathered.from.is_some_and(|other| other != from) {
            self.forward_gathered(now, sink);
        }
        self.gathered.from = Some(from);
        self.gathered.packets.push((seq, newest));
        let most = (MOST_COPIES / routes.max(1)).clamp(1, MOST);
        if !self.gathered.open || self.gathered.packets.len() >= most {
            self.forward_gathered(now, sink);
        }
    }

    /// Sends what has been gathered to every line that takes it.
    pub fn forward_gathered(&mut self, now: Instant, sink: &mut impl Sink) {
        let Some(from) = self.gathered.from.take() else { return };
        let packets = std::mem::take(&mut self.gathered.packets);
        let (id, layer) = from;
        let Forwarder { sources, publishers, subscribers, touched, waiting, .. } = self;
        let Some(ring) = ring_of(sources, publishers, id, MediaKind::Video, layer) else { return };
        let routes = sources.get(&id).and_then(|source| source.routes[kind_index(MediaKind::Video)].get(layer));
        let mut found: SmallVec<[(PacketRef<'_>, bool); MOST]> = SmallVec::new();
        for (seq, newest) in &packets {
            match ring.get(*seq) {
                Some(packet) => found.push((packet, seq < newest)),
                None => sink.dropped(DropReason::TooOld),
            }
        }
        // Switches are rare, so this stays on the stack and empty.
        let mut switched: SmallVec<[usize; 16]> = SmallVec::new();
        let routes = routes.map_or(&[][..], Vec::as_slice);
        for (number, route) in routes.iter().enumerate() {
            prefetch(subscribers, &routes[number + 1..], sink);
            let Some(Some(subscriber)) = subscribers.get_mut(route.peer) else { continue };
            for (packet, overtaken) in &found {
                let (packet, overtaken) = (*packet, *overtaken);
                if overtaken && subscriber.downlink.subscriptions(route.line)[1] == Some(from) && !subscriber.waiting {
                    // It may be what the newest key frame lacked.
                    subscriber.waiting = true;
                    waiting.push(route.peer);
                }
                if subscriber.take_picture(now, *route, from, packet, overtaken, sink) {
                    subscriber.touch(route.peer, touched);
                }
            }
            if subscriber.downlink.take_changed() {
                switched.push(route.peer);
            }
        }
        drop(found);
        for peer in switched {
            self.route(now, peer);
        }
    }
}

/// Fetches what the browser after the next is reached by, and what the next one's line writes.
#[inline(always)]
fn prefetch(subscribers: &[Option<Subscriber>], coming: &[Route], sink: &impl Sink) {
    let find = |route: &Route| subscribers.get(route.peer).and_then(Option::as_ref);
    if let Some(soon) = coming.get(1)
        && let Some(subscriber) = find(soon)
    {
        subscriber.prefetch();
        sink.prefetch(soon.peer);
    }
    if let Some(next) = coming.first()
        && let Some(subscriber) = find(next)
    {
        subscriber.downlink.prefetch_line(next.line);
        sink.prefetch_stream(next.peer, Outgoing::stream_of(next.line));
    }
}

impl Subscriber {
    /// Sends a packet of a picture on a line that takes its layer, or holds it back. True when something waits now.
    fn take_picture(
        &mut self,
        now: Instant,
        route: Route,
        from: (SourceId, usize),
        packet: PacketRef<'_>,
        overtaken: bool,
        sink: &mut impl Sink,
    ) -> bool {
        if self.holds(now, route.line, from, &packet) {
            return true;
        }
        let pending = self.downlink.subscriptions(route.line)[1];
        self.send(now, route.peer, Kind::Media, sink, |downlink, out| {
            downlink.forward(now, route.line, from.0, from.1, packet, out)
        });
        let opened = pending == Some(from) && self.downlink.subscriptions(route.line)[0] == pending;
        if opened && overtaken {
            // What overtook the first packet of the key frame is in the ring.
            self.outlet.hold(Backlog::new(route.line, from, ExtSeq(packet.info.seq.0 + 1)));
        }
        opened && overtaken
    }
}
