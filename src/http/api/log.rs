//! What is logged.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Administration, body};
use crate::http::problem::Problem;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    /// A level, or a filter such as `info,plenum::signal=debug`.
    level: String,
}

pub(super) async fn show(State(state): State<Administration>) -> Json<Log> {
    Json(Log { level: state.process.log_level() })
}

pub(super) async fn set(State(state): State<Administration>, text: Body) -> Result<Json<Log>, Problem> {
    let log: Log = body::read(text).await?;
    let bad = |problem| Problem::new(StatusCode::BAD_REQUEST, format!("level: {problem}"));
    state.process.set_log_level(&log.level).map_err(bad)?;
    Ok(Json(log))
}
