//! One connection: frames in, frames out, and whether its reader still reads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::SockRef;

use super::framing::Framer;
use super::queue::Queue;
use crate::media::drop::DropReason;
use crate::transport::spec::{Path, Protocol};

/// How long the other end may take nothing of what waits for it. Equal to signalling's ping time-out: who is stuck
/// here is about to be missed there.
const STALL: Duration = Duration::from_secs(5);
/// Octets that the kernel may hold unsent. What waits in our own queue instead can still be chosen from.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 << 10;
/// One read's worth: some ten packets.
pub(super) const CHUNK: usize = 16 << 10;

/// A connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended;

/// A connection with what was read of it and what waits to be written.
pub(super) struct Stream {
    socket: TcpStream,
    pub(super) path: Path,
    pub(super) framer: Framer,
    queue: Queue,
    /// It is in its owner's list of those to be flushed.
    pub(super) dirty: bool,
    /// Since when the other end takes nothing.
    stuck: Option<Instant>,
}

impl Stream {
    /// Takes over a new connection.
    ///
    /// # Errors
    ///
    /// When it is closed already.
    pub(super) fn new(socket: TcpStream, remote: SocketAddr) -> io::Result<Stream> {
        let path = Path { protocol: Protocol::Tcp, local: socket.local_addr()?, remote };
        socket.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        {
            SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
            // Ends connections of browsers that vanished, which would otherwise linger for a quarter of an hour.
            SockRef::from(&socket).set_tcp_user_timeout(Some(STALL))?;
        }
        Ok(Stream { socket, path, framer: Framer::default(), queue: Queue::default(), dirty: false, stuck: None })
    }

    /// For registering with the poller.
    pub(super) fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Reads once into the framer. False when nothing was there.
    ///
    /// # Errors
    ///
    /// When the other end closed, or the connection broke.
    pub(super) fn read(&mut self, chunk: &mut [u8; CHUNK]) -> Result<bool, Ended> {
        match self.socket.read(chunk) {
            Ok(0) => Err(Ended),
            Ok(len) => {
                self.framer.push(chunk.get(..len).ok_or(Ended)?);
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(false),
                ErrorKind::Interrupted => Ok(true),
                _ => Err(Ended),
            },
        }
    }

    /// Queues a packet; see [`Queue::push`].
    pub(super) fn send(&mut self, packet: &[u8], video: bool) -> Result<(), DropReason> {
        self.queue.push(packet, video)
    }

    /// Writes as much of the queue as the kernel takes.
    ///
    /// # Errors
    ///
    /// When the connection broke or the other end takes nothing for [`STALL`].
    pub(super) fn flush(&mut self, now: Instant) -> Result<(), Ended> {
        self.dirty = false;
        while !self.queue.is_empty() {
            match self.socket.write(self.queue.waiting()) {
                Ok(0) => return Err(Ended),
                Ok(len) => {
                    self.queue.written(len);
                    self.stuck = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let since = *self.stuck.get_or_insert(now);
                    return if now.duration_since(since) > STALL { Err(Ended) } else { Ok(()) };
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended),
            }
        }
        self.stuck = None;
        Ok(())
    }

    /// Whether the other end leaves something lying.
    pub(super) fn is_behind(&self) -> bool {
        self.stuck.is_some()
    }

    /// Closes. What is still queued is dropped, and what the kernel holds with it: a stuck reader would keep it there.
    pub(super) fn close(self) {
        if !self.queue.is_empty() {
            self.reset();
        }
    }

    /// Closes without a farewell: the kernel forgets the connection at once.
    pub(super) fn reset(self) {
        // Best effort: without it the kernel keeps the connection a little longer.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}
