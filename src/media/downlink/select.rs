//! What a line shall show, and which temporal layers of it.

use crate::id::SourceId;
use crate::media::codec::Facts;
use crate::media::codec::dd::{DdFrame, Dti};
use crate::media::spec::Codec;

/// The owner's wish for one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Wish {
    pub(super) source: Option<SourceId>,
    /// Simulcast layer of `source`.
    pub(super) layer: usize,
    pub(super) max_temporal: u8,
    /// A codec in which the wished packets came and which the line cannot take. No use to ask for key frames then.
    pub(super) refused: Option<Codec>,
}

impl Wish {
    /// The lowest layer with everything in it, until the owner says better.
    pub(super) fn new(source: Option<SourceId>) -> Wish {
        Wish { source, layer: 0, max_temporal: u8::MAX, refused: None }
    }

    pub(super) fn pair(&self) -> Option<(SourceId, usize)> {
        self.source.map(|source| (source, self.layer))
    }
}

/// Thins out temporal layers: down at any frame, up only where the stream allows it.
///
/// Decides once per frame, so that no frame is cut in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Temporal {
    current: u8,
}

impl Temporal {
    /// A tenure starts at a key frame, after which every temporal layer is open.
    pub(super) fn new(target: u8) -> Temporal {
        Temporal { current: target }
    }

    /// Whether a packet is forwarded; `new_frame` on the first packet seen of its frame.
    pub(super) fn admits(&mut self, facts: &Facts, new_frame: bool, target: u8) -> bool {
        if new_frame {
            let key_picture = facts.key_frame && facts.spatial == 0;
            if key_picture || target < self.current {
                self.current = target;
            } else if facts.switch_up && facts.temporal > self.current && facts.temporal <= target {
                self.current = facts.temporal;
            }
        }
        self.passes(facts)
    }

    /// Whether a late packet is of a layer that is forwarded.
    pub(super) fn passes(&self, facts: &Facts) -> bool {
        facts.temporal <= self.current
    }
}

/// Temporal layers that any codec numbers.
const TEMPORAL_LAYERS: usize = 8;

/// The decode targets (the AV1 RTP payload specification, appendix A) that a thinned line still gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Targets {
    /// By temporal layer: the targets of which its frames are part, as far as frames have shown.
    parts: [u32; TEMPORAL_LAYERS],
    /// What the publisher itself declared active.
    published: u32,
    /// A mask was written since the last structure, and holds until the next one or another mask.
    masked: bool,
}

impl Targets {
    /// Learns from a frame's first packet, and returns the mask that the line's packets carry from here on. `None`
    /// leaves what the publisher wrote: nothing was thinned since the structure.
    pub(super) fn follow(&mut self, dd: &DdFrame, forwarded: &Temporal) -> Option<u32> {
        if dd.structure {
            *self = Targets { published: u32::MAX, ..Targets::default() };
        }
        self.published = dd.active_decode_targets.unwrap_or(self.published);
        if let Some(parts) = self.parts.get_mut(usize::from(dd.temporal)) {
            let present = (0..dd.decode_targets.min(32)).filter(|target| dd.dti(*target) != Dti::NotPresent);
            *parts = present.fold(*parts, |parts, target| parts | 1 << target);
        }
        let thinned = self.parts.iter().skip(usize::from(forwarded.current) + 1).fold(0, |all, parts| all | parts);
        self.masked |= thinned != 0;
        let all = u32::MAX.checked_shr(32_u32.saturating_sub(u32::from(dd.decode_targets))).unwrap_or(0);
        self.masked.then_some(self.published & all & !thinned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(temporal: u8, switch_up: bool) -> Facts {
        Facts { temporal, switch_up, frame_start: true, ..Facts::default() }
    }

    #[test]
    fn temporal_layers_are_left_at_once_and_taken_again_where_the_stream_allows() {
        let mut gate = Temporal::new(2);
        assert!(gate.admits(&frame(2, false), true, 2));
        assert!(!gate.admits(&frame(2, false), true, 0));
        assert!(gate.admits(&frame(0, false), true, 0));
        assert!(!gate.admits(&frame(2, false), true, 2), "no frame to switch up at yet");
        assert!(gate.admits(&frame(1, true), true, 2));
        assert!(!gate.admits(&frame(2, false), true, 2));
        assert!(gate.admits(&Facts { key_frame: true, ..frame(0, true) }, true, 2));
        assert!(gate.admits(&frame(2, false), true, 2));
    }

    #[test]
    fn a_frame_is_never_cut_in_the_middle() {
        let mut gate = Temporal::new(1);
        assert!(gate.admits(&frame(1, false), true, 1));
        assert!(gate.admits(&frame(1, false), false, 0));
    }
}
