//! Why a load test ends early. Each error says what to do about it.

use std::io;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("--server: `{0}` is not an address such as http://127.0.0.1:4000 or https://calls.example")]
    Url(String),
    #[error("nothing answers at {server}: {error}; start the server, or name it with --server")]
    Unreachable { server: String, error: io::Error },
    #[error(
        "{server} has no TLS that can be trusted: {error}; --insecure believes any certificate, such as one of the server's own"
    )]
    Tls { server: String, error: io::Error },
    #[error("--mint-token: {0}")]
    Token(crate::access::TokenError),
    #[error(
        "too many open files; raise the limit with `ulimit -n 100000` in this shell (and for the server), or ask for fewer members"
    )]
    TooManyFiles,
    #[error("no socket: {0}")]
    Socket(io::Error),
    #[error(
        "{server} closed the connection of a new member: if it allows too few from one address, raise --connections-per-address there ({error})"
    )]
    Closed { server: String, error: String },
    #[error("{server} does not speak Plenum's signalling: {problem}")]
    Strange { server: String, problem: String },
    #[error("the server refused {event}: {message} ({code}){}", hint(.code))]
    Refused { event: &'static str, code: String, message: String },
    #[error(
        "{event} was not acknowledged within {seconds} s: the server is overloaded or stuck; ask for fewer members or a lower --join-rate"
    )]
    Silent { event: &'static str, seconds: u64 },
    #[error(
        "{connected} of {members} members got a media connection; open UDP {candidates} to this machine, or check the server's --announced-addresses"
    )]
    NoMedia { connected: usize, members: usize, candidates: String },
    #[error("--server-pid: {0}")]
    NoProcess(String),
    #[error("a peer failed: {0}")]
    Peer(String),
    #[error("{0}")]
    Options(String),
    #[error("cannot write {path}: {error}")]
    Report { path: String, error: io::Error },
}

fn hint(code: &str) -> &'static str {
    match code {
        "room_full" => "; raise --members-per-room of the server, or spread them over more --rooms",
        "bad_sdp" => "; a server whose --seats are fewer takes fewer seats from a member, too",
        "rate_limited" => "; lower --join-rate",
        "overloaded" => "; it is at its limit, see limits.shard_load of its configuration",
        "draining" => "; the server is going down",
        "token_required" | "401" => "; show one with --token, or sign one with --mint-token",
        "bad_token" | "token_expired" => "; of --token, or of access.secrets if it was signed here",
        "protocol_mismatch" => "; tester and server are of different versions",
        _ => "",
    }
}

impl LoadError {
    /// A socket that could not be had.
    pub(super) fn of_socket(error: io::Error) -> LoadError {
        // EMFILE and ENFILE, which std has no kind for.
        match error.raw_os_error() {
            Some(23 | 24) => LoadError::TooManyFiles,
            _ => LoadError::Socket(error),
        }
    }

    /// A connection that could not be opened.
    pub(super) fn of_connection(server: &str, error: io::Error) -> LoadError {
        match error.raw_os_error() {
            Some(23 | 24) => LoadError::TooManyFiles,
            _ => LoadError::Unreachable { server: server.to_owned(), error },
        }
    }
}
