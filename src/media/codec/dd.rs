//! The dependency descriptor (the AV1 RTP payload specification, appendix A): what a frame refers to and who needs it,
//! readable without looking into an (encrypted or plain) payload of any codec.
//!
//! A stream's structure comes with its key frames, so reading is stateful: one [`DdReader`] per received stream.

use crate::id::ExtSeq;
use crate::media::drop::DropReason;

mod bits;
mod structure;
mod write;

use bits::BitReader;
pub use structure::Structure;
pub use write::{DdPatch, MAX_GROWTH, write};

/// Chains that are kept of a structure. Browsers use one per spatial layer, at most 3; more are read over.
pub const MAX_CHAINS: usize = 8;
/// References that are kept of a frame: AV1 has 7, VP9 3.
pub const MAX_REFERENCES: usize = 8;
/// Octets of the part that every descriptor has.
const MANDATORY: usize = 3;

/// What a frame is to one decode target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dti {
    /// Not part of it.
    NotPresent,
    /// Part of it, and no later frame of it refers to this one.
    Discardable,
    /// Part of it; when this frame can be decoded, so can every later frame of the target.
    Switch,
    /// Part of it, and referred to.
    Required,
}

/// One packet's descriptor, resolved with the stream's structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DdFrame {
    pub frame_number: u16,
    /// 6 bits.
    pub template_id: u8,
    pub spatial: u8,
    pub temporal: u8,
    /// First packet of the (layer) frame.
    pub frame_start: bool,
    /// Last packet of the (layer) frame.
    pub frame_end: bool,
    /// Belongs to the picture that began with the structure: the base layer's key frame or a layer above it.
    pub key_frame: bool,
    /// A receiver of all lower temporal layers may start to take this one's here.
    pub switch_up: bool,
    /// All that it refers to lies in lower temporal layers, as far as they came: stricter than `switch_up`, for senders
    /// that call every frame a point to switch at, as Chromium does with VP8.
    pub enters: bool,
    /// The structure is attached to this packet.
    pub structure: bool,
    /// Number of decode targets, 1–32.
    pub decode_targets: u8,
    /// Number of chains, 0–32.
    pub chains: u8,
    /// The mask of active decode targets that this packet carries, if any.
    pub active_decode_targets: Option<u32>,
    /// Two bits per decode target.
    pub(super) dtis: u64,
    pub(super) references: References,
    pub(super) chain_fdiffs: [u8; MAX_CHAINS],
    pub(super) layout: Layout,
}

/// Differences from a frame's number to those of the frames it refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct References {
    len: u8,
    fdiffs: [u16; MAX_REFERENCES],
}

impl References {
    fn push(&mut self, fdiff: u16) {
        if let Some(slot) = self.fdiffs.get_mut(usize::from(self.len)) {
            *slot = fdiff;
            self.len += 1;
        }
    }
}

/// Where the descriptor's parts are, in bits from its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Layout {
    /// End of the structure, which starts right after the five flags; its start when there is none.
    structure_end: u16,
    /// Custom indications, references and chains.
    custom_start: u16,
    custom_end: u16,
}

impl DdFrame {
    /// What this frame is to `decode_target`.
    pub fn dti(&self, decode_target: u8) -> Dti {
        dti(self.dtis, decode_target)
    }

    /// Distances (≥ 1) back to the frames this one refers to, in frame numbers.
    pub fn references(&self) -> impl Iterator<Item = u16> + '_ {
        self.references.fdiffs.iter().take(usize::from(self.references.len)).copied()
    }

    /// Distance back to the last frame of `chain`; 0 when this frame starts the chain. `None` when the structure has
    /// no such chain.
    pub fn chain_fdiff(&self, chain: u8) -> Option<u8> {
        if chain >= self.chains { None } else { self.chain_fdiffs.get(usize::from(chain)).copied() }
    }

    /// No later frame refers to this one, in any decode target it is part of.
    pub fn discardable(&self) -> bool {
        (0..self.decode_targets).all(|dt| matches!(self.dti(dt), Dti::NotPresent | Dti::Discardable))
    }
}

fn dti(dtis: u64, decode_target: u8) -> Dti {
    match dtis.checked_shr(2 * u32::from(decode_target)).unwrap_or(0) & 3 {
        0 => Dti::NotPresent,
        1 => Dti::Discardable,
        2 => Dti::Switch,
        _ => Dti::Required,
    }
}

/// Reads the descriptors of one received stream.
#[derive(Clone, Debug, Default)]
pub struct DdReader {
    structure: Option<(ExtSeq, Structure)>,
    /// The newest packet that carried a structure.
    attached_to: Option<ExtSeq>,
    active_decode_targets: u32,
    /// Frame number of the newest key frame, while the stream is near it.
    key_frame: Option<u16>,
    /// The newest frame, and whether it is a point to switch up.
    newest: Option<(u16, bool)>,
    /// Decode targets that could be switched to at an earlier frame, of which no needed frame has passed since.
    open_targets: u32,
    /// Number and temporal layer of the last frames, by number. The streams of a simulcast number theirs together.
    recent: [Option<(u16, u8)>; RECENT],
}

/// Frame numbers that are remembered: more than any temporal pattern of three streams reaches back.
const RECENT: usize = 32;

impl DdReader {
    /// Reads the descriptor of the packet with the publisher's sequence number `seq`.
    ///
    /// Packets may come in any order. Allocates only when a structure comes that differs from the last.
    ///
    /// # Errors
    /// [`DropReason::MalformedPayload`] when it does not parse; [`DropReason::MissingReference`] before the first
    /// structure; [`DropReason::TooOld`] when its structure was replaced.
    pub fn read(&mut self, descriptor: &[u8], seq: ExtSeq) -> Result<DdFrame, DropReason> {
        let mut bits = BitReader::new(descriptor);
        let mut frame = DdFrame::default();
        let flags = read_head(&mut bits, &mut frame, descriptor.len()).ok_or(DropReason::MalformedPayload)?;
        let mut own = None;
        if flags.structure {
            own = Some(Structure::read(&mut bits).ok_or(DropReason::MalformedPayload)?);
        }
        frame.structure = flags.structure;
        frame.layout.structure_end = bits.position();
        let structure = match (&own, &self.structure) {
            (Some(own), _) => own,
            (None, None) => return Err(DropReason::MissingReference),
            (None, Some((since, _))) if seq < *since => return Err(DropReason::TooOld),
            (None, Some((_, structure))) => structure,
        };
        read_frame(&mut bits, flags, structure, &mut frame).ok_or(DropReason::MalformedPayload)?;
        if let Some(own) = own {
            self.adopt(own, seq, &frame);
        }
        self.follow(&mut frame);
        let lower = |distance| {
            let number = frame.frame_number.wrapping_sub(distance);
            let known = self.recent.get(usize::from(number) % RECENT).copied().flatten();
            known.is_some_and(|(known, temporal)| known == number && temporal < frame.temporal)
        };
        frame.enters = frame.key_frame || frame.references().all(lower);
        if let Some(place) = self.recent.get_mut(usize::from(frame.frame_number) % RECENT) {
            *place = Some((frame.frame_number, frame.temporal));
        }
        Ok(frame)
    }

    /// The structure in force; `None` before the first key frame.
    pub fn structure(&self) -> Option<&Structure> {
        self.structure.as_ref().map(|(_, structure)| structure)
    }

    /// The publisher's mask of decode targets that it currently produces.
    pub fn active_decode_targets(&self) -> u32 {
        self.active_decode_targets
    }

    fn adopt(&mut self, structure: Structure, seq: ExtSeq, frame: &DdFrame) {
        // A late key frame must not undo a newer one.
        if self.attached_to.is_some_and(|newest| seq < newest) {
            return;
        }
        self.attached_to = Some(seq);
        if self.structure() != Some(&structure) {
            self.structure = Some((seq, structure));
        }
        self.active_decode_targets = mask(frame.decode_targets);
        if frame.references.len == 0 {
            self.key_frame = Some(frame.frame_number);
            self.newest = None;
            self.open_targets = 0;
        }
    }

    /// Derives what depends on the frames before: key pictures and points to switch up.
    fn follow(&mut self, frame: &mut DdFrame) {
        if let Some(key) = self.key_frame {
            // The layers of the key picture have the frame numbers right behind its base layer's.
            let distance = frame.frame_number.wrapping_sub(key);
            frame.key_frame = distance <= u16::from(frame.spatial);
            if (64..0x8000).contains(&distance) {
                self.key_frame = None; // long before the frame numbers wrap and come back to it
            }
        }
        let Some(structure) = self.structure.as_ref().map(|(_, structure)| structure) else { return };
        let own_target = structure.decode_target(frame.spatial, frame.temporal);
        let open = own_target.is_some_and(|dt| self.open_targets & bit(dt) != 0 || frame.dti(dt) == Dti::Switch);
        match self.newest {
            Some((number, switch_up)) if number == frame.frame_number => frame.switch_up = switch_up,
            Some((number, _)) if frame.frame_number.wrapping_sub(number) > 0x8000 => frame.switch_up = frame.key_frame,
            _ => {
                frame.switch_up = frame.key_frame || open;
                self.newest = Some((frame.frame_number, frame.switch_up));
                self.active_decode_targets = frame.active_decode_targets.unwrap_or(self.active_decode_targets);
                for dt in 0..frame.decode_targets {
                    // Frames of lower spatial layers come with each picture of the target, and are taken with it.
                    let top = structure.layers(dt).is_some_and(|(s, t)| frame.spatial >= s && frame.temporal >= t);
                    match frame.dti(dt) {
                        Dti::Switch => self.open_targets |= bit(dt),
                        Dti::Required if top => self.open_targets &= !bit(dt),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn bit(decode_target: u8) -> u32 {
    1_u32.checked_shl(u32::from(decode_target)).unwrap_or(0)
}

/// One bit for each of `count` decode targets.
fn mask(count: u8) -> u32 {
    u32::MAX.checked_shr(32_u32.saturating_sub(u32::from(count))).unwrap_or(0)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    structure: bool,
    active: bool,
    custom_dtis: bool,
    custom_fdiffs: bool,
    custom_chains: bool,
}

/// `mandatory_descriptor_fields` and the flags of `extended_descriptor_fields`.
fn read_head(bits: &mut BitReader<'_>, frame: &mut DdFrame, len: usize) -> Option<Flags> {
    frame.frame_start = bits.flag()?;
    frame.frame_end = bits.flag()?;
    frame.template_id = bits.read(6)? as u8;
    frame.frame_number = bits.read(16)? as u16;
    if len <= MANDATORY {
        return Some(Flags::default());
    }
    Some(Flags {
        structure: bits.flag()?,
        active: bits.flag()?,
        custom_dtis: bits.flag()?,
        custom_fdiffs: bits.flag()?,
        custom_chains: bits.flag()?,
    })
}

/// What follows the structure: the mask, and `frame_dependency_definition`.
fn read_frame(bits: &mut BitReader<'_>, flags: Flags, structure: &Structure, frame: &mut DdFrame) -> Option<()> {
    let template = structure.template(frame.template_id)?;
    frame.decode_targets = structure.decode_targets();
    frame.chains = structure.chains();
    frame.spatial = template.spatial;
    frame.temporal = template.temporal;
    if flags.active {
        frame.active_decode_targets = Some(bits.read(u32::from(frame.decode_targets))?);
    }
    frame.layout.custom_start = bits.position();
    frame.dtis = if flags.custom_dtis { structure::read_dtis(bits, frame.decode_targets)? } else { template.dtis };
    if flags.custom_fdiffs {
        loop {
            let nibbles = bits.read(2)?;
            if nibbles == 0 {
                break;
            }
            frame.references.push(bits.read(4 * nibbles)? as u16 + 1);
        }
    } else {
        (1..=16).filter(|fdiff| template.fdiffs >> (fdiff - 1) & 1 == 1).for_each(|f| frame.references.push(f));
    }
    frame.chain_fdiffs = template.chain_fdiffs;
    if flags.custom_chains {
        frame.chain_fdiffs = structure::read_chains(bits, frame.chains, 8)?;
    }
    frame.layout.custom_end = bits.position();
    Some(())
}

#[cfg(test)]
#[path = "dd_tests.rs"]
mod tests;
