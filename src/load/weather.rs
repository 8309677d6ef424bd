//! What a bad network does to datagrams: loses some, delays others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::plan::Weather;

/// What becomes of a datagram.
pub(super) enum Fate {
    Passes,
    Lost,
    Late(Duration),
}

/// Decides on a datagram. Checks and handshakes only come late: what a connection costs is another question.
pub(super) fn fate(weather: Option<&Weather>, datagram: &[u8]) -> Fate {
    let Some(weather) = weather else { return Fate::Passes };
    let media = datagram.first().is_some_and(|first| (128..192).contains(first));
    if media && rand::random::<f64>() < weather.loss {
        return Fate::Lost;
    }
    if weather.jitter.is_zero() { Fate::Passes } else { Fate::Late(weather.jitter.mul_f64(rand::random())) }
}

/// Which way a delayed datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    In(SocketAddr),
    Out(SocketAddr),
}

/// When it arrives, in which order, whose it is, which way, and what.
type Entry = (Instant, u64, u32, Way, Vec<u8>);

/// Datagrams on their way.
#[derive(Default)]
pub(super) struct Delayed {
    queue: BinaryHeap<Reverse<Entry>>,
    /// By peer and direction: nothing overtakes.
    last: HashMap<(u32, bool), Instant, ahash::RandomState>,
    order: u64,
}

impl Delayed {
    pub(super) fn push(&mut self, at: Instant, peer: u32, way: Way, datagram: &[u8]) {
        let last = self.last.entry((peer, matches!(way, Way::In(_)))).or_insert(at);
        *last = at.max(*last);
        self.order += 1;
        self.queue.push(Reverse((*last, self.order, peer, way, datagram.to_vec())));
    }

    /// When the next one arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next one that has arrived by `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(u32, Way, Vec<u8>)> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse((_, _, peer, way, datagram))| (peer, way, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_datagrams_come_in_their_order() {
        let (start, to) = (Instant::now(), Way::Out(([127, 0, 0, 1], 1).into()));
        let mut delayed = Delayed::default();
        delayed.push(start + Duration::from_millis(30), 1, to, b"a");
        delayed.push(start + Duration::from_millis(10), 1, to, b"b");
        delayed.push(start + Duration::from_millis(10), 2, to, b"c");
        let mut came: Vec<Vec<u8>> = Vec::new();
        while let Some((_, _, datagram)) = delayed.pop(start + Duration::from_millis(30)) {
            came.push(datagram);
        }
        assert_eq!(came, [b"c", b"a", b"b"]);
    }
}
