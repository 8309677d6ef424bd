//! The receiving half of a browser: what it sees, what its network carries, and what waits for it.

use super::bandwidth::Pauses;
use super::outlet::{Backlog, Outlet};
use super::quality::Receptions;
use super::*;
use crate::media::allocate::Allocator;
use crate::media::congestion::{Cluster, Estimator, Kind, Limits, ProbePlan};
use crate::media::dominant::Loudest;
use crate::prefetch::prefetch;

pub(super) struct Subscriber {
    pub(super) transport: TransportId,
    pub(super) room: RoomKey,
    pub(super) spec: SharedMediaSpec,
    pub(super) downlink: Downlink,
    pub(super) plan: Arc<SeatPlan>,
    /// What each line shows.
    pub(super) shown: Vec<Option<SourceId>>,
    /// What each audio line shows was heard on another one before.
    pub(super) moved: Vec<bool>,
    /// Who is on the audio-only lines, as it was told last.
    pub(super) audio_lines: Vec<(AudioLineId, SourceId)>,
    /// Who shall be on the audio-only lines.
    pub(super) extra: SmallVec<[SourceId; 4]>,
    pub(super) loudest: Loudest,
    pub(super) ready: bool,
    pub(super) outlet: Outlet,
    /// Packets leave no faster than its network seems to carry.
    paced: bool,
    /// It is among [`Forwarder::touched`].
    pub(super) touched: bool,
    /// A line may wait for a key frame.
    pub(super) waiting: bool,
    /// `None` for a browser that tells nothing of what arrives.
    pub(super) estimator: Option<Estimator>,
    pub(super) allocator: Allocator,
    /// The estimate at the last allocation, and what that gave out.
    pub(super) allocated: Bps,
    pub(super) used: Bps,
    /// What its pictures need beyond what its network carries.
    pub(super) unmet: Bps,
    /// What pressure took at the last allocation.
    pub(super) pressure: Pressure,
    ready_since: Option<Instant>,
    pub(super) probe: Option<Probe>,
    pub(super) pauses: Pauses,
    pub(super) receptions: Receptions,
}

/// A probe under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    plan: ProbePlan,
    started: Instant,
    octets: usize,
    packets: usize,
}

/// An estimate is worth something after this long: probes have gone out and come back.
const PROOF: Duration = Duration::from_secs(3);
/// A train of a probe that takes so much longer than planned measures something else.
const LATEST_PROBE: Duration = Duration::from_millis(250);

impl Probe {
    fn next(&self) -> Instant {
        self.started + Duration::from_micros(self.octets as u64 * 8_000_000 / self.plan.rate.0.max(1))
    }

    fn is_over(&self, now: Instant) -> bool {
        let sent = self.octets >= self.plan.octets && self.packets >= self.plan.packets;
        let planned = Duration::from_micros(self.plan.octets as u64 * 8_000_000 / self.plan.rate.0.max(1));
        sent || now.saturating_duration_since(self.started) > planned + LATEST_PROBE
    }
}

impl Subscriber {
    pub(super) fn new(
        now: Instant,
        transport: TransportId,
        room: RoomKey,
        spec: SharedMediaSpec,
        downlink: Downlink,
        paced: bool,
    ) -> Subscriber {
        let mut subscriber = Subscriber {
            transport,
            room,
            downlink,
            plan: Arc::default(),
            shown: Vec::new(),
            moved: Vec::new(),
            audio_lines: Vec::new(),
            extra: SmallVec::new(),
            loudest: Loudest::default(),
            ready: false,
            outlet: Outlet::new(now),
            paced,
            touched: false,
            waiting: false,
            estimator: None,
            allocator: Allocator::default(),
            allocated: Bps(0),
            used: Bps(0),
            unmet: Bps(0),
            pressure: Pressure::None,
            ready_since: None,
            probe: None,
            pauses: Pauses::default(),
            receptions: Receptions::default(),
            spec: spec.clone(),
        };
        subscriber.update(now, spec);
        subscriber
    }

    /// Takes a re-offer's result.
    pub(super) fn update(&mut self, now: Instant, spec: SharedMediaSpec) {
        self.shown.resize(spec.downlinks.len(), None);
        self.moved.resize(spec.downlinks.len(), false);
        let tells = spec.payloads.iter().any(|payload| payload.transport_cc || payload.remb);
        match (&self.estimator, tells) {
            (None, true) => self.estimator = Some(Estimator::new(now, Limits::default())),
            (Some(_), false) => self.estimator = None,
            _ => {}
        }
        self.spec = spec;
        self.set_rate(now);
    }

    pub(super) fn set_ready(&mut self, now: Instant, ready: bool) {
        self.ready = ready;
        self.ready_since = ready.then(|| self.ready_since.unwrap_or(now));
        self.outlet.clear();
        self.probe = None;
    }

    /// Whether the estimate is still where it began: nothing that arrived, or did not, has moved it.
    pub(super) fn is_unproven(&self, now: Instant) -> bool {
        let Some(estimator) = &self.estimator else { return false };
        let young = self.ready_since.is_none_or(|since| now.saturating_duration_since(since) < PROOF);
        young || !estimator.has_heard()
    }

    /// Lets packets leave as fast as the network seems to carry them; on trust, as fast as they come, replays apart.
    pub(super) fn set_rate(&mut self, now: Instant) {
        let replay = self.outlet.replay_rate();
        let heard = |estimator: &&Estimator| self.paced && (estimator.has_heard() || replay.is_some());
        let rate = self.estimator.as_ref().filter(heard).map(|estimator| {
            let on_trust =
                if self.is_unproven(now) || estimator.is_by_remb() { Bps(self.used.0 * 3 / 2) } else { Bps(0) };
            let probing = self.probe.map_or(Bps(0), |probe| probe.plan.rate);
            estimator.pacing_rate().max(on_trust).max(replay.unwrap_or(probing))
        });
        self.outlet.set_rate(now, rate);
    }

    /// Something will be sent soon.
    pub(super) fn prefetch(&self) {
        self.downlink.prefetch();
        prefetch(&self.outlet);
        prefetch(&self.touched);
        prefetch(&self.probe);
        if let Some(estimator) = &self.estimator {
            estimator.prefetch();
        }
    }

    /// Has `sink` send what `write` writes. Returns the octets that left.
    pub(super) fn send(
        &mut self,
        now: Instant,
        peer: usize,
        kind: Kind,
        sink: &mut impl Sink,
        write: impl FnOnce(&mut Downlink, &mut [u8]) -> Result<Outgoing, DropReason>,
    ) -> usize {
        let number = self.downlink.next_transport_cc();
        let downlink = &mut self.downlink;
        let sent = sink.rtp(peer, |out| write(downlink, out));
        if sent > 0 {
            self.outlet.charge(sent);
            let cluster = self.probe.as_mut().map(|probe| count(probe, sent));
            let numbered = self.downlink.next_transport_cc() != number;
            if let Some(estimator) = self.estimator.as_mut().filter(|_| numbered) {
                estimator.sent(now, number, sent, kind, cluster);
            }
        }
        sent
    }

    /// Starts a probe when it is time to, and ends the one that is over.
    pub(super) fn review_probe(&mut self, now: Instant) {
        if self.probe.is_some_and(|probe| !self.goes_on(&probe, now)) {
            self.probe = None;
            self.set_rate(now);
        }
        let can_probe = self.can_probe();
        let Some(estimator) = self.estimator.as_mut() else { return };
        if estimator.next_timeout(now).is_some_and(|at| at <= now) {
            estimator.handle_timeout(now);
            if can_probe {
                let plan = estimator.probe(now);
                self.probe = plan.map(|plan| Probe { plan, started: now, octets: 0, packets: 0 });
            }
            self.set_rate(now);
        }
    }

    /// Not beside a first picture out of the ring, which leaves at a rate of its own.
    fn can_probe(&self) -> bool {
        let by_remb = self.estimator.as_ref().is_some_and(Estimator::is_by_remb);
        self.probe.is_none() && self.outlet.replay_rate().is_none() && self.downlink.can_probe(!by_remb)
    }

    /// Catches up from what the ring holds. A train that a first picture would mix with is sent again after it.
    pub(super) fn hold(&mut self, now: Instant, backlog: Backlog) {
        self.outlet.hold(backlog);
        if self.outlet.replay_rate().is_some()
            && self.probe.take().is_some()
            && let Some(estimator) = &mut self.estimator
        {
            estimator.cancel_probe();
        }
        self.set_rate(now);
    }

    /// Whether a packet of the probe under way is due.
    pub(super) fn probe_is_due(&self, now: Instant) -> bool {
        self.probe.is_some_and(|probe| self.goes_on(&probe, now) && probe.next() <= now)
    }

    fn goes_on(&self, probe: &Probe, now: Instant) -> bool {
        !probe.is_over(now)
            && self.estimator.as_ref().is_some_and(|estimator| estimator.probe_goes_on(probe.plan.cluster))
    }

    /// No padding can be had.
    pub(super) fn abandon_probe(&mut self, now: Instant) {
        self.probe = None;
        self.set_rate(now);
    }

    /// What is due for it, as `peer`, may have changed.
    pub(super) fn touch(&mut self, peer: usize, touched: &mut Vec<usize>) {
        if !std::mem::replace(&mut self.touched, true) {
            touched.push(peer);
        }
    }

    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let probing = self.probe.as_ref().map(Probe::next);
        // What is due for a probe that cannot be sent waits for the next review.
        let estimator = self.estimator.as_ref().filter(|_| self.can_probe());
        let estimator = estimator.and_then(|estimator| estimator.next_timeout(now));
        let others = [self.downlink.next_timeout(), self.outlet.next_timeout(), probing, estimator];
        others.into_iter().flatten().min()
    }
}

fn count(probe: &mut Probe, octets: usize) -> Cluster {
    probe.octets += octets;
    probe.packets += 1;
    probe.plan.cluster
}
