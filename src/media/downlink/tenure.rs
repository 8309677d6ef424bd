//! A stretch of one source in one layer on a line: how its numbers, timestamps and counters become the line's.

use crate::id::{ExtSeq, SourceId};
use crate::media::packet::{OutHeader, PacketInfo, PacketRef, Template};
use crate::media::spec::{Codec, ExtensionMap, MediaKind, PayloadType};
use crate::prefetch::prefetch;

use super::left_out::LeftOut;
use super::rewrite::{Form, Offsets};
use super::seat_clock::Drift;
use super::select::{Gate, Targets};
use super::sequence::Sequence;

/// What held of a tenure when a gap was left in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Before {
    pub(super) offsets: Offsets,
    /// What is left out meanwhile is not sent when it comes late, though more is wanted then: frames that refer to it were.
    pub(super) gate: Gate,
    /// The frames before and behind the gap, as [`Tenure::newest`]: of a replay, frames have each their own distance.
    pub(super) frame: (u32, i64),
    pub(super) next: (u32, i64),
}

impl Before {
    /// The extended timestamp of a packet in the gap.
    pub(super) fn timestamp_of(&self, info: &PacketInfo) -> i64 {
        let (frame, at) = if info.timestamp == self.next.0 { self.next } else { self.frame };
        at + i64::from(info.timestamp.wrapping_sub(frame) as i32)
    }
}

/// A stretch of one source in one layer. For video it starts with a key frame's first packet.
pub(super) struct Tenure {
    pub(super) source: SourceId,
    pub(super) layer: usize,
    pub(super) codec: Codec,
    pub(super) payload: PayloadType,
    pub(super) form: Form,
    pub(super) sequence: Sequence<Before>,
    pub(super) offsets: Offsets,
    pub(super) gate: Gate,
    pub(super) targets: Targets,
    pub(super) drift: Drift,
    /// The newest frame's timestamp at the publisher and, extended, on the line. Their distance is the tenure's offset.
    pub(super) newest: (u32, i64),
    /// Timestamp at the publisher of the newest frame seen, forwarded or not.
    pub(super) frame: u32,
    /// Frames of which nothing is sent.
    pub(super) left_out: LeftOut,
    /// Nothing has been taken yet.
    pub(super) fresh: bool,
    /// The newest frame that was begun is a key frame.
    pub(super) in_key_frame: bool,
    /// The header of its packets. `None` before the first, and while they have extensions that few have.
    pub(super) template: Option<Template>,
}

impl Tenure {
    /// A packet of it is to be written next.
    pub(super) fn prefetch(&self) {
        prefetch(&self.sequence);
        prefetch(&self.source);
        prefetch(&self.offsets);
        prefetch(&self.payload);
        prefetch(&self.template);
    }

    /// Its packets go by another payload type, or with other extensions, from now on.
    pub(super) fn reform(&mut self, payload: PayloadType, form: Form) {
        (self.payload, self.form, self.template) = (payload, form, None);
    }

    /// The header of a packet like `packet`, which `fields` would write. `None` when it has to be written anew.
    pub(super) fn template(
        &mut self,
        packet: PacketRef<'_>,
        map: &ExtensionMap,
        fields: impl FnOnce() -> OutHeader<'static>,
    ) -> Option<&Template> {
        let info = packet.info;
        let rare = info.orientation.is_some() || info.playout_delay.is_some() || info.content_type.is_some();
        if rare || !packet.dependency_descriptor.is_empty() {
            return None;
        }
        if self.template.is_none_or(|template| template.is_of_sound() != info.audio_level.is_some()) {
            self.template = Template::new(&fields(), map);
        }
        self.template.as_ref()
    }

    /// The marker sits on the last packet of the highest layer that is forwarded.
    pub(super) fn ends_picture(&self, info: &PacketInfo) -> bool {
        info.marker || (info.codec.kind() == MediaKind::Video && self.gate.ends(&info.facts))
    }

    pub(super) fn now(&self) -> Before {
        Before { offsets: self.offsets, gate: self.gate, frame: self.newest, next: self.newest }
    }

    /// How a packet looks that fills the gap `seq`.
    pub(super) fn late_stamp(&self, packet: PacketRef<'_>, seq: ExtSeq, before: Before) -> Stamp {
        let info = packet.info;
        let passes = self.gate.passes(&info.facts) && before.gate.passes(&info.facts);
        let sent = passes && !self.left_out.contains(info.timestamp);
        let hollow = packet.payload.is_empty() || !sent;
        let timestamp = before.timestamp_of(info) as u32;
        Stamp { seq, timestamp, marker: self.ends_picture(info) && !hollow, offsets: before.offsets, hollow }
    }
}

/// How one source packet looks on the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) seq: ExtSeq,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) offsets: Offsets,
    /// The packet fills a gap, but is padding or of a layer that is not forwarded: it goes without payload, so that the
    /// receiver does not wait for its number.
    pub(super) hollow: bool,
}
