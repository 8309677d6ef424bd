//! The command line of `plenum token`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::access::{Claims, Role, RoomPattern, TrackKind};

/// Who shall be let in, and what it may do there.
#[derive(Args, Clone, PartialEq, Debug)]
pub struct TokenFlags {
    /// Room, or a pattern in which * stands for any characters: team-*.
    #[arg(long, value_name = "ROOM", required_unless_present = "admin")]
    room: Option<RoomPattern>,

    /// What the bearer is at first; member unless given, or host with --moderate.
    #[arg(long, value_enum)]
    role: Option<Role>,

    /// What it may publish: microphone, camera, screen, screenAudio, or none; all unless given.
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = kind)]
    publish: Option<Vec<Option<TrackKind>>>,

    /// Whether it is sent others' pictures and voices; true unless given.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    subscribe: Option<bool>,

    /// Whether it may chat; true unless given.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    chat: Option<bool>,

    /// Whether it may be host; true for --role=host, else false.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    moderate: Option<bool>,

    /// Nobody sees it, and it only watches.
    #[arg(long)]
    hidden: bool,

    /// It may record.
    #[arg(long)]
    record: bool,

    /// It may use the REST administration.
    #[arg(long)]
    admin: bool,

    /// Display name, which the bearer then cannot change.
    #[arg(long)]
    name: Option<String>,

    /// JSON of at most 1 KiB that everybody in the room is told of the bearer.
    #[arg(long, value_name = "JSON", value_parser = json)]
    metadata: Option<Value>,

    /// Who the bearer is to you; bans hold on to it.
    #[arg(long, value_name = "SUBJECT")]
    sub: Option<String>,

    /// How long one may enter with it: 90s, 30m, 6h, 7d.
    #[arg(long = "for", value_name = "TIME", value_parser = time, default_value = "6h")]
    lasts: Duration,
}

impl TokenFlags {
    /// The token's payload, which holds from now on.
    pub fn claims(self) -> Claims {
        Claims {
            room: self.room,
            role: self.role,
            publish: self.publish.map(|kinds| kinds.into_iter().flatten().collect()),
            subscribe: self.subscribe,
            chat: self.chat,
            moderate: self.moderate,
            hidden: self.hidden,
            record: self.record,
            admin: self.admin,
            name: self.name,
            metadata: self.metadata,
            sub: self.sub,
            ..Claims::lasting(self.lasts)
        }
    }
}

/// A kind, or `None` for the word that stands for none of them.
fn kind(text: &str) -> Result<Option<TrackKind>, String> {
    if text == "none" {
        return Ok(None);
    }
    let kind = TrackKind::ALL.into_iter().find(|kind| kind.name() == text);
    kind.map(Some).ok_or_else(|| "not one of microphone, camera, screen, screenAudio, none".to_owned())
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

fn time(text: &str) -> Result<Duration, String> {
    let unit = |seconds: u64| {
        let number = text.get(..text.len() - 1).and_then(|number| number.parse::<u64>().ok());
        number.and_then(|number| number.checked_mul(seconds)).filter(|seconds| *seconds > 0).map(Duration::from_secs)
    };
    let time = match text.chars().last() {
        Some('s') => unit(1),
        Some('m') => unit(60),
        Some('h') => unit(3600),
        Some('d') => unit(86_400),
        _ => None,
    };
    time.ok_or_else(|| "not a time such as 90s, 30m, 6h or 7d".to_owned())
}
