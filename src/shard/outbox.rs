//! What one tick of a shard sends, in the order of sending.

use crate::metrics::Volume;
use crate::transport::TransportOut;
use crate::transport::spec::Path;

/// A datagram's place in the [`Outbox`].
struct Datagram {
    path: Path,
    start: usize,
    end: usize,
    video: bool,
}

/// Datagrams waiting to be sent, in one buffer that is reused from tick to tick.
#[derive(Default)]
pub struct Outbox {
    /// The first `used` octets are datagrams; what is behind them is left over from earlier ticks.
    bytes: Vec<u8>,
    used: usize,
    datagrams: Vec<Datagram>,
    /// What transports sent on their own account since this was counted last.
    stun: Volume,
    dtls: Volume,
}

impl Outbox {
    /// The datagrams in the order of sending: where to, and what.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.entries().map(|(path, datagram, _)| (path, datagram))
    }

    /// Also says what is video: on a path that is congested, that goes first.
    pub fn entries(&self) -> impl Iterator<Item = (Path, &[u8], bool)> {
        self.datagrams.iter().map(|d| (d.path, &self.bytes[d.start..d.end], d.video))
    }

    /// Says that what was queued last is video.
    pub(super) fn last_is_video(&mut self) {
        if let Some(last) = self.datagrams.last_mut() {
            last.video = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.datagrams.clear();
    }

    /// What transports sent by STUN and by DTLS since this was asked last.
    pub(super) fn take_volumes(&mut self) -> [Volume; 2] {
        [std::mem::take(&mut self.stun), std::mem::take(&mut self.dtls)]
    }

    /// Lets `write` fill a buffer of `room` octets; what it says it wrote is queued for `path`.
    pub(super) fn write<E>(
        &mut self,
        path: Path,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let written = write(self.reserve(room));
        if let Ok(len) = written {
            self.queue(path, len);
        }
        written
    }

    /// The next `room` octets, with anything in them: to clear what is written over costs more than it is worth.
    fn reserve(&mut self, room: usize) -> &mut [u8] {
        let end = self.used + room;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.used..end]
    }

    /// Makes the next `len` octets a datagram.
    fn queue(&mut self, path: Path, len: usize) {
        if len > 0 {
            self.datagrams.push(Datagram { path, start: self.used, end: self.used + len, video: false });
            self.used += len;
        }
    }
}

impl TransportOut for Outbox {
    fn send(&mut self, path: Path, bytes: &[u8]) {
        if is_stun(bytes) { &mut self.stun } else { &mut self.dtls }.add(bytes.len());
        self.reserve(bytes.len()).copy_from_slice(bytes);
        self.queue(path, bytes.len());
    }
}

/// Tells STUN from DTLS (RFC 7983 §7): it begins with two bits of zero, and DTLS with 20 to 63.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::spec::Protocol;

    fn path(port: u16) -> Path {
        let (local, remote) = (([192, 0, 2, 1], 3_478).into(), ([198, 51, 100, 7], port).into());
        Path { protocol: Protocol::Udp, local, remote }
    }

    #[test]
    fn a_datagram_is_what_was_written_and_nothing_of_earlier_ones() {
        let mut outbox = Outbox::default();
        outbox.send(path(1), &[20; 100]);
        outbox.clear();
        let written = outbox.write(path(2), 50, |buffer| {
            assert_eq!(buffer.len(), 50);
            buffer[..3].copy_from_slice(b"abc");
            Ok::<_, ()>(3)
        });
        assert_eq!(written, Ok(3));
        assert_eq!(outbox.write(path(3), 50, |_| Err::<usize, _>("refused")), Err("refused"));
        outbox.send(path(4), b"\0\x01");
        let sent: Vec<_> = outbox.iter().map(|(path, datagram)| (path.remote.port(), datagram.to_vec())).collect();
        assert_eq!(sent, [(2, b"abc".to_vec()), (4, vec![0, 1])]);
        let [stun, dtls] = outbox.take_volumes();
        assert_eq!((stun.bytes, dtls.bytes), (2, 100));
    }
}
