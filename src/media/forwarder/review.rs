//! What is looked at anew ten times a second: liveness, voices, layers and quality.

use super::*;

/// Assumed between two requests for a lost packet while no receiver report has told the round trip: a browser that only
/// publishes never sends one.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// A source without packets for this long has none: longer than the keep-alive of DTX (400 ms) and than a static
/// screen's refresh (1 s).
const SILENT: Duration = Duration::from_secs(2);

impl Forwarder {
    /// When [`Forwarder::handle_timeout`] wants to be called.
    pub fn next_timeout(&mut self, now: Instant) -> Instant {
        if !self.waiting.is_empty() || self.rerouted {
            return now;
        }
        self.note_due(now);
        let due = self.timers.next().into_iter().chain(self.feedback_due.next());
        due.min().map_or(self.next_review, |at| at.min(self.next_review))
    }

    /// What is to be told to the publisher `peer` may have changed.
    pub(super) fn note_feedback(&mut self, peer: usize) {
        let ready = self.subscribers.get(peer).is_some_and(|s| s.as_ref().is_some_and(|s| s.ready));
        let publisher = self.publishers.get(peer).and_then(Option::as_ref).filter(|_| ready);
        self.feedback_due.set(peer, publisher.and_then(|publisher| publisher.uplink.next_timeout()));
    }

    /// What is due for `peer` may have changed.
    pub(super) fn touch(&mut self, peer: usize) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(peer) {
            subscriber.touch(peer, &mut self.touched);
        }
    }

    /// Works out when those are due who were touched.
    fn note_due(&mut self, now: Instant) {
        while let Some(peer) = self.touched.pop() {
            let subscriber = self.subscribers.get_mut(peer).and_then(Option::as_mut);
            let due = subscriber.and_then(|subscriber| {
                subscriber.touched = false;
                subscriber.next_timeout(now).filter(|_| subscriber.ready)
            });
            self.timers.set(peer, due);
        }
    }

    /// Sends due feedback and reports, and reviews what is shown. `ntp` is `now` as an NTP timestamp (RFC 3550 §4).
    pub fn handle_timeout(&mut self, now: Instant, ntp: u64, sink: &mut impl Sink) {
        self.forward_gathered(now, sink);
        if now >= self.next_review {
            self.next_review = now + REVIEW;
            self.review(now);
        }
        self.serve_waiting(now);
        if self.rerouted {
            self.review_demand(now);
            self.review_feeds(now, false);
        }
        self.note_due(now);
        let mut from = 0;
        while let Some(peer) = self.timers.due(now, from) {
            self.attend(now, ntp, peer, sink);
            self.touch(peer);
            from = peer + 1;
        }
        let mut from = 0;
        while let Some(peer) = self.feedback_due.due(now, from) {
            self.give_feedback(now, peer, sink);
            self.note_feedback(peer);
            from = peer + 1;
        }
    }

    /// Does what is due for one browser that receives.
    fn attend(&mut self, now: Instant, ntp: u64, peer: usize, sink: &mut impl Sink) {
        let Some(Some(subscriber)) = self.subscribers.get_mut(peer) else { return };
        subscriber.review_probe(now);
        self.feedback.clear();
        subscriber.downlink.reports(now, ntp, &mut self.feedback);
        if !self.feedback.is_empty() {
            sink.rtcp(peer, &self.feedback);
        }
        self.let_out(now, peer, sink);
    }

    /// Tells a publisher what came of its packets.
    fn give_feedback(&mut self, now: Instant, peer: usize, sink: &mut impl Sink) {
        let Some(Some(subscriber)) = self.subscribers.get(peer) else { return };
        let rtt = Some(subscriber.downlink.rtt()).filter(|rtt| !rtt.is_zero()).unwrap_or(UNKNOWN_RTT);
        self.feedback.clear();
        if let Some(Some(publisher)) = self.publishers.get_mut(peer) {
            publisher.uplink.poll_feedback(now, rtt, &mut self.feedback);
            if !self.feedback.is_empty() {
                sink.rtcp(peer, &self.feedback);
            }
        }
    }

    fn review(&mut self, now: Instant) {
        self.review_sources(now);
        self.review_sound(now);
        self.review_demand(now);
        self.review_feeds(now, true);
        for peer in 0..self.subscribers.len() {
            if self.subscribers[peer].as_ref().is_some_and(|s| s.ready) {
                if let Some(Some(subscriber)) = self.subscribers.get_mut(peer) {
                    subscriber.review_probe(now);
                }
                self.review_audio_lines(now, peer);
                self.allocate(now, peer);
                if self.subscribers[peer].as_mut().is_some_and(|s| s.downlink.take_changed()) {
                    self.route(now, peer);
                }
                self.note_waiting(peer);
                self.touch(peer);
                self.review_decodability(peer);
                self.review_quality(now, peer);
            }
        }
    }

    /// Tells which sources began or ceased to send.
    fn review_sources(&mut self, now: Instant) {
        let silent = |last: Option<Instant>| last.is_none_or(|at| now.saturating_duration_since(at) > SILENT);
        for source in self.sources.values_mut() {
            let before = source.seen;
            let seen = SourceState {
                audio: before.audio.filter(|_| !silent(source.last_audio)),
                video: before.video.filter(|_| !silent(source.last_video)),
            };
            // Of one elsewhere, its own shard tells.
            if source.fed.is_none() && source.told != Some(seen) {
                source.told = Some(seen);
                self.news.push(News::Source(source.spec.id, seen));
            }
            source.seen = seen;
        }
    }

    /// Tells which seated sources this subscriber has no payload type for.
    fn review_decodability(&mut self, peer: usize) {
        let Some(Some(subscriber)) = self.subscribers.get(peer) else { return };
        let mut refused: Vec<SourceId> = Vec::new();
        for (line, spec) in subscriber.spec.downlinks.iter().enumerate() {
            let Some(source) = subscriber.shown[line].and_then(|id| self.sources.get(&id)) else { continue };
            if spec.kind == MediaKind::Video
                && let Some(codec) = source.seen.video
                && !spec.payloads.iter().any(|pt| subscriber.spec.payload(*pt).is_some_and(|p| p.codec == codec))
            {
                refused.push(source.spec.id);
            }
        }
        let told = self.undecodable.entry(subscriber.transport).or_default();
        if *told != refused {
            self.news.push(News::Undecodable(subscriber.transport, refused.clone()));
            *told = refused;
        }
    }
}
