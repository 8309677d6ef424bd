//! The size of the picture, as the first packet of a key frame tells it.

use crate::media::codec::{vp8, vp9};
use crate::media::spec::Codec;

/// Height in pixels, of the highest spatial layer, when this packet of a key frame tells it.
pub(super) fn height(codec: Codec, payload: &[u8]) -> Option<u16> {
    match codec {
        Codec::Vp8 => vp8::resolution(payload).map(|(_, height)| height),
        Codec::Vp9 { .. } => vp9::resolution(payload).map(|(_, height)| height),
        Codec::H264 { .. } => h264(payload),
        _ => None,
    }
}

/// Of a sequence parameter set, alone or first in a STAP-A (RFC 6184 §5.7.1).
fn h264(payload: &[u8]) -> Option<u16> {
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    let unit = match payload.first()? & 0x1F {
        STAP_A => {
            let len = usize::from(u16::from_be_bytes(*payload.get(1..)?.first_chunk::<2>()?));
            payload.get(3..3 + len)?
        }
        _ => payload,
    };
    if unit.first()? & 0x1F != SPS {
        return None;
    }
    sps_height(&mut Bits { bytes: unit.get(1..)?, at: 0, zeros: 0, bit: 0 })
}

/// ITU-T H.264 §7.3.2.1.1, up to the cropping.
fn sps_height(bits: &mut Bits<'_>) -> Option<u16> {
    let profile = bits.read(8)?;
    bits.read(16)?; // constraints, level
    bits.golomb()?; // seq_parameter_set_id
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.read(1)?; // separate_colour_plane_flag
        }
        bits.golomb()?; // bit_depth_luma_minus8
        bits.golomb()?; // bit_depth_chroma_minus8
        bits.read(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.read(1)? == 1 {
            return None; // scaling matrices: no browser sends them
        }
    }
    bits.golomb()?; // log2_max_frame_num_minus4
    match bits.golomb()? {
        0 => {
            bits.golomb()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => return None, // explicit picture order: no browser sends it
        _ => {}
    }
    bits.golomb()?; // max_num_ref_frames
    bits.read(1)?; // gaps_in_frame_num_value_allowed_flag
    bits.golomb()?; // pic_width_in_mbs_minus1
    let units = bits.golomb()?.checked_add(1)?; // pic_height_in_map_units_minus1
    let fields = 2 - bits.read(1)?; // frame_mbs_only_flag
    if fields == 2 {
        bits.read(1)?; // mb_adaptive_frame_field_flag
    }
    bits.read(1)?; // direct_8x8_inference_flag
    let mut cropped = 0;
    if bits.read(1)? == 1 {
        bits.golomb()?; // left
        bits.golomb()?; // right
        let rows = bits.golomb()?.checked_add(bits.golomb()?)?;
        cropped = rows.checked_mul(fields * if chroma == 1 { 2 } else { 1 })?;
    }
    u16::try_from(units.checked_mul(16 * fields)?.checked_sub(cropped)?).ok()
}

/// Bits of a NAL unit without its emulation prevention octets (§7.4.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Zero octets in a row before `at`.
    zeros: u8,
    /// Bits taken of the octet at `at`.
    bit: u8,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            if self.bit == 0 && self.zeros >= 2 && *self.bytes.get(self.at)? == 3 {
                (self.at, self.zeros) = (self.at + 1, 0);
            }
            let octet = *self.bytes.get(self.at)?;
            value = value << 1 | u32::from(octet >> (7 - self.bit) & 1);
            self.bit += 1;
            if self.bit == 8 {
                self.zeros = if octet == 0 { self.zeros.saturating_add(1) } else { 0 };
                (self.at, self.bit) = (self.at + 1, 0);
            }
        }
        Some(value)
    }

    /// Unsigned Exp-Golomb (§9.1).
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        (1_u32.checked_shl(zeros)? - 1).checked_add(self.read(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::spec::H264Profile;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    const H264: Codec = Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 };

    /// Writes bits; every octet after two of zeros that needs it is preceded by a 3.
    fn sps(profile: u8, fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut push = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        for (value, count) in [(profile.into(), 8), (0xE01F, 16)].iter().chain(fields) {
            match count {
                // Exp-Golomb
                0 => {
                    let len = (value + 1).ilog2();
                    push(0, len);
                    push(value + 1, len + 1);
                }
                _ => push(*value, *count),
            }
        }
        push(1, 1);
        let mut out = vec![0x67];
        let mut zeros = 0;
        for octet in bits.chunks(8) {
            let octet =
                octet.iter().zip([7, 6, 5, 4, 3, 2, 1, 0]).fold(0, |o, (bit, place)| o | u8::from(*bit) << place);
            if zeros >= 2 && octet <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if octet == 0 { zeros + 1 } else { 0 };
            out.push(octet);
        }
        out
    }

    #[test]
    fn the_height_of_h264_is_that_of_the_cropped_picture() {
        // 640×360: 23 rows of macroblocks, of which 8 lines are cropped.
        let baseline = sps(
            66,
            &[
                (0, 0),
                (0, 0),
                (2, 0),
                (1, 0),
                (0, 1),
                (39, 0),
                (22, 0),
                (1, 1),
                (1, 1),
                (1, 1),
                (0, 0),
                (0, 0),
                (0, 0),
                (4, 0),
            ],
        );
        assert_eq!(height(H264, &baseline), Some(360));
        let mut stap = vec![0x78, 0, baseline.len() as u8];
        stap.extend_from_slice(&baseline);
        stap.extend_from_slice(&[0, 2, 0x68, 0xCE]);
        assert_eq!(height(H264, &stap), Some(360));
        // High profile, 4:2:0, 1280×720, uncropped.
        let high = sps(
            100,
            &[
                (0, 0),
                (1, 0),
                (0, 0),
                (0, 0),
                (0, 1),
                (0, 1),
                (0, 0),
                (2, 0),
                (1, 0),
                (0, 1),
                (79, 0),
                (44, 0),
                (1, 1),
                (1, 1),
                (0, 1),
            ],
        );
        assert_eq!(height(H264, &high), Some(720));
    }

    #[test]
    fn emulation_prevention_is_no_part_of_the_parameters() {
        // A set id of 2^20 - 1 brings a run of zeros.
        let set =
            sps(66, &[((1 << 26) - 1, 0), (0, 0), (2, 0), (1, 0), (0, 1), (39, 0), (29, 0), (1, 1), (1, 1), (0, 1)]);
        assert!(set.windows(3).any(|octets| octets == [0, 0, 3]), "{set:?}");
        assert_eq!(height(H264, &set), Some(480));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut rng = StdRng::seed_from_u64(5);
        for _ in 0..20_000 {
            let mut bytes = vec![0; rng.random_range(0..40)];
            rng.fill(&mut bytes[..]);
            if let Some(first) = bytes.first_mut() {
                *first = [0x67, 0x78][rng.random_range(0..2)];
            }
            height(H264, &bytes);
        }
    }
}
