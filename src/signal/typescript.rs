//! The contract in TypeScript, rendered from `protocol`. Owns the list of events with their payloads and replies.

use std::fmt::Write;

use ts_rs::{Config, TS};

use super::protocol::*;
use crate::id::{MemberId, RoomId, SourceId};

const HEAD: &str = "// Generated from src/signal/protocol/; do not edit.
// To write it anew: PLENUM_WRITE_TYPES=1 cargo test --lib the_generated_types_are_up_to_date
";

const REPLY: &str = "/** How every request is acknowledged. */
export type Reply<T = Empty> = ({ ok: true } & T) | { ok: false; error: ErrorBody };

/** A reply that says no more than that it is done. */
export type Empty = Record<never, never>;
";

/// Request, payload, fields of its acknowledgement beside `ok`.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("join", "Join", "Joined"),
    ("leave", "Leave", "Empty"),
    ("snapshot", "Snapshot", "SnapshotReply"),
    ("offer", "Offer", "Answer"),
    ("media", "Media", "Empty"),
    ("wishes", "Wishes", "Empty"),
    ("viewing", "Viewing", "Empty"),
    ("rename", "Rename", "Empty"),
    ("hand", "Hand", "Empty"),
    ("react", "React", "Empty"),
    ("chat", "ChatSend", "ChatSent"),
    ("settings", "Settings", "Empty"),
    ("role", "ChangeRole", "Empty"),
    ("mute", "Mute", "Empty"),
    ("allow", "Allow", "Empty"),
    ("remove", "Remove", "Empty"),
    ("end", "End", "Empty"),
    ("admit", "Admit", "Empty"),
    ("deny", "Deny", "Empty"),
    ("lobby", "Lobby", "LobbyReply"),
    ("app", "App", "AppReply | AppDelivered"),
];

/// Push, payload.
const PUSHES: &[(&str, &str)] = &[
    ("room", "RoomDiff"),
    ("seats", "Seats"),
    ("paused", "Paused"),
    ("quality", "Quality"),
    ("trouble", "MemberTrouble"),
    ("layers", "Layers"),
    ("codecs", "Codecs"),
    ("speakers", "Speakers"),
    ("chat", "ChatLine"),
    ("reactions", "Reactions"),
    ("permissions", "Permissions"),
    ("muted", "Muted"),
    ("waiting", "Waiting"),
    ("knocks", "Knocks"),
    ("rooms", "RoomsDiff"),
    ("connection", "Connection"),
    ("farewell", "Farewell"),
];

/// The whole file `web/src/lib/client/protocol.gen.ts`.
pub fn render() -> String {
    let mut file = format!("{HEAD}\n/** Version of this contract. */\nexport const PROTOCOL = {PROTOCOL};\n\n{REPLY}");
    render_types(&mut file);
    render_events(&mut file);
    file
}

fn render_types(file: &mut String) {
    // Integers on the wire are JSON numbers, and none of ours goes beyond 2⁵³.
    let config = Config::new().with_large_int("number");
    macro_rules! types {
        ($($name:ty),* $(,)?) => {$({
            let docs = <$name as TS>::docs().unwrap_or_default();
            let _ = write!(file, "\n{docs}export {}\n", <$name as TS>::decl(&config));
        })*};
    }
    types![
        MemberId,
        RoomId,
        SourceId,
        Auth,
        ErrorBody,
        ErrorCode,
        Join,
        Joined,
        Limits,
        Role,
        TrackKind,
        Rules,
        Permissions,
        RoomFacts,
        RoomSnapshot,
        Member,
        Presence,
        Source,
        Leave,
        Snapshot,
        SnapshotReply,
        Offer,
        Answer,
        Media,
        Wishes,
        Wish,
        WishSize,
        Viewing,
        Rename,
        Hand,
        React,
        Settings,
        ChangeRole,
        Mute,
        Allow,
        Remove,
        End,
        Admit,
        Deny,
        ChatSend,
        ChatSent,
        App,
        AppReply,
        AppDelivered,
        Lobby,
        LobbyReply,
        PublicRoom,
        RoomDiff,
        Change,
        LeaveReason,
        Seats,
        Paused,
        PausedSource,
        Quality,
        SourceQuality,
        Trouble,
        CodecName,
        MemberTrouble,
        Layers,
        Codecs,
        PictureLayer,
        Speakers,
        Speaker,
        ChatLine,
        Reactions,
        Reaction,
        Muted,
        Waiting,
        WaitingState,
        Knocks,
        Knock,
        AppPush,
        RoomsDiff,
        Connection,
        ConnectionPhase,
        Farewell,
        FarewellReason,
        Payload,
    ];
}

fn render_events(file: &mut String) {
    let _ = write!(file, "\n/** Requests, each acknowledged. */\nexport interface ClientToServerEvents {{\n");
    for (event, payload, reply) in REQUESTS {
        let reply = if *reply == "Empty" { "Reply".to_owned() } else { format!("Reply<{reply}>") };
        let _ = writeln!(file, "  {event}: (payload: {payload}, acknowledge: (reply: {reply}) => void) => void;");
    }
    let _ = write!(file, "}}\n\n/** Pushes. */\nexport interface ServerToClientEvents {{\n");
    for (event, payload) in PUSHES {
        let _ = writeln!(file, "  {event}: (payload: {payload}) => void;");
    }
    let _ = write!(file, "  app: (payload: AppPush, acknowledge: (reply?: Payload) => void) => void;\n}}\n");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ts_rs::{Config, TS};

    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/signalling.md");

    /// What stands in double quotes in a type's TypeScript: the words that it has on the wire.
    fn words<T: TS>() -> Vec<String> {
        let declaration = T::decl(&Config::new());
        let words: Vec<String> = declaration.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!words.is_empty(), "no words in {declaration}");
        words
    }

    /// The part of the document below a heading, up to the next one of the same level.
    fn section(heading: &str) -> &'static str {
        let (_, rest) = DOCUMENT.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
        rest.split("\n## ").next().unwrap_or_default()
    }

    #[test]
    fn every_event_has_its_heading_in_the_document() {
        let requests = section("Requests");
        for (event, ..) in REQUESTS {
            assert!(requests.contains(&format!("### `{event}`\n")), "the request {event} is not documented");
        }
        let pushes = section("Pushes");
        for event in PUSHES.iter().map(|(event, _)| *event).chain(["app"]) {
            assert!(pushes.contains(&format!("### `{event}`\n")), "the push {event} is not documented");
        }
    }

    #[test]
    fn the_document_has_no_event_that_the_protocol_has_not() {
        let known = |event: &str, pushes: bool| match pushes {
            true => event == "app" || PUSHES.iter().any(|(push, _)| *push == event),
            false => REQUESTS.iter().any(|(request, ..)| *request == event),
        };
        for (heading, pushes) in [("Requests", false), ("Pushes", true)] {
            let titles = section(heading).lines().filter_map(|line| line.strip_prefix("### `"));
            for event in titles.map(|title| title.trim_end_matches('`')) {
                assert!(known(event, pushes), "{heading}: {event} is gone");
            }
        }
    }

    #[test]
    fn every_error_code_has_its_row_in_the_document() {
        let errors = section("Errors");
        for code in words::<ErrorCode>() {
            assert!(errors.contains(&format!("\n| `{code}` | ")), "the error code {code} is not documented");
        }
    }

    #[test]
    fn every_state_and_reason_is_in_the_document() {
        let all = [
            words::<Presence>(),
            words::<LeaveReason>(),
            words::<ConnectionPhase>(),
            words::<FarewellReason>(),
            words::<WaitingState>(),
            words::<Role>(),
            words::<TrackKind>(),
        ];
        for word in all.concat() {
            let written = [format!("`{word}`"), format!("`\"{word}\"`")];
            assert!(written.iter().any(|text| DOCUMENT.contains(text)), "{word} is not documented");
        }
    }

    #[test]
    fn the_version_in_the_document_is_ours() {
        assert!(DOCUMENT.contains(&format!("`{{\"protocol\": {PROTOCOL}}}`")));
    }

    #[test]
    fn the_generated_types_are_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src/lib/client/protocol.gen.ts");
        let fresh = super::render();
        if std::env::var_os("PLENUM_WRITE_TYPES").is_some() {
            std::fs::create_dir_all(path.parent().expect("the path has a folder")).expect("the folder can be made");
            std::fs::write(&path, &fresh).expect("the file can be written");
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == fresh, "run: PLENUM_WRITE_TYPES=1 cargo test --lib the_generated_types_are_up_to_date");
    }
}
