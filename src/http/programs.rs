//! What requests of programs pass that signalling's do not: pages of other origins must be allowed, and are told which
//! headers they may read.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tower_http::timeout::TimeoutBody;

use super::Client;
use super::origin::OriginPolicy;
use super::problem::Problem;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const ASKED: HeaderValue = HeaderValue::from_static("authorization, content-type, if-match");
const TOLD: HeaderValue = HeaderValue::from_static("location, etag, link, accept-patch, retry-after");
/// Between two pieces of a request's body. A peer slower than this holds a task for nothing.
pub(super) const BODY_PAUSE: Duration = Duration::from_secs(10);
/// How long a browser need not ask again, in seconds: ten minutes, the most that Chromium honours is two hours.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// `programs` behind the rules of CORS.
pub(super) fn guarded(programs: Router, policy: OriginPolicy) -> Router {
    programs.layer(from_fn_with_state(policy, check))
}

async fn check(State(policy): State<OriginPolicy>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let client = request.extensions().get::<Client>();
    if !client.is_some_and(|client| policy.allows(request.headers(), client)) {
        let problem = "a page of that origin may not ask this: add it to http.allowed_origins";
        return Problem::new(StatusCode::FORBIDDEN, problem).into_response();
    }
    let mut response = if request.method() == Method::OPTIONS {
        options(request.uri().path())
    } else {
        next.run(request.map(|body| Body::new(TimeoutBody::new(BODY_PAUSE, body)))).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, TOLD);
    }
    response
}

/// Answers `OPTIONS`, whether a browser's preflight or a program's question.
fn options(path: &str) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ASKED);
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    if path.starts_with("/whip/") || path.starts_with("/whep/") {
        // RFC 9725 §4.2.
        headers.insert(HeaderName::from_static("accept-post"), HeaderValue::from_static("application/sdp"));
    }
    response
}
