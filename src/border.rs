//! The border between the planes: the only things that cross it, and how.
//!
//! *State* crosses as latest-wins cells, one per key, that cannot be lost. *Samples* cross a bounded queue and are
//! shed and counted when it is full. Neither side ever waits for the other: a mailbox is locked only to move its
//! contents in or out, never on the packet path.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::id::{AudioLineId, Bps, RoomKey, SeatId, SourceId, TransportId};
use crate::media::dynacast::Layers;
use crate::media::quality::{Score, Trouble};
use crate::media::spec::{Codec, SharedMediaSpec, UplinkRole};
use crate::transport::spec::{ConnectionSpec, Lane};

/// One browser's connection as the media plane shall have it.
#[derive(Clone, PartialEq, Debug)]
pub struct TransportSpec {
    pub id: TransportId,
    pub room: RoomKey,
    /// Where it lives, for ever.
    pub shard: usize,
    pub connection: ConnectionSpec,
    pub media: SharedMediaSpec,
}

/// Which of a member's uplinks make one source, and what it may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceSpec {
    pub id: SourceId,
    pub room: RoomKey,
    /// The publisher's connection.
    pub transport: TransportId,
    /// Where that lives.
    pub shard: usize,
    pub kind: SourceKind,
    /// Whether packets of the audio uplink are forwarded. False mutes on the server, whatever the browser sends.
    pub audio_allowed: bool,
    /// Whether packets of the video uplink are forwarded.
    pub video_allowed: bool,
}

/// A member's two possible sources.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum SourceKind {
    Camera,
    Screen,
}

impl SourceKind {
    pub fn audio_role(self) -> UplinkRole {
        match self {
            SourceKind::Camera => UplinkRole::Microphone,
            SourceKind::Screen => UplinkRole::ScreenAudio,
        }
    }

    pub fn video_role(self) -> UplinkRole {
        match self {
            SourceKind::Camera => UplinkRole::Camera,
            SourceKind::Screen => UplinkRole::Screen,
        }
    }
}

/// Who sits where for one subscriber. Seats not listed are empty. Sources of the room that sit nowhere but are loud
/// get the audio-only lines, which the shard gives out by itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SeatPlan {
    pub seats: Vec<SeatedSource>,
}

/// One occupied seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatedSource {
    pub seat: SeatId,
    pub source: SourceId,
    /// Largest picture height that the tile can use, in pixels; `u16::MAX` = no limit.
    pub max_height: u16,
    /// Higher is served first when bandwidth is short.
    pub priority: u8,
}

/// The shards that a room lives on, where they are several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first tells what is true of the whole room.
    pub shards: SmallVec<[usize; 8]>,
    /// Browsers in the room.
    pub members: usize,
}

impl Span {
    /// The shard that speaks for the room.
    pub fn lead(&self) -> Option<usize> {
        self.shards.first().copied()
    }
}

/// Cells from the control plane to a shard. `None` as a value means closed or gone.
#[derive(Clone, PartialEq, Debug)]
pub enum ControlState {
    Transport(TransportId, Option<Arc<TransportSpec>>),
    Source(SourceId, Option<SourceSpec>),
    Seats(TransportId, Arc<SeatPlan>),
    /// `None`: one shard alone, or no more on this one.
    Span(RoomKey, Option<Arc<Span>>),
}

/// Keys of [`ControlState`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ControlKey {
    Transport(TransportId),
    Source(SourceId),
    Seats(TransportId),
    Span(RoomKey),
}

/// A data-channel message to (`transport` = recipient) or from (`transport` = sender) a browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataMessage {
    pub transport: TransportId,
    pub lane: Lane,
    pub payload: Bytes,
}

/// How far a transport has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ConnectionState {
    /// No authenticated connectivity check yet.
    #[default]
    New,
    /// A path is nominated; DTLS is under way.
    Connecting,
    /// Media flows.
    Connected,
    /// No authenticated check for a while; may come back.
    Disconnected,
    /// DTLS failed or the peer closed it. Only a new transport helps.
    Failed,
}

/// What the shard sees of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SourceState {
    /// The codec of the audio that arrives; `None` = no packets.
    pub audio: Option<Codec>,
    /// The codec of the video that arrives; `None` = no packets.
    pub video: Option<Codec>,
}

/// Cells from a shard to the control plane.
#[derive(Clone, PartialEq, Debug)]
pub enum MediaState {
    Transport(TransportId, ConnectionState),
    Source(SourceId, SourceState),
    /// Who is on which audio-only line of a subscriber.
    AudioLines(TransportId, Vec<(AudioLineId, SourceId)>),
    /// Seats of a subscriber whose source it cannot decode.
    Undecodable(TransportId, Vec<SourceId>),
    /// Seated pictures that a subscriber's network has no room for, with what each needs at least.
    Paused(TransportId, Vec<(SourceId, Bps)>),
    /// Which streams of a source's video anybody takes.
    Demand(SourceId, LayerDemand),
    /// How a subscriber receives what it should.
    Quality(TransportId, Vec<Received>),
    /// Who dominates a room.
    Dominant(RoomKey, SourceId),
}

/// How one member receives one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub source: SourceId,
    pub sound: Standing,
    pub picture: Standing,
    /// Which of the source's pictures flows; `None` = none.
    pub layer: Option<PictureLayer>,
}

/// One of the pictures that a source sends, counted from 1, the smallest and the slowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PictureLayer {
    /// By size: a simulcast stream, or a spatial layer within one.
    pub spatial: u8,
    pub spatials: u8,
    /// By frames a second.
    pub temporal: u8,
    pub temporals: u8,
}

/// How a member stands with the sound or the picture of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// `None` = nothing was sent that could be rated.
    pub score: Option<Score>,
    /// Why nothing is heard or seen, though it should be.
    pub trouble: Option<Trouble>,
}

/// What a publisher should send of one source's video.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerDemand {
    /// Of two, the one with the higher version counts.
    pub version: u64,
    /// Streams that the line has.
    pub count: usize,
    pub layers: Layers,
}

/// Keys of [`MediaState`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaKey {
    Transport(TransportId),
    Source(SourceId),
    AudioLines(TransportId),
    Undecodable(TransportId),
    Paused(TransportId),
    Demand(SourceId),
    Quality(TransportId),
    Dominant(RoomKey),
}

/// Samples from a shard to the control plane.
#[derive(Clone, PartialEq, Debug)]
pub enum MediaSample {
    /// Audible sources of a room, loudest first, every 100 ms while anybody is heard above the own noise, and once empty
    /// after that.
    Levels(RoomKey, Vec<SourceLevel>),
    Data(DataMessage),
}

/// How loud a source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceLevel {
    pub source: SourceId,
    /// −dBov, 0 loudest, 127 silent (RFC 6464).
    pub level: u8,
    /// Bit rate of the source's audio and video as received.
    pub rate: Bps,
}

/// A value that knows the key of its cell.
pub trait Cell {
    type Key: Copy + Eq + Hash;
    fn key(&self) -> Self::Key;
}

impl Cell for ControlState {
    type Key = ControlKey;
    fn key(&self) -> ControlKey {
        match self {
            ControlState::Transport(id, _) => ControlKey::Transport(*id),
            ControlState::Source(id, _) => ControlKey::Source(*id),
            ControlState::Seats(id, _) => ControlKey::Seats(*id),
            ControlState::Span(room, _) => ControlKey::Span(*room),
        }
    }
}

impl Cell for MediaState {
    type Key = MediaKey;
    fn key(&self) -> MediaKey {
        match self {
            MediaState::Transport(id, _) => MediaKey::Transport(*id),
            MediaState::Source(id, _) => MediaKey::Source(*id),
            MediaState::AudioLines(id, _) => MediaKey::AudioLines(*id),
            MediaState::Undecodable(id, _) => MediaKey::Undecodable(*id),
            MediaState::Paused(id, _) => MediaKey::Paused(*id),
            MediaState::Demand(id, _) => MediaKey::Demand(*id),
            MediaState::Quality(id, _) => MediaKey::Quality(*id),
            MediaState::Dominant(room, _) => MediaKey::Dominant(*room),
        }
    }
}

/// One direction of the border: cells of `C`, samples of `S`.
pub struct Mailbox<C: Cell, S> {
    inner: Mutex<Contents<C, S>>,
    capacity: usize,
}

struct Contents<C: Cell, S> {
    cells: HashMap<C::Key, C>,
    /// Keys in the order in which their cells first became dirty, so that causes arrive before effects.
    order: Vec<C::Key>,
    samples: VecDeque<S>,
    shed: u64,
}

/// What a mailbox held.
pub struct Delivery<C, S> {
    pub cells: Vec<C>,
    pub samples: VecDeque<S>,
    /// Samples dropped since the last delivery because the queue was full.
    pub shed: u64,
}

impl<C: Cell, S> Mailbox<C, S> {
    /// A mailbox that holds at most `capacity` samples. Cells are bounded by the number of keys alive.
    pub fn new(capacity: usize) -> Self {
        Mailbox {
            inner: Mutex::new(Contents { cells: HashMap::new(), order: Vec::new(), samples: VecDeque::new(), shed: 0 }),
            capacity,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents<C, S>> {
        // Contents stay consistent between statements, so a panicking holder leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the cell. True when the mailbox was empty before, so the receiver needs waking.
    pub fn put(&self, cell: C) -> bool {
        let mut contents = self.lock();
        let idle = contents.is_empty();
        let key = cell.key();
        if contents.cells.insert(key, cell).is_none() {
            contents.order.push(key);
        }
        idle
    }

    /// Queues a sample, or sheds it when the queue is full. True when the receiver needs waking.
    pub fn send(&self, sample: S) -> bool {
        let mut contents = self.lock();
        let idle = contents.is_empty();
        if contents.samples.len() >= self.capacity {
            contents.shed += 1;
            return false;
        }
        contents.samples.push_back(sample);
        idle
    }

    /// Takes everything out.
    pub fn take(&self) -> Delivery<C, S> {
        let mut contents = self.lock();
        let order = std::mem::take(&mut contents.order);
        let mut cells = std::mem::take(&mut contents.cells);
        let samples = std::mem::take(&mut contents.samples);
        let shed = std::mem::take(&mut contents.shed);
        drop(contents);
        Delivery { cells: order.iter().filter_map(|key| cells.remove(key)).collect(), samples, shed }
    }
}

impl<C: Cell, S> Contents<C, S> {
    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.samples.is_empty()
    }
}

/// From the control plane to one shard.
pub type ToShard = Mailbox<ControlState, DataMessage>;
/// From one shard to the control plane.
pub type FromShard = Mailbox<MediaState, MediaSample>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_state_wins_and_none_is_lost() {
        let mailbox = FromShard::new(1);
        assert!(mailbox.put(MediaState::Transport(TransportId(1), ConnectionState::Connecting)));
        assert!(!mailbox.put(MediaState::Transport(TransportId(2), ConnectionState::Connecting)));
        assert!(!mailbox.put(MediaState::Transport(TransportId(1), ConnectionState::Connected)));
        let delivery = mailbox.take();
        assert_eq!(
            delivery.cells,
            [
                MediaState::Transport(TransportId(1), ConnectionState::Connected),
                MediaState::Transport(TransportId(2), ConnectionState::Connecting)
            ]
        );
        assert!(mailbox.take().cells.is_empty());
    }

    #[test]
    fn samples_are_shed_and_counted_when_the_queue_is_full() {
        let mailbox = FromShard::new(1);
        assert!(mailbox.send(MediaSample::Levels(RoomKey(1), vec![])));
        assert!(!mailbox.send(MediaSample::Levels(RoomKey(2), vec![])));
        let delivery = mailbox.take();
        assert_eq!((delivery.samples.len(), delivery.shed), (1, 1));
    }
}
