//! Plain counters of what a browser sent.

use std::ops::AddAssign;

/// Counters of a layer, or of a whole connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UplinkStats {
    /// Packets taken, each once: originals, repairs and padding.
    pub packets: u64,
    /// Their octets, with RTP headers.
    pub bytes: u64,
    /// Numbers that never came. A packet that is still under way counts as well.
    pub lost: u64,
    /// Packets that came as a retransmission after they had been lost.
    pub recovered: u64,
    pub duplicates: u64,
    /// Packets without payload.
    pub padding: u64,
    /// Packets asked for, each as often as it was.
    pub nacks: u64,
    /// Key frames asked for.
    pub plis: u64,
}

impl AddAssign for UplinkStats {
    fn add_assign(&mut self, other: UplinkStats) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.recovered += other.recovered;
        self.duplicates += other.duplicates;
        self.padding += other.padding;
        self.nacks += other.nacks;
        self.plis += other.plis;
    }
}
