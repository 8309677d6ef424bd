//! What programs ask over HTTP, and how they are answered.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::session::{Guest, Opened, Patched, Purpose, Sessions, Wire, acknowledgement, gone};
use crate::access::{Access, Action, Grants, Pass, Role, TrackKind};
use crate::config::IceServer;
use crate::http::problem::Problem;
use crate::http::{Client, bearer};
use crate::id::{MemberId, RoomId};
use crate::room::{Entry, LinkId, Named, Target};
use crate::sdp::{Fragment, MAX_OFFER, restart_fragment};
use crate::signal::protocol::{Joined, RoomSnapshot};
use crate::telemetry;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// When a player may ask again for a member that does not publish yet, in seconds.
const NOT_YET: u32 = 2;
/// When an address with too many sessions may ask again, in seconds.
const TOO_MANY: u32 = 5;

#[derive(Clone)]
struct Programs {
    sessions: Sessions,
    access: Arc<Access>,
    /// `Link` headers that name ICE servers.
    links: Vec<HeaderValue>,
}

/// The routes of WHIP and WHEP. `ice_servers` are told to programs that may need a relay.
pub fn router(sessions: Sessions, access: Arc<Access>, ice_servers: &[IceServer]) -> Router {
    let programs = Programs { sessions, access, links: ice_servers.iter().flat_map(links).collect() };
    Router::new()
        .route("/whip/{room}", post(publish).get(nothing))
        .route("/whep/{room}", post(play).get(nothing))
        .route("/whip/session/{id}", get(nothing).patch(patch).delete(delete))
        .route("/whep/session/{id}", get(nothing).patch(patch).delete(delete))
        .with_state(programs)
}

/// RFC 9725 §4.6: one `Link` for each address.
fn links(server: &IceServer) -> Vec<HeaderValue> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let secret = match (&server.username, &server.credential) {
        (Some(username), Some(credential)) => format!(
            "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
            quoted(username),
            quoted(credential)
        ),
        _ => String::new(),
    };
    let link = |url: &String| HeaderValue::from_str(&format!("<{url}>; rel=\"ice-server\"{secret}")).ok();
    server.urls.iter().filter_map(link).collect()
}

/// RFC 9725 §4.1: there is nothing to be got here, which is no error.
async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Publish {
    /// Display name.
    #[serde(default = "stream")]
    name: String,
    /// The room's.
    password: Option<String>,
}

fn stream() -> String {
    "Stream".to_owned()
}

#[derive(Deserialize)]
struct Play {
    /// Id or display name of the member to play; without it whoever publishes.
    member: Option<String>,
    #[serde(default)]
    source: Source,
    #[serde(default = "player")]
    name: String,
    password: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    #[default]
    Camera,
    Screen,
}

fn player() -> String {
    "Player".to_owned()
}

async fn publish(
    State(programs): State<Programs>,
    Path(room): Path<String>,
    Query(query): Query<Publish>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let pass = admitted(&programs.access, &headers, &room)?;
    if !TrackKind::ALL.into_iter().any(|kind| pass.grants.allow(Action::Publish(kind))) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the access token grants nothing to publish"));
    }
    let offer = read(&headers, SDP, body, MAX_OFFER).await?;
    if offer.trim().is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body is empty: send an SDP offer"));
    }
    let pass = Pass { grants: publisher(pass.grants), ..pass };
    on_its_own(async move {
        let (guest, _) = enter(&programs, room, query.name, query.password, pass, &client).await?;
        let opened = programs.sessions.open(guest, Purpose::Publish, offer).await;
        let opened = opened.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))?;
        Ok(created("whip", opened, &programs.links))
    })
    .await
}

async fn play(
    State(programs): State<Programs>,
    Path(room): Path<String>,
    Query(query): Query<Play>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let pass = admitted(&programs.access, &headers, &room)?;
    if !pass.grants.allow(Action::Subscribe) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the access token lacks the grant `subscribe`"));
    }
    let offer = read(&headers, SDP, body, MAX_OFFER).await?;
    if offer.trim().is_empty() {
        let problem = "the body is empty, and Plenum only answers: send an SDP offer with recvonly m-lines";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, problem));
    }
    if !programs.sessions.rooms().is_open(&RoomId(room.clone())) {
        return Err(not_yet("nobody is in that room yet"));
    }
    let screen = query.source == Source::Screen;
    let pass = Pass { grants: watcher(pass.grants), ..pass };
    on_its_own(async move {
        let (guest, joined) = enter(&programs, room, query.name, query.password, pass, &client).await?;
        let Some(member) = find(&joined, query.member.as_deref()) else {
            let (ack, left) = acknowledgement();
            guest.room.request(guest.link, crate::room::Request::Leave(Default::default(), ack)).await;
            let _ = left.await;
            return Err(match query.member {
                Some(name) => not_yet(format!("nobody of that id or name is in that room yet: {name}")),
                None => not_yet("nobody publishes in that room yet"),
            });
        };
        let opened = programs.sessions.open(guest, Purpose::Play(Target { member, screen }), offer).await;
        let opened = opened.map_err(|error| Problem::of(error, StatusCode::NOT_ACCEPTABLE))?;
        Ok(created("whep", opened, &programs.links))
    })
    .await
}

/// Does what must not stop half-way. A request ends when its program hangs up, and a member that had entered by then
/// would stay for ever; a session that nobody hears of ends as one that never connects.
async fn on_its_own<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "that failed for a reason of ours; try again");
    tokio::spawn(work).await.unwrap_or_else(|error| Err(failed(error)))
}

/// What the bearer of the request's token may do, if it may enter that room.
fn admitted(access: &Access, headers: &HeaderMap, room: &str) -> Result<Pass, Problem> {
    let pass = bearer::pass(access, headers)?;
    if pass.grants.room.matches(&room.nfc().collect::<String>()) {
        return Ok(pass);
    }
    Err(Problem::new(StatusCode::FORBIDDEN, format!("the access token is for another room: {}", pass.grants.room)))
}

fn not_yet(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, detail).after(NOT_YET)
}

/// Whom a player means. `None` when there is no such member, or nobody publishes.
fn find(joined: &Joined, member: Option<&str>) -> Option<Option<Named>> {
    let RoomSnapshot { members, .. } = &joined.room;
    let mut others = members.iter().filter(|other| other.id != joined.member);
    let Some(member) = member else {
        let live = others.any(|m| m.camera.audio || m.camera.video || m.screen.video);
        return live.then_some(None);
    };
    if others.clone().any(|other| other.id.0 == member) {
        return Some(Some(Named::Id(MemberId(member.to_owned()))));
    }
    others.any(|other| other.name == member).then(|| Some(Named::Name(member.to_owned())))
}

/// A program publishes and nothing else: it could not do what a host has to.
fn publisher(grants: Grants) -> Grants {
    Grants { role: Role::Member, moderate: false, chat: false, ..grants }
}

/// Nobody sees a player, and it says nothing.
fn watcher(grants: Grants) -> Grants {
    Grants { role: Role::Viewer, moderate: false, hidden: true, ..grants }
}

async fn enter(
    programs: &Programs,
    room: String,
    name: String,
    password: Option<String>,
    pass: Pass,
    client: &Client,
) -> Result<(Guest, Joined), Problem> {
    let Some(permit) = programs.sessions.permit(client.address) else {
        let problem = "your address has as many sessions as it may: end some, or see limits.connections_per_address";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, problem).after(TOO_MANY));
    };
    let (link, wire) = (LinkId::unique(), Wire::new());
    let (ack, joined) = acknowledgement();
    let ack = ack.spanning(telemetry::join());
    let entry = Entry {
        password,
        pass: Ok(Some(pass)),
        address: Some(client.address),
        // A player looks among them for the one that it plays.
        whole: true,
        ..Entry::new(link, wire.clone(), name, ack)
    };
    let handle = programs.sessions.rooms().enter(&RoomId(room), entry).await;
    let joined = joined.await.unwrap_or_else(|_| Err(gone()));
    match (handle, joined) {
        (Some(room), Ok(joined)) => Ok((Guest { room, link, wire, permit }, joined)),
        (handle, Err(error)) => {
            if let Some(handle) = handle {
                // It was put into the waiting room, where nobody who is admitted would hear of it.
                handle.lost(link).await;
            }
            Err(Problem::of(error, StatusCode::BAD_REQUEST))
        }
        (None, Ok(_)) => Err(Problem::of(gone(), StatusCode::BAD_REQUEST)),
    }
}

fn created(protocol: &str, opened: Opened, links: &[HeaderValue]) -> Response {
    let mut response = (StatusCode::CREATED, opened.answer).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        // Letters, digits and quotes.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(CONTENT_TYPE, SDP);
    // Relative, since only the program knows by which way it came (RFC 9110 §10.2.2).
    set(LOCATION, &format!("/{protocol}/session/{}", opened.id));
    set(ETAG, &opened.tag);
    set(ACCEPT_PATCH, FRAGMENT);
    set(CACHE_CONTROL, "no-store");
    for link in links {
        headers.append(LINK, link.clone());
    }
    response
}

async fn patch(
    State(programs): State<Programs>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let session = programs.sessions.find(&id).ok_or_else(no_session)?;
    // More than the longest fragment, which has an error of its own.
    let text = read(&headers, FRAGMENT, body, MAX_OFFER).await?;
    let Some(tags) = headers.get(IF_MATCH).and_then(|tags| tags.to_str().ok()) else {
        let problem = "If-Match is missing: send the ETag of the last answer, or * to restart ICE";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, problem));
    };
    let fragment = Fragment::parse(&text).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let matches = |tag: &str| tags.split(',').any(|one| matches!(one.trim(), one if one == "*" || one == tag));
    let patched = session.patch(matches, &fragment).await;
    match patched.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))? {
        Patched::Trickled => Ok(StatusCode::NO_CONTENT.into_response()),
        Patched::Restarted { tag, answer } => {
            let headers = [(CONTENT_TYPE, FRAGMENT.to_owned()), (ETAG, tag)];
            Ok((headers, restart_fragment(&answer)).into_response())
        }
        Patched::Outdated => {
            let problem = "the ETag in If-Match is not that of the present ICE session";
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, problem))
        }
    }
}

async fn delete(State(programs): State<Programs>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    if programs.sessions.close(&id).await { Ok(StatusCode::OK) } else { Err(no_session()) }
}

fn no_session() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such session, or it has ended: POST a new offer")
}

/// Reads a body of the media type `mime`.
async fn read(headers: &HeaderMap, mime: &'static str, body: Body, limit: usize) -> Result<String, Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(mime) {
        let problem = format!("Content-Type is `{given}` and must be {mime}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
    }
    let bytes = to_bytes(body, limit).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body did not arrive whole, or exceeds {limit} bytes"))
    })?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_though_its_program_hung_up() {
        let (done, end) = tokio::sync::oneshot::channel();
        let request = on_its_own(async move {
            tokio::task::yield_now().await;
            done.send(()).map_err(|()| not_yet("nobody waits"))
        });
        drop(tokio::time::timeout(std::time::Duration::ZERO, request).await);
        assert_eq!(end.await, Ok(()));
    }
}
