//! What the HTTP listener knows of a client's connection, as a request extension. Signalling works without it too.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Ends one client's Socket.IO session from outside of Socket.IO: the only way that works when the client has stopped
/// reading, because a polite close would wait for it to read.
#[derive(Clone)]
pub struct KillSwitch(Arc<dyn Fn(&str) + Send + Sync>);

impl KillSwitch {
    /// `kill` gets the engine.io session id. It resets the websocket that carries the session, be it the connection of
    /// the request that had this extension or one to which the session was upgraded later. It must not wait.
    pub fn new(kill: impl Fn(&str) + Send + Sync + 'static) -> Self {
        KillSwitch(Arc::new(kill))
    }

    /// Ends the session.
    pub fn kill(&self, session: &str) {
        (self.0)(session);
    }
}

impl fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KillSwitch")
    }
}

/// Extension of the request that opens a Socket.IO session.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The client's address, behind trusted proxies.
    pub address: IpAddr,
    pub kill: KillSwitch,
}
