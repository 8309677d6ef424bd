//! A shard's thread: receive, timers, flush, over and over.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use mio::{Events, Interest, Poll, Token, Waker};

use crate::border::ToShard;
use crate::media::drop::DropReason;
use crate::media::histogram::{BATCHES, LATENCIES_US};
use crate::metrics::{ShardSnapshot, SnapshotCell};
use crate::net::tcp::Arrivals;
use crate::net::tcp::streams::Streams;
use crate::net::udp::{Buffers, Udp};
use crate::shard::{Outbox, Shard};
use crate::transport::spec::{Path, Protocol};

const WAKER: Token = Token(usize::MAX);
/// Batches read from one socket before timers and the flush get their turn: a flood on one socket starves nobody.
const BATCHES_PER_TICK: usize = 8;
/// Batches taken from other shards likewise.
const FEEDS_PER_TICK: usize = 16;
/// How often the counters are copied out.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);
/// How often the shard is told how much of its time it works.
const LOAD_EVERY: Duration = Duration::from_millis(250);
/// Longest sleep: the loop notices a stop within this even when nobody wakes it.
const MAX_SLEEP: Duration = Duration::from_millis(500);

/// What the control plane holds of a running shard.
pub struct Handle {
    pub inbox: Arc<ToShard>,
    /// TCP connections for the shard.
    pub arrivals: Arrivals,
    pub waker: Waker,
    pub counters: Arc<SnapshotCell>,
    stop: AtomicBool,
}

impl Handle {
    /// Ends the loop after its current tick.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // A dead poller needs no waking.
        let _ = self.waker.wake();
    }
}

/// A shard with its sockets, ready to run.
pub struct Worker {
    poll: Poll,
    sockets: Vec<Udp>,
    streams: Streams,
    shard: Shard,
    handle: Arc<Handle>,
    outbox: Outbox,
    news: Arc<Notify>,
    /// All shards, by number, this one too: those that were given something are woken.
    others: Arc<OnceLock<Vec<Arc<Handle>>>>,
    /// When the first of the media came that this turn reads, by the kernel.
    oldest: Option<Instant>,
}

impl Worker {
    /// Registers the sockets with a poller of its own.
    ///
    /// # Errors
    ///
    /// When the system refuses a poller.
    pub fn new(
        mut sockets: Vec<Udp>,
        shard: Shard,
        inbox: Arc<ToShard>,
        news: Arc<Notify>,
        others: Arc<OnceLock<Vec<Arc<Handle>>>>,
    ) -> io::Result<Worker> {
        let poll = Poll::new()?;
        for (index, socket) in sockets.iter_mut().enumerate() {
            poll.registry().register(socket.source(), Token(index), Interest::READABLE)?;
        }
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (arrivals, counters, stop) = Default::default();
        let handle = Arc::new(Handle { inbox, arrivals, waker, counters, stop });
        let streams = Streams::new(Instant::now());
        Ok(Worker { poll, sockets, streams, shard, handle, outbox: Outbox::default(), news, others, oldest: None })
    }

    pub fn handle(&self) -> Arc<Handle> {
        self.handle.clone()
    }

    /// Runs until [`Handle::stop`].
    pub fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut buffers = Buffers::new();
        let mut readable = vec![true; self.sockets.len()];
        let started = Instant::now();
        let mut copied = started;
        let mut busy = Duration::ZERO;
        let (mut measured, mut busy_then) = (started, busy);
        while !self.handle.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let until =
                if readable.contains(&true) || self.streams.is_readable() { now } else { self.shard.next_timeout(now) };
            let sleep = until.saturating_duration_since(now).min(MAX_SLEEP);
            // An interrupted wait is an empty one.
            let _ = self.poll.poll(&mut events, Some(sleep));
            let woken = Instant::now();
            self.oldest = None;
            let forwarded = self.shard.counters_mut().forwarded();
            for event in &events {
                match readable.get_mut(event.token().0) {
                    Some(flag) => *flag = true,
                    None => self.streams.note(event),
                }
            }
            self.take_commands();
            for (index, flag) in readable.iter_mut().enumerate() {
                if *flag {
                    *flag = self.read(index, &mut buffers);
                }
            }
            self.take_feeds();
            self.streams.receive(Instant::now(), &mut self.shard, &mut self.outbox);
            self.shard.handle_timeout(Instant::now(), &mut self.outbox);
            self.wake_others();
            self.flush();
            let forwarded = self.shard.counters_mut().forwarded() - forwarded;
            if self.shard.take_reported() {
                self.news.notify_one();
            }
            let done = Instant::now();
            busy += done.duration_since(woken);
            if forwarded > 0 {
                let came = self.oldest.unwrap_or(woken);
                let latency = done.duration_since(came).as_micros() as u64;
                self.shard.counters_mut().forward_latency.add_many(&LATENCIES_US, latency, forwarded);
            }
            let span = done.duration_since(measured);
            if span >= LOAD_EVERY {
                self.shard.set_load(done, (busy - busy_then).as_secs_f64() / span.as_secs_f64());
                (measured, busy_then) = (done, busy);
            }
            if done.duration_since(copied) >= SNAPSHOT_EVERY {
                copied = done;
                let uptime = done.duration_since(started);
                self.handle.counters.publish(&ShardSnapshot { busy, uptime, ..self.shard.snapshot(done) });
                self.handle.counters.publish_rooms(self.shard.rooms(done));
            }
        }
        self.flush();
    }

    fn take_commands(&mut self) {
        let now = Instant::now();
        // Before the cells are taken: by the time that a browser connects, the cell of its transport is there.
        let waiting = self.handle.arrivals.take();
        let delivery = self.handle.inbox.take();
        for cell in delivery.cells {
            self.shard.apply(now, cell, &mut self.outbox);
        }
        for message in &delivery.samples {
            self.shard.send_data(now, message, &mut self.outbox);
        }
        self.shard.count_shed(delivery.shed);
        self.shard.counters_mut().tcp_refused += waiting.refused;
        for arrival in waiting.arrived {
            let registry = self.poll.registry();
            let taken = self.streams.arrive(now, arrival, registry, &mut self.shard, &mut self.outbox);
            let counters = self.shard.counters_mut();
            *(if taken { &mut counters.tcp_accepted } else { &mut counters.tcp_refused }) += 1;
        }
        self.shard.counters_mut().tcp_open = self.streams.len() as u64;
    }

    /// Takes what other shards gave until now; what they give meanwhile wakes this one again.
    fn take_feeds(&mut self) {
        for _ in 0..FEEDS_PER_TICK {
            let now = Instant::now();
            let more = self.shard.take_feeds(now, &mut self.outbox);
            self.end_batch(now);
            if !more {
                return;
            }
            if self.outbox.is_full() {
                self.flush();
            }
        }
        // The rest has its turn right after the others.
        let _ = self.handle.waker.wake();
    }

    /// Wakes the shards that were given something.
    fn wake_others(&mut self) {
        let Some(others) = self.others.get() else { return };
        for other in self.shard.take_fed().filter_map(|shard| others.get(shard)) {
            // A dead poller means a stopped shard, which needs no waking.
            let _ = other.waker.wake();
        }
    }

    /// Reads what waits at a socket, and forwards it then: what the socket still holds of a picture leaves with the rest
    /// of it. True when more may be waiting.
    fn read(&mut self, index: usize, buffers: &mut Buffers) -> bool {
        let mut batches = 0;
        while batches < BATCHES_PER_TICK {
            let Some(socket) = self.sockets.get(index) else { break };
            // An error belongs to one earlier datagram (ICMP); the socket lives on.
            let Ok(Some(mut batch)) = socket.receive(buffers) else { break };
            batches += 1;
            let now = Instant::now();
            let mut datagrams = 0;
            let media = batch.media();
            if media > 0 {
                self.oldest = Some(self.oldest.unwrap_or(now).min(batch.oldest()));
            }
            self.shard.begin_batch(media, &mut self.outbox);
            batch.each(|path, datagram| {
                datagrams += 1;
                self.shard.receive(now, path, datagram, &mut self.outbox);
                if self.shard.has_gathered_enough() {
                    self.forward_gathered(now);
                }
                if self.outbox.is_worth_sending() {
                    self.flush();
                }
            });
            self.shard.counters_mut().receives.add(&BATCHES, datagrams);
        }
        self.end_batch(Instant::now());
        batches == BATCHES_PER_TICK
    }

    /// Forwards what came together, and sends it as it is written.
    fn forward_gathered(&mut self, now: Instant) {
        while self.shard.forward_gathered(now, &mut self.outbox) {
            self.flush();
        }
    }

    fn end_batch(&mut self, now: Instant) {
        self.forward_gathered(now);
        self.shard.end_batch(now, &mut self.outbox);
    }

    /// Sends everything queued: over UDP, each run of equal datagrams to one browser in one call.
    fn flush(&mut self) {
        let Worker { outbox, sockets, streams, shard, .. } = self;
        let mut any_tcp = false;
        for (path, run, segment) in outbox.runs() {
            if path.protocol == Protocol::Tcp {
                any_tcp = true;
                continue;
            }
            let here = |socket: &&Udp| socket.port() == path.local.port() && socket.is_v6() == path.remote.is_ipv6();
            if let Some(socket) = sockets.iter().find(here) {
                send(socket, shard, path, run, segment);
            }
        }
        if any_tcp {
            for (path, datagram, video) in outbox.entries().filter(|(path, ..)| path.protocol == Protocol::Tcp) {
                if let Err(reason) = streams.send(path, datagram, video) {
                    shard.count_drops(reason, 1);
                }
            }
        }
        streams.flush(Instant::now(), shard);
        outbox.clear();
    }
}

/// Sends a run of datagrams of `segment` octets each, as long as the kernel or the network card cut it for us: where
/// they refuse, one by one from then on, this run included.
fn send(socket: &Udp, shard: &mut Shard, path: Path, run: &[u8], segment: usize) {
    let mut rest = run;
    while !rest.is_empty() {
        let most = socket.max_segments().max(1);
        let (part, later) = rest.split_at(rest.len().min(most * segment));
        rest = later;
        let datagrams = part.len().div_ceil(segment.max(1)) as u64;
        match socket.send(path, part, segment) {
            Ok(()) => shard.counters_mut().sends.add(&BATCHES, datagrams),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                shard.count_drops(DropReason::QueueFull, datagrams);
            }
            // Refused for being a run: its datagrams have not left yet.
            Err(_) if datagrams > 1 && socket.max_segments() < most => {
                rest = &run[run.len() - rest.len() - part.len()..];
            }
            Err(_) => shard.count_send_errors(datagrams),
        }
    }
}
