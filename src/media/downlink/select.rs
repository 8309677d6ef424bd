//! What a line shall show, and which temporal layers of it.

use crate::id::SourceId;
use crate::media::codec::Facts;
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
