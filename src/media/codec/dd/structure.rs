//! The template dependency structure: the pattern of layers and references that a stream's frames follow.

use smallvec::SmallVec;

use super::bits::BitReader;
use super::{Dti, MAX_CHAINS, bit, dti};

/// Template ids have six bits.
const MAX_TEMPLATES: usize = 64;
/// The five bits of `dt_cnt_minus_one`.
const MAX_DECODE_TARGETS: usize = 32;

/// The pattern that the frames of a stream follow until the next structure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    template_id_offset: u8,
    decode_targets: u8,
    chains: u8,
    templates: Vec<Template>,
    protected_by: [u8; MAX_DECODE_TARGETS],
    /// (spatial, temporal) of each decode target.
    layers: [(u8, u8); MAX_DECODE_TARGETS],
    resolutions: SmallVec<[(u32, u32); 4]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Template {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    /// Two bits per decode target.
    pub(super) dtis: u64,
    /// Bit n: refers to the frame n + 1 before.
    pub(super) fdiffs: u16,
    pub(super) chain_fdiffs: [u8; MAX_CHAINS],
}

impl Structure {
    /// Number of decode targets, 1–32.
    pub fn decode_targets(&self) -> u8 {
        self.decode_targets
    }

    /// Number of chains, 0–32.
    pub fn chains(&self) -> u8 {
        self.chains
    }

    /// The highest (spatial, temporal) layers in `decode_target`.
    pub fn layers(&self, decode_target: u8) -> Option<(u8, u8)> {
        self.layers.get(..usize::from(self.decode_targets))?.get(usize::from(decode_target)).copied()
    }

    /// The decode target whose highest layers are exactly these.
    pub fn decode_target(&self, spatial: u8, temporal: u8) -> Option<u8> {
        (0..self.decode_targets).find(|dt| self.layers(*dt) == Some((spatial, temporal)))
    }

    /// The mask of decode targets that need no layer above these: what a subscriber of these layers can decode.
    pub fn decode_targets_within(&self, spatial: u8, temporal: u8) -> u32 {
        let within = |dt: &u8| self.layers(*dt).is_some_and(|(s, t)| s <= spatial && t <= temporal);
        (0..self.decode_targets).filter(within).fold(0, |mask, dt| mask | bit(dt))
    }

    /// The chain whose frames must all arrive for `decode_target` to be decodable; `None` when the stream has no
    /// chains.
    pub fn protected_by(&self, decode_target: u8) -> Option<u8> {
        self.protected_by.get(usize::from(decode_target)).copied().filter(|chain| *chain < self.chains)
    }

    /// Width and height in pixels of `spatial`, when the publisher says.
    pub fn resolution(&self, spatial: u8) -> Option<(u32, u32)> {
        self.resolutions.get(usize::from(spatial)).copied()
    }

    pub(super) fn template(&self, id: u8) -> Option<&Template> {
        self.templates.get(usize::from(id.wrapping_sub(self.template_id_offset) & 63))
    }

    /// `template_dependency_structure()` of the specification; `None` when cut short or impossible.
    pub(super) fn read(bits: &mut BitReader<'_>) -> Option<Structure> {
        let template_id_offset = bits.read(6)? as u8;
        let decode_targets = bits.read(5)? as u8 + 1;
        let mut templates = read_layers(bits)?;
        for template in &mut templates {
            template.dtis = read_dtis(bits, decode_targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                template.fdiffs |= 1 << bits.read(4)?;
            }
        }
        let chains = bits.non_symmetric(u32::from(decode_targets) + 1)? as u8;
        let mut protected_by = [u8::MAX; MAX_DECODE_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(usize::from(decode_targets)) {
                *chain = bits.non_symmetric(u32::from(chains))? as u8;
            }
            for template in &mut templates {
                template.chain_fdiffs = read_chains(bits, chains, 4)?;
            }
        }
        let mut resolutions = SmallVec::new();
        if bits.flag()? {
            let highest = templates.last().map_or(0, |template| template.spatial);
            for _ in 0..=highest {
                resolutions.push((bits.read(16)? + 1, bits.read(16)? + 1));
            }
        }
        let layers = decode_target_layers(&templates);
        Some(Structure { template_id_offset, decode_targets, chains, templates, protected_by, layers, resolutions })
    }
}

/// `template_layers()`: templates come in the order of their layers.
fn read_layers(bits: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if templates.len() == MAX_TEMPLATES {
            return None;
        }
        templates.push(Template { spatial, temporal, ..Template::default() });
        match bits.read(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
    }
}

/// One indication for each decode target, packed by two bits.
pub(super) fn read_dtis(bits: &mut BitReader<'_>, decode_targets: u8) -> Option<u64> {
    (0..decode_targets).try_fold(0, |dtis, dt| Some(dtis | u64::from(bits.read(2)?) << (2 * dt)))
}

/// One distance of `width` bits for each chain; those above [`MAX_CHAINS`] are read over.
pub(super) fn read_chains(bits: &mut BitReader<'_>, chains: u8, width: u32) -> Option<[u8; MAX_CHAINS]> {
    let mut fdiffs = [0; MAX_CHAINS];
    for chain in 0..usize::from(chains) {
        let fdiff = bits.read(width)? as u8;
        if let Some(slot) = fdiffs.get_mut(chain) {
            *slot = fdiff;
        }
    }
    Some(fdiffs)
}

/// `decode_target_layers()`: a target reaches as high as the templates that are part of it.
fn decode_target_layers(templates: &[Template]) -> [(u8, u8); MAX_DECODE_TARGETS] {
    let mut layers = [(0, 0); MAX_DECODE_TARGETS];
    for template in templates {
        for (dt, (spatial, temporal)) in (0..).zip(&mut layers) {
            if dti(template.dtis, dt) != Dti::NotPresent {
                *spatial = template.spatial.max(*spatial);
                *temporal = template.temporal.max(*temporal);
            }
        }
    }
    layers
}
