//! Packets of one picture that came together, and go to each of its lines together.
//!
//! What a browser's keys, numbers and histories lie in is as large as the fastest caches hold of a few hundred browsers:
//! taken packet by packet they are fetched anew for each, taken browser by browser once for all of them. What leaves for
//! one browser then lies in one piece as well.

use super::*;
use crate::media::congestion::Kind;

/// Most packets that wait for one another.
const MOST: usize = 16;
/// With the one that is too many.
const ROOM: usize = MOST + 1;
/// Most copies that they may make altogether: 16 MiB of the largest packets.
const MOST_COPIES: usize = 16 * 1_024 * 1_024 / packet::MAX_PACKET;

/// Packets of one layer that lie in its ring and have not been sent to anybody.
#[derive(Default)]
pub(super) struct Gathered {
    from: Option<(SourceId, usize)>,
    /// The publisher's number of each, and the layer's highest one when it came.
    packets: SmallVec<[(ExtSeq, ExtSeq); ROOM]>,
    /// More of them may come before [`Forwarder::forward_gathered`] is called.
    open: bool,
    /// How many may wait: fewer where they go to many.
    most: usize,
    /// How many of the lines have been served.
    served: usize,
    /// Browsers whose lines switched meanwhile.
    switched: SmallVec<[usize; 16]>,
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
        self.gathered.most = (MOST_COPIES / routes.max(1)).clamp(1, MOST);
        // An owner that asks has been told one packet ago; the others' copies are bounded here.
        if !self.gathered.open || self.gathered.packets.len() > self.gathered.most {
            self.forward_gathered(now, sink);
        }
    }

    /// How many packets of a picture wait.
    pub fn gathered(&self) -> usize {
        self.gathered.packets.len()
    }

    /// Whether so many packets wait that they should be forwarded before more come.
    pub fn has_gathered_enough(&self) -> bool {
        self.gathered.from.is_some() && self.gathered.packets.len() >= self.gathered.most
    }

    /// Sends what has been gathered to every line that takes it.
    pub fn forward_gathered(&mut self, now: Instant, sink: &mut impl Sink) {
        self.forward_until(now, |_| false, sink);
    }

    /// Sends what has been gathered to line after line, until all have it or `sink` has enough. True when some have not:
    /// call it again once it has sent that.
    pub fn forward_some(&mut self, now: Instant, sink: &mut impl Sink) -> bool {
        self.forward_until(now, Sink::has_enough, sink)
    }

    fn forward_until<S: Sink>(&mut self, now: Instant, enough: impl Fn(&S) -> bool, sink: &mut S) -> bool {
        let Some(from) = self.gathered.from else { return false };
        let more = self.serve_gathered(now, from, enough, sink);
        if !more {
            self.gathered.from = None;
            self.gathered.packets.clear();
            self.gathered.served = 0;
            for peer in std::mem::take(&mut self.gathered.switched) {
                self.route(now, peer);
            }
        }
        more
    }

    fn serve_gathered<S: Sink>(
        &mut self,
        now: Instant,
        from: (SourceId, usize),
        enough: impl Fn(&S) -> bool,
        sink: &mut S,
    ) -> bool {
        let (id, layer) = from;
        let Forwarder { sources, publishers, subscribers, touched, waiting, gathered, .. } = self;
        let Some(ring) = ring_of(sources, publishers, id, MediaKind::Video, layer) else { return false };
        let routes = sources.get(&id).and_then(|source| source.routes[kind_index(MediaKind::Video)].get(layer));
        let mut found: SmallVec<[(PacketRef<'_>, bool); ROOM]> = SmallVec::new();
        for (seq, newest) in &gathered.packets {
            match ring.get(*seq) {
                Some(packet) => found.push((packet, seq < newest)),
                None if gathered.served == 0 => sink.dropped(DropReason::TooOld),
                None => {}
            }
        }
        let routes = routes.map_or(&[][..], Vec::as_slice);
        for (number, route) in routes.iter().enumerate().skip(gathered.served) {
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
                gathered.switched.push(route.peer);
            }
            gathered.served = number + 1;
            if enough(sink) && gathered.served < routes.len() {
                return true;
            }
        }
        false
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
