//! REST administration below `/api/v1`, for holders of an access token with the grant `admin`. `openapi.json` describes it.

mod body;
mod log;
mod rooms;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::bearer;
use super::problem::Problem;
use crate::access::Access;
use crate::room::Rooms;

/// The OpenAPI 3.1 document.
const OPENAPI: &str = include_str!("openapi.json");

/// What can be done to the process beside its rooms.
pub trait Process: Send + Sync + 'static {
    /// Begins to stop: nobody new enters, members are told, the process ends.
    fn drain(&self);
    /// What is logged.
    fn log_level(&self) -> String;
    /// Logs at that level, or by that filter, from now on.
    ///
    /// # Errors
    ///
    /// It is no level and no filter; the text says why.
    fn set_log_level(&self, level: &str) -> Result<(), String>;
}

#[derive(Clone)]
struct Administration {
    rooms: Rooms,
    access: Arc<Access>,
    process: Arc<dyn Process>,
}

/// The routes of the administration.
pub fn router(rooms: Rooms, access: Arc<Access>, process: Arc<dyn Process>) -> Router {
    let state = Administration { rooms, access, process };
    let guarded = Router::new()
        .route("/api/v1/rooms", get(rooms::list).post(rooms::create))
        .route("/api/v1/rooms/{room}", get(rooms::show).patch(rooms::change).delete(rooms::end))
        .route("/api/v1/rooms/{room}/members", get(rooms::members))
        .route("/api/v1/rooms/{room}/members/{member}", get(rooms::member).delete(rooms::remove))
        .route("/api/v1/rooms/{room}/members/{member}/role", put(rooms::role))
        .route("/api/v1/rooms/{room}/mute", post(rooms::mute))
        .route("/api/v1/rooms/{room}/allow", post(rooms::allow))
        .route("/api/v1/rooms/{room}/data", post(rooms::data))
        .route("/api/v1/drain", post(drain))
        .route("/api/v1/log", get(log::show).put(log::set))
        .layer(from_fn_with_state(state.clone(), check));
    guarded.route("/api/v1/openapi.json", get(openapi)).with_state(state)
}

async fn check(State(state): State<Administration>, request: Request, next: Next) -> Response {
    if let Err(problem) = bearer::administrator(&state.access, request.headers()) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allow = response.headers_mut().remove(http::header::ALLOW);
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "that address does not take that method");
        return match allow {
            Some(allow) => problem.with(http::header::ALLOW, allow).into_response(),
            None => problem.into_response(),
        };
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn drain(State(state): State<Administration>) -> StatusCode {
    state.process.drain();
    StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn the_document_names_every_address_and_method_and_no_other() {
        let document: Value = serde_json::from_str(super::OPENAPI).unwrap();
        let source = include_str!("mod.rs");
        let mut routed: Vec<String> = Vec::new();
        for line in source.lines().filter(|line| line.trim().starts_with(".route(\"/api")) {
            let path = line.split('"').nth(1).unwrap();
            let methods = ["get", "post", "put", "patch", "delete"];
            let used = methods.iter().filter(|method| line.contains(&format!("{method}(")));
            routed.extend(used.map(|method| format!("{method} {path}")));
        }
        let mut described: Vec<String> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let operations = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(operations.map(|method| format!("{method} {path}")));
        }
        described.push("get /api/v1/openapi.json".to_owned());
        routed.sort();
        described.sort();
        described.dedup();
        // The document's own address stands behind the other routes.
        routed.push("get /api/v1/openapi.json".to_owned());
        routed.sort();
        routed.dedup();
        assert_eq!(routed, described);
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], "1");
    }
}
