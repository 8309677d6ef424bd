//! What a line shall show, and which spatial and temporal layers of it.

use crate::id::SourceId;
use crate::media::codec::Facts;
use crate::media::codec::dd::{DdFrame, Dti};
use crate::media::spec::Codec;

/// Up to which layers a line may take of its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerTarget {
    /// Index of the simulcast layer: of the stream.
    pub layer: usize,
    /// Highest spatial layer inside that stream (SVC); `u8::MAX` = all.
    pub spatial: u8,
    /// Highest temporal layer; `u8::MAX` = all.
    pub temporal: u8,
}

impl LayerTarget {
    /// All of a simulcast layer.
    pub fn whole(layer: usize) -> LayerTarget {
        LayerTarget { layer, spatial: u8::MAX, temporal: u8::MAX }
    }
}

/// The owner's wish for one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wish {
    pub(super) source: Option<SourceId>,
    /// `None` = the source keeps the line, but nothing of it is sent.
    pub(super) target: Option<LayerTarget>,
    /// The owner has said so; until then the target is a guess.
    pub(super) chosen: bool,
    /// A codec in which the wished packets came and which the line cannot take. No use to ask for key frames then.
    pub(super) refused: Option<Codec>,
}

impl Wish {
    /// The lowest layer with everything in it, until the owner says better.
    pub(super) fn new(source: Option<SourceId>) -> Wish {
        Wish { source, target: Some(LayerTarget::whole(0)), chosen: false, refused: None }
    }

    pub(super) fn pair(&self) -> Option<(SourceId, usize)> {
        self.source.zip(self.target.map(|target| target.layer))
    }
}

/// Which spatial and temporal layers of one stream pass.
///
/// Decides once per picture, so that no frame is cut in the middle. Down goes at any picture; temporal layers come back
/// where the stream allows it, spatial ones at a key picture: a frame of an upper layer refers to its predecessors in
/// that layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gate {
    spatial: u8,
    temporal: u8,
}

impl Gate {
    /// A tenure starts at a key picture, at which every layer is open.
    pub(super) fn new(target: LayerTarget) -> Gate {
        Gate { spatial: target.spatial, temporal: target.temporal }
    }

    /// Whether a packet is forwarded; `new_picture` on the first packet seen of its picture.
    pub(super) fn admits(&mut self, facts: &Facts, new_picture: bool, target: LayerTarget) -> bool {
        if new_picture {
            if facts.key_frame && facts.spatial == 0 {
                *self = Gate::new(target);
            }
            self.spatial = self.spatial.min(target.spatial);
            if target.temporal < self.temporal {
                self.temporal = target.temporal;
            } else if facts.switch_up
                && facts.temporal.checked_sub(1) == Some(self.temporal)
                && facts.temporal <= target.temporal
            {
                // One by one: what switches up to the layer above the next may be followed by frames that need that.
                self.temporal = facts.temporal;
            }
        }
        self.passes(facts)
    }

    /// Whether a packet is of layers that are forwarded.
    pub(super) fn passes(&self, facts: &Facts) -> bool {
        facts.temporal <= self.temporal && facts.spatial <= self.spatial
    }

    /// Whether a packet ends the picture as far as it is forwarded.
    pub(super) fn ends(&self, facts: &Facts) -> bool {
        facts.frame_end && facts.spatial == self.spatial
    }

    /// What passes now of the stream `layer`.
    pub(super) fn passing(&self, layer: usize) -> LayerTarget {
        LayerTarget { layer, spatial: self.spatial, temporal: self.temporal }
    }

    /// Whether only a key picture opens what `target` allows.
    pub(super) fn needs_key_picture(&self, target: LayerTarget) -> bool {
        target.spatial > self.spatial
    }
}

/// Spatial and temporal layers that any codec numbers (the dependency descriptor: two and three bits).
const SPATIAL_LAYERS: usize = 4;
const TEMPORAL_LAYERS: usize = 8;

/// The decode targets (the AV1 RTP payload specification, appendix A) that a thinned line still gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Targets {
    /// By spatial and temporal layer: the targets of which its frames are part, as far as frames have shown.
    parts: [[u32; TEMPORAL_LAYERS]; SPATIAL_LAYERS],
    /// What the publisher itself declared active.
    published: u32,
    /// A mask was written since the last structure, and holds until the next one or another mask.
    masked: bool,
}

impl Targets {
    /// Learns from a frame's first packet, and returns the mask that the line's packets carry from here on. `None`
    /// leaves what the publisher wrote: nothing was thinned since the structure.
    pub(super) fn follow(&mut self, dd: &DdFrame, forwarded: &Gate) -> Option<u32> {
        if dd.structure {
            *self = Targets { published: u32::MAX, ..Targets::default() };
        }
        self.published = dd.active_decode_targets.unwrap_or(self.published);
        let layers = self.parts.get_mut(usize::from(dd.spatial));
        if let Some(parts) = layers.and_then(|layers| layers.get_mut(usize::from(dd.temporal))) {
            let present = (0..dd.decode_targets.min(32)).filter(|target| dd.dti(*target) != Dti::NotPresent);
            *parts = present.fold(*parts, |parts, target| parts | 1 << target);
        }
        let mut thinned = 0;
        for (spatial, layers) in self.parts.iter().enumerate() {
            for (temporal, parts) in layers.iter().enumerate() {
                if spatial > usize::from(forwarded.spatial) || temporal > usize::from(forwarded.temporal) {
                    thinned |= parts;
                }
            }
        }
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

    fn up_to(temporal: u8) -> LayerTarget {
        LayerTarget { temporal, ..LayerTarget::whole(0) }
    }

    #[test]
    fn temporal_layers_are_left_at_once_and_taken_again_where_the_stream_allows() {
        let mut gate = Gate::new(up_to(2));
        assert!(gate.admits(&frame(2, false), true, up_to(2)));
        assert!(!gate.admits(&frame(2, false), true, up_to(0)));
        assert!(gate.admits(&frame(0, false), true, up_to(0)));
        assert!(!gate.admits(&frame(2, false), true, up_to(2)), "no frame to switch up at yet");
        assert!(gate.admits(&frame(1, true), true, up_to(2)));
        assert!(!gate.admits(&frame(2, false), true, up_to(2)));
        assert!(gate.admits(&Facts { key_frame: true, ..frame(0, true) }, true, up_to(2)));
        assert!(gate.admits(&frame(2, false), true, up_to(2)));
    }

    #[test]
    fn spatial_layers_are_left_at_a_picture_and_taken_again_at_a_key_picture() {
        let target = |spatial| LayerTarget { spatial, ..LayerTarget::whole(0) };
        let layer = |spatial| Facts { spatial, frame_end: true, ..frame(0, false) };
        let mut gate = Gate::new(target(2));
        assert!(gate.admits(&layer(0), true, target(2)) && gate.admits(&layer(2), false, target(0)));
        assert!(gate.admits(&layer(0), true, target(0)) && !gate.admits(&layer(1), false, target(0)));
        assert!(gate.ends(&layer(0)) && !gate.ends(&layer(1)));
        assert!(gate.admits(&layer(0), true, target(1)) && !gate.admits(&layer(1), false, target(1)));
        assert!(gate.needs_key_picture(target(1)));
        assert!(gate.admits(&Facts { key_frame: true, ..layer(0) }, true, target(1)));
        assert!(gate.admits(&layer(1), false, target(1)) && !gate.admits(&layer(2), false, target(1)));
        assert!(!gate.needs_key_picture(target(1)));
    }

    #[test]
    fn a_frame_is_never_cut_in_the_middle() {
        let mut gate = Gate::new(up_to(1));
        assert!(gate.admits(&frame(1, false), true, up_to(1)));
        assert!(gate.admits(&frame(1, false), false, up_to(0)));
    }
}
