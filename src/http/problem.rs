//! How programs are told what went wrong: problem details (RFC 9457) with a sentence that says what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::signal::protocol::{ErrorBody, ErrorCode};

/// The media type of problem details.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// When to come back to a room that is full or busy, or to a server that is going down, in seconds.
const BUSY: u32 = 5;

/// An answer that says what was wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// The contract's code where signalling has one.
    code: Option<ErrorCode>,
    detail: String,
    /// A header beside those of every problem.
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Details<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<ErrorCode>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, code: None, detail: detail.into(), header: None }
    }

    /// The same, to be tried again after so many seconds.
    pub(super) fn after(self, seconds: u32) -> Problem {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same with a header.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Problem {
        Problem { header: Some((name, value)), ..self }
    }

    /// What a room answered, with `bad_sdp` as the status of an offer that cannot be answered.
    pub(super) fn of(error: ErrorBody, bad_sdp: StatusCode) -> Problem {
        let status = match error.code {
            ErrorCode::BadSdp => bad_sdp,
            ErrorCode::RoomFull | ErrorCode::Overloaded | ErrorCode::Draining => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::NoSuchMember | ErrorCode::NotJoined => StatusCode::NOT_FOUND,
            ErrorCode::TokenRequired | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
            ErrorCode::BadToken
            | ErrorCode::Forbidden
            | ErrorCode::PasswordRequired
            | ErrorCode::WrongPassword
            | ErrorCode::Locked
            | ErrorCode::Waiting
            | ErrorCode::Denied
            | ErrorCode::Banned => StatusCode::FORBIDDEN,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let problem = Problem { code: Some(error.code), ..Problem::new(status, error.message) };
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => problem.after(BUSY),
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let details = Details { title, status: self.status.as_u16(), detail: &self.detail, code: self.code };
        let mut response = (self.status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}
