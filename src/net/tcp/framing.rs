//! Packets in a stream of octets: each behind its length in two octets, big-endian (RFC 4571 §2). Pure.

/// Largest packet that a frame may hold. Browsers cut their packets for UDP, so 1,500 would do; what another protocol
/// begins with reads as a greater length (`GE`, `SS`, a TLS record) and so ends the connection at once.
pub const MAX_FRAME: usize = 2_048;

/// Octets of the length before each packet.
pub const PREFIX: usize = 2;

/// A length that no packet has. The stream cannot be read any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a frame of {0} octets")]
pub struct FrameError(pub usize);

/// Takes a stream apart.
///
/// Holds what was pushed and not yet taken out: a caller that empties it after each push never makes it hold more than
/// that push and an incomplete frame.
#[derive(Default, Debug)]
pub struct Framer {
    bytes: Vec<u8>,
    /// What lies before was taken out.
    start: usize,
}

impl Framer {
    /// Takes the next octets of the stream, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next packet, to be worked on in place. `None` until it is complete.
    ///
    /// # Errors
    ///
    /// A length of 0 or above [`MAX_FRAME`], now and at every later call.
    pub fn next_frame(&mut self) -> Result<Option<&mut [u8]>, FrameError> {
        let Some(prefix) = self.bytes.get(self.start..).and_then(|rest| rest.first_chunk::<PREFIX>()) else {
            return Ok(None);
        };
        let len = usize::from(u16::from_be_bytes(*prefix));
        if len == 0 || len > MAX_FRAME {
            return Err(FrameError(len));
        }
        let from = self.start + PREFIX;
        match self.bytes.get_mut(from..from + len) {
            Some(packet) => {
                self.start = from + len;
                Ok(Some(packet))
            }
            None => Ok(None),
        }
    }
}

/// The length to be written before a packet.
///
/// # Errors
///
/// A packet that is empty or larger than [`MAX_FRAME`].
pub fn prefix(packet: &[u8]) -> Result<[u8; PREFIX], FrameError> {
    let len = packet.len();
    let small = u16::try_from(len).ok().filter(|_| len > 0 && len <= MAX_FRAME);
    small.map(u16::to_be_bytes).ok_or(FrameError(len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
        packets.iter().flat_map(|packet| [&prefix(packet).unwrap()[..], packet].concat()).collect()
    }

    fn taken(framer: &mut Framer) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| framer.next_frame().unwrap().map(|packet| packet.to_vec())).collect()
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_however_the_stream_is_cut(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=MAX_FRAME), 1..6),
            cuts in prop::collection::vec(1usize..3_000, 1..20),
        ) {
            let stream = framed(&packets);
            let (mut framer, mut rest, mut received) = (Framer::default(), &stream[..], Vec::new());
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                framer.push(piece);
                received.extend(taken(&mut framer));
                prop_assert!(framer.bytes.len() - framer.start < PREFIX + MAX_FRAME);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(received, packets);
        }

        #[test]
        fn hostile_streams_never_panic_and_hold_no_more_than_was_pushed(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..40),
        ) {
            let mut framer = Framer::default();
            for piece in pieces {
                framer.push(&piece);
                while let Ok(Some(packet)) = framer.next_frame() {
                    prop_assert!((1..=MAX_FRAME).contains(&packet.len()));
                }
                prop_assert!(framer.bytes.len() <= 40 * 100);
            }
        }
    }

    #[test]
    fn a_length_that_no_packet_has_ends_the_stream_for_good() {
        for len in [0u16, MAX_FRAME as u16 + 1, u16::MAX] {
            let mut framer = Framer::default();
            framer.push(&framed(&[vec![1, 2]]));
            framer.push(&len.to_be_bytes());
            assert_eq!(taken_one(&mut framer), Ok(Some(vec![1, 2])));
            for _ in 0..2 {
                framer.push(&[0; 10]);
                assert_eq!(taken_one(&mut framer), Err(FrameError(usize::from(len))));
            }
        }
        assert_eq!(prefix(&[]), Err(FrameError(0)));
        assert_eq!(prefix(&[0; MAX_FRAME + 1]), Err(FrameError(MAX_FRAME + 1)));
    }

    #[test]
    fn what_other_protocols_begin_with_is_no_frame() {
        for opening in [&b"GET / HTTP/1.1"[..], b"SSH-2.0-", &[22, 3, 1, 2, 0], b"POST"] {
            let mut framer = Framer::default();
            framer.push(opening);
            assert!(framer.next_frame().is_err(), "{opening:?}");
        }
    }

    fn taken_one(framer: &mut Framer) -> Result<Option<Vec<u8>>, FrameError> {
        framer.next_frame().map(|packet| packet.map(|packet| packet.to_vec()))
    }
}
