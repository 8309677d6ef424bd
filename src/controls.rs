//! What administrators can change of the running process: what it logs, and that it ends.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::http::api::Process;

/// This crate warns of every extension of a ClientHello that it does not know, and browsers send several.
const QUIET: &str = "rtc_dtls=error";

type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The controls of a process that logs.
pub struct Controls {
    drain: Notify,
    level: Mutex<String>,
    reload: Reload,
}

impl Controls {
    /// Starts the log. Once in a process.
    pub fn start(log: &Log) -> Arc<Controls> {
        // Valid: the configuration was checked.
        let filter = filter(&log.level).unwrap_or_default();
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let reload: Reload = match log.format {
            LogFormat::Text => {
                let builder = builder.with_ansi(std::io::stderr().is_terminal()).with_filter_reloading();
                let handle = builder.reload_handle();
                builder.init();
                Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
            }
            LogFormat::Json => {
                let builder = builder.json().with_filter_reloading();
                let handle = builder.reload_handle();
                builder.init();
                Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
            }
        };
        Arc::new(Controls { drain: Notify::new(), level: Mutex::new(log.level.clone()), reload })
    }

    /// Returns once an administrator has asked for the end.
    pub async fn drain_asked(&self) {
        self.drain.notified().await;
    }
}

/// A later directive of the same target wins, so what is quiet here can be had all the same.
fn filter(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|error| format!("`{level}`: {error}"))
}

impl Process for Controls {
    fn drain(&self) {
        self.drain.notify_one();
    }

    fn log_level(&self) -> String {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        (self.reload)(filter(level)?)?;
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level.to_owned();
        Ok(())
    }
}
