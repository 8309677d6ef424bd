//! The way of one packet: from its publisher to every line that takes it, now or when its turn comes.

use super::*;
use crate::media::congestion::Kind;
use crate::media::downlink::ReplayLimits;
use crate::media::drop::DropReason;

impl Forwarder {
    /// One decrypted RTP packet from `peer`: stored once, then written to every line that takes it.
    pub fn receive_rtp(&mut self, now: Instant, peer: usize, packet: &[u8], sink: &mut impl Sink) -> Carried {
        let mut carried = Carried::Other;
        if let Err(reason) = self.fan_out(now, peer, packet, &mut carried, sink) {
            sink.dropped(reason);
        }
        self.note_feedback(peer);
        carried
    }

    fn fan_out(
        &mut self,
        now: Instant,
        peer: usize,
        packet: &[u8],
        carried: &mut Carried,
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        let publisher = self.publishers.get_mut(peer).and_then(Option::as_mut).ok_or(DropReason::UnknownStream)?;
        let sources = publisher.sources;
        let received = publisher.uplink.receive(now, packet).inspect_err(|reason| match reason {
            DropReason::PaddingOnly => *carried = Carried::Padding,
            // What came twice came as a retransmission, or to measure bandwidth with.
            DropReason::Duplicate | DropReason::TooOld => *carried = Carried::Retransmission,
            _ => {}
        })?;
        let kind = received.role.kind();
        *carried = if received.recovered { Carried::Retransmission } else { Carried::Media(kind) };
        let id = sources[source_index(received.role)].ok_or(DropReason::NotAllowed)?;
        let source = self.sources.get_mut(&id).ok_or(DropReason::NotAllowed)?;
        if !source.allows(kind) {
            return Err(DropReason::NotAllowed);
        }
        source.note(now, kind, &received.packet);
        let given = !source.feeds.is_empty() && self.feeds.give(source, &received, packet.len());
        let (layer, seq, newest) = (received.layer, received.packet.info.seq, received.newest);
        match self.carry(now, (id, layer), kind, seq, newest, sink) {
            // Here, but elsewhere somebody does.
            Err(DropReason::NoSubscriber) if given => Ok(()),
            carried => carried,
        }
    }

    /// Takes a packet, which lies in its layer's ring, to every line of this shard that takes it.
    pub(super) fn carry(
        &mut self,
        now: Instant,
        (id, layer): (SourceId, usize),
        kind: MediaKind,
        seq: ExtSeq,
        newest: ExtSeq,
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        let Forwarder { sources, publishers, subscribers, .. } = self;
        let source = sources.get(&id).ok_or(DropReason::NotAllowed)?;
        if kind == MediaKind::Audio && (!source.heard || source.begins()) {
            return self.hear_beginning(now, (id, layer), seq, sink);
        }
        let routes = source.routes[kind_index(kind)]
            .get(layer)
            .filter(|routes| !routes.is_empty())
            .ok_or(DropReason::NoSubscriber)?;
        if kind == MediaKind::Video {
            let routes = routes.len();
            self.gather_picture(now, (id, layer), seq, newest, routes, sink);
            return Ok(());
        }
        let packet = ring_of(sources, publishers, id, kind, layer).and_then(|ring| ring.get(seq));
        let packet = packet.ok_or(DropReason::TooOld)?;
        // Voices begin seldom, and no audio switches by itself, so these stay on the stack and mostly empty.
        let mut switched: SmallVec<[usize; 16]> = SmallVec::new();
        let mut opening: SmallVec<[Route; 16]> = SmallVec::new();
        for route in routes {
            let Some(Some(subscriber)) = subscribers.get_mut(route.peer) else { continue };
            if subscriber.downlink.subscriptions(route.line)[0].is_none() {
                opening.push(*route);
                continue;
            }
            subscriber.send(now, route.peer, Kind::Media, sink, |downlink, out| {
                downlink.forward(now, route.line, id, layer, packet, out)
            });
            if subscriber.downlink.take_changed() {
                switched.push(route.peer);
            }
        }
        self.open_voices(now, (id, layer), seq, &opening, sink);
        for peer in switched {
            self.route(now, peer);
        }
        Ok(())
    }

    /// A packet of a voice that is not heard, or that begins: whoever shall hear it from now on gets it from a little
    /// before on.
    fn hear_beginning(
        &mut self,
        now: Instant,
        (id, layer): (SourceId, usize),
        seq: ExtSeq,
        sink: &mut impl Sink,
    ) -> Result<(), DropReason> {
        self.review_beginning(now, id);
        let source = self.sources.get(&id).filter(|source| source.heard).ok_or(DropReason::NotLoud)?;
        let routes = source.routes[kind_index(MediaKind::Audio)].get(layer).filter(|routes| !routes.is_empty());
        let routes: SmallVec<[Route; 16]> = routes.ok_or(DropReason::NoSubscriber)?.iter().copied().collect();
        self.open_voices(now, (id, layer), seq, &routes, sink);
        Ok(())
    }

    /// Opens audio lines with a voice, from a little before its newest packet on. `arrived` is the one that came now.
    fn open_voices(
        &mut self,
        now: Instant,
        from: (SourceId, usize),
        arrived: ExtSeq,
        opening: &[Route],
        sink: &mut impl Sink,
    ) {
        for route in opening {
            let Forwarder { subscribers, publishers, sources, .. } = self;
            let Some(ring) = ring_of(sources, publishers, from.0, MediaKind::Audio, from.1) else { return };
            let Some(Some(subscriber)) = subscribers.get_mut(route.peer) else { continue };
            subscriber.look_back(now, *route, from, ring, arrived, sink);
            subscriber.touch(route.peer, &mut self.touched);
            if subscriber.downlink.take_changed() {
                self.route(now, route.peer);
            }
        }
    }

    /// Notes that lines of `peer` may wait for key frames: served at the end of the tick, out of a ring or by asking.
    pub(super) fn note_waiting(&mut self, peer: usize) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(peer)
            && subscriber.ready
            && !std::mem::replace(&mut subscriber.waiting, true)
        {
            self.waiting.push(peer);
        }
    }

    /// Gives lines that wait for a key frame the one in the ring, or asks their publishers.
    pub(super) fn serve_waiting(&mut self, now: Instant) {
        while let Some(peer) = self.waiting.pop() {
            let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { continue };
            subscriber.waiting = false;
            let spec = subscriber.spec.clone();
            let mut began = false;
            for line in 0..spec.downlinks.len() {
                began |= self.serve_key_frame(now, peer, line);
            }
            if began {
                self.route(now, peer);
            }
        }
    }

    /// True when a replay began.
    fn serve_key_frame(&mut self, now: Instant, peer: usize, line: usize) -> bool {
        let Forwarder { subscribers, publishers, sources, .. } = self;
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return false };
        let Some((id, layer)) = subscriber.downlink.wants_key_frame(line) else { return false };
        let Some(source) = sources.get(&id) else { return false };
        let spec = source.spec;
        let limits = match spec.kind {
            SourceKind::Camera if subscriber.downlink.is_blank(line) => ReplayLimits::FIRST,
            SourceKind::Camera if source.was_asked_early(now) => ReplayLimits::RISING,
            SourceKind::Camera => ReplayLimits::CAMERA,
            SourceKind::Screen => ReplayLimits::SCREEN,
        };
        let ring = ring_of(sources, publishers, id, MediaKind::Video, layer).filter(|_| spec.video_allowed);
        let replay = ring.and_then(|ring| subscriber.downlink.replay(now, line, ring, limits));
        if let Some(replay) = replay
            && let Some(next) = replay.next()
        {
            subscriber.hold(now, Backlog::new(line, (id, layer), next).after(replay));
            subscriber.touch(peer, &mut self.touched);
            if let Some(Some(publisher)) = source.peer.and_then(|peer| publishers.get_mut(peer)) {
                publisher.uplink.key_frame_reused(now, spec.kind.video_role(), layer);
            }
            return true;
        }
        let shown = subscriber.downlink.taken(line).filter(|(shown, taken)| (*shown, taken.layer) == (id, layer));
        // A layer that rests begins with a key frame anyway, and a browser that is asked may send one on every layer.
        // So do spatial layers that the stream does not have in it now.
        let comes = source.layers(publishers, MediaKind::Video).get(layer).is_some_and(|layer| {
            layer.alive(now) && shown.is_none_or(|(_, taken)| layer.highest_layers().0 > taken.spatial)
        });
        if comes {
            self.ask_for_key_frame(now, id, layer);
        }
        false
    }

    /// Lets out what waits at `peer`, and the padding of a probe, as far as its rate allows.
    pub(super) fn let_out(&mut self, now: Instant, peer: usize, sink: &mut impl Sink) {
        let Forwarder { subscribers, publishers, sources, .. } = self;
        let Some(Some(subscriber)) = subscribers.get_mut(peer) else { return };
        // A probe's padding is for want of anything better: what waits takes its turns.
        while !subscriber.outlet.is_empty() && (subscriber.outlet.allows(now) || subscriber.probe_is_due(now)) {
            match subscriber.outlet.next_retransmission() {
                Some((ssrc, seq)) => {
                    let line = subscriber.spec.downlinks.iter().find(|line| line.ssrc == ssrc);
                    let kind = line.map_or(MediaKind::Video, |line| line.kind);
                    let ring = |id, layer| ring_of(sources, publishers, id, kind, layer);
                    subscriber.send(now, peer, Kind::Retransmission, sink, |downlink, out| {
                        downlink.retransmit(now, ssrc, seq, ring, out)
                    });
                }
                None => {
                    let ring = |id, layer| ring_of(sources, publishers, id, MediaKind::Video, layer);
                    subscriber.catch_up(now, peer, ring, sink);
                }
            }
        }
        while subscriber.outlet.is_empty() && subscriber.probe_is_due(now) {
            let ring = |id, layer| ring_of(sources, publishers, id, MediaKind::Video, layer);
            let sent = subscriber.send(now, peer, Kind::Padding, sink, |downlink, out| downlink.probe(now, ring, out));
            if sent == 0 {
                subscriber.abandon_probe(now);
            }
        }
        let broken = subscriber.downlink.take_beyond_repair().and_then(|ssrc| subscriber.downlink.shown_on(ssrc));
        if subscriber.downlink.take_changed() {
            self.route(now, peer);
        }
        if let Some((id, layer)) = broken {
            self.ask_for_key_frame(now, id, layer);
        }
    }
}

impl Subscriber {
    /// Whether a packet has to wait in its ring: others of its line do, or the rate is used up.
    pub(super) fn holds(&mut self, now: Instant, line: usize, from: (SourceId, usize), packet: &PacketRef<'_>) -> bool {
        let info = packet.info;
        if let Some(behind) = self.outlet.backlog(line).copied() {
            let waits = Some((behind.source, behind.layer));
            if waits == Some(from) {
                return info.seq >= behind.next;
            }
            let opens = info.facts.key_frame && info.facts.frame_start && info.facts.spatial == 0;
            let [current, pending] = self.downlink.subscriptions(line);
            if opens && pending == Some(from) {
                // Here begins what the line shall show instead: nobody needs the rest. What the line shows ends with it,
                // since it could not go on behind what is passed over, should the wish change again.
                self.outlet.hold(Backlog::new(line, from, info.seq));
                self.downlink.interrupt(line);
                return true;
            }
            if waits == pending && current == Some(from) {
                // What the line shows ends here: what waits begins as soon as there is room.
                self.downlink.interrupt(line);
                return true;
            }
            if waits == pending || waits == current {
                return false;
            }
            self.outlet.release(line);
        }
        if self.outlet.allows(now) || !self.downlink.is_next(line, from, info.seq) {
            return false;
        }
        self.outlet.hold(Backlog::new(line, from, info.seq));
        true
    }

    /// Sends the next packet of a line that is behind, or sheds what has waited too long.
    fn catch_up<'r>(
        &mut self,
        now: Instant,
        peer: usize,
        ring: impl FnOnce(SourceId, usize) -> Option<&'r Ring>,
        sink: &mut impl Sink,
    ) {
        let Some(backlog) = self.outlet.turn() else { return };
        let Backlog { line, source, layer, next, .. } = *backlog;
        let ring = ring(source, layer);
        let (Some(ring), Some(newest)) = (ring, ring.and_then(Ring::newest)) else {
            return self.outlet.release(line);
        };
        if next > newest {
            return self.outlet.release(line);
        }
        // A publisher's numbers may leap: what the ring cannot hold any more is not looked for number by number.
        let next = next.max(ring.oldest());
        backlog.next = ExtSeq(next.0 + 1);
        if let Some(mut replay) = backlog.replay.filter(|replay| replay.next().is_some()) {
            self.send(now, peer, Kind::Media, sink, |downlink, out| downlink.replay_next(now, &mut replay, ring, out));
            if let Some(backlog) = self.outlet.backlog_mut(line) {
                backlog.replay = Some(replay);
            }
            if replay.next().is_none() {
                self.set_rate(now);
            }
            return;
        }
        // A number that is not there was lost on its way here, and comes by itself if it comes.
        let Some(packet) = ring.get(next) else { return };
        if backlog.sheds(now, packet.info) {
            return self.shed(line, ring, newest);
        }
        if backlog.thins(now, packet.info) {
            return self.downlink.leave_out(line, source, layer, packet.info);
        }
        self.send(now, peer, Kind::Media, sink, |downlink, out| {
            downlink.forward(now, line, source, layer, packet, out)
        });
    }

    /// What waits of `line` has waited too long: it goes on with the newest key frame there is, or with the next one
    /// that is sent.
    fn shed(&mut self, line: usize, ring: &Ring, newest: ExtSeq) {
        let Some(backlog) = self.outlet.backlog_mut(line) else { return };
        let (source, layer) = (backlog.source, backlog.layer);
        // The packet that was overdue has been passed already.
        let first = (backlog.next.0 - 1).max(ring.oldest().0);
        let key_frame = ring.key_frame().filter(|key| key.0 > first);
        let end = key_frame.map_or(newest.0 + 1, |key| key.0);
        for packet in (first..end).filter_map(|seq| ring.get(ExtSeq(seq))) {
            self.downlink.leave_out(line, source, layer, packet.info);
        }
        match key_frame {
            Some(key) => backlog.next = key,
            None => {
                self.outlet.release(line);
                self.downlink.interrupt(line);
            }
        }
    }
}
