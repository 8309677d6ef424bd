//! A member that is a program: one request to come in (WHIP, RFC 9725; WHEP, draft-ietf-wish-whep), one to leave.

use std::net::IpAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;

use super::LoadError;
use super::http::{Answer, Asked, Http, Target};
use super::plan::{Entrance, Part};

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session with the server.
pub(super) struct Program {
    target: Target,
    from: Option<IpAddr>,
    token: Option<String>,
    /// Its address, whose secret ends it.
    session: String,
}

impl Program {
    /// Comes into `room`; the answer to `offer` beside.
    pub(super) async fn enter(
        target: &Target,
        from: Option<IpAddr>,
        token: Option<&str>,
        room: &str,
        part: &Part,
        offer: String,
    ) -> Result<(Program, String), LoadError> {
        let (event, path) = match &part.entrance {
            Entrance::Whep { member } => {
                let member = member.as_ref().map_or(String::new(), |name| format!("&member={}", escaped(name)));
                ("WHEP", format!("/whep/{}?name={}{member}", escaped(room), escaped(&part.name)))
            }
            Entrance::Whip | Entrance::Page => {
                ("WHIP", format!("/whip/{}?name={}", escaped(room), escaped(&part.name)))
            }
        };
        let asked = Asked { method: Method::POST, path: &path, mime: "application/sdp", token, body: offer };
        let answer = ask(target, from, event, asked).await?;
        match answer {
            Answer { status: StatusCode::CREATED, location: Some(session), body } => {
                let program = Program { target: target.clone(), from, token: token.map(str::to_owned), session };
                Ok((program, body))
            }
            answer => Err(refused(event, &answer)),
        }
    }

    /// Leaves. Whether the server says goodbye matters to nobody.
    pub(super) async fn leave(self) {
        let asked = Asked {
            method: Method::DELETE,
            path: &self.session,
            mime: "application/sdp",
            token: self.token.as_deref(),
            body: String::new(),
        };
        let _ = ask(&self.target, self.from, "DELETE", asked).await;
    }
}

/// One request over a connection of its own.
async fn ask(
    target: &Target,
    from: Option<IpAddr>,
    event: &'static str,
    asked: Asked<'_>,
) -> Result<Answer, LoadError> {
    let answered = async { Http::open(target, from).await?.send(asked).await };
    let silent = |_| LoadError::Silent { event, seconds: PATIENCE.as_secs() };
    tokio::time::timeout(PATIENCE, answered).await.map_err(silent)?
}

/// What a problem (RFC 9457) says.
fn refused(event: &'static str, answer: &Answer) -> LoadError {
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    LoadError::Refused {
        event,
        code: text("code").unwrap_or_else(|| answer.status.as_u16().to_string()),
        message: text("detail").unwrap_or_else(|| "without saying why; is this the address of Plenum?".to_owned()),
    }
}

/// Percent-encoded for a path's segment or a query's value (RFC 3986 §2).
fn escaped(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    };
    text.bytes().map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooms_name_is_one_segment_of_a_path() {
        assert_eq!(escaped("team a/b?ü"), "team%20a%2Fb%3F%C3%BC");
    }
}
