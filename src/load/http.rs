//! As much of an HTTP client as long polling, WHIP, WHEP and a look at `/metrics` take, with or without TLS.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::{LoadError, tls};

/// Longest that a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to the server, plain or by TLS.
pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Where the server is.
#[derive(Clone)]
pub(super) struct Target {
    /// `host:port`.
    pub(super) authority: String,
    pub(super) address: SocketAddr,
    /// For `https`, with the name that its certificate is to have.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// Resolves `http://host:port` or `https://host:port`; ws and wss mean the same. With `insecure`, whatever
    /// certificate the server has is believed.
    pub(super) async fn resolve(url: &str, insecure: bool) -> Result<Target, LoadError> {
        let bad = || LoadError::Url(url.to_owned());
        let uri: http::Uri = url.parse().map_err(|_| bad())?;
        let is_secure = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(bad()),
        };
        let authority = uri.authority().ok_or_else(bad)?;
        let host = authority.host();
        let tls = match is_secure {
            true => {
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let connector = tls::connector(insecure).map_err(|error| LoadError::Peer(error.to_string()))?;
                Some((connector, ServerName::try_from(name).map_err(|_| bad())?))
            }
            false => None,
        };
        let authority = match authority.port() {
            Some(port) => format!("{host}:{port}"),
            None => format!("{host}:{}", if is_secure { 443 } else { 80 }),
        };
        let unreachable = |error| LoadError::Unreachable { server: url.to_owned(), error };
        let mut found: Vec<SocketAddr> = tokio::net::lookup_host(&authority).await.map_err(unreachable)?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let address = found.first().copied().ok_or_else(bad)?;
        Ok(Target { authority, address, tls })
    }

    /// A new connection, from an address of this machine when one is given.
    pub(super) async fn connect(&self, from: Option<IpAddr>) -> Result<Stream, LoadError> {
        let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let opened = tokio::time::timeout(CONNECT, self.open(from)).await.unwrap_or_else(|_| Err(late()));
        let stream = opened.map_err(|error| LoadError::of_connection(&self.authority, error))?;
        let Some((connector, name)) = &self.tls else { return Ok(Either::Left(stream)) };
        let shaken = tokio::time::timeout(CONNECT, connector.connect(name.clone(), stream)).await;
        let shaken = shaken.unwrap_or_else(|_| Err(late()));
        let failed = |error: std::io::Error| LoadError::Tls { server: self.authority.clone(), error };
        Ok(Either::Right(shaken.map_err(failed)?))
    }

    async fn open(&self, from: Option<IpAddr>) -> std::io::Result<TcpStream> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = from.filter(|from| from.is_ipv4() == self.address.is_ipv4()) {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn strange(&self, problem: impl ToString) -> LoadError {
        LoadError::Strange { server: self.authority.clone(), problem: problem.to_string() }
    }
}

/// One connection that is kept for request after request.
pub(super) struct Http {
    target: Target,
    sender: SendRequest<Full<Bytes>>,
}

impl Http {
    pub(super) async fn open(target: &Target, from: Option<IpAddr>) -> Result<Http, LoadError> {
        let stream = target.connect(from).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| target.strange(error))?;
        // Its end shows in the next request.
        tokio::spawn(connection);
        Ok(Http { target: target.clone(), sender })
    }

    /// The body of a response with status 200.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<String, LoadError> {
        let asked = Asked { method, path, mime: "text/plain;charset=UTF-8", token: None, body };
        let Answer { status, body, .. } = self.send(asked).await?;
        match status {
            StatusCode::OK => Ok(body),
            _ => Err(self
                .target
                .strange(format!("{path} answers {status}: {}", body.lines().next().unwrap_or_default()))),
        }
    }

    /// Any request, whatever is answered.
    pub(super) async fn send(&mut self, asked: Asked<'_>) -> Result<Answer, LoadError> {
        let closed =
            |error: hyper::Error| LoadError::Closed { server: self.target.authority.clone(), error: error.to_string() };
        let mut request = Request::builder()
            .method(asked.method)
            .uri(asked.path)
            .header(HOST, &self.target.authority)
            .header(CONTENT_TYPE, asked.mime);
        if let Some(token) = asked.token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| self.target.strange(error))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::from(asked.body))).map_err(|error| self.target.strange(error))?;
        let response = self.sender.send_request(request).await.map_err(closed)?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|at| at.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await.map_err(closed)?.to_bytes();
        Ok(Answer { status, location, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    /// Media type of the body.
    pub(super) mime: &'a str,
    /// Access token.
    pub(super) token: Option<&'a str>,
    pub(super) body: String,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: String,
}
