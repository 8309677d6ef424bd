//! Which of the latest packet indices were seen: the bitmap behind the replay window and behind the seal guard.

/// A sliding window over 64-bit indices, `WORDS` × 64 wide. Costs nothing per packet but a bit test.
#[derive(Clone, Debug)]
pub(crate) struct Window<const WORDS: usize> {
    /// One above the highest index marked; 0 = none yet.
    end: u64,
    /// Bit `index % BITS` is set when `index` was marked and is still inside the window.
    words: [u64; WORDS],
}

/// Where an index stands in relation to a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Fresh,
    Seen,
    /// Below the window, so nobody knows whether it was seen.
    TooOld,
}

impl<const WORDS: usize> Window<WORDS> {
    /// Width in indices.
    pub(crate) const BITS: u64 = WORDS as u64 * 64;

    pub(crate) fn new() -> Self {
        Window { end: 0, words: [0; WORDS] }
    }

    /// The highest index marked.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.end.checked_sub(1)
    }

    pub(crate) fn standing(&self, index: u64) -> Standing {
        if index >= self.end {
            Standing::Fresh
        } else if index + Self::BITS < self.end {
            Standing::TooOld
        } else {
            let (word, mask) = Self::place(index);
            match self.words.get(word) {
                Some(bits) if bits & mask == 0 => Standing::Fresh,
                _ => Standing::Seen,
            }
        }
    }

    /// Marks an index that [`Window::standing`] called fresh.
    pub(crate) fn mark(&mut self, index: u64) {
        if index >= self.end {
            if index - self.end >= Self::BITS {
                self.words = [0; WORDS];
            } else {
                for skipped in self.end..index {
                    self.write(skipped, false);
                }
            }
            self.end = index + 1;
        }
        self.write(index, true);
    }

    fn place(index: u64) -> (usize, u64) {
        let bit = index % Self::BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn write(&mut self, index: u64, seen: bool) {
        let (word, mask) = Self::place(index);
        if let Some(bits) = self.words.get_mut(word) {
            *bits = if seen { *bits | mask } else { *bits & !mask };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_index_is_fresh_once() {
        let mut window = Window::<2>::new();
        assert_eq!(window.standing(0), Standing::Fresh);
        window.mark(0);
        assert_eq!(window.standing(0), Standing::Seen);
        window.mark(127);
        assert_eq!(window.standing(0), Standing::Seen);
        window.mark(128);
        assert_eq!(window.standing(0), Standing::TooOld);
        assert_eq!(window.standing(1), Standing::Fresh);
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_a_set(steps in prop::collection::vec(0u64..600, 1..300)) {
            let mut window = Window::<2>::new();
            let mut seen = std::collections::HashSet::new();
            for index in steps {
                let expected = if seen.contains(&index) { Standing::Seen } else { Standing::Fresh };
                match window.standing(index) {
                    Standing::TooOld => prop_assert!(index + 128 < seen.iter().max().map_or(0, |top| top + 1)),
                    standing => {
                        prop_assert_eq!(standing, expected);
                        if standing == Standing::Fresh {
                            window.mark(index);
                            seen.insert(index);
                        }
                    }
                }
            }
        }
    }
}
