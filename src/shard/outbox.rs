//! What one tick of a shard sends, in runs that leave by one call each.
//!
//! Packets are sealed where they are sent from. Those for one browser are put behind one another while their sizes are
//! equal, the last may be smaller: the kernel cuts such a run into datagrams by itself (GSO). When a batch brought
//! several media packets, each browser's run gets room for as many at once, so that what leaves for others comes between
//! no two.

use crate::metrics::Volume;
use crate::transport::TransportOut;
use crate::transport::spec::Path;

/// Most datagrams of a run: what kernels before 6.9 cut at once.
const MOST_DATAGRAMS: usize = 64;
/// Larger datagrams go one by one: on some path they exceed what it takes whole (1,500 octets less headers, and less in
/// a tunnel). The kernel refuses such a run, and the socket would take that for a lack of GSO, for good. Browsers' are
/// smaller.
const LARGEST: usize = 1_400;
/// Most octets of a run: the largest UDP payload, with room for IP options.
const MOST_OCTETS: usize = 65_000;
/// Room for so many is made at most: a longer run begins anew, and eight have paid for their call.
const MOST_ROOM: usize = 8;
/// A tick that has written so much sends it before it goes on: a few thousandths of a second's work, and so much that
/// four packets to each of a thousand browsers still make runs.
const FULL: usize = 8 << 20;
/// A picture that has filled so much leaves before it is written for further browsers: with what belongs to those it fits
/// the second-level cache, and whoever comes first does not wait for all others.
const ENOUGH: usize = 256 << 10;
/// A picture for a few browsers: it leaves before another is taken, which would only keep it.
const SOME: usize = 32 << 10;
/// With so much memory in use no more room is made ahead.
const MOST_AHEAD: usize = 4 * FULL;
/// No run of a browser is open.
const NONE: u32 = u32::MAX;

/// Datagrams that leave by one call.
#[derive(Clone, Copy, Debug)]
struct Run {
    path: Path,
    peer: Option<u32>,
    start: usize,
    end: usize,
    /// Whatever is before this belongs to the run.
    room_end: usize,
    /// Octets of each datagram but the last.
    segment: usize,
    datagrams: usize,
}

impl Run {
    /// Whether a datagram of any size may follow: as part of the run, or as the beginning of another one in its room.
    fn is_open(&self) -> bool {
        let whole = self.end - self.start == self.datagrams * self.segment;
        whole
            && self.segment <= LARGEST
            && self.datagrams < MOST_DATAGRAMS
            && self.end - self.start + self.segment <= MOST_OCTETS
    }
}

/// A datagram's place in the [`Outbox`]. Small, since there is one for each packet.
#[derive(Clone, Copy, Debug)]
struct Datagram {
    /// Number of its run.
    run: u32,
    len: u32,
    start: usize,
    video: bool,
}

/// Where a datagram is written, before it is known how long it is.
pub(super) struct Place {
    peer: usize,
    pub(super) start: usize,
    room: usize,
    /// Number of the run that it may go on.
    run: Option<u32>,
}

/// Datagrams waiting to be sent, in one buffer that is reused from tick to tick.
#[derive(Default)]
pub struct Outbox {
    /// The first `used` octets are runs and room in them; what is behind them is left over from earlier ticks.
    bytes: Vec<u8>,
    used: usize,
    /// Octets of datagrams.
    written: usize,
    runs: Vec<Run>,
    datagrams: Vec<Datagram>,
    /// By browser, the run that goes on.
    open: Vec<u32>,
    /// How many packets each browser is expected to be sent.
    expected: usize,
    /// What transports sent on their own account since this was counted last.
    stun: Volume,
    dtls: Volume,
}

impl Outbox {
    /// The datagrams in the order of writing: where to, and what.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.entries().map(|(path, datagram, _)| (path, datagram))
    }

    /// Also says what is video: on a path that is congested, that goes first.
    pub fn entries(&self) -> impl Iterator<Item = (Path, &[u8], bool)> {
        self.datagrams.iter().map(|datagram| {
            let Datagram { run, len, start, video } = *datagram;
            (self.runs[run as usize].path, &self.bytes[start..start + len as usize], video)
        })
    }

    /// The runs: where to, the datagrams one behind the other, and the size of each but the last. The order of what
    /// leaves for one browser is that of writing.
    pub fn runs(&self) -> impl Iterator<Item = (Path, &[u8], usize)> {
        self.runs.iter().map(|run| (run.path, &self.bytes[run.start..run.end], run.segment))
    }

    /// Says how many media packets have come together, all of which may leave for the same browsers.
    pub(super) fn expect(&mut self, packets: usize) {
        self.expected = packets.min(MOST_ROOM);
    }

    /// Says that what was queued last is video.
    pub(super) fn last_is_video(&mut self) {
        if let Some(last) = self.datagrams.last_mut() {
            last.video = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Whether so much waits that it should be sent before more is written.
    pub fn is_full(&self) -> bool {
        self.written >= FULL
    }

    /// Whether what waits should be sent before the next packet is looked at.
    pub fn is_worth_sending(&self) -> bool {
        self.written >= SOME
    }

    /// Whether more would push out of the caches what waits, before the kernel copies it. To be asked between browsers, so
    /// that runs stay whole.
    pub(super) fn has_enough(&self) -> bool {
        self.written >= ENOUGH
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        for peer in self.runs.iter().filter_map(|run| run.peer) {
            if let Some(open) = self.open.get_mut(peer as usize) {
                *open = NONE;
            }
        }
        (self.used, self.written) = (0, 0);
        self.runs.clear();
        self.datagrams.clear();
    }

    /// What transports sent by STUN and by DTLS since this was asked last.
    pub(super) fn take_volumes(&mut self) -> [Volume; 2] {
        [std::mem::take(&mut self.stun), std::mem::take(&mut self.dtls)]
    }

    /// Lets `write` fill a buffer of `room` octets; what it says it wrote is queued for the browser `peer` at `path`.
    pub(super) fn write<E>(
        &mut self,
        peer: usize,
        path: &Path,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let place = self.place(peer, path, room);
        let len = write(self.buffer(place.start, room))?;
        self.queue(place, path, len);
        Ok(len)
    }

    /// Where the next datagram for the browser `peer` at `path` shall lie, which takes `room` octets at most.
    pub(super) fn place(&mut self, peer: usize, path: &Path, room: usize) -> Place {
        if self.open.len() <= peer {
            self.open.resize(peer + 1, NONE);
        }
        let number = self.open.get(peer).copied().unwrap_or(NONE);
        let run = self.runs.get(number as usize).filter(|run| run.path == *path && run.is_open());
        let run = run.filter(|run| run.end + room <= run.room_end || run.room_end == self.used);
        let start = run.map_or(self.used, |run| run.end);
        Place { peer, start, room, run: run.map(|_| number) }
    }

    /// Queues the `len` octets that were written in `place`, unless they are none. Nothing else may have been queued since
    /// it was given out.
    pub(super) fn queue(&mut self, place: Place, path: &Path, len: usize) {
        if len == 0 {
            return;
        }
        let Place { peer, start, room, run } = place;
        let end = start + len;
        self.written += len;
        let run = run.and_then(|number| Some((number, self.runs.get_mut(number as usize)?)));
        let number = match run {
            Some((number, run)) if len <= run.segment => {
                (run.end, run.room_end) = (end, run.room_end.max(end));
                run.datagrams += 1;
                self.used = self.used.max(end);
                number
            }
            // Larger than those before it: it begins a run in the rest of their room.
            Some((_, run)) => {
                let room_end = std::mem::replace(&mut run.room_end, start);
                self.begin(*path, Some(peer), start, len, room_end.max(end))
            }
            None => {
                let more = if self.used < MOST_AHEAD { self.expected.saturating_sub(1) } else { 0 };
                self.begin(*path, Some(peer), start, len, end + room * more)
            }
        };
        self.datagrams.push(Datagram { run: number, len: len as u32, start, video: false });
    }

    /// `room` octets from `start` on, with anything in them: to clear what is written over costs more than it is worth.
    pub(super) fn buffer(&mut self, start: usize, room: usize) -> &mut [u8] {
        let end = start + room;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[start..end]
    }

    /// Begins a run with the datagram of `len` octets at `start`. Returns its number.
    fn begin(&mut self, path: Path, peer: Option<usize>, start: usize, len: usize, room_end: usize) -> u32 {
        let number = self.runs.len() as u32;
        if let Some(open) = peer.and_then(|peer| self.open.get_mut(peer)) {
            *open = number;
        }
        let peer = peer.map(|peer| peer as u32);
        self.runs.push(Run { path, peer, start, end: start + len, room_end, segment: len, datagrams: 1 });
        self.used = self.used.max(room_end);
        number
    }
}

impl TransportOut for Outbox {
    fn send(&mut self, path: Path, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if is_stun(bytes) { &mut self.stun } else { &mut self.dtls }.add(bytes.len());
        let start = self.used;
        self.buffer(start, bytes.len()).copy_from_slice(bytes);
        let run = self.begin(path, None, start, bytes.len(), start + bytes.len());
        self.datagrams.push(Datagram { run, len: bytes.len() as u32, start, video: false });
    }
}

/// Tells STUN from DTLS (RFC 7983 §7): it begins with two bits of zero, and DTLS with 20 to 63.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
