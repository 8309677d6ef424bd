//! What waits to be written to one connection: whole frames, at most so many octets, video giving way to sound. Pure.

use super::framing::{PREFIX, prefix};
use crate::media::drop::DropReason;

/// Octets that may wait: 0.5 s at 2 Mbit/s. More would be delay, which a call bears less well than loss.
const CAPACITY: usize = 128 << 10;
/// Video stops being queued here. The rest is room for two seconds of sound, reports and checks.
const SHED_ABOVE: usize = CAPACITY / 4 * 3;
/// Video is queued again when no more than this waits, so that what is lost are runs of whole pictures and not a
/// packet of each.
const RESUME_BELOW: usize = CAPACITY / 4;
/// Streams whose cut pictures are remembered: more than one connection has seats with video.
const MAX_CUT: usize = 64;

const _: () = assert!(RESUME_BELOW < SHED_ABOVE && SHED_ABOVE < CAPACITY);

/// Frames in the order of writing.
#[derive(Default, Debug)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    /// What lies before was written.
    start: usize,
    /// Video is being shed.
    congested: bool,
    /// SSRC and RTP timestamp of pictures that lack a packet: the rest of them is of no use.
    cut: Vec<(u32, u32)>,
}

impl Queue {
    /// Queues a packet as one frame, or nothing of it. `video` tells what is shed first.
    ///
    /// # Errors
    ///
    /// `QueueFull`, or `TooLarge` for what no frame holds.
    pub(super) fn push(&mut self, packet: &[u8], video: bool) -> Result<(), DropReason> {
        let prefix = prefix(packet).map_err(|_| DropReason::TooLarge)?;
        let len = self.len() + PREFIX + packet.len();
        self.congested = if self.congested { self.len() > RESUME_BELOW } else { len > SHED_ABOVE };
        if video && (self.congested || self.is_cut(packet)) {
            self.cut(packet);
            return Err(DropReason::QueueFull);
        }
        if len > CAPACITY {
            return Err(DropReason::QueueFull);
        }
        self.bytes.extend_from_slice(&prefix);
        self.bytes.extend_from_slice(packet);
        Ok(())
    }

    /// What is to be written next.
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    /// Says how much of [`Queue::waiting`] was written.
    pub(super) fn written(&mut self, octets: usize) {
        self.start = (self.start + octets).min(self.bytes.len());
        // Moving the rest down costs less than it saves only when little is left.
        if self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn is_cut(&self, packet: &[u8]) -> bool {
        picture(packet).is_some_and(|picture| self.cut.contains(&picture))
    }

    fn cut(&mut self, packet: &[u8]) {
        let Some((ssrc, time)) = picture(packet) else { return };
        match self.cut.iter_mut().find(|(known, _)| *known == ssrc) {
            Some(known) => known.1 = time,
            None => {
                if self.cut.len() >= MAX_CUT {
                    self.cut.remove(0);
                }
                self.cut.push((ssrc, time));
            }
        }
    }
}

/// SSRC and timestamp of an RTP packet (RFC 3550 §5.1), which SRTP leaves in the clear.
fn picture(packet: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| packet.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
    Some((word(8)?, word(4)?))
}

#[cfg(test)]
mod tests {
    use super::super::framing::Framer;
    use super::*;

    fn packet(ssrc: u8, picture: u8) -> Vec<u8> {
        let mut packet = vec![0; 1_000];
        (packet[0], packet[7], packet[11]) = (0x80, picture, ssrc);
        packet
    }

    /// Pushes until refused; how many were taken.
    fn fill(queue: &mut Queue, video: bool) -> usize {
        (0..1_000).take_while(|_| queue.push(&packet(1, 1), video).is_ok()).count()
    }

    #[test]
    fn a_full_queue_sheds_video_first_and_never_grows_beyond_its_bound() {
        let mut queue = Queue::default();
        assert!(fill(&mut queue, true) < 100);
        assert!(queue.len() <= SHED_ABOVE);
        let sounds = fill(&mut queue, false);
        assert!(sounds > 20, "{sounds}");
        assert!(queue.len() <= CAPACITY);
        assert_eq!(queue.push(&packet(1, 9), false), Err(DropReason::QueueFull));
        assert_eq!(queue.push(&[0; 100], false), Ok(()), "what is small still fits");
    }

    #[test]
    fn video_comes_back_with_a_new_picture_once_the_queue_has_drained() {
        let mut queue = Queue::default();
        fill(&mut queue, true);
        queue.written(queue.len() - SHED_ABOVE / 2);
        assert!(queue.push(&packet(1, 2), true).is_err(), "not before it is nearly empty");
        queue.written(queue.len() - RESUME_BELOW / 2);
        assert!(queue.push(&packet(1, 2), true).is_err(), "the rest of a picture that lacks its beginning");
        assert_eq!(queue.push(&packet(2, 2), true), Ok(()), "another stream");
        assert_eq!(queue.push(&packet(1, 3), true), Ok(()));
    }

    #[test]
    fn every_frame_leaves_whole_however_little_is_written_at_a_time() {
        let (mut queue, mut framer, mut sent, mut received) = (Queue::default(), Framer::default(), 0, 0);
        for turn in 0..2_000usize {
            sent += usize::from(queue.push(&packet(1, (turn % 250) as u8), turn % 3 > 0).is_ok());
            let piece = queue.waiting()[..queue.len().min(turn % 700)].to_vec();
            queue.written(piece.len());
            framer.push(&piece);
            while let Some(frame) = framer.next_frame().unwrap() {
                assert_eq!((frame.len(), frame[0]), (1_000, 0x80));
                received += 1;
            }
        }
        framer.push(queue.waiting());
        while framer.next_frame().unwrap().is_some() {
            received += 1;
        }
        assert!(sent > 500 && sent < 2_000, "{sent}");
        assert_eq!(sent, received);
    }

    #[test]
    fn what_no_frame_holds_is_refused() {
        assert_eq!(Queue::default().push(&[], false), Err(DropReason::TooLarge));
        assert_eq!(Queue::default().push(&[0; 3_000], false), Err(DropReason::TooLarge));
    }
}
