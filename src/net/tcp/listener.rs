//! The listening sockets: one wildcard address per family, on one port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel may hold for the acceptor: everybody of a large room at once.
const BACKLOG: i32 = 1_024;
/// Attempts to find one port that is free in both families.
const ATTEMPTS: usize = 16;

/// A bound port of one family.
pub struct Listener {
    socket: TcpListener,
    port: u16,
    v6: bool,
}

impl Listener {
    /// Binds both families on one port, 0 = any free one; a machine without IPv6 gets IPv4 alone.
    ///
    /// # Errors
    ///
    /// When the port is in use, named with its number and its setting.
    pub fn bind_both(port: u16) -> io::Result<Vec<Listener>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let named = |error: io::Error| {
                let problem = match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        "the port is in use already; choose another with --tcp-port [media.tcp_port]".to_owned()
                    }
                    _ => error.to_string(),
                };
                io::Error::new(error.kind(), format!("cannot listen on TCP port {port}: {problem}"))
            };
            let v4 = Listener::bind(false, port).map_err(named)?;
            match Listener::bind(true, v4.port) {
                Ok(v6) => return Ok(vec![v4, v6]),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    if port != 0 || attempts >= ATTEMPTS {
                        return Err(named(error));
                    }
                }
                Err(_) => return Ok(vec![v4]),
            }
        }
    }

    fn bind(v6: bool, port: u16) -> io::Result<Listener> {
        let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if v6 {
            socket.set_only_v6(true)?;
        }
        // A restart need not wait for the old connections' last time-out. Elsewhere the option would share the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        let address: SocketAddr = match v6 {
            true => (Ipv6Addr::UNSPECIFIED, port).into(),
            false => (Ipv4Addr::UNSPECIFIED, port).into(),
        };
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let std: std::net::TcpListener = socket.into();
        let port = std.local_addr()?.port();
        Ok(Listener { socket: TcpListener::from_std(std), port, v6 })
    }

    pub fn is_v6(&self) -> bool {
        self.v6
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For accepting, and for registering with the poller.
    pub(super) fn socket(&mut self) -> &mut TcpListener {
        &mut self.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_setting() {
        let bound = Listener::bind_both(0).unwrap();
        let port = bound[0].port();
        assert!(bound.iter().all(|listener| listener.port() == port && port > 0));
        let error = Listener::bind_both(port).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let expected = format!("cannot listen on TCP port {port}: the port is in use already; choose another with ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
