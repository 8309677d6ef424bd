//! Why a member cannot see or hear a source that it should.

use std::time::{Duration, Instant};

use crate::id::Bps;
use crate::media::spec::Codec;

/// A line that should have packets has trouble after so long without: longer than the keep-alive of DTX (400 ms), and
/// than what a change of the publisher's network takes to mend itself.
const NO_PACKETS: Duration = Duration::from_secs(2);
/// A key frame that was asked for takes a round trip and a frame; twice that is trouble.
const NO_KEY_FRAME: Duration = Duration::from_secs(1);
/// What a paused picture needs is told anew when it changed by more than a fifth: rates wobble by that.
const NEEDS_CHANGED: u64 = 5;

/// What is wrong, the deepest cause first: the later ones follow from the earlier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The member's browser does not decode what the source sends.
    UnsupportedCodec(Codec),
    /// Not even the source's floor fits into the member's bandwidth; `needs` is what it takes.
    PausedForBandwidth { needs: Bps },
    /// The source should send, and nothing comes.
    NoPackets,
    /// Packets come, but no key frame to begin with.
    NoKeyFrame,
}

/// How one line of a member stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reception {
    /// Whether there should be packets: the source is live, not muted, not resting.
    pub expected: bool,
    /// The codec that came and cannot be decoded.
    pub unsupported: Option<Codec>,
    /// What a source that is paused for bandwidth needs.
    pub paused: Option<Bps>,
    /// When the source's newest packet reached the server.
    pub last_packet: Option<Instant>,
    /// Since when the line shows nothing because it waits for a key frame.
    pub waits_since: Option<Instant>,
}

/// Watches one source at one member, and knows what was told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TroubleWatch {
    /// Since when there should be packets.
    expected_since: Option<Instant>,
    told: Option<Trouble>,
}

impl TroubleWatch {
    /// What is wrong, as told last.
    pub fn trouble(&self) -> Option<Trouble> {
        self.told
    }

    /// Looks anew. True when there is something to tell: trouble that began, ended or became another.
    pub fn review(&mut self, now: Instant, reception: &Reception) -> bool {
        self.expected_since = reception.expected.then(|| self.expected_since.unwrap_or(now));
        let trouble = self.judge(now, reception);
        let same = match (self.told, trouble) {
            (Some(Trouble::PausedForBandwidth { needs: told }), Some(Trouble::PausedForBandwidth { needs })) => {
                told.0.abs_diff(needs.0) <= told.0 / NEEDS_CHANGED
            }
            (told, trouble) => told == trouble,
        };
        if !same {
            self.told = trouble;
        }
        !same
    }

    fn judge(&self, now: Instant, reception: &Reception) -> Option<Trouble> {
        let lasts = |since: Instant, patience| now.saturating_duration_since(since) >= patience;
        let expected_since = self.expected_since?;
        if let Some(codec) = reception.unsupported {
            return Some(Trouble::UnsupportedCodec(codec));
        }
        if let Some(needs) = reception.paused {
            return Some(Trouble::PausedForBandwidth { needs });
        }
        let quiet_since = reception.last_packet.map_or(expected_since, |last| last.max(expected_since));
        if lasts(quiet_since, NO_PACKETS) {
            return Some(Trouble::NoPackets);
        }
        let waits = reception.waits_since.map(|since| since.max(expected_since));
        waits.filter(|since| lasts(*since, NO_KEY_FRAME)).map(|_| Trouble::NoKeyFrame)
    }
}
