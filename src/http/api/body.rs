//! Bodies of the administration: JSON in, with errors that name the field.

use axum::body::{Body, to_bytes};
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

/// Longest body in bytes; that of application data, which members get as one message.
const MAX_BODY: usize = 512 * 1024;

/// Reads a JSON body; an empty one reads as `{}`.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let problem = format!("the body did not arrive whole, or exceeds {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
    })?;
    let text = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
    let mut json = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let problem = match error.path().to_string().as_str() {
            "." => error.inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        };
        Problem::new(StatusCode::BAD_REQUEST, problem)
    })
}
