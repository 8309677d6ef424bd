//! Who may look: lets administrators in and hears their commands.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, ConnectMiddleware, MessageHandler};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide_core::Value;
use tokio::sync::Semaphore;

use super::views::Arguments;
use super::{Admin, AdminConfig, Mode, Monitor, PeerFacts, Sessions, commands, verify};
use crate::signal::intake::Ours;

/// Passwords that are checked at once: each takes a core for a while, and guessing is to be slow.
const CHECKS: usize = 1;

/// Opens the namespace. The monitor is to be told what the others' sockets do.
pub(in crate::signal) fn open(io: &SocketIo, config: AdminConfig) -> Arc<Monitor> {
    let monitor = Monitor::start(config.mode);
    let admin = Admin { config, sessions: Sessions::default(), monitor: monitor.clone() };
    let gate = AdminGate { admin: Arc::new(admin), checks: Arc::new(Semaphore::new(CHECKS)) };
    io.ns("/admin", gate.clone().with(gate));
    monitor
}

#[derive(Clone)]
struct AdminGate {
    admin: Arc<Admin>,
    checks: Arc<Semaphore>,
}

/// What the page sends: a name and a password first, then the session that it got.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Credentials {
    username: String,
    password: String,
    session_id: Option<String>,
}

/// What the middleware leaves for the connect handler.
#[derive(Clone)]
struct Looker {
    facts: Arc<PeerFacts>,
    session: String,
}

/// The page shows its form again at exactly this text.
struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid credentials")
    }
}

impl AdminGate {
    /// The session of whoever proved to be an administrator.
    async fn authenticate(&self, auth: Option<&Value>) -> Option<String> {
        let Some(Value::Str(text, _)) = auth else { return None };
        let credentials: Credentials = serde_json::from_str(text).ok()?;
        if let Some(session) = credentials.session_id.filter(|id| self.admin.sessions.holds(id, Instant::now())) {
            return Some(session);
        }
        let _turn = self.checks.acquire().await.ok()?;
        let admin = self.admin.clone();
        let Credentials { username, password, .. } = credentials;
        let proved = tokio::task::spawn_blocking(move || verify(&admin.config, &username, &password)).await;
        proved.ok()?.then(|| self.admin.sessions.begin(Instant::now()))
    }
}

impl ConnectMiddleware<LocalAdapter, Ours> for AdminGate {
    async fn call<'a>(
        &'a self,
        socket: Arc<Socket<LocalAdapter>>,
        auth: &'a Option<Value>,
    ) -> Result<(), Box<dyn fmt::Display + Send>> {
        let Some(session) = self.authenticate(auth.as_ref()).await else {
            return Err(Box::new(Invalid));
        };
        let facts = self.admin.monitor.connected(&socket, "/admin");
        socket.on_fallback(Commands { admin: self.admin.clone() });
        let (admin, leaving) = (self.admin.clone(), facts.clone());
        socket.on_disconnect(move |reason: DisconnectReason| {
            admin.monitor.unwatch(&leaving);
            admin.monitor.disconnected(&leaving, reason);
            async {}
        });
        socket.extensions.insert(Looker { facts, session });
        Ok(())
    }
}

impl ConnectHandler<LocalAdapter, Ours> for AdminGate {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, _: Option<Value>) {
        let Some(Looker { facts, session }) = socket.extensions.remove() else { return };
        let config = &self.admin.config;
        let mut features = vec!["AGGREGATED_EVENTS"];
        if !config.read_only {
            features.extend(["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"]);
        }
        if config.mode == Mode::Development {
            features.push("ALL_EVENTS");
        }
        // First, so that nothing falls between all sockets and what they do then.
        self.admin.monitor.watch(&facts);
        // A page that is full before it has begun will be told by the next figures.
        let _ = socket.emit("session", &session);
        let _ = socket.emit("config", &json!({ "supportedFeatures": features }));
        if config.mode == Mode::Development {
            let _ = socket.emit("all_sockets", &Arguments(vec![self.admin.monitor.all()]));
        }
    }
}

/// Takes an administrator's commands.
struct Commands {
    admin: Arc<Admin>,
}

impl MessageHandler<LocalAdapter, Ours> for Commands {
    fn call(&self, _: Arc<Socket<LocalAdapter>>, value: Value, _: Option<i64>) {
        if self.admin.config.read_only {
            return;
        }
        if let Value::Str(text, _) = value {
            commands::carry_out(&self.admin.monitor, &text);
        }
    }
}
