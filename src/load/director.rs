//! Directs a call: who joins when, what is measured when, who leaves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::LoadError;
use super::dtls::{GCM, Identity};
use super::engine::{Command, Engine};
use super::http::Target;
use super::measure::Figures;
use super::member::{Door, Member, Presence, Rooms, SharedDoor};
use super::options::{Options, Shape};
use super::peer::Spec;
use super::progress::Progress;
use super::report::{Measured, Report};
use super::server::{Watch, own_cpu};
use crate::access::Access;

/// Longest that the last member may take until it sees something.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the bar moves.
const LOOK: Duration = Duration::from_millis(100);

type Entered = Result<(Presence, Spec), LoadError>;

/// A call that is going on.
pub(super) struct Director<'a> {
    options: &'a Options,
    pub(super) shape: Shape,
    /// Some only watch.
    watchers: bool,
    bar: &'a Progress,
    door: SharedDoor,
    watch: Watch,
    epoch: Instant,
    engines: Vec<Engine>,
    members: BTreeMap<u32, (usize, usize, Member)>,
    next: u32,
    coming: JoinSet<(u32, usize, usize, Entered)>,
    /// Joins that were refused or broke, while others went on.
    pub(super) failed: Vec<LoadError>,
    /// How many came since the last [`Director::begin`], and how long that took.
    pub(super) joined: usize,
    pub(super) joining: Duration,
}

/// Plays one scenario from beginning to end.
pub(super) async fn play(options: &Options, access: &Access, bar: &Progress) -> Result<Report, LoadError> {
    let shape = options.shape()?;
    let mut director = Director::new(options, shape, access, bar).await?;
    director.begin();
    director.fill(true).await?;
    director.settle(Duration::from_secs(options.warm_up)).await?;
    let first = director.collect().await?;
    let measured = director.measure(Duration::from_secs(options.duration)).await?;
    let report = director.report(first, measured);
    director.leave().await;
    Ok(report)
}

impl<'a> Director<'a> {
    pub(super) async fn new(
        options: &'a Options,
        shape: Shape,
        access: &Access,
        bar: &'a Progress,
    ) -> Result<Director<'a>, LoadError> {
        let target = Target::resolve(&options.server, options.insecure).await?;
        let watch = Watch::new(&target, options.server_pid)?;
        let identity = Identity::generate(&[GCM]).map_err(|error| LoadError::Peer(error.to_string()))?;
        let own = crate::config::interfaces().map_err(LoadError::Socket)?.iter().map(|own| own.address).collect();
        let rooms = Rooms::new(options.room.as_deref(), shape.rooms);
        let token = match options.mint_token {
            true => Some(rooms.token(access)?),
            false => options.token.clone(),
        };
        let door = Door { target, transport: options.transport, identity, own, rooms, token };
        Ok(Director {
            options,
            watchers: shape.subscribers > 0,
            shape,
            bar,
            door: Arc::new(door),
            watch,
            epoch: Instant::now(),
            engines: Vec::new(),
            members: BTreeMap::new(),
            next: 0,
            coming: JoinSet::new(),
            failed: Vec::new(),
            joined: 0,
            joining: Duration::ZERO,
        })
    }

    /// Begins to measure anew: who comes from now on is new.
    pub(super) fn begin(&mut self) {
        (self.joined, self.joining) = (0, Duration::ZERO);
        self.failed.clear();
        self.tell_begin();
    }

    fn tell_begin(&self) {
        self.engines.iter().for_each(|engine| engine.tell(Command::Begin));
    }

    /// Lets members in until the rooms are as the shape says: first those that send. With `strict`, the first refusal
    /// ends it.
    pub(super) async fn fill(&mut self, strict: bool) -> Result<(), LoadError> {
        let started = Instant::now();
        let here: Vec<(usize, usize)> = self.members.values().map(|(room, index, _)| (*room, *index)).collect();
        let places =
            |from: usize, to: usize| (from..to).flat_map(|index| (0..self.shape.rooms).map(move |room| (room, index)));
        let (senders, all) = (self.shape.publishers, self.shape.publishers + self.shape.subscribers);
        let phases: [Vec<(usize, usize)>; 2] = [places(0, senders).collect(), places(senders, all).collect()];
        for phase in phases {
            let missing: Vec<_> = phase.into_iter().filter(|place| !here.contains(place)).collect();
            self.bar.phase("joining", missing.len() as u64);
            self.admit(&missing, strict).await?;
        }
        self.joining += started.elapsed();
        Ok(())
    }

    /// Lets members in at the join rate.
    async fn admit(&mut self, places: &[(usize, usize)], strict: bool) -> Result<(), LoadError> {
        let started = Instant::now();
        let mut asked = 0;
        while asked < places.len() || !self.coming.is_empty() {
            let due = (started.elapsed().as_secs_f64() * self.options.join_rate) as usize + 1;
            while asked < places.len().min(due) {
                if let Some((room, index)) = places.get(asked) {
                    self.call(*room, *index);
                }
                asked += 1;
            }
            if let Ok(Some(Ok(entered))) = tokio::time::timeout(Duration::from_millis(5), self.coming.join_next()).await
            {
                let result = self.take(entered);
                if strict {
                    result?;
                } else if let Err(error) = result {
                    self.failed.push(error);
                    // The others would fail in the same way.
                    asked = places.len();
                }
            }
            self.check()?;
            self.bar.at((asked - self.coming.len().min(asked)) as u64, String::new());
        }
        Ok(())
    }

    /// Asks one member in.
    fn call(&mut self, room: usize, index: usize) {
        let (id, door, part) = (self.next, self.door.clone(), self.shape.part(index));
        self.next += 1;
        self.coming.spawn(async move { (id, room, index, door.enter(id, room, part).await) });
    }

    /// One has come in: its media may begin.
    fn take(&mut self, (id, room, index, entered): (u32, usize, usize, Entered)) -> Result<(), LoadError> {
        let (presence, spec) = entered?;
        if self.engines.is_empty() {
            let shared = !self.options.own_sockets
                && spec.candidates.iter().all(|at| self.door.is_here(&at.ip()) && at.is_ipv4());
            for number in 0..self.options.threads {
                self.engines.push(Engine::start(number, self.epoch, shared).map_err(LoadError::of_socket)?);
            }
        }
        let engine = self.engines.get(id as usize % self.options.threads);
        if let Some(engine) = engine {
            engine.tell(Command::Add(Box::new(spec)));
        }
        self.members.insert(id, (room, index, Member::stay(presence)));
        self.joined += 1;
        Ok(())
    }

    /// Lets one member go.
    fn dismiss(&mut self, id: u32) {
        if let Some((_, _, member)) = self.members.remove(&id) {
            drop(member.leave());
            if let Some(engine) = self.engines.get(id as usize % self.options.threads) {
                engine.tell(Command::Remove(id));
            }
        }
    }

    /// Changes how many watch in each room, or how many there are where all send. Nobody comes or goes by that.
    pub(super) fn resize(&mut self, count: usize) {
        match self.watchers {
            true => self.shape.subscribers = count,
            false => self.shape.publishers = count,
        }
    }

    /// Lets the latest members that only watch go, until the rooms are as the shape says.
    pub(super) fn shrink(&mut self) {
        let places = self.shape.publishers + self.shape.subscribers;
        let surplus: Vec<u32> =
            self.members.iter().filter(|(_, (_, index, _))| *index >= places).map(|(id, _)| *id).collect();
        surplus.into_iter().for_each(|id| self.dismiss(id));
    }

    /// Waits until everybody sees or hears something, and then for `warm_up`.
    pub(super) async fn settle(&mut self, warm_up: Duration) -> Result<(), LoadError> {
        let members = self.members.len() as u64;
        let watchers = self.members.values().filter(|(_, index, _)| self.shape.part(*index).seats > 0).count() as u64;
        self.bar.phase("connecting", members);
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check()?;
            let (connected, pictured) = (self.sum(|gauges| &gauges.connected), self.sum(|gauges| &gauges.pictured));
            self.bar.at(connected, format!("{pictured} of {watchers} see or hear something"));
            if (connected >= members && pictured >= watchers) || Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        if self.sum(|gauges| &gauges.connected) == 0 {
            return Err(LoadError::NoMedia { connected: 0, members: members as usize, candidates: "ports".to_owned() });
        }
        tokio::time::sleep(warm_up).await;
        self.check()
    }

    fn sum(&self, gauge: impl Fn(&super::engine::Gauges) -> &std::sync::atomic::AtomicU64) -> u64 {
        self.engines.iter().map(|engine| gauge(&engine.gauges).load(Ordering::Relaxed)).sum()
    }

    /// Whether a thread can go on.
    fn check(&self) -> Result<(), LoadError> {
        let failure = |engine: &Engine| engine.gauges.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self.engines.iter().find_map(failure) {
            Some(failure) => Err(LoadError::Peer(failure)),
            None => Ok(()),
        }
    }

    /// What was measured since the last time.
    pub(super) async fn collect(&self) -> Result<Figures, LoadError> {
        let mut all = Figures::default();
        for engine in &self.engines {
            let (reply, figures) = oneshot::channel();
            engine.tell(Command::Collect(reply));
            all.add(figures.await.map_err(|_| LoadError::Peer("a thread of the tester ended".to_owned()))?);
        }
        Ok(all)
    }

    /// Measures for `duration`, while members come and go as the shape has it.
    pub(super) async fn measure(&mut self, duration: Duration) -> Result<Measured, LoadError> {
        self.bar.phase("measuring", duration.as_secs());
        let before = self.watch.sample().await;
        self.tell_begin();
        let (started, cpu) = (Instant::now(), own_cpu());
        let (mut replaced, mut received) = (0, self.sum(|gauges| &gauges.received));
        let mut looked = started;
        while started.elapsed() < duration {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let due = (started.elapsed().as_secs_f64() * self.shape.churn) as usize;
            while replaced < due {
                self.replace();
                replaced += 1;
            }
            while let Some(Ok(entered)) = self.coming.try_join_next() {
                if let Err(error) = self.take(entered) {
                    self.failed.push(error);
                }
            }
            if looked.elapsed() >= 5 * LOOK {
                let now = self.sum(|gauges| &gauges.received);
                let rate = now.saturating_sub(received) as f64 / looked.elapsed().as_secs_f64();
                (received, looked) = (now, Instant::now());
                self.bar.at(started.elapsed().as_secs(), format!("{rate:.0} packets/s received"));
            }
            self.check()?;
        }
        let span = started.elapsed();
        let figures = self.collect().await?;
        let after = self.watch.sample().await;
        let own = own_cpu().zip(cpu).map(|(after, before)| (after - before) / span.as_secs_f64());
        let lost = self.members.values().filter(|(_, _, member)| member.is_lost()).count();
        Ok(Measured { figures, span, before, after, own, lost })
    }

    /// One of those that only watch, if there are any, leaves, and another comes in its place.
    fn replace(&mut self) {
        let watches = |index: usize| index >= self.shape.publishers || self.shape.subscribers == 0;
        let candidates: Vec<(u32, usize, usize)> = self
            .members
            .iter()
            .filter(|(_, (_, index, _))| watches(*index))
            .map(|(id, (room, index, _))| (*id, *room, *index))
            .collect();
        if candidates.is_empty() {
            return;
        }
        if let Some((id, room, index)) = candidates.get(rand::random_range(0..candidates.len())).copied() {
            self.dismiss(id);
            self.call(room, index);
        }
    }

    pub(super) fn report(&self, first: Figures, measured: Measured) -> Report {
        Report::new(self.options, self, first, measured)
    }

    /// Everybody leaves.
    pub(super) async fn leave(mut self) {
        let members = std::mem::take(&mut self.members);
        let mut leaving: Vec<_> = members.into_values().map(|(_, _, member)| member.leave()).collect();
        let goodbyes = async {
            // Those still on their way in leave as soon as they are.
            while let Some(entered) = self.coming.join_next().await {
                if let Ok((_, _, _, Ok((presence, _)))) = entered {
                    leaving.push(Member::stay(presence).leave());
                }
            }
            futures_util::future::join_all(leaving).await
        };
        // Whoever cannot say goodbye in this time is gone all the same.
        let _ = tokio::time::timeout(PATIENCE / 2, goodbyes).await;
    }
}
