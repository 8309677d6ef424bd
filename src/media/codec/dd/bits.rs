//! Reading and writing fields that are not aligned to octets, most significant bit first.

use std::ops::Range;

/// Reads from the first bit on; `None` past the end.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// The next `count` bits, 0–32.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let octet = self.bytes.get(self.at / 8)?;
        let bit = octet >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A value below `count` (1–33) in the specification's `ns(n)`: the shorter codes go to the smaller values.
    pub(super) fn non_symmetric(&mut self, count: u32) -> Option<u32> {
        let width = u32::BITS - count.leading_zeros();
        let short_codes = (1 << width) - count;
        let value = self.read(width - 1)?;
        if value < short_codes {
            return Some(value);
        }
        Some((value << 1) - short_codes + self.read(1)?)
    }

    /// Bits read. A descriptor of 255 octets has 2,040.
    pub(super) fn position(&self) -> u16 {
        u16::try_from(self.at).unwrap_or(u16::MAX)
    }
}

/// Writes from the first bit on; `None` past the end.
pub(super) struct BitWriter<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> BitWriter<'a> {
        BitWriter { out, at: 0 }
    }

    /// Writes the low `count` (0–32) bits of `value`.
    pub(super) fn put(&mut self, value: u32, count: u32) -> Option<()> {
        (0..count).rev().try_for_each(|bit| self.flag(value >> bit & 1 == 1))
    }

    pub(super) fn flag(&mut self, set: bool) -> Option<()> {
        let octet = self.out.get_mut(self.at / 8)?;
        let bit = 0x80 >> (self.at % 8);
        *octet = if set { *octet | bit } else { *octet & !bit };
        self.at += 1;
        Some(())
    }

    /// Copies the bits `range` of `from`.
    pub(super) fn copy(&mut self, from: &[u8], range: Range<u16>) -> Option<()> {
        let mut reader = BitReader { bytes: from, at: usize::from(range.start) };
        range.into_iter().try_for_each(|_| self.flag(reader.flag()?))
    }

    /// Fills the last octet with zeros and tells how many octets were written.
    pub(super) fn finish(mut self) -> Option<usize> {
        while !self.at.is_multiple_of(8) {
            self.flag(false)?;
        }
        Some(self.at / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_symmetric_codes_are_those_of_the_specification() {
        // n = 5: 0, 1, 2 take two bits; 3 and 4 take three.
        let mut reader = BitReader::new(&[0b0001_1011, 0b0111_0000]);
        let values: Vec<_> = (0..5).filter_map(|_| reader.non_symmetric(5)).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        assert_eq!(reader.position(), 12);
        assert_eq!(BitReader::new(&[]).non_symmetric(1), Some(0), "one value needs no bit");
    }

    #[test]
    fn bits_copied_across_octets_are_the_same_bits() {
        let from = [0b1010_0101, 0b1100_0011, 0b1111_0000];
        let mut out = [0xFF; 4];
        let mut writer = BitWriter::new(&mut out);
        writer.put(0b101, 3).unwrap();
        writer.copy(&from, 5..19).unwrap();
        assert_eq!(writer.finish(), Some(3));
        let mut reader = BitReader::new(&out);
        assert_eq!(reader.read(3), Some(0b101));
        assert_eq!(reader.read(14), Some(0b10_1110_0001_1111));
        assert_eq!(reader.read(7), Some(0));
    }
}
