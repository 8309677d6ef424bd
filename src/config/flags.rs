//! The command line, and `PLENUM_*` variables as the same flags under another name.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

use super::{Config, LogFormat, Proxy, TokenFlags};
use crate::access::Secret;
use crate::load;
use crate::signal::AdminMode;

/// Multi-party video calls in the browser, in one binary.
///
/// Every flag can be given as a variable: --udp-port is PLENUM_UDP_PORT. A flag beats a variable, a variable beats the
/// configuration file, and without any of them the defaults work. Brackets name the key in the configuration file.
#[derive(Parser, Clone, PartialEq, Debug, Default)]
#[command(name = "plenum", version, max_term_width = 100)]
pub struct Flags {
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Configuration file; without it, plenum.toml of the working directory if there is one.
    #[arg(long, short, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Where to serve the page and signalling; 0.0.0.0:4000 unless given [http.address].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http_address: Option<SocketAddr>,

    /// How browsers reach the page behind a proxy or tunnel, such as https://calls.example [http.public_url].
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// Proxies whose X-Forwarded-* headers are believed, addresses or networks [http.trusted_proxies].
    #[arg(long, value_name = "NETWORK,...", value_delimiter = ',', action = ArgAction::Set, num_args = 1)]
    pub trusted_proxies: Option<Vec<Proxy>>,

    /// Origins of other pages that may connect; * allows all [http.allowed_origins].
    #[arg(long, value_name = "ORIGIN,...", value_delimiter = ',', action = ArgAction::Set, num_args = 1)]
    pub allowed_origins: Option<Vec<String>>,

    /// A directory to serve at /public/ [http.public_dir].
    #[arg(long, value_name = "DIRECTORY")]
    pub public_dir: Option<PathBuf>,

    /// Serve HTTPS too, on the same port, with a certificate of our own, and print a QR code: a phone gives its camera
    /// to no plain http [http.lan].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub lan: Option<bool>,

    /// Where that certificate is kept between runs; the user's state directory unless given [http.state_dir].
    #[arg(long, value_name = "DIRECTORY")]
    pub state_dir: Option<PathBuf>,

    /// UDP port of the first media thread; each further one has the next port. 4000 unless given [media.udp_port].
    #[arg(long, value_name = "PORT")]
    pub udp_port: Option<u16>,

    /// Whether media may come over TCP where UDP is blocked; true unless given [media.tcp].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tcp: Option<bool>,

    /// TCP port for media; 4001 unless given [media.tcp_port].
    #[arg(long, value_name = "PORT")]
    pub tcp_port: Option<u16>,

    /// Members of a room beyond which only the three loudest voices are forwarded; 16 unless given
    /// [media.loudest_above].
    #[arg(long, value_name = "MEMBERS")]
    pub loudest_above: Option<usize>,

    /// Addresses told to browsers for media; those of this machine unless given. Behind NAT: the public one
    /// [media.announced_addresses].
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', action = ArgAction::Set, num_args = 1)]
    pub announced_addresses: Option<Vec<IpAddr>>,

    /// Media threads; one per core unless given [media.shards].
    #[arg(long, value_name = "COUNT")]
    pub shards: Option<usize>,

    /// Members of a room on one media thread beyond which it spreads over others; 100 unless given
    /// [media.spread_above].
    #[arg(long, value_name = "MEMBERS")]
    pub spread_above: Option<usize>,

    /// Per cent of its time that a media thread may work before the rooms on it spread over others; 60 unless given
    /// [media.spread_load].
    #[arg(long, value_name = "PERCENT")]
    pub spread_load: Option<u8>,

    /// Whether packets leave no faster than each browser's network seems to carry; true unless given. Off, they leave as
    /// they come: for measurements [media.pacing].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub pacing: Option<bool>,

    /// Most members of one room; 500 unless given [limits.members_per_room].
    #[arg(long, value_name = "COUNT")]
    pub members_per_room: Option<usize>,

    /// Most others that one member sees at once, 1 to 49; 49 unless given [limits.seats].
    #[arg(long, value_name = "COUNT")]
    pub seats: Option<u16>,

    /// Most HTTP connections from one address; 200 unless given [limits.connections_per_address].
    #[arg(long, value_name = "COUNT")]
    pub connections_per_address: Option<usize>,

    /// Per cent of its time that a media thread may work and still be given new members, 100 = always; 90 unless given
    /// [limits.shard_load].
    #[arg(long, value_name = "PERCENT")]
    pub shard_load: Option<u8>,

    /// Keys of access tokens, at least 32 bytes each; the first mints. Rather PLENUM_ACCESS_SECRETS, as everybody on
    /// this machine sees flags [access.secrets].
    #[arg(long, value_name = "SECRET,...", value_delimiter = ',', action = ArgAction::Set, num_args = 1)]
    pub access_secrets: Option<Vec<Secret>>,

    /// Let nobody into a room without a token; false unless given [access.require_token].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub require_token: Option<bool>,

    /// Have new rooms begin with a waiting room, in which whoever may not be host waits for one; false unless given
    /// [access.waiting_room].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub waiting_room: Option<bool>,

    /// User of the Socket.IO Admin UI; admin unless given [admin.username].
    #[arg(long, value_name = "NAME")]
    pub admin_username: Option<String>,

    /// bcrypt hash of the Socket.IO Admin UI's password, which switches it on. Rather PLENUM_ADMIN_PASSWORD_HASH
    /// [admin.password_hash].
    #[arg(long, value_name = "HASH")]
    pub admin_password_hash: Option<String>,

    /// How much the Admin UI is told: figures, or every event with its payload; production unless given [admin.mode].
    #[arg(long, value_enum)]
    pub admin_mode: Option<AdminMode>,

    /// Let the Admin UI show and do nothing; false unless given [admin.read_only].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub admin_read_only: Option<bool>,

    /// How to log; text unless given [log.format].
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,

    /// What to log: error, warn, info, debug, trace, or a filter; info unless given [log.level].
    #[arg(long, value_name = "FILTER")]
    pub log_level: Option<String>,

    /// Where to send spans of joins and offers: an OpenTelemetry collector that takes OTLP over HTTP, such as
    /// http://127.0.0.1:4318 [log.otlp_endpoint].
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// What to do instead of serving.
#[derive(Subcommand, Clone, PartialEq, Debug)]
pub enum Action {
    /// Say whether the configuration is valid, and stop.
    CheckConfig,
    /// Mint an access token with the first of access.secrets, print it, and stop.
    Token(TokenFlags),
    /// Put a running server under load as browsers would, and measure what they get.
    Load(Box<load::Options>),
}

/// Puts each flag that was given in the place of the key it stands for.
macro_rules! apply {
    ($flags:ident, $config:ident: $($flag:ident => $($key:ident).+,)*) => {
        $(if let Some(value) = $flags.$flag { $config.$($key).+ = value.into(); })*
    };
}

impl Flags {
    /// Overrides `config` with what was given.
    pub(super) fn apply_to(self, config: &mut Config) {
        apply! { self, config:
            http_address => http.address,
            public_url => http.public_url,
            trusted_proxies => http.trusted_proxies,
            allowed_origins => http.allowed_origins,
            public_dir => http.public_dir,
            lan => http.lan,
            state_dir => http.state_dir,
            udp_port => media.udp_port,
            tcp => media.tcp,
            tcp_port => media.tcp_port,
            loudest_above => media.loudest_above,
            announced_addresses => media.announced_addresses,
            shards => media.shards,
            spread_above => media.spread_above,
            spread_load => media.spread_load,
            pacing => media.pacing,
            members_per_room => limits.members_per_room,
            seats => limits.seats,
            connections_per_address => limits.connections_per_address,
            shard_load => limits.shard_load,
            access_secrets => access.secrets,
            require_token => access.require_token,
            waiting_room => access.waiting_room,
            admin_username => admin.username,
            admin_password_hash => admin.password_hash,
            admin_mode => admin.mode,
            admin_read_only => admin.read_only,
            log_format => log.format,
            log_level => log.level,
            otlp_endpoint => log.otlp_endpoint,
        }
    }
}
