//! What a shard has counted since it started, as plain data: a shard keeps one of these and adds to it.

use std::ops::AddAssign;
use std::time::Duration;

use crate::border::ConnectionState;
use crate::id::RoomKey;
use crate::media::drop::DropReason;
use crate::media::forwarder::{FeedTotals, Pressure, QualityTotals};
use crate::media::histogram::{Batches, Durations, Latencies};

/// What a datagram carried. The label `kind`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketKind {
    Stun,
    /// DTLS: handshakes and data channels.
    Dtls,
    Audio,
    Video,
    /// Retransmissions (RFC 4588), without probes.
    Rtx,
    /// Padding sent or received to measure bandwidth.
    Probe,
    Rtcp,
    /// RTP of no stream that is known.
    Other,
}

impl PacketKind {
    pub const ALL: [PacketKind; 8] = [
        PacketKind::Stun,
        PacketKind::Dtls,
        PacketKind::Audio,
        PacketKind::Video,
        PacketKind::Rtx,
        PacketKind::Probe,
        PacketKind::Rtcp,
        PacketKind::Other,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            PacketKind::Stun => "stun",
            PacketKind::Dtls => "dtls",
            PacketKind::Audio => "audio",
            PacketKind::Video => "video",
            PacketKind::Rtx => "rtx",
            PacketKind::Probe => "probe",
            PacketKind::Rtcp => "rtcp",
            PacketKind::Other => "other",
        }
    }
}

/// Packets and their bytes on the wire, without IP and UDP headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Volume {
    pub packets: u64,
    pub bytes: u64,
}

impl Volume {
    /// Counts one packet of `bytes` bytes.
    pub fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Volume) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Everything that one shard counts. Counters only grow; gauges say how it is now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ShardSnapshot {
    /// By [`PacketKind`], in the order of `PacketKind::ALL`. Use [`ShardSnapshot::receive`].
    pub received: [Volume; PacketKind::ALL.len()],
    /// By [`PacketKind`]. Use [`ShardSnapshot::send`].
    pub sent: [Volume; PacketKind::ALL.len()],
    /// By [`DropReason`], in the order of `DropReason::ALL`. Use [`ShardSnapshot::drop`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Sequence numbers asked for again by subscribers.
    pub nacks_received: u64,
    /// Sequence numbers asked for again from publishers.
    pub nacks_sent: u64,
    /// Key frames asked for by subscribers (PLI and FIR).
    pub plis_received: u64,
    /// Key frames asked for from publishers.
    pub plis_sent: u64,
    /// Changes of a seat from one source or layer to another.
    pub switches: u64,
    /// Key frames replayed from a ring instead of asked for.
    pub replays: u64,
    /// DTLS handshakes completed.
    pub handshakes: u64,
    /// Border samples shed because a queue was full.
    pub shed: u64,
    /// Datagrams that the kernel refused to send.
    pub send_errors: u64,
    /// TCP connections whose first frame was an authentic check.
    pub tcp_accepted: u64,
    /// TCP connections closed before that. The first shard counts those that named none.
    pub tcp_refused: u64,
    /// TCP connections now.
    pub tcp_open: u64,
    /// Time spent working since the start; the rest was waiting.
    pub busy: Duration,
    /// Time since the start.
    pub uptime: Duration,
    /// Connections of browsers now, by [`ConnectionState`]. Use [`ShardSnapshot::set_connections`].
    pub connections: [u64; STATES.len()],
    /// Layers and audio tracks arriving now.
    pub tracks: u64,
    /// Slots of subscribers that show something now.
    pub slots: u64,
    /// How pictures came and how all was rated, and what is in trouble now.
    pub quality: QualityTotals,
    /// Packets that publishers sent again after they had been lost.
    pub recovered: u64,
    /// How long media packets were in the shard at most: from its waking to the end of the tick's sends, in µs.
    pub forward_latency: Latencies,
    /// From a browser's offer to the end of its handshake, in ms.
    pub connect: Durations,
    /// Datagrams in one system call.
    pub sends: Batches,
    pub receives: Batches,
    /// Subscribers whose network is estimated, and their estimates together, in bits per second.
    pub estimated: u64,
    pub estimate: u64,
    /// Pictures held back for want of bandwidth.
    pub paused: u64,
    /// What crossed to and from other shards.
    pub feeds: FeedTotals,
    /// What the shard gives up now because it works at its limit, and from how many pictures it has taken something.
    pub pressure: Pressure,
    pub pressed: [u64; Pressure::ALL.len()],
}

/// States in the order of [`ShardSnapshot::connections`], with their labels.
pub(super) const STATES: [(ConnectionState, &str); 5] = [
    (ConnectionState::New, "new"),
    (ConnectionState::Connecting, "connecting"),
    (ConnectionState::Connected, "connected"),
    (ConnectionState::Disconnected, "disconnected"),
    (ConnectionState::Failed, "failed"),
];

impl Default for ShardSnapshot {
    fn default() -> Self {
        ShardSnapshot {
            received: Default::default(),
            sent: Default::default(),
            dropped: [0; DropReason::ALL.len()],
            nacks_received: 0,
            nacks_sent: 0,
            plis_received: 0,
            plis_sent: 0,
            switches: 0,
            replays: 0,
            handshakes: 0,
            shed: 0,
            send_errors: 0,
            tcp_accepted: 0,
            tcp_refused: 0,
            tcp_open: 0,
            busy: Duration::ZERO,
            uptime: Duration::ZERO,
            connections: [0; STATES.len()],
            tracks: 0,
            slots: 0,
            quality: QualityTotals::default(),
            recovered: 0,
            forward_latency: Latencies::default(),
            connect: Durations::default(),
            sends: Batches::default(),
            receives: Batches::default(),
            estimated: 0,
            estimate: 0,
            paused: 0,
            feeds: FeedTotals::default(),
            pressure: Pressure::None,
            pressed: Default::default(),
        }
    }
}

impl ShardSnapshot {
    /// Counts a packet that arrived.
    pub fn receive(&mut self, kind: PacketKind, bytes: usize) {
        if let Some(volume) = self.received.get_mut(kind as usize) {
            volume.add(bytes);
        }
    }

    /// Counts a packet that was handed to the kernel.
    pub fn send(&mut self, kind: PacketKind, bytes: usize) {
        if let Some(volume) = self.sent.get_mut(kind as usize) {
            volume.add(bytes);
        }
    }

    /// Counts a packet that went no further.
    pub fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    /// Counts `packets` packets that went no further.
    pub fn drop_many(&mut self, reason: DropReason, packets: u64) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += packets;
        }
    }

    /// Media packets handed to the kernel so far.
    pub fn forwarded(&self) -> u64 {
        let media = [PacketKind::Audio, PacketKind::Video, PacketKind::Rtx];
        media.iter().filter_map(|kind| self.sent.get(*kind as usize)).map(|volume| volume.packets).sum()
    }

    /// Says how many connections are in `state` now.
    pub fn set_connections(&mut self, state: ConnectionState, count: u64) {
        if let Some(place) = STATES.iter().position(|(known, _)| *known == state) {
            self.connections[place] = count;
        }
    }
}

/// What the control plane has now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ControlSnapshot {
    pub rooms: u64,
    /// Members in rooms, those reconnecting included.
    pub members: u64,
    /// Members whose signalling connection is lost and whose seats are kept.
    pub reconnecting: u64,
    /// Pictures being published.
    pub cameras: u64,
    pub screens: u64,
    /// Microphones that are on.
    pub microphones: u64,
    /// Pictures that members wish for and cannot decode.
    pub unsupported: u64,
    /// Socket.IO connections, in rooms or at home.
    pub sockets: u64,
    /// Attempts to enter a room since the start.
    pub joins: JoinCounts,
    /// News of the media plane shed since the start because the control plane was behind.
    pub shed: u64,
    /// How received pictures were, as browsers told since the start.
    pub viewing: ViewingTotals,
    /// Rooms in the public list. The names of others are their keys and told to nobody.
    pub public: Vec<(RoomKey, String)>,
}

/// Sums of what browsers told of the pictures that they received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ViewingTotals {
    pub freezes: u64,
    pub frozen_ms: u64,
    pub shown_ms: u64,
}

/// How rooms were entered, or not. The label `result` of `plenum_joins_total`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JoinCounts {
    /// New members.
    pub joined: u64,
    /// Members that had been away came back.
    pub resumed: u64,
    /// Refused: full, draining, bad name.
    pub refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_reason_has_the_place_that_its_order_says() {
        assert!(PacketKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!(DropReason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
    }
}
