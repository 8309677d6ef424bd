//! One validated [`Config`] from a TOML file, `PLENUM_*` variables and flags; each beats the one before.
//!
//! A key, variable or flag that is not known is an error which names it.

mod addresses;
mod flags;
mod load;
mod token;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

pub use addresses::{Interface, interfaces, lan_addresses, media_addresses};
pub use flags::{Action, Flags};
pub use load::{ConfigError, Invocation, load};
pub use token::TokenFlags;

use crate::access;
use crate::net::placement::Spread;
use crate::signal::{AdminConfig, AdminMode};
use crate::webhook::Webhook;

/// Everything that can be configured. [`Config::default`] is what an empty file gives, and works.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub media: Media,
    pub limits: Limits,
    pub access: Access,
    pub admin: Admin,
    /// Who is told what happens in rooms.
    pub webhooks: Vec<Webhook>,
    pub log: Log,
}

/// The page, signalling, metrics: everything over HTTP.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where to listen. Port 0 takes any free port.
    pub address: SocketAddr,
    /// How browsers reach the page, when that is not how they reach this process: behind a proxy or a tunnel.
    /// Scheme, host and port only.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: Vec<Proxy>,
    /// Origins of other pages that may open a Socket.IO connection, such as `https://app.example`; `*` allows all.
    pub allowed_origins: Vec<String>,
    /// A directory served at `/public/`.
    pub public_dir: Option<PathBuf>,
    /// Serve HTTPS beside HTTP on the same port, with a certificate of our own, and print a QR code for a phone.
    pub lan: bool,
    /// Where the certificate for `lan` is kept between runs. `None` = the user's state directory.
    pub state_dir: Option<PathBuf>,
}

/// Where media comes in.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// UDP port of the first shard, on IPv4 and IPv6; shard `i` has `udp_port + i`. 0 takes any free ports.
    pub udp_port: u16,
    /// Whether media is also taken over TCP (RFC 6544), for networks that block UDP.
    pub tcp: bool,
    /// TCP port for media. 0 takes any free port.
    pub tcp_port: u16,
    /// Members of a room beyond which only the three loudest voices are forwarded; 0 = in every room.
    pub loudest_above: usize,
    /// Addresses told to browsers. Empty = those of this machine's interfaces.
    pub announced_addresses: Vec<IpAddr>,
    /// STUN and TURN servers that programs over WHIP and WHEP are told of. Plenum itself needs none.
    pub ice_servers: Vec<IceServer>,
    /// Media threads, each with a UDP port of its own. 0 = one per core.
    pub shards: usize,
    /// Members of a room on one shard beyond which it spreads over others.
    pub spread_above: usize,
    /// Per cent of its time that a shard may work before the rooms on it spread over others.
    pub spread_load: u8,
    /// Whether packets leave no faster than each browser's network seems to carry. Off, they leave as they come: for
    /// measurements.
    pub pacing: bool,
}

/// A STUN or TURN server, as browsers know them from `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// Such as `stun:stun.example` or `turn:turn.example?transport=udp` (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    pub username: Option<String>,
    pub credential: Option<String>,
}

impl IceServer {
    fn is_valid(&self) -> bool {
        let known = |url: &String| ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
        let plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
        let secrets = [&self.username, &self.credential];
        let printable = |text: &String| text.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
        !self.urls.is_empty()
            && self.urls.iter().all(|url| known(url) && plain(url))
            && secrets.into_iter().flatten().all(printable)
            && self.username.is_some() == self.credential.is_some()
    }
}

/// How much one server takes.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Members of one room.
    pub members_per_room: usize,
    /// Seats of one member: how many others it can see at once.
    pub seats: u16,
    /// HTTP connections from one address.
    pub connections_per_address: usize,
    /// Per cent of its time that a media thread may work and still be given new members; 100 = always.
    pub shard_load: u8,
}

/// Who may enter, where that is not everybody.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Keys of access tokens, of at least 32 bytes each. The first mints, all of them count.
    pub secrets: Vec<access::Secret>,
    /// Whether nobody enters without a token. Off, whoever knows a room's name may.
    pub require_token: bool,
    /// Whether new rooms begin with a waiting room.
    pub waiting_room: bool,
}

/// The Socket.IO Admin UI, at `/admin/ui`. Off without a password.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    pub username: String,
    /// bcrypt. Empty = off.
    pub password_hash: String,
    pub mode: AdminMode,
    /// Shows and does nothing.
    pub read_only: bool,
}

impl Default for Admin {
    fn default() -> Self {
        let (password_hash, mode, read_only) = Default::default();
        Admin { username: "admin".to_owned(), password_hash, mode, read_only }
    }
}

impl Admin {
    pub fn is_on(&self) -> bool {
        !self.password_hash.is_empty()
    }

    /// The namespace to open, if any.
    pub fn build(&self) -> Option<AdminConfig> {
        let Admin { username, password_hash, mode, read_only } = self.clone();
        self.is_on().then_some(AdminConfig { username, password_hash, mode, read_only })
    }
}

/// What is written to standard error.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,plenum::signal=debug`.
    pub level: String,
    /// OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; none unless given.
    pub otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A proxy, or a network of them: `10.0.0.1` or `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Proxy(pub IpNet);

impl std::str::FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Proxy).map_err(|_| format!("`{text}` is neither an address nor a network such as 10.0.0.0/8"))
    }
}

impl TryFrom<String> for Proxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Keys that count at once: more than a rotation ever needs.
const MAX_SECRETS: usize = 8;
/// Most seats that Firefox's 128 m-lines hold: 49 × 2, three audio-only lines, four uplinks, one data channel = 106.
pub const MAX_SEATS: u16 = 49;
/// A ufrag's first two letters name the shard: 62² of them.
pub const MAX_SHARDS: usize = 62 * 62;

impl Default for Http {
    fn default() -> Self {
        Http {
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 4000)),
            public_url: None,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            public_dir: None,
            lan: false,
            state_dir: None,
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Media {
            udp_port: 4000,
            tcp: true,
            tcp_port: 4001,
            // Fifteen voices at once are 600 kbit/s, and more than a phone decodes gladly.
            loudest_above: 16,
            announced_addresses: Vec::new(),
            ice_servers: Vec::new(),
            shards: 0,
            spread_above: Spread::default().above,
            spread_load: (Spread::default().load * 100.0) as u8,
            pacing: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        // 500 are what one core carries with cameras on; 200 connections are an office or a class behind one address.
        // Beyond nine tenths queues grow faster than they are worked off.
        Limits { members_per_room: 500, seats: MAX_SEATS, connections_per_address: 200, shard_load: 90 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Text, level: "info".to_owned(), otlp_endpoint: None }
    }
}

impl Media {
    /// How many shards to start: as configured, or one per core.
    pub fn shard_count(&self) -> usize {
        if self.shards > 0 { self.shards } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

impl Access {
    /// What checks and mints tokens.
    pub fn build(&self) -> access::Access {
        access::Access::new(self.secrets.clone(), self.require_token)
    }
}

impl Config {
    /// Checks what a type alone cannot say. The error names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bad = |key, problem: String| Err(ConfigError::Invalid { key, problem });
        if let Some(url) = &self.http.public_url
            && !is_origin(url)
        {
            return bad("http.public_url", format!("`{url}` is not a scheme and a host such as https://calls.example"));
        }
        if let Some(origin) = self.http.allowed_origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
            return bad("http.allowed_origins", format!("`{origin}` is not an origin such as https://app.example"));
        }
        if let Some(dir) = &self.http.public_dir
            && !dir.is_dir()
        {
            return bad("http.public_dir", format!("`{}` is not a directory", dir.display()));
        }
        if self.http.lan && self.http.address.ip().is_loopback() {
            return bad("http.lan", format!("no other device can reach {}", self.http.address.ip()));
        }
        let shards = self.media.shard_count();
        if shards > MAX_SHARDS {
            return bad("media.shards", format!("{shards} is more than {MAX_SHARDS}"));
        }
        if self.media.spread_above == 0 {
            return bad(
                "media.spread_above",
                "0 members: a shard that takes none holds no room; give 1 or more".to_owned(),
            );
        }
        if !(1..=100).contains(&self.media.spread_load) {
            return bad("media.spread_load", format!("{} is not between 1 and 100 per cent", self.media.spread_load));
        }
        let first = self.media.udp_port;
        if first > 0 && usize::from(first) + shards - 1 > usize::from(u16::MAX) {
            return bad("media.udp_port", format!("{first} leaves no room for the ports of {shards} shards"));
        }
        let own_port = self.http.address.port();
        if self.media.tcp && self.media.tcp_port > 0 && self.media.tcp_port == own_port {
            return bad("media.tcp_port", format!("{own_port} is the port of http.address already"));
        }
        if let Some(address) = self.media.announced_addresses.iter().find(|address| address.is_unspecified()) {
            return bad("media.announced_addresses", format!("no browser can reach {address}"));
        }
        if let Some(server) = self.media.ice_servers.iter().find(|server| !server.is_valid()) {
            let problem =
                "needs urls such as stun:stun.example or turn:turn.example, username and credential both or none";
            return bad("media.ice_servers", format!("{:?} {problem}", server.urls));
        }
        let web =
            |url: &str| url.parse::<http::Uri>().is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")));
        if let Some(webhook) = self.webhooks.iter().find(|webhook| !web(&webhook.url)) {
            return bad(
                "webhooks.url",
                format!("`{}` is not an address such as https://app.example/events", webhook.url),
            );
        }
        let hash = &self.admin.password_hash;
        if !hash.is_empty() && hash.parse::<bcrypt::HashParts>().is_err() {
            return bad(
                "admin.password_hash",
                "not a bcrypt hash; `htpasswd -nbBC 10 admin PASSWORD` makes one".to_owned(),
            );
        }
        if self.limits.seats == 0 || self.limits.seats > MAX_SEATS {
            return bad("limits.seats", format!("{} is not between 1 and {MAX_SEATS}", self.limits.seats));
        }
        if self.limits.members_per_room < 2 {
            return bad("limits.members_per_room", "a call needs at least 2".to_owned());
        }
        if self.limits.connections_per_address == 0 {
            return bad("limits.connections_per_address", "nobody could connect".to_owned());
        }
        if !(1..=100).contains(&self.limits.shard_load) {
            return bad("limits.shard_load", format!("{} is not between 1 and 100 per cent", self.limits.shard_load));
        }
        if self.access.secrets.len() > MAX_SECRETS {
            return bad("access.secrets", format!("more than {MAX_SECRETS}"));
        }
        if self.access.require_token && self.access.secrets.is_empty() {
            return bad("access.require_token", "needs a key in access.secrets to check tokens with".to_owned());
        }
        if let Some(url) = &self.log.otlp_endpoint
            && !url.parse::<http::Uri>().is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")))
        {
            return bad("log.otlp_endpoint", format!("`{url}` is not a URL such as http://127.0.0.1:4318"));
        }
        if let Err(error) = self.log.level.parse::<tracing_subscriber::EnvFilter>() {
            return bad("log.level", format!("`{}`: {error}", self.log.level));
        }
        Ok(())
    }
}

/// Whether `text` is scheme, host and perhaps a port, and nothing behind that.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/');
    web && bare && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}
