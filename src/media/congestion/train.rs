//! Trains of a probe: when their packets left and came, and how much longer the one took than the other.

/// How much longer a train took to arrive than to depart: the slope of arrival over departure by least squares. All its
/// packets count, so that jitter of the length of the train moves it little; the ends alone would be stretched by it.
#[derive(Clone, Copy, Default)]
pub(super) struct Stretch {
    packets: f64,
    origin: (i64, i64),
    departures: f64,
    arrivals: f64,
    squares: f64,
    products: f64,
}

impl Stretch {
    pub(super) fn add(&mut self, departure: i64, arrival: i64) {
        if self.packets == 0.0 {
            self.origin = (departure, arrival);
        }
        let (x, y) = ((departure - self.origin.0) as f64, arrival.saturating_sub(self.origin.1) as f64);
        self.packets += 1.0;
        self.departures += x;
        self.arrivals += y;
        self.squares += x * x;
        self.products += x * y;
    }

    /// `None` when everything left at once.
    pub(super) fn slope(&self) -> Option<f64> {
        let spread = self.packets * self.squares - self.departures * self.departures;
        let slope = (self.packets * self.products - self.departures * self.arrivals) / spread;
        (spread > 0.0 && slope.is_finite()).then_some(slope)
    }
}

/// Times and octets of a train at one end.
#[derive(Clone, Copy, Default)]
pub(super) struct Train {
    pub(super) packets: usize,
    pub(super) octets: usize,
    pub(super) first: (i64, usize),
    pub(super) last: (i64, usize),
}

impl Train {
    pub(super) fn add(&mut self, at: i64, size: u16) {
        let size = usize::from(size);
        if self.packets == 0 || at < self.first.0 {
            self.first = (at, size);
        }
        if self.packets == 0 || at >= self.last.0 {
            self.last = (at, size);
        }
        self.packets += 1;
        self.octets += size;
    }

    /// Bits per second of all packets but one of `spare` octets, which only marks an end of the span.
    pub(super) fn rate(&self, spare: usize) -> Option<f64> {
        let span = self.last.0.checked_sub(self.first.0).filter(|span| (1..=1_000_000).contains(span))?;
        Some(self.octets.saturating_sub(spare) as f64 * 8e6 / span as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 packets at 1 ms, which a path stretches and jitter of up to 30 ms scatters.
    fn stretch(factor: i64) -> f64 {
        let mut stretch = Stretch::default();
        for packet in 0..40_i64 {
            let jitter = (packet.wrapping_mul(2_654_435_761) >> 7).rem_euclid(30_000);
            stretch.add(7_000 + packet * 1_000, 900_000 + packet * 1_000 * factor + jitter);
        }
        stretch.slope().unwrap()
    }

    #[test]
    fn jitter_as_long_as_the_train_moves_its_measure_by_less_than_half() {
        assert!((0.6..1.4).contains(&stretch(1)), "{}", stretch(1));
        assert!((1.6..2.4).contains(&stretch(2)), "{}", stretch(2));
    }

    #[test]
    fn what_left_at_once_has_no_measure() {
        let mut stretch = Stretch::default();
        assert_eq!(stretch.slope(), None);
        stretch.add(5, 9);
        stretch.add(5, 19);
        assert_eq!(stretch.slope(), None);
    }
}
