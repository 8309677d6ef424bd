//! Transport-wide feedback joined with what was sent, and what follows from it.

use super::*;
use crate::media::rtcp::transport_cc::{Feedback, TICK};

use history::{Fate, Sent};

/// The reference time counts 64 ms in 24 bits.
const REFERENCE: i64 = 64_000;
const REFERENCE_CYCLE: i64 = 1 << 24;

/// The receiver's clock, its reference time continued over the wraps.
#[derive(Default)]
pub(super) struct ReceiverClock {
    last: Option<i64>,
}

impl ReceiverClock {
    /// The reference time in microseconds, never negative.
    fn micros(&mut self, reference: u32) -> i64 {
        let wire = i64::from(reference) % REFERENCE_CYCLE;
        // One cycle up, so that an earlier one than the first is not negative.
        let last = self.last.unwrap_or(REFERENCE_CYCLE + wire);
        let ahead = (wire - last).rem_euclid(REFERENCE_CYCLE);
        let near = if ahead < REFERENCE_CYCLE / 2 { last + ahead } else { last + ahead - REFERENCE_CYCLE };
        let whole = if near < 0 { near + REFERENCE_CYCLE } else { near };
        self.last = Some(whole);
        whole * REFERENCE
    }
}

/// Packets between two feedbacks that are presumed delivered at most: half a second of 40 Mbit/s.
const MOST_PRESUMED: u64 = 2_000;

/// `ticks` after the reference time, in microseconds.
fn since(reference: i64, ticks: i64) -> i64 {
    reference + ticks * TICK.as_micros() as i64
}

impl Estimator {
    /// Feedback of the receiver.
    pub fn feedback(&mut self, now: Instant, feedback: &Feedback<'_>) {
        let now = self.micros(now);
        let reference = self.clock.micros(feedback.reference);
        self.presume(feedback, reference);
        let mut latest: Option<i64> = None;
        let mut news = false;
        for (seq, ticks) in feedback.packets() {
            let Some(sent) = self.history.get_mut(seq) else { continue };
            let before = sent.fate;
            let arrival = ticks.map(|ticks| since(reference, ticks));
            match (before, arrival) {
                (Fate::Received, _) | (Fate::Lost, None) => continue,
                (Fate::Unknown | Fate::Presumed, None) => sent.fate = Fate::Lost,
                (_, Some(_)) => sent.fate = Fate::Received,
            }
            let sent = *sent;
            news = true;
            self.told(sent, before, arrival);
            if arrival.is_some() {
                latest = latest.max(Some(sent.at));
            }
        }
        if news {
            self.conclude(now, latest);
        }
    }

    /// What left between the last packet told of and the first of `feedback` was told of in feedback that is lost or
    /// late. Unless it counts as delivered meanwhile, the path seems to carry less than it does.
    fn presume(&mut self, feedback: &Feedback<'_>, reference: i64) {
        let Some(base) = self.history.get_mut(feedback.base).map(|sent| sent.seq) else { return };
        let Some(first) = feedback.packets().find_map(|(_, ticks)| Some(since(reference, ticks?))) else { return };
        let Some((told, last)) = self.told else { return };
        let (missing, span) = (base.0.saturating_sub(told.0 + 1), first - last);
        if !(1..LONG_WINDOW).contains(&span) {
            return;
        }
        for index in 1..=missing.min(MOST_PRESUMED) {
            let Some(sent) = self.history.get_mut(ExtSeq(told.0 + index).wire()) else { continue };
            if sent.fate == Fate::Unknown {
                sent.fate = Fate::Presumed;
                // Evenly between the arrivals that are known.
                self.acknowledged.add(last + span * index as i64 / (missing + 1) as i64, sent.size);
            }
        }
    }

    /// One packet was told of for the first time, or came after it was told lost.
    fn told(&mut self, sent: Sent, before: Fate, arrival: Option<i64>) {
        match sent.cluster {
            // A probe asks for loss: it says nothing about the rate that is kept.
            Some(cluster) if before != Fate::Lost => self.prober.told(cluster, sent.size, sent.at, arrival),
            Some(_) => {}
            None if before == Fate::Lost => self.loss.recovered(),
            None => self.loss.packet(sent.at, arrival.is_none()),
        }
        if let Some(arrival) = arrival {
            if self.delay.received(sent.seq, sent.at, arrival, sent.size) {
                self.acknowledged.reset();
            }
            if before != Fate::Presumed {
                self.acknowledged.add(arrival, sent.size);
            }
        }
        if self.told.is_none_or(|(told, _)| sent.seq > told) {
            let latest = arrival.or(self.told.map(|(_, latest)| latest));
            self.told = latest.map(|latest| (sent.seq, latest));
        }
    }

    /// Draws the conclusions of one feedback. `latest` is the last departure among what came.
    fn conclude(&mut self, now: i64, latest: Option<i64>) {
        self.heard = Some(now);
        self.unheard = 0;
        if let Some(latest) = latest {
            let sample = (now - latest).max(0) as f64;
            self.rtt = Some(self.rtt.map_or(sample, |rtt| rtt + RTT_GAIN * (sample - rtt)));
            if let Some(silence) = self.silence.take() {
                self.prober.recover(now, silence.before);
                // What an outage swallowed is no congestion.
                self.loss.fell(now);
            }
        }
        let sent = self.sent.rate_until(now, LONG_WINDOW, 0);
        // While a queue drains less is sent on purpose.
        let sent = sent.filter(|_| self.drain.rate().is_none());
        if let Some(sent) = sent {
            let share = if self.limited { LIMITED_UNTIL } else { LIMITED_BELOW };
            self.limited = sent < share * self.current();
        }
        self.by_delay(now, sent);
        self.by_loss(now, sent);
        self.conclude_probe(now);
    }

    fn by_delay(&mut self, now: i64, sent: Option<f64>) {
        let (state, queue, rtt) = (self.delay.state(), self.delay.queueing(), self.round_trip());
        let acknowledged = self.passes();
        let saturated = acknowledged.short.zip(sent).is_some_and(|(arrives, sent)| arrives < SATURATED * sent);
        let limited = self.limited && !(saturated && state == PathState::Overuse);
        // What a long train sends is not what the application would.
        let hold = self.drain.rate().is_some() || queue > HOLD_QUEUE || self.prober.is_proving();
        let known = !self.rate.outgrown();
        // While more arrives than leaves, the queue shrinks, whatever is told of it yet.
        let leaves = self.sent.rate_until(now, LONG_WINDOW, 0).unwrap_or_default();
        let shrinks = self.drain.rate().is_some() && acknowledged.long.is_some_and(|arrives| arrives > leaves);
        let state = if shrinks { PathState::Normal } else { state };
        if let Some(capacity) = self.rate.update(now, state, acknowledged, rtt, limited, hold) {
            self.prober.rest(now);
            self.loss.fell(now);
            if !limited {
                self.drain.begin(now, rtt, capacity, queue);
                self.prober.overused(now);
            }
        } else if known && self.rate.outgrown() {
            self.prober.prompt();
        }
        match self.drain.update(now, queue, acknowledged.long.unwrap_or_default()) {
            drain::Drained::InVain => {
                self.delay.accept_delay();
                self.rate.forget_limit();
            }
            drain::Drained::Empty(carried) => self.rate.raise(carried),
            drain::Drained::No => {}
        }
        self.rate.bound(bps(self.limits.min), bps(self.limits.max));
    }

    fn by_loss(&mut self, now: i64, sent: Option<f64>) {
        let estimate = self.current();
        let sent = sent.unwrap_or(estimate);
        let acknowledged = self.passes().least().unwrap_or_default();
        let rates = loss::Rates { sent, acknowledged, estimate, by_delay: self.rate.rate() };
        if self.loss.update(now, rates) {
            self.prober.rest(now);
        }
    }

    /// What the path carries, as departures count it: what it loses at any rate must be sent too.
    fn passes(&self) -> Acknowledged {
        let sent_for = |arrived: f64| arrived / (1.0 - self.loss.inherent());
        Acknowledged {
            long: self.acknowledged.rate(LONG_WINDOW, 0).map(sent_for),
            short: self.acknowledged.rate(SHORT_WINDOW, SHORT_PACKETS).map(sent_for),
        }
    }

    pub(super) fn conclude_probe(&mut self, now: i64) {
        let current = self.current();
        match self.prober.conclude(now, self.round_trip(), current, !self.rate.outgrown()) {
            Outcome::Carries(rate) if self.delay.state() != PathState::Overuse => {
                let rate = rate.min(bps(self.limits.max));
                self.loss.raise(rate);
                if rate > self.rate.rate() {
                    self.rate.set(rate);
                }
            }
            Outcome::Refuted(rate) if rate < self.rate.rate() => {
                self.rate.set(rate.max(bps(self.limits.min)));
                self.prober.rest(now);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receivers_clock_runs_over_the_wrap_and_back() {
        let mut clock = ReceiverClock::default();
        let start = clock.micros(0xFF_FFFF);
        assert_eq!(clock.micros(2) - start, 3 * REFERENCE);
        assert_eq!(clock.micros(0xFF_FFFE) - start, -REFERENCE);
        let mut clock = ReceiverClock::default();
        for _ in 0..10 {
            for reference in [0, 0x80_0001, 3, 0xC0_0000, 0x40_0000] {
                assert!(clock.micros(reference) >= 0);
            }
        }
    }
}
