//! What is looked at anew ten times a second: liveness, voices, layers and quality.

use std::ops::Range;

use super::*;

/// Assumed between two requests for a lost packet while no receiver report has told the round trip: a browser that only
/// publishes never sends one.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// A source without packets for this long has none: longer than the keep-alive of DTX (400 ms) and than a static
/// screen's refresh (1 s).
const SILENT: Duration = Duration::from_secs(2);

/// Browsers that are reviewed at a time: a tenth of a millisecond's work, which no packet notices that waits for it.
const AT_A_TIME: usize = 16;

/// The reviews of all browsers, spread over the time from one to the next.
pub(super) struct Round {
    began: Instant,
    next: usize,
    end: usize,
}

impl Round {
    /// `count` browsers, the first of them now.
    pub(super) fn begin(now: Instant, count: usize) -> Round {
        Round { began: now, next: 0, end: count }
    }

    /// When the next of them are due.
    fn due(&self) -> Option<Instant> {
        (self.next < self.end).then(|| self.began + REVIEW * self.next as u32 / self.end as u32)
    }

    /// Those that are due.
    fn take(&mut self, now: Instant) -> Option<Range<usize>> {
        self.due().filter(|due| *due <= now)?;
        let from = self.next;
        self.next = (from + AT_A_TIME).min(self.end);
        Some(from..self.next)
    }

    /// Those that were not due yet, or not come to.
    fn rest(&mut self) -> Range<usize> {
        std::mem::replace(&mut self.next, self.end)..self.end
    }
}

impl Forwarder {
    /// When [`Forwarder::handle_timeout`] wants to be called.
    pub fn next_timeout(&mut self, now: Instant) -> Instant {
        if !self.waiting.is_empty() || self.rerouted {
            return now;
        }
        self.note_due(now);
        let due = self.timers.next().into_iter().chain(self.feedback_due.next());
        due.chain(self.round.due()).min().map_or(self.next_review, |at| at.min(self.next_review))
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
            let rest = self.round.rest();
            self.review_subscribers(now, rest);
            self.next_review = now + REVIEW;
            self.round = Round::begin(now, self.subscribers.len());
            self.review(now);
        }
        while let Some(peers) = self.round.take(now) {
            self.review_subscribers(now, peers);
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
    }

    fn review_subscribers(&mut self, now: Instant, peers: Range<usize>) {
        for peer in peers {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are reviewed at each look, one look every `every`.
    fn looks(count: usize, every: Duration) -> Vec<usize> {
        let start = Instant::now();
        let mut round = Round::begin(start, count);
        let mut expected = 0;
        let looks = REVIEW.as_micros() / every.as_micros();
        let mut look = |peers: Range<usize>| {
            assert_eq!(peers.start, expected);
            expected = peers.end;
            peers.len()
        };
        let mut all: Vec<usize> = (0..looks as u32)
            .map(|number| std::iter::from_fn(|| round.take(start + every * number)).map(&mut look).sum())
            .collect();
        all.push(look(round.rest()));
        assert_eq!(expected, count);
        all
    }

    #[test]
    fn reviews_of_many_are_spread_over_the_time_to_the_next() {
        let most = |count, every| looks(count, every).into_iter().max().unwrap_or_default();
        assert_eq!(most(3_000, Duration::from_micros(500)), AT_A_TIME);
        assert_eq!(most(200, Duration::from_micros(500)), AT_A_TIME);
        // A shard that is busy for 5 ms does a twentieth of them at its next look, and some.
        assert!(most(3_000, Duration::from_millis(5)) <= 150 + AT_A_TIME);
    }

    #[test]
    fn a_small_room_is_reviewed_at_once() {
        let looks = looks(AT_A_TIME, Duration::from_millis(10));
        assert_eq!((looks[0], looks.iter().sum()), (AT_A_TIME, AT_A_TIME));
    }
}
