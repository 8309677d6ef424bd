//! Namespace `/admin`: what the official Socket.IO Admin UI shows and does. Exists only when it is configured.
//!
//! Session ids of Socket.IO are secrets here, so sockets go by public ids of their own; `rooms` are that id, Plenum's room as
//! `room:NAME`, and what an administrator put a socket into.

mod commands;
mod gate;
mod monitor;
mod views;
mod watched;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(super) use gate::open;
pub(super) use monitor::Monitor;
use monitor::PeerFacts;
pub(super) use watched::Watched;

/// How long a browser may come back without its password: until tomorrow's work.
const SESSION: Duration = Duration::from_secs(24 * 3600);
/// Sessions that are remembered; administrators are few.
const SESSIONS: usize = 256;

/// The namespace as it is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminConfig {
    pub username: String,
    /// bcrypt, such as `htpasswd -nbBC 10` makes.
    pub password_hash: String,
    pub mode: Mode,
    /// No commands.
    pub read_only: bool,
}

/// How much the page is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Figures, every two seconds.
    #[default]
    Production,
    /// Also every socket, room and event, with its payload.
    Development,
}

/// Who has proved to be an administrator.
#[derive(Default)]
struct Sessions(Mutex<HashMap<String, Instant>>);

impl Sessions {
    fn begin(&self, now: Instant) -> String {
        let id = format!("{:016x}", rand::random::<u64>());
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, until| *until > now);
        if sessions.len() < SESSIONS {
            sessions.insert(id.clone(), now + SESSION);
        }
        id
    }

    fn holds(&self, id: &str, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).is_some_and(|until| *until > now)
    }
}

/// Checks a name and a password, in a time that does not tell which of both is wrong. Takes some 50 ms of a core.
fn verify(config: &AdminConfig, username: &str, password: &str) -> bool {
    let right = bcrypt::verify(password, &config.password_hash).unwrap_or(false);
    let named: bool = subtle::ConstantTimeEq::ct_eq(config.username.as_bytes(), username.as_bytes()).into();
    right && named
}

/// Everything that the namespace owns.
struct Admin {
    config: AdminConfig,
    sessions: Sessions,
    monitor: Arc<Monitor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_name_and_password_count() {
        let password_hash = bcrypt::hash("open sesame", 4).unwrap();
        let config = AdminConfig { username: "ada".into(), password_hash, mode: Mode::Production, read_only: false };
        assert!(verify(&config, "ada", "open sesame"));
        assert!(!verify(&config, "bob", "open sesame"));
        assert!(!verify(&config, "ada", "Open sesame"));
        assert!(!verify(&AdminConfig { password_hash: "no hash".into(), ..config }, "ada", "no hash"));
    }

    #[test]
    fn a_session_lasts_a_day() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.begin(now);
        assert_eq!(id.len(), 16);
        assert!(sessions.holds(&id, now + SESSION / 2));
        assert!(!sessions.holds(&id, now + SESSION));
        assert!(!sessions.holds("", now));
        for _ in 0..2 * SESSIONS {
            sessions.begin(now);
        }
        assert!(sessions.0.lock().unwrap().len() <= SESSIONS);
    }
}
