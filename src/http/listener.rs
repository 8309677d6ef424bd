//! The TCP listener: limits, time-outs, TLS beside plain HTTP on one port, and draining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, warn};

use super::connection::{Connection, Connections, Ticket};
use super::io::{Io, Stream};
use crate::config::Proxy;
use crate::metrics::Metrics;

/// How long sent data may stay unacknowledged, or a peer refuse to read, before the kernel resets the connection.
/// Equal to signalling's ping time-out: without it a stuck reader stays in its room until it is gone for good.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// For the first byte and the TLS handshake together; a phone on a bad network needs a few seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For a request's head, and for the pause between two requests on one connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What open connections get to finish after shutdown was asked for. Farewells are small; a page load takes less.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after accept failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// First byte of a TLS handshake record (RFC 8446 §5.1). No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot listen on {address}: the port is in use already; choose another with --http-address")]
    InUse { address: SocketAddr },
    #[error("cannot listen on {address}: {error}")]
    Other { address: SocketAddr, error: io::Error },
}

/// A bound port with what its connections need.
pub struct Listener {
    tcp: TcpListener,
    /// `None` = plain HTTP only. With it, the first byte tells which of the two a connection speaks.
    tls: Option<TlsAcceptor>,
    proxies: Arc<[Proxy]>,
    connections: Arc<Connections>,
    metrics: Metrics,
}

impl Listener {
    /// Binds `address`.
    pub async fn bind(
        address: SocketAddr,
        connections: Arc<Connections>,
        proxies: &[Proxy],
        metrics: Metrics,
    ) -> Result<Listener, BindError> {
        let tcp = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            _ => BindError::Other { address, error },
        })?;
        Ok(Listener { tcp, tls: None, proxies: proxies.into(), connections, metrics })
    }

    /// Also takes TLS on the same port.
    pub fn with_tls(mut self, tls: TlsAcceptor) -> Listener {
        self.tls = Some(tls);
        self
    }

    /// Where it listens, with the port that was really taken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Serves `router` until `shutdown`, then lets open connections finish for at most five seconds and resets the rest.
/// Each request carries its [`Connection`] as an extension.
pub async fn serve(listener: Listener, router: Router, shutdown: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.tcp.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => listener.take(tcp, peer, &router, &shutdown),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let Listener { tcp, connections, .. } = listener;
    drop(tcp);
    if tokio::time::timeout(DRAIN, connections.closed()).await.is_err() {
        debug!(open = connections.open(), "resetting connections that did not finish");
        connections.kill_all();
        let _ = tokio::time::timeout(DRAIN, connections.closed()).await;
    }
}

/// Whether accept failed because of the one connection it was about to give.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

impl Listener {
    /// Hands a new connection to a task of its own, so that nothing it does delays the next one.
    fn take(&self, tcp: TcpStream, peer: SocketAddr, router: &Router, shutdown: &CancellationToken) {
        let address = peer.ip().to_canonical();
        let is_proxy = self.proxies.iter().any(|proxy| proxy.0.contains(&address));
        let Some(ticket) = self.connections.admit(address, is_proxy) else {
            self.metrics.http_connection_refused();
            self.connections.tell_refusal(address, Instant::now());
            return;
        };
        self.metrics.http_connection();
        let (tls, kill) = (self.tls.clone(), self.connections.kill_token());
        let (router, shutdown) = (router.clone(), shutdown.clone());
        tokio::spawn(async move {
            if let Err(error) = set_options(&tcp) {
                return debug!(%peer, %error, "cannot prepare a connection");
            }
            let opened = tokio::select! {
                () = shutdown.cancelled() => return,
                opened = tokio::time::timeout(HANDSHAKE_TIMEOUT, open(tcp, tls)) => opened,
            };
            match opened {
                Ok(Ok(stream)) => speak(stream, peer, kill, ticket, router, shutdown).await,
                Ok(Err(error)) => debug!(%peer, %error, "no TLS"),
                Err(_) => debug!(%peer, "no TLS in time"),
            }
        });
    }
}

fn set_options(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(tcp).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

/// Does the TLS handshake if the connection begins like one.
async fn open(tcp: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Stream> {
    let Some(tls) = tls else { return Ok(Stream::Plain(tcp)) };
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if first == [TLS_HANDSHAKE] { Ok(Stream::Tls(Box::new(tls.accept(tcp).await?))) } else { Ok(Stream::Plain(tcp)) }
}

/// Speaks HTTP until either side has enough.
async fn speak(
    stream: Stream,
    peer: SocketAddr,
    kill: CancellationToken,
    ticket: Ticket,
    router: Router,
    shutdown: CancellationToken,
) {
    let connection = Connection::new(peer, matches!(stream, Stream::Tls(_)), kill);
    let io = Io::new(stream, connection.clone(), ticket);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        // A router is always ready, and each call has one of its own.
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut conversation = std::pin::pin!(http.serve_connection(TokioIo::new(io), service).with_upgrades());
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = shutdown.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended");
    }
}
