//! Rooms and their members.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Administration, body};
use crate::access::{KindSet, Role, Rules};
use crate::http::problem::Problem;
use crate::id::{MemberId, RoomId};
use crate::room::{Announcement, Handle, Moderation, RoomReport};
use crate::signal::protocol::{
    Allow, AppDelivered, ChangeRole, End, ErrorBody, ErrorCode, Mute, Payload, Remove, RoomFacts, Settings,
};

/// How long a room that was created may stay empty, in seconds.
const KEPT: std::ops::RangeInclusive<u64> = 1..=86_400;
/// The same when the request does not say.
const KEPT_DEFAULT: u64 = 300;
/// Longest name of application data, as for members.
const EVENT_CHARS: usize = 64;

#[derive(Serialize)]
pub(super) struct RoomList {
    rooms: Vec<RoomSummary>,
}

#[derive(Serialize)]
struct RoomSummary {
    id: RoomId,
    #[serde(flatten)]
    facts: RoomFacts,
    /// Hidden ones included.
    members: usize,
}

pub(super) async fn list(State(state): State<Administration>) -> Json<RoomList> {
    let mut rooms = Vec::new();
    for (_, handle) in state.rooms.open_rooms() {
        // One that has closed meanwhile is none any more.
        if let Some(RoomReport { id, facts, members }) = handle.report().await {
            rooms.push(RoomSummary { id, facts, members: members.len() });
        }
    }
    Json(RoomList { rooms })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    id: RoomId,
    #[serde(default)]
    listed: Option<bool>,
    #[serde(default)]
    locked: Option<bool>,
    #[serde(default)]
    waiting_room: Option<bool>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    rules: Option<Rules>,
    #[serde(default)]
    keep_seconds: Option<u64>,
}

pub(super) async fn create(State(state): State<Administration>, text: Body) -> Result<Response, Problem> {
    let create: Create = body::read(text).await?;
    let keep = create.keep_seconds.unwrap_or(KEPT_DEFAULT);
    if !KEPT.contains(&keep) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "keepSeconds: 1 to 86400"));
    }
    let Create { listed, locked, waiting_room, password, rules, .. } = create;
    let settings = Settings { listed, locked, waiting_room, password, rules };
    let is_new = state.rooms.create(&create.id, settings, Duration::from_secs(keep)).await.map_err(refused)?;
    let report = report(&state, &create.id).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(report)).into_response())
}

pub(super) async fn show(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
) -> Result<Json<RoomReport>, Problem> {
    report(&state, &room).await.map(Json)
}

pub(super) async fn change(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
    text: Body,
) -> Result<Json<RoomReport>, Problem> {
    let settings: Settings = body::read(text).await?;
    moderate(&state, &room, Moderation::Settings(settings)).await?;
    report(&state, &room).await.map(Json)
}

pub(super) async fn end(State(state): State<Administration>, Path(room): Path<RoomId>) -> Result<StatusCode, Problem> {
    moderate(&state, &room, Moderation::End(End {})).await
}

pub(super) async fn members(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Members<T> {
        members: T,
    }
    let RoomReport { members, .. } = report(&state, &room).await?;
    Ok(Json(Members { members }).into_response())
}

pub(super) async fn member(
    State(state): State<Administration>,
    Path((room, id)): Path<(RoomId, MemberId)>,
) -> Result<Response, Problem> {
    let report = report(&state, &room).await?;
    let member = report.members.into_iter().find(|report| report.member.id == id);
    let missing = || Problem::of(ErrorBody::new(ErrorCode::NoSuchMember, "no such member"), StatusCode::BAD_REQUEST);
    member.map(|member| Json(member).into_response()).ok_or_else(missing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    #[serde(default)]
    ban: bool,
}

pub(super) async fn remove(
    State(state): State<Administration>,
    Path((room, member)): Path<(RoomId, MemberId)>,
    text: Body,
) -> Result<StatusCode, Problem> {
    let Removal { ban } = body::read(text).await?;
    moderate(&state, &room, Moderation::Remove(Remove { member, ban })).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Role,
}

pub(super) async fn role(
    State(state): State<Administration>,
    Path((room, member)): Path<(RoomId, MemberId)>,
    text: Body,
) -> Result<StatusCode, Problem> {
    let NewRole { role } = body::read(text).await?;
    moderate(&state, &room, Moderation::Role(ChangeRole { member, role })).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Muting {
    /// Everybody but hosts when absent.
    #[serde(default)]
    member: Option<MemberId>,
    kinds: KindSet,
    #[serde(default)]
    forbid: bool,
}

pub(super) async fn mute(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
    text: Body,
) -> Result<StatusCode, Problem> {
    let Muting { member, kinds, forbid } = body::read(text).await?;
    moderate(&state, &room, Moderation::Mute(Mute { member, kinds, forbid })).await
}

pub(super) async fn allow(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
    text: Body,
) -> Result<StatusCode, Problem> {
    let allow: Allow = body::read(text).await?;
    moderate(&state, &room, Moderation::Allow(allow)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    #[serde(default)]
    to: Option<MemberId>,
    event: String,
    #[serde(default)]
    args: Vec<Payload>,
}

pub(super) async fn data(
    State(state): State<Administration>,
    Path(room): Path<RoomId>,
    text: Body,
) -> Result<Json<AppDelivered>, Problem> {
    let Data { to, event, args } = body::read(text).await?;
    if event.is_empty() || event.chars().count() > EVENT_CHARS {
        return Err(Problem::new(StatusCode::BAD_REQUEST, format!("event: 1 to {EVENT_CHARS} characters")));
    }
    let delivered = find(&state, &room)?.announce(Announcement { to, event, args }).await;
    delivered.map(Json).map_err(refused)
}

fn find(state: &Administration, room: &RoomId) -> Result<Handle, Problem> {
    state.rooms.find(room).ok_or_else(no_room)
}

async fn report(state: &Administration, room: &RoomId) -> Result<RoomReport, Problem> {
    find(state, room)?.report().await.ok_or_else(no_room)
}

async fn moderate(state: &Administration, room: &RoomId, moderation: Moderation) -> Result<StatusCode, Problem> {
    find(state, room)?.administer(moderation).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_room() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such room; POST /api/v1/rooms makes one")
}

fn refused(error: ErrorBody) -> Problem {
    Problem::of(error, StatusCode::BAD_REQUEST)
}
