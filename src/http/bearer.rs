//! Bearer tokens (RFC 6750) of programs, checked.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;
use crate::access::{Access, Pass};

/// What a request's token says; without one, what everybody may do where no token is required.
///
/// # Errors
///
/// 401 without a token where one is required, or with one that does not count.
pub(super) fn pass(access: &Access, headers: &HeaderMap) -> Result<Pass, Problem> {
    match token(headers) {
        Some(token) => access.verify(token).map_err(|error| unauthorised(format!("access token: {error}"))),
        None if access.is_required() => Err(unauthorised("send an access token: Authorization: Bearer …")),
        None => Ok(Pass::default()),
    }
}

/// The same for what only administrators may do: there the token is never left out.
pub(super) fn administrator(access: &Access, headers: &HeaderMap) -> Result<(), Problem> {
    let token = token(headers).ok_or_else(|| unauthorised("send an access token with the grant `admin`"))?;
    let pass = access.verify(token).map_err(|error| unauthorised(format!("access token: {error}")))?;
    if pass.grants.admin {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "the access token lacks the grant `admin`"))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorised(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
