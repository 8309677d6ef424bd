//! The HTTP side as a whole, from a configuration to a running listener.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{AppState, BindError, Connections, Lan, LanError, Listener, Readiness, router, serve};
use crate::config::{self, Config};
use crate::metrics::Metrics;

/// Why the server did not start. Prints as one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Lan(#[from] LanError),
    #[error("cannot read this machine's addresses: {0}")]
    Addresses(std::io::Error),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A bound listener with everything around it, not yet serving.
pub struct Server {
    listener: Listener,
    app: AppState,
    address: SocketAddr,
    qr_code: Option<String>,
}

impl Server {
    /// Binds the port and prepares HTTPS if `lan` is on.
    pub async fn bind(config: Config) -> Result<Server, StartError> {
        let metrics = Metrics::new()?;
        let connections = Connections::new(config.limits.connections_per_address);
        let (http, proxies) = (&config.http, &config.http.trusted_proxies);
        let mut listener = Listener::bind(http.address, connections.clone(), proxies, metrics.clone()).await?;
        let address = listener.local_addr()?;
        let (mut lan_url, mut qr_code) = (None, None);
        if http.lan {
            let interfaces = config::interfaces().map_err(StartError::Addresses)?;
            let lan = Lan::prepare(address, &config::lan_addresses(&interfaces), &state_dir(http.state_dir.clone()))?;
            qr_code = lan.qr_code();
            lan_url = Some(lan.url.as_str().into());
            listener = listener.with_tls(lan.acceptor);
        }
        let (config, readiness) = (Arc::new(config), Readiness::default());
        let app = AppState { config, metrics, readiness, connections, lan_url, signalling: None, programs: None };
        Ok(Server { listener, app, address, qr_code })
    }

    pub fn config(&self) -> &Arc<Config> {
        &self.app.config
    }

    pub fn metrics(&self) -> &Metrics {
        &self.app.metrics
    }

    pub fn readiness(&self) -> &Readiness {
        &self.app.readiness
    }

    /// Open connections, with the means to end them.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.app.connections
    }

    /// Where it listens, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to tell whoever started the server: where the page is.
    pub fn greeting(&self) -> String {
        let host = if self.address.ip().is_unspecified() { "localhost".to_owned() } else { host(self.address) };
        let mut text = format!("Plenum {} is at http://{host}:{}", env!("CARGO_PKG_VERSION"), self.address.port());
        if let Some(url) = &self.app.config.http.public_url {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nPublic address: {url}");
        }
        if let Some(url) = &self.app.lan_url {
            let _ = write!(text, "\nOn this network: {url} (the browser warns once: the certificate is our own)");
        }
        if let Some(code) = &self.qr_code {
            let _ = write!(text, "\n{code}");
        }
        text
    }

    /// Serves until `shutdown`, then drains. `signalling` is made by [`super::signalling`], `programs` by
    /// [`super::whip::router`].
    pub async fn serve(self, signalling: Router, programs: Router, shutdown: CancellationToken) {
        let app = AppState { signalling: Some(signalling), programs: Some(programs), ..self.app };
        serve(self.listener, router(app), shutdown).await;
    }
}

fn host(address: SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}

/// Where state is kept: as configured, else where the XDG base directory specification puts it.
fn state_dir(configured: Option<PathBuf>) -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".local/state"));
    configured.or_else(|| set("XDG_STATE_HOME").or_else(home).map(|dir| dir.join("plenum"))).unwrap_or_else(|| {
        warn!("no home directory; the certificate is kept in the working directory");
        PathBuf::from(".plenum")
    })
}
