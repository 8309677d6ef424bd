//! WHIP and WHEP as HTTP sees them: sessions, entity tags, refusals. That media flows, `tests/python` shows.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{Answer, PATIENCE, Running, Scratch, run};

const OFFER: &str = include_str!("fixtures/sdp/obs_whip.sdp");
const PLAYER: &str = include_str!("fixtures/sdp/chromium_whep.sdp");
const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.header(name)
}

/// The address of a session that was opened.
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.header("location").expect("a session has an address").to_owned()
}

fn detail(answer: &Answer) -> String {
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{answer:?}");
    let details: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(details["status"], answer.status);
    details["detail"].as_str().expect("a sentence").to_owned()
}

/// A room closes in a moment after its last member has left.
fn no_room_is_left(server: &Running) {
    let deadline = Instant::now() + PATIENCE;
    while !server.get("/metrics").body.contains("plenum_rooms 0") {
        assert!(Instant::now() < deadline, "a room is left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn fragment(ufrag: &str, pwd: &str) -> String {
    format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
}

#[test]
fn a_session_is_opened_restarted_and_ended() {
    let scratch = Scratch::new();
    scratch.write(
        "plenum.toml",
        "[[media.ice_servers]]\nurls = [\"turn:t.example\"]\nusername = \"u\"\ncredential = \"c\"",
    );
    let server = Running::start(scratch.path(), &[]);
    let opened = server.ask("POST", "/whip/show?name=OBS", &[SDP], OFFER);
    let session = location(&opened);
    assert!(session.starts_with("/whip/session/"), "{session}");
    assert_eq!(header(&opened, "content-type"), Some("application/sdp"));
    assert_eq!(header(&opened, "accept-patch"), Some("application/trickle-ice-sdpfrag"));
    let link = "<turn:t.example>; rel=\"ice-server\"; username=\"u\"; credential=\"c\"; credential-type=\"password\"";
    assert_eq!(header(&opened, "link"), Some(link));
    assert!(opened.body.starts_with("v=0\r\n") && opened.body.contains("a=ice-lite\r\n"), "{}", opened.body);
    let metrics = server.get("/metrics").body;
    for line in ["plenum_rooms 1", "plenum_members 1", "plenum_sources{kind=\"camera\"} 1"] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    assert_eq!(server.get(&session).status, 204);
    assert_eq!(server.ask("PUT", &session, &[], "").status, 405);

    let tag = opened.header("etag").expect("a tag").to_owned();
    let (ours, theirs) = (fragment("nxcM", "ezjAjgSSLLvbRhUA1zc6Se"), fragment("newU", &"a".repeat(22)));
    let patch = |tag: Option<&str>, body: &str| {
        let headers: Vec<_> = [Some(FRAGMENT), tag.map(|tag| ("if-match", tag))].into_iter().flatten().collect();
        server.ask("PATCH", &session, &headers, body)
    };
    assert_eq!(patch(Some(&tag), &ours).status, 204);
    assert_eq!(patch(None, &ours).status, 428);
    assert_eq!(patch(Some("\"another\""), &ours).status, 412);
    assert_eq!(patch(Some(&tag), "what").status, 400);
    let restarted = patch(Some("*"), &theirs);
    assert_eq!(restarted.status, 200, "{restarted:?}");
    assert_eq!(header(&restarted, "content-type"), Some("application/trickle-ice-sdpfrag"));
    let new = restarted.header("etag").expect("a tag").to_owned();
    assert_ne!(new, tag);
    assert!(restarted.body.contains(&format!("a=ice-ufrag:{}", new.trim_matches('"'))), "{}", restarted.body);
    assert_eq!(patch(Some(&tag), &theirs).status, 412);
    assert_eq!(patch(Some(&new), &theirs).status, 204);

    assert_eq!(server.ask("DELETE", &session, &[], "").status, 200);
    assert_eq!(server.ask("DELETE", &session, &[], "").status, 404);
    no_room_is_left(&server);
}

#[test]
fn a_publisher_is_told_what_is_wrong_with_its_offer() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    for (headers, body, status, words) in [
        (&[][..], OFFER, 415, "must be application/sdp"),
        (&[FRAGMENT], OFFER, 415, "must be application/sdp"),
        (&[SDP], "", 400, "empty"),
        (&[SDP], "hello", 422, "no m-line"),
        (&[SDP], &OFFER.replace("opus", "pcmu").replace("H264", "H263"), 422, "no m-line is usable"),
        (&[SDP], &OFFER.replace("a=rtcp-mux\r\n", ""), 422, "rtcp-mux"),
        (&[SDP], &"x".repeat(600_000), 413, "exceeds"),
    ] {
        let refused = server.ask("POST", "/whip/show", headers, body);
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(detail(&refused).contains(words), "{refused:?}");
    }
    assert_eq!(server.ask("POST", "/whip/a%0Ab", &[SDP], OFFER).status, 400);
    assert_eq!(server.ask("DELETE", "/whip/session/none", &[], "").status, 404);
    no_room_is_left(&server);
}

#[test]
fn a_player_is_told_when_there_is_nothing_to_play() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    let refused = server.ask("POST", "/whep/show", &[SDP], PLAYER);
    assert_eq!((refused.status, header(&refused, "retry-after")), (409, Some("2")), "{refused:?}");
    assert_eq!(server.ask("POST", "/whep/show", &[SDP], "").status, 406);
    let publisher = location(&server.ask("POST", "/whip/show?name=Ada", &[SDP], OFFER));
    let refused = server.ask("POST", "/whep/show?member=Bob", &[SDP], PLAYER);
    assert_eq!(refused.status, 409);
    assert!(detail(&refused).contains("Bob"), "{refused:?}");
    let sending = server.ask("POST", "/whep/show", &[SDP], OFFER);
    assert_eq!(sending.status, 406, "{sending:?}");
    for path in ["/whep/show", "/whep/show?member=Ada", "/whep/show?source=screen"] {
        let session = location(&server.ask("POST", path, &[SDP], PLAYER));
        assert!(session.starts_with("/whep/session/"), "{session}");
        assert_eq!(server.ask("DELETE", &session, &[], "").status, 200);
    }
    assert_eq!(server.ask("DELETE", &publisher, &[], "").status, 200);
    no_room_is_left(&server);
}

#[test]
fn an_address_has_only_so_many_sessions_at_once() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &["--connections-per-address=2"]);
    let open = || server.ask("POST", "/whip/show", &[SDP], OFFER);
    let (first, second) = (location(&open()), location(&open()));
    let refused = open();
    assert_eq!((refused.status, header(&refused, "retry-after")), (429, Some("5")), "{refused:?}");
    assert!(detail(&refused).contains("limits.connections_per_address"), "{refused:?}");
    assert_eq!(server.ask("DELETE", &first, &[], "").status, 200);
    let third = location(&open());
    for session in [second, third] {
        assert_eq!(server.ask("DELETE", &session, &[], "").status, 200);
    }
    no_room_is_left(&server);
}

#[test]
fn pages_of_allowed_origins_alone_may_publish() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &["--allowed-origins=https://app.example"]);
    let asked = |origin| server.ask("OPTIONS", "/whip/show", &[("origin", origin)], "");
    let allowed = asked("https://app.example");
    assert_eq!(allowed.status, 200);
    assert_eq!(header(&allowed, "accept-post"), Some("application/sdp"));
    assert_eq!(header(&allowed, "access-control-allow-origin"), Some("https://app.example"));
    assert!(header(&allowed, "access-control-allow-headers").is_some_and(|names| names.contains("if-match")));
    let evil = server.ask("POST", "/whip/show", &[SDP, ("origin", "https://evil.example")], OFFER);
    assert_eq!(evil.status, 403);
    assert!(detail(&evil).contains("http.allowed_origins"));
    let opened = server.ask("POST", "/whip/show", &[SDP, ("origin", "https://app.example")], OFFER);
    assert!(header(&opened, "access-control-expose-headers").is_some_and(|names| names.contains("location")));
    location(&opened);
}

#[test]
fn a_token_says_who_publishes_what_and_where() {
    let scratch = Scratch::new();
    let secret = "0123456789abcdef0123456789abcdef";
    let variables = [("PLENUM_ACCESS_SECRETS", secret)];
    let token = |args: &[&str]| {
        let minted = run(scratch.path(), &[&["token"], args].concat(), &variables);
        String::from_utf8(minted.stdout).expect("text").trim().to_owned()
    };
    let server = Running::start(scratch.path(), &[&format!("--access-secrets={secret}"), "--require-token"]);
    let ask = |path: &str, token: &str, body: &str| {
        server.ask("POST", path, &[SDP, ("authorization", &format!("Bearer {token}"))], body)
    };
    let bare = server.ask("POST", "/whip/show", &[SDP], OFFER);
    assert_eq!((bare.status, header(&bare, "www-authenticate")), (401, Some("Bearer")), "{bare:?}");
    assert_eq!(ask("/whip/show", "made.up.token", OFFER).status, 401);
    let camera = token(&["--room=show", "--publish=camera", "--name=Stage"]);
    assert_eq!(ask("/whip/other", &camera, OFFER).status, 403);
    location(&ask("/whip/show?name=Mallory", &camera, OFFER));
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("plenum_sources{kind=\"camera\"} 1") && metrics.contains("kind=\"microphone\"} 0"));
    location(&ask("/whep/show?member=Stage", &token(&["--room=*"]), PLAYER));
    let deaf = ask("/whep/show", &token(&["--room=show", "--subscribe=false"]), PLAYER);
    assert_eq!(deaf.status, 403, "{deaf:?}");
}
