//! What the page asks about the server before it does anything, and what a load balancer asks.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Extensions, StatusCode};
use serde::Serialize;

use super::{AppState, Client};
use crate::metrics;

/// The answer to `GET /api/info`.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    name: &'static str,
    version: &'static str,
    /// Whether the browser's connection is encrypted. Off localhost a browser gives no camera without it.
    secure: bool,
    /// Where to go instead when this page has no camera for want of HTTPS.
    secure_url: Option<&'a str>,
    /// The address for other devices in the local network, when `lan` is on.
    lan_url: Option<&'a str>,
    /// For people: what to do when the page is insecure and there is no `secure_url`.
    insecure_hint: Option<&'static str>,
}

const HINT: &str = "Open this page over https or on localhost: a browser gives no camera or microphone to plain http. \
                    In a local network, start Plenum with --lan.";

pub(super) async fn info(State(app): State<AppState>, extensions: Extensions) -> Response {
    let secure = extensions.get::<Client>().is_some_and(|client| client.secure);
    let public = app.config.http.public_url.as_deref().filter(|url| url.starts_with("https://"));
    let secure_url = public.or(app.lan_url.as_deref());
    let info = Info {
        name: "plenum",
        version: env!("CARGO_PKG_VERSION"),
        secure,
        secure_url,
        lan_url: app.lan_url.as_deref(),
        insecure_hint: (!secure && secure_url.is_none()).then_some(HINT),
    };
    ([(CACHE_CONTROL, "no-store")], Json(info)).into_response()
}

/// Alive: the process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready for new members.
pub(super) async fn readyz(State(app): State<AppState>) -> Response {
    match app.readiness.problem() {
        None => "ready\n".into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
}

pub(super) async fn metrics(State(app): State<AppState>) -> Response {
    match app.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
