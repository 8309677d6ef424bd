//! A shard's UDP sockets: one wildcard socket per address family, batches in, replies from the address asked.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, UNIX_EPOCH};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};

use crate::transport::spec::{Path, Protocol};

/// Kernel buffer asked for in each direction: 4 MiB hold 30 ms at 1 Gbit/s, the longest a busy tick may take.
const SOCKET_BUFFER: usize = 4 << 20;

/// Longest that a datagram waits in a socket: longer says the clock that was set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// One bound socket with the state for batched I/O.
pub struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    port: u16,
    v6: bool,
}

impl Udp {
    /// Binds the wildcard address of a family.
    ///
    /// # Errors
    ///
    /// When the port is in use or the family is not there.
    pub fn bind(v6: bool, port: u16) -> io::Result<Udp> {
        let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::DGRAM, Some(SocketProtocol::UDP))?;
        if v6 {
            socket.set_only_v6(true)?;
        }
        // Best effort: the kernel caps it at its own limit.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        let address: SocketAddr = match v6 {
            true => (Ipv6Addr::UNSPECIFIED, port).into(),
            false => (Ipv4Addr::UNSPECIFIED, port).into(),
        };
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        let std: std::net::UdpSocket = socket.into();
        let state = UdpSocketState::new(UdpSockRef::from(&std))?;
        let port = std.local_addr()?.port();
        Ok(Udp { socket: UdpSocket::from_std(std), state, port, v6 })
    }

    pub fn is_v6(&self) -> bool {
        self.v6
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For registering with the poller.
    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Reads one batch into `buffers`. `None` when nothing was there.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports but "would block".
    pub fn receive<'a>(&self, buffers: &'a mut Buffers) -> io::Result<Option<Batch<'a>>> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let count = {
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = {
                let mut rest = buffers.bytes.chunks_exact_mut(Buffers::SIZE);
                std::array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()))
            };
            match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        Ok((count > 0).then_some(Batch { bytes: &mut buffers.bytes, metas, count, port: self.port }))
    }

    /// Sends `contents`, cut into datagrams of `segment` octets, from the address of `path`.
    ///
    /// # Errors
    ///
    /// "Would block" when the socket buffer is full.
    pub fn send(&self, path: Path, contents: &[u8], segment: usize) -> io::Result<()> {
        self.state.try_send(
            UdpSockRef::from(&self.socket),
            &Transmit {
                destination: path.remote,
                ecn: None,
                contents,
                segment_size: (segment < contents.len()).then_some(segment),
                src_ip: Some(path.local.ip()),
            },
        )
    }

    /// How many equal datagrams one send may carry.
    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }
}

/// Datagrams that came together.
pub struct Batch<'a> {
    bytes: &'a mut [u8],
    metas: [RecvMeta; BATCH_SIZE],
    count: usize,
    port: u16,
}

impl Batch<'_> {
    /// How many of them are media, by what they begin with (RFC 5761 §4, RFC 7983 §7).
    pub fn media(&self) -> usize {
        let trains = self.metas.iter().take(self.count).zip(self.bytes.chunks_exact(Buffers::SIZE));
        let datagrams = trains.flat_map(|(meta, buffer)| {
            let train = buffer.get(..meta.len).unwrap_or_default();
            train.chunks(meta.stride.max(1))
        });
        datagrams
            .filter(|datagram| matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second)))
            .count()
    }

    /// When the first of them came to the socket, by the kernel; now where it does not say.
    pub fn oldest(&self) -> Instant {
        let clock = Clock::read();
        self.metas.iter().take(self.count).map(|meta| clock.instant(meta)).min().unwrap_or(clock.now)
    }

    /// Hands out each datagram, and the path that it came by.
    pub fn each(&mut self, mut each: impl FnMut(Path, &mut [u8])) {
        self.trains(|path, _, datagram| each(path, datagram));
    }

    /// The same, with when each came to the socket, by the kernel: a reader that is late does not make packets late.
    pub fn each_as_it_came(&mut self, mut each: impl FnMut(Path, Instant, &mut [u8])) {
        let clock = Clock::read();
        self.trains(|path, meta, datagram| each(path, clock.instant(meta), datagram));
    }

    #[inline(always)]
    fn trains(&mut self, mut each: impl FnMut(Path, &RecvMeta, &mut [u8])) {
        let trains = self.metas.iter().take(self.count).zip(self.bytes.chunks_exact_mut(Buffers::SIZE));
        for (meta, buffer) in trains {
            let Some(local) = meta.dst_ip else { continue };
            let path = Path { protocol: Protocol::Udp, local: SocketAddr::new(local, self.port), remote: meta.addr };
            let len = meta.len.min(Buffers::SIZE);
            for datagram in buffer[..len].chunks_mut(meta.stride.max(1)) {
                each(path, meta, datagram);
            }
        }
    }
}

/// What the kernel's clock, by which it notes arrivals, says now.
struct Clock {
    now: Instant,
    since_epoch: Duration,
}

impl Clock {
    fn read() -> Clock {
        // A clock that stands before the epoch says nothing.
        Clock { now: Instant::now(), since_epoch: UNIX_EPOCH.elapsed().unwrap_or_default() }
    }

    /// When a datagram arrived.
    fn instant(&self, meta: &RecvMeta) -> Instant {
        let waited = meta.timestamp.map_or(Duration::ZERO, |came| self.since_epoch.saturating_sub(came));
        if waited > LONGEST_WAIT { self.now } else { self.now.checked_sub(waited).unwrap_or(self.now) }
    }
}

/// Memory for one batch of datagrams.
pub struct Buffers {
    bytes: Vec<u8>,
}

impl Buffers {
    /// One slot holds a whole train of coalesced datagrams (GRO): UDP's largest payload.
    const SIZE: usize = 65_536;

    pub fn new() -> Buffers {
        Buffers { bytes: vec![0; Buffers::SIZE * BATCH_SIZE] }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers::new()
    }
}
