//! Headers that keep a page from being used against the people on it.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// On every answer.
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // A room's address is its key: other sites must not learn it from a link.
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// What the page may ask the browser for, and nothing else of that kind.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), fullscreen=(self), \
     picture-in-picture=(self), screen-wake-lock=(self), autoplay=(self), geolocation=(), payment=(), usb=()",
);

/// Adds them to an answer. `host` is how the browser names us; `framers` are the pages that may embed ours.
pub(super) fn protect(headers: &mut HeaderMap, host: Option<&str>, framers: &str) {
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|mime| mime.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return;
    }
    headers.insert("permissions-policy", PERMISSIONS);
    if let Ok(policy) = HeaderValue::from_str(&content_policy(host, framers)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Only our own code, and connections only to ourselves. Styles may stand in attributes: tiles are placed by them.
fn content_policy(host: Option<&str>, framers: &str) -> String {
    // Older Safari does not count websockets to one's own host as 'self'.
    let sockets = match host.filter(|host| host.parse::<http::uri::Authority>().is_ok()) {
        Some(host) => format!(" ws://{host} wss://{host}"),
        None => String::new(),
    };
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'{sockets}; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'self'{framers}"
    )
}
