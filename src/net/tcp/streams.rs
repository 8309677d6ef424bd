//! The connections of one shard: what they bring goes to the shard, what the shard sends to them waits in bounded
//! queues.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::acceptor::Arrival;
use super::stream::{CHUNK, Ended, Stream};
use crate::media::drop::DropReason;
use crate::shard::{Outbox, Shard};
use crate::transport::spec::Path;

/// First token of connections; those below are the shard's other sockets.
const FIRST_TOKEN: usize = 16;
/// Reads from one connection before the others get their turn.
const READS_PER_TICK: usize = 8;
/// How often connections are looked through for those that are stuck or that nobody needs.
const REVIEW_EVERY: Duration = Duration::from_secs(1);

/// A shard's connections.
pub struct Streams {
    streams: Slab<Stream>,
    by_path: HashMap<Path, usize, ahash::RandomState>,
    /// Keys of those that may have something to read.
    readable: Vec<usize>,
    /// Keys of those that got something to write.
    dirty: Vec<usize>,
    reviewed: Instant,
    chunk: Box<[u8; CHUNK]>,
}

impl Streams {
    /// No connections yet.
    pub fn new(now: Instant) -> Streams {
        Streams {
            streams: Slab::new(),
            by_path: HashMap::default(),
            readable: Vec::new(),
            dirty: Vec::new(),
            reviewed: now,
            chunk: Box::new([0; CHUNK]),
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Takes over a connection whose first frame names this shard. It stays open only if that frame is an authentic
    /// connectivity check, so that strangers hold nothing here. False when it was closed.
    pub fn arrive(
        &mut self,
        now: Instant,
        arrival: Arrival,
        registry: &Registry,
        shard: &mut Shard,
        outbox: &mut Outbox,
    ) -> bool {
        let (mut stream, mut check) = arrival.into_parts();
        let path = stream.path;
        // The kernel gives out a path again only when the connection that had it is gone.
        if let Some(old) = self.by_path.get(&path) {
            self.close(*old, shard);
        }
        shard.receive(now, path, &mut check, outbox);
        let entry = self.streams.vacant_entry();
        let key = entry.key();
        let both = Interest::READABLE | Interest::WRITABLE;
        if !shard.knows(path) || registry.register(stream.source(), Token(FIRST_TOKEN + key), both).is_err() {
            shard.path_closed(path);
            stream.reset();
            return false;
        }
        entry.insert(stream);
        self.by_path.insert(path, key);
        self.readable.push(key);
        true
    }

    /// Takes note of what the poller says about one connection.
    pub fn note(&mut self, event: &Event) {
        let Some(key) = event.token().0.checked_sub(FIRST_TOKEN).filter(|key| self.streams.contains(*key)) else {
            return;
        };
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.push(key);
        }
        if event.is_writable() {
            self.mark_dirty(key, true);
        }
    }

    /// Whether something may be left to read.
    pub fn is_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Hands what has arrived to the shard.
    pub fn receive(&mut self, now: Instant, shard: &mut Shard, outbox: &mut Outbox) {
        for key in std::mem::take(&mut self.readable) {
            let Some(stream) = self.streams.get_mut(key) else { continue };
            match read(stream, &mut self.chunk, now, shard, outbox) {
                Ok(false) => {}
                Ok(true) => self.readable.push(key),
                Err(Ended) => self.close(key, shard),
            }
        }
    }

    /// Queues a packet for the connection of `path`.
    ///
    /// # Errors
    ///
    /// `NotConnected` when it is closed, `QueueFull` when its reader is too slow.
    pub fn send(&mut self, path: Path, packet: &[u8], video: bool) -> Result<(), DropReason> {
        let key = *self.by_path.get(&path).ok_or(DropReason::NotConnected)?;
        self.streams.get_mut(key).ok_or(DropReason::NotConnected)?.send(packet, video)?;
        self.mark_dirty(key, false);
        Ok(())
    }

    /// Has a connection written to by the next flush. One that takes nothing is left alone until the poller says that
    /// it does again.
    fn mark_dirty(&mut self, key: usize, takes: bool) {
        if let Some(stream) = self.streams.get_mut(key)
            && (takes || !stream.is_behind())
            && !std::mem::replace(&mut stream.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Writes what was queued, and now and then closes what is stuck or of no use.
    pub fn flush(&mut self, now: Instant, shard: &mut Shard) {
        for key in std::mem::take(&mut self.dirty) {
            if let Some(stream) = self.streams.get_mut(key)
                && stream.flush(now) == Err(Ended)
            {
                self.close(key, shard);
            }
        }
        if now.duration_since(self.reviewed) < REVIEW_EVERY {
            return;
        }
        self.reviewed = now;
        let doomed: Vec<usize> = self
            .streams
            .iter_mut()
            .filter_map(|(key, stream)| {
                let stuck = stream.is_behind() && stream.flush(now) == Err(Ended);
                (stuck || !shard.knows(stream.path)).then_some(key)
            })
            .collect();
        for key in doomed {
            self.close(key, shard);
        }
    }

    fn close(&mut self, key: usize, shard: &mut Shard) {
        let Some(stream) = self.streams.try_remove(key) else { return };
        self.by_path.remove(&stream.path);
        shard.path_closed(stream.path);
        stream.close();
    }
}

/// True when more may be waiting.
fn read(
    stream: &mut Stream,
    chunk: &mut [u8; CHUNK],
    now: Instant,
    shard: &mut Shard,
    outbox: &mut Outbox,
) -> Result<bool, Ended> {
    for _ in 0..READS_PER_TICK {
        // First what came behind the frame that the acceptor has read.
        while let Some(packet) = stream.framer.next_frame().map_err(|_| Ended)? {
            shard.receive(now, stream.path, packet, outbox);
        }
        if !stream.read(chunk)? {
            return Ok(false);
        }
    }
    Ok(true)
}
