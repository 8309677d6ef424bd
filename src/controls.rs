//! What administrators can change of the running process: what it logs, and that it ends.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_otlp::ExporterBuildError;
use tokio::sync::Notify;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::{Log, LogFormat};
use crate::http::api::Process;
use crate::telemetry::{self, Spans};

/// This crate warns of every extension of a ClientHello that it does not know, and browsers send several.
const QUIET: &str = "rtc_dtls=error";

type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The controls of a process that logs.
pub struct Controls {
    drain: Notify,
    level: Mutex<String>,
    reload: Reload,
    spans: Option<Spans>,
}

impl Controls {
    /// Starts the log, and spans where they are asked for. Once in a process.
    ///
    /// # Errors
    ///
    /// When `log.otlp_endpoint` is no URL.
    pub fn start(log: &Log) -> Result<Arc<Controls>, ExporterBuildError> {
        // Valid: the configuration was checked.
        let (filter, handle) = reload::Layer::new(filter(&log.level).unwrap_or_default());
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
            LogFormat::Text => {
                fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).boxed()
            }
            LogFormat::Json => fmt::layer().with_writer(std::io::stderr).json().boxed(),
        };
        let spans = log.otlp_endpoint.as_deref().map(Spans::to).transpose()?;
        tracing_subscriber::registry()
            .with(lines.with_filter(filter.and(telemetry::no_spans())))
            .with(spans.as_ref().map(|spans| spans.layer()))
            .init();
        let reload: Reload = Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()));
        Ok(Arc::new(Controls { drain: Notify::new(), level: Mutex::new(log.level.clone()), reload, spans }))
    }

    /// Sends what the collector of spans has not got yet.
    pub fn end(&self) {
        if let Some(spans) = &self.spans {
            spans.end();
        }
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
