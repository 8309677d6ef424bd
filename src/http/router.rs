//! Which address leads where, and what every request passes on its way.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, get_service};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tower::Service;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::services::ServeDir;
use tower_http::timeout::TimeoutBody;

use super::origin::OriginPolicy;
use super::programs::BODY_PAUSE;
use super::{Client, Connection, Connections, assets, headers, info, programs};
use crate::config::Config;
use crate::metrics::Metrics;

/// What the routes need. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub connections: Arc<Connections>,
    /// The HTTPS address for other devices in the local network, when `lan` is on.
    pub lan_url: Option<Arc<str>>,
    /// Made by [`signalling`]; `None` = this server has no Socket.IO.
    pub signalling: Option<Router>,
    /// What programs are answered over plain HTTP, such as [`super::whip`]; `None` = nothing.
    pub programs: Option<Router>,
}

/// Whether new members are welcome. Cheap to clone; starts as not ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Everything is started.
    pub fn set_ready(&self) {
        // A drain that began during the start goes on.
        let _ = self.0.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// No new members from now on.
    pub fn set_draining(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) == DRAINING
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            READY => None,
            DRAINING => Some("draining"),
            _ => Some("starting"),
        }
    }
}

/// Puts a Socket.IO service (`SocketIo::builder().build_svc().0`) where its clients look for it. It is a service and
/// not a layer, because socketioxide's layer captures every path below `/socket.io/`, its client library included.
pub fn signalling<S>(service: S) -> Router
where
    S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    Router::new().route_service("/socket.io/", service)
}

/// All routes. Every request gets a [`Client`] extension; the [`Connection`] extension comes from the listener.
pub fn router(app: AppState) -> Router {
    let mut routes = Router::new()
        .route("/", get(page))
        .route("/r/{*room}", get(page))
        .route("/healthz", get(info::healthz))
        .route("/readyz", get(info::readyz))
        .route("/metrics", get(info::metrics))
        .route("/api/info", get(info::info))
        .route("/socket.io/{file}", get(socket_io_client))
        .route("/admin/ui", get(admin_redirect))
        .route("/admin/ui/", get(admin_page))
        .route("/admin/ui/{*path}", get(admin_file))
        .fallback(file);
    if let Some(dir) = &app.config.http.public_dir {
        routes = routes.nest_service("/public", get_service(ServeDir::new(dir)));
    }
    let mut routes = routes.with_state(app.clone());
    if let Some(signalling) = app.signalling.clone() {
        routes = routes.merge(guarded(signalling, &app));
    }
    if let Some(programs) = app.programs.clone() {
        routes = routes.merge(programs::guarded(programs, OriginPolicy::new(&app.config.http, false)));
    }
    routes.layer(from_fn_with_state(Around::new(&app), around))
}

async fn page(method: Method, headers: HeaderMap) -> Response {
    assets::page(&method, &headers)
}

async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    assets::file(&method, &headers, uri.path().trim_start_matches('/'))
}

/// `/socket.io/socket.io.js` and its relatives: the client library, for pages that are not ours.
async fn socket_io_client(Path(name): Path<String>, method: Method, headers: HeaderMap) -> Response {
    assets::file(&method, &headers, &format!("socket.io/{name}"))
}

/// The page's own addresses are relative, and so need the slash.
async fn admin_redirect() -> Redirect {
    Redirect::permanent("/admin/ui/")
}

async fn admin_page(State(app): State<AppState>, method: Method, headers: HeaderMap) -> Response {
    admin_file(State(app), Path("index.html".to_owned()), method, headers).await
}

/// The official Socket.IO Admin UI, while it is on.
async fn admin_file(
    State(app): State<AppState>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if !app.config.admin.is_on() {
        return (StatusCode::NOT_FOUND, "The Admin UI is off: see admin.password_hash.\n").into_response();
    }
    assets::file(&method, &headers, &format!("admin/ui/{path}"))
}

/// What all requests pass.
#[derive(Clone)]
struct Around {
    config: Arc<Config>,
    /// Pages that may embed ours, each with a space before it, as the content policy wants them.
    framers: Arc<str>,
}

impl Around {
    fn new(app: &AppState) -> Around {
        let framers = app.config.http.allowed_origins.iter().map(|origin| format!(" {origin}")).collect::<String>();
        Around { config: app.config.clone(), framers: framers.into() }
    }
}

async fn around(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>();
    let proxies = &around.config.http.trusted_proxies;
    let client = Client::resolve(connection, request.uri(), request.headers(), proxies);
    let host = client.host.clone();
    request.extensions_mut().insert(client);
    let mut response = next.run(request).await;
    headers::protect(response.headers_mut(), host.as_deref(), &around.framers);
    response
}

/// Signalling behind the checks that Socket.IO does not do itself.
fn guarded(signalling: Router, app: &AppState) -> Router {
    let policy = OriginPolicy::new(&app.config.http, app.config.admin.is_on());
    let guard = Guard { policy, connections: app.connections.clone() };
    let policy = guard.policy.clone();
    let allowed = AllowOrigin::predicate(move |_, parts| {
        parts.extensions.get::<Client>().is_some_and(|client| policy.allows(&parts.headers, client))
    });
    let cors = CorsLayer::new()
        .allow_origin(allowed)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE]);
    signalling.layer(cors).layer(from_fn_with_state(guard, check))
}

#[derive(Clone)]
struct Guard {
    policy: OriginPolicy,
    connections: Arc<Connections>,
}

async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>();
    if !client.is_some_and(|client| guard.policy.allows(request.headers(), client)) {
        let problem = "This page may not connect: add its origin to http.allowed_origins.\n";
        return (StatusCode::FORBIDDEN, problem).into_response();
    }
    let sid = request.uri().query().and_then(session_id).map(str::to_owned);
    if sid.as_deref().is_some_and(|sid| guard.connections.is_killed(sid)) {
        // Engine.IO's own words for a session that it does not know (protocol v4, error code 1).
        let body = r#"{"code":1,"message":"Session ID unknown"}"#;
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], body).into_response();
    }
    let connection = request.extensions().get::<Connection>().cloned();
    let request = detached(request);
    let response = next.run(request.map(|body| Body::new(TimeoutBody::new(BODY_PAUSE, body)))).await;
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(sid), Some(connection)) = (response.status(), sid, connection) {
        guard.connections.upgraded(&sid, &connection);
    }
    response
}

/// `request` with an address and headers of its own. A session keeps those of its handshake for as long as it lives;
/// as they come, they are parts of the 8 KiB that the connection was read into, and keep all of it.
fn detached(mut request: Request) -> Request {
    if let Ok(uri) = request.uri().to_string().parse() {
        *request.uri_mut() = uri;
    }
    for value in request.headers_mut().values_mut() {
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = copy;
        }
    }
    request
}

/// The engine.io session that a query names.
fn session_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("sid="))
}
