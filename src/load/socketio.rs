//! A small Socket.IO client: one request at a time, acknowledged, over websocket or long polling. Pushes are not read
//! beyond their first letters: thousands of clients share one thread.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde::Serialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::LoadError;
use super::http::{Http, Stream, Target};
use crate::signal::protocol::PROTOCOL;

/// Longest that an acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between packets in one body of long polling (Engine.IO protocol 4).
const SEPARATOR: char = '\x1e';

/// How signalling travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Transport {
    #[default]
    Websocket,
    Polling,
}

enum Link {
    Websocket(Box<WebSocketStream<Stream>>),
    Polling(Box<Polling>),
}

struct Polling {
    path: String,
    down: Http,
    up: Http,
    packets: VecDeque<String>,
}

/// A connection to the server's namespace `/`.
pub(super) struct Client {
    target: Target,
    link: Link,
    next: u64,
}

impl Client {
    /// Connects, from an address of this machine when one is given.
    pub(super) async fn connect(target: &Target, by: Transport, from: Option<IpAddr>) -> Result<Client, LoadError> {
        let link = match by {
            Transport::Websocket => {
                let stream = target.connect(from).await?;
                let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", target.authority);
                let (socket, _) = client_async(url, stream).await.map_err(|error| refused(target, error))?;
                Link::Websocket(Box::new(socket))
            }
            Transport::Polling => {
                let (down, up) = (Http::open(target, from).await?, Http::open(target, from).await?);
                let path = "/socket.io/?EIO=4&transport=polling".to_owned();
                Link::Polling(Box::new(Polling { path, down, up, packets: VecDeque::new() }))
            }
        };
        let mut client = Client { target: target.clone(), link, next: 0 };
        tokio::time::timeout(PATIENCE, client.open()).await.map_err(|_| silent("connect"))??;
        Ok(client)
    }

    async fn open(&mut self) -> Result<(), LoadError> {
        let hello = self.packet().await?;
        let sid = hello.strip_prefix('0').and_then(|json| serde_json::from_str::<Value>(json).ok());
        let sid = sid.as_ref().and_then(|hello| hello.get("sid")).and_then(Value::as_str);
        let sid = sid.ok_or_else(|| self.strange(&hello))?.to_owned();
        if let Link::Polling(polling) = &mut self.link {
            polling.path = format!("{}&sid={sid}", polling.path);
        }
        self.send(format!("40{{\"protocol\":{PROTOCOL}}}")).await?;
        loop {
            let packet = self.packet().await?;
            if packet.starts_with("40") {
                return Ok(());
            }
            if let Some(json) = packet.strip_prefix("44") {
                let body: Value = serde_json::from_str(json).unwrap_or_default();
                let inner =
                    body.get("message").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
                return Err(error_of("connect", &inner.unwrap_or(body)));
            }
        }
    }

    /// Sends a request and waits for its acknowledgement; what is pushed meanwhile is passed over.
    pub(super) async fn request(&mut self, event: &'static str, payload: &impl Serialize) -> Result<Value, LoadError> {
        tokio::time::timeout(PATIENCE, self.exchange(event, payload)).await.map_err(|_| silent(event))?
    }

    async fn exchange(&mut self, event: &'static str, payload: &impl Serialize) -> Result<Value, LoadError> {
        let id = self.next;
        self.next += 1;
        let payload = serde_json::to_string(payload).map_err(|error| self.strange(&error.to_string()))?;
        self.send(format!("42{id}[\"{event}\",{payload}]")).await?;
        let acknowledged = format!("43{id}[");
        loop {
            let packet = self.packet().await?;
            let Some(rest) = packet.strip_prefix(&acknowledged) else { continue };
            let json = rest.strip_suffix(']').unwrap_or(rest);
            let body: Value = serde_json::from_str(json).map_err(|error| self.strange(&error.to_string()))?;
            return match body.get("ok").and_then(Value::as_bool) {
                Some(true) => Ok(body),
                _ => Err(error_of(event, body.get("error").unwrap_or(&body))),
            };
        }
    }

    /// Stays until the connection ends.
    pub(super) async fn stay(&mut self) -> LoadError {
        loop {
            if let Err(error) = self.packet().await {
                return error;
            }
        }
    }

    /// The next packet that is no heartbeat.
    async fn packet(&mut self) -> Result<String, LoadError> {
        loop {
            let packet = self.receive().await?;
            match packet.as_bytes().first() {
                Some(b'2') => self.send("3".to_owned()).await?,
                Some(b'1') => return Err(self.closed("the server closed the session")),
                _ => return Ok(packet),
            }
        }
    }

    async fn receive(&mut self) -> Result<String, LoadError> {
        match &mut self.link {
            Link::Websocket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                    Some(Ok(Message::Close(_))) | None => return Err(self.closed("the server closed the websocket")),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(self.closed(&error.to_string())),
                }
            },
            Link::Polling(polling) => loop {
                if let Some(packet) = polling.packets.pop_front() {
                    return Ok(packet);
                }
                let body = polling.down.ask(Method::GET, &polling.path, String::new()).await?;
                polling.packets.extend(body.split(SEPARATOR).map(str::to_owned));
            },
        }
    }

    async fn send(&mut self, packet: String) -> Result<(), LoadError> {
        let sent = match &mut self.link {
            Link::Websocket(socket) => socket.send(Message::text(packet)).await.map_err(|error| error.to_string()),
            Link::Polling(polling) => {
                polling.up.ask(Method::POST, &polling.path, packet).await?;
                Ok(())
            }
        };
        sent.map_err(|error| self.closed(&error))
    }

    fn closed(&self, error: &str) -> LoadError {
        LoadError::Closed { server: self.target.authority.clone(), error: error.to_owned() }
    }

    fn strange(&self, problem: &str) -> LoadError {
        LoadError::Strange { server: self.target.authority.clone(), problem: problem.to_owned() }
    }
}

fn silent(event: &'static str) -> LoadError {
    LoadError::Silent { event, seconds: PATIENCE.as_secs() }
}

/// What a websocket handshake failed by.
fn refused(target: &Target, error: WsError) -> LoadError {
    let server = target.authority.clone();
    match error {
        WsError::Http(response) => LoadError::Strange {
            server,
            problem: format!("/socket.io/ answers {}; is this the address of Plenum?", response.status()),
        },
        other => LoadError::Closed { server, error: other.to_string() },
    }
}

fn error_of(event: &'static str, body: &Value) -> LoadError {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    LoadError::Refused { event, code: text("code"), message: text("message") }
}
