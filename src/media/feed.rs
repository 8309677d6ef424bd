//! What crosses from shard to shard: packets of a room's sources to the members that live elsewhere, and back what those
//! wish of them.
//!
//! Packets cross a bounded queue, one for each shard that takes, and are shed whole pictures first and counted when it
//! fills. Wishes and facts are state: latest-wins cells. Nobody ever waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use smallvec::SmallVec;

use crate::border::{Cell, Mailbox};
use crate::id::{SourceId, Ssrc, TransportId};
use crate::media::dynacast::Layers;
use crate::media::packet::{PacketInfo, PacketRef};
use crate::media::spec::{Codec, MediaKind};

/// Packets that wait for a shard: 40 ms of the 100,000 a second that a shard can take at most, and 6 MB.
pub const QUEUE: usize = 4_096;
/// Layers of a source whose key frames are asked for one by one.
pub const LAYERS: usize = 4;

/// One packet on its way to other shards: copied once, whoever takes it.
pub struct Parcel {
    pub source: SourceId,
    /// The connection that sent it: numbers of another one have nothing to do with these.
    pub transport: TransportId,
    pub kind: MediaKind,
    pub layer: usize,
    /// The layer's, and the height of its picture, as far as they are known.
    pub ssrc: Option<Ssrc>,
    pub height: Option<u16>,
    /// Octets of the whole packet as it came.
    pub len: usize,
    info: PacketInfo,
    descriptor_len: usize,
    /// The dependency descriptor, and the payload behind it.
    bytes: Vec<u8>,
}

impl Parcel {
    pub fn packet(&self) -> PacketRef<'_> {
        let (dependency_descriptor, payload) = self.bytes.split_at(self.descriptor_len.min(self.bytes.len()));
        PacketRef { info: &self.info, dependency_descriptor, payload }
    }
}

/// What a parcel is labelled with.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub source: SourceId,
    pub transport: TransportId,
    pub kind: MediaKind,
    pub layer: usize,
    pub ssrc: Option<Ssrc>,
    pub height: Option<u16>,
    pub len: usize,
}

/// Parcels that are filled again when nobody holds them any more.
#[derive(Default)]
pub struct Pool(VecDeque<Arc<Parcel>>);

impl Pool {
    /// A parcel with a copy of `packet`.
    pub fn fill(&mut self, label: Label, packet: PacketRef<'_>) -> Arc<Parcel> {
        // Queues are first in, first out: what is free is at the front.
        let mut first = self.0.pop_front();
        let free = first.as_mut().is_some_and(|parcel| Arc::get_mut(parcel).is_some());
        let mut parcel = match first {
            Some(parcel) if free => parcel,
            busy => {
                self.0.extend(busy.filter(|_| self.0.len() < QUEUE));
                Arc::new(Parcel::empty(label, packet.info))
            }
        };
        if let Some(parcel) = Arc::get_mut(&mut parcel) {
            let mut bytes = std::mem::take(&mut parcel.bytes);
            bytes.clear();
            bytes.extend_from_slice(packet.dependency_descriptor);
            bytes.extend_from_slice(packet.payload);
            let descriptor_len = packet.dependency_descriptor.len();
            *parcel = Parcel { descriptor_len, bytes, ..Parcel::empty(label, packet.info) };
        }
        self.0.push_back(parcel.clone());
        parcel
    }
}

impl Parcel {
    fn empty(label: Label, info: &PacketInfo) -> Parcel {
        let Label { source, transport, kind, layer, ssrc, height, len } = label;
        Parcel { source, transport, kind, layer, ssrc, height, len, info: *info, descriptor_len: 0, bytes: Vec::new() }
    }
}

/// How a packet stands to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// It follows them.
    Live,
    /// Something before it was shed: what was shown ends, and begins anew with it.
    Anew,
    /// It came before the feed was opened: to be looked back at.
    Past,
}

/// What waits in a queue.
pub enum Entry {
    /// The pictures of a source follow, as many layers.
    Opened { source: SourceId, transport: TransportId, opening: u32, layers: usize },
    /// A packet; one of a picture belongs to the `opening` that it was sent for.
    Packet { parcel: Arc<Parcel>, opening: u32, passage: Passage },
}

/// What a shard wishes of a source that another one has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    pub source: SourceId,
    pub transport: TransportId,
    /// Who wishes.
    pub shard: usize,
    /// Numbers the wish for pictures; 0 = none are wished for.
    pub opening: u32,
    /// Layers that its members take or wait for.
    pub layers: Layers,
    /// How often a key frame of each layer was asked for.
    pub key_frames: [u32; LAYERS],
}

/// What a source's own shard knows of it beyond its packets.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    pub source: SourceId,
    pub transport: TransportId,
    /// Between the publisher and the server.
    pub rtt: Duration,
    /// Of its sound on the way here.
    pub jitter: Duration,
    /// Of its video.
    pub layers: SmallVec<[LayerFacts; LAYERS]>,
}

/// See [`Facts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerFacts {
    pub ssrc: Option<Ssrc>,
    pub codec: Option<Codec>,
    pub height: Option<u16>,
    pub last_arrival: Option<Instant>,
    /// It rests because nobody takes it, or was asked to come again.
    pub obtainable: bool,
}

/// State between shards.
#[derive(Clone, PartialEq, Debug)]
pub enum State {
    Wish(Wish),
    Facts(Facts),
}

/// Keys of [`State`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    Wish(SourceId, usize),
    Facts(SourceId),
}

impl Cell for State {
    type Key = Key;
    fn key(&self) -> Key {
        match self {
            State::Wish(wish) => Key::Wish(wish.source, wish.shard),
            State::Facts(facts) => Key::Facts(facts.source),
        }
    }
}

/// Where a shard takes from the others.
pub struct Inlet {
    queue: ArrayQueue<Entry>,
    states: Mailbox<State, ()>,
    /// The shard has been told that something waits, and has not looked since.
    notified: AtomicBool,
    /// A state was put in since they were taken last.
    stated: AtomicBool,
}

impl Default for Inlet {
    fn default() -> Inlet {
        Inlet::holding(QUEUE)
    }
}

impl Inlet {
    /// One in which at most `packets` wait.
    pub fn holding(packets: usize) -> Inlet {
        Inlet {
            queue: ArrayQueue::new(packets.max(1)),
            states: Mailbox::new(0),
            notified: AtomicBool::new(false),
            stated: AtomicBool::new(false),
        }
    }

    /// Inlets of `shards` shards, by number.
    pub fn mesh(shards: usize) -> Vec<Arc<Inlet>> {
        (0..shards).map(|_| Arc::default()).collect()
    }

    /// Queues an entry. False when there is no room for it.
    #[must_use]
    pub fn push(&self, entry: Entry) -> bool {
        self.queue.push(entry).is_ok()
    }

    pub fn put(&self, state: State) {
        self.states.put(state);
        self.stated.store(true, Ordering::Release);
    }

    /// Says that something was put in. True when the shard has to be woken.
    pub fn notify(&self) -> bool {
        !self.notified.swap(true, Ordering::AcqRel)
    }

    /// Takes the states; to be called before [`Inlet::pop`], until that is empty.
    pub fn take_states(&self) -> Vec<State> {
        // First: whatever is put in from now on is told again, and what was before is seen.
        self.notified.swap(false, Ordering::SeqCst);
        if self.stated.swap(false, Ordering::AcqRel) { self.states.take().cells } else { Vec::new() }
    }

    pub fn pop(&self) -> Option<Entry> {
        self.queue.pop()
    }

    /// Entries that wait now.
    pub fn depth(&self) -> usize {
        self.queue.len()
    }

    /// How full it is: entries that wait, of the most that may.
    pub fn filling(&self) -> (usize, usize) {
        (self.queue.len(), self.queue.capacity())
    }
}
