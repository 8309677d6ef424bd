//! As much of an HTTP client as long polling and a look at `/metrics` take.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

use super::LoadError;

/// Longest that a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `host:port`.
    pub(super) authority: String,
    pub(super) address: SocketAddr,
}

impl Target {
    /// Resolves `http://host:port`.
    pub(super) async fn resolve(url: &str) -> Result<Target, LoadError> {
        let bad = || LoadError::Url(url.to_owned());
        let uri: http::Uri = url.parse().map_err(|_| bad())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(bad)?;
        let authority = match authority.port() {
            Some(_) => authority.as_str().to_owned(),
            None => format!("{}:80", authority.host()),
        };
        let unreachable = |error| LoadError::Unreachable { server: url.to_owned(), error };
        let mut found: Vec<SocketAddr> = tokio::net::lookup_host(&authority).await.map_err(unreachable)?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let address = found.first().copied().ok_or_else(bad)?;
        Ok(Target { authority, address })
    }

    /// A new connection, from an address of this machine when one is given.
    pub(super) async fn connect(&self, from: Option<IpAddr>) -> Result<TcpStream, LoadError> {
        let from = from.filter(|from| from.is_ipv4() == self.address.is_ipv4());
        let opened = async {
            let socket = if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(from) = from {
                socket.bind(SocketAddr::new(from, 0))?;
            }
            let stream = socket.connect(self.address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let opened =
            tokio::time::timeout(CONNECT, opened).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        opened.map_err(|error| LoadError::of_connection(&self.authority, error))
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
        let closed =
            |error: hyper::Error| LoadError::Closed { server: self.target.authority.clone(), error: error.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, &self.target.authority)
            .header(http::header::CONTENT_TYPE, "text/plain;charset=UTF-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.target.strange(error))?;
        let response = self.sender.send_request(request).await.map_err(closed)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(closed)?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        match status {
            StatusCode::OK => Ok(text),
            _ => Err(self
                .target
                .strange(format!("{path} answers {status}: {}", text.lines().next().unwrap_or_default()))),
        }
    }
}
