//! Loopback: a socket that sends as a shard's does, and one that takes what comes, whole trains at a time.

use plenum::net::udp::{Buffers, Udp};
use plenum::transport::spec::{Path, Protocol};

pub struct Wire {
    sender: Udp,
    receiver: Udp,
    path: Path,
    buffers: Buffers,
}

impl Wire {
    pub fn new() -> Wire {
        let bind = || Udp::bind(false, 0).expect("a port");
        let (sender, receiver) = (bind(), bind());
        let at = |socket: &Udp| ([127, 0, 0, 1], socket.port()).into();
        let path = Path { protocol: Protocol::Udp, local: at(&sender), remote: at(&receiver) };
        Wire { sender, receiver, path, buffers: Buffers::new() }
    }

    /// One call. What the receiver has no room for is dropped there, after the whole way.
    pub fn send(&self, run: &[u8], segment: usize) {
        self.sender.send(self.path, run, segment).expect("sent");
    }

    /// The receiver reads what has come. Not to be measured.
    pub fn drain(&mut self) {
        while self.receiver.receive(&mut self.buffers).is_ok_and(|batch| batch.is_some()) {}
    }
}
