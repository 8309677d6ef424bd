//! `plenum load`: synthetic members come in through the front door, get what they should, and say what they measured.

use serde_json::Value;

use super::binary::{Running, Scratch, run};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Plays a short call against `server`; its findings.
fn load(server: &Running, args: &[&str]) -> Value {
    load_with(server, args, &[])
}

/// The same, with variables in the tester's environment.
fn load_with(server: &Running, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let scratch = Scratch::new();
    let url = format!("--server=http://{}", server.address);
    let mut all = vec!["load", "--json", "--warm-up=0", "--full=50"];
    all.extend(args);
    if !args.iter().any(|arg| arg.starts_with("--server=")) {
        all.push(&url);
    }
    if !args.iter().any(|arg| arg.starts_with("--duration")) {
        all.push("--duration=1");
    }
    let output = run(scratch.path(), &all, variables);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {report}"))
}

/// Everybody connected, saw something, and could open all that came.
fn assert_served(report: &Value) {
    assert_eq!(number(report, "/members/connected"), number(report, "/members/asked"), "{report}");
    assert_eq!(number(report, "/members/seeing"), number(report, "/members/watching"), "{report}");
    for path in ["/received/packets", "/latency/count", "/generator/opened", "/server/memory_mb"] {
        assert!(number(report, path) > 0.0, "{path}: {report}");
    }
    let problems = report.pointer("/quality/problems").unwrap().to_string();
    assert!(!problems.contains("did not open") && !problems.contains("joins failed"), "{problems}");
}

#[test]
fn members_of_every_scenario_connect_and_see_through_either_transport() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    for args in [
        &["webinar", "--subscribers=3", "--transport=polling"][..],
        &["webinar", "--subscribers=2", "--rooms=2", "--threads=2", "--own-sockets"],
        &["meeting", "--publishers=3"],
        &["audio", "--publishers=3"],
        &["share", "--subscribers=2"],
        &["churn", "--publishers=1", "--subscribers=3", "--churn=2"],
    ] {
        let report = load(&server, args);
        assert_served(&report);
    }
}

#[test]
fn programs_publish_by_whip_and_play_by_whep() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    for args in [
        &["webinar", "--subscribers=3", "--protocol=whip,whep"][..],
        &["churn", "--publishers=2", "--subscribers=4", "--churn=2", "--protocol=whep"],
        &["webinar", "--subscribers=2", "--bitrates=150,500", "--protocol=whip"],
        &["share", "--subscribers=2", "--protocol=whip", "--sound=false"],
    ] {
        let report = load(&server, args);
        assert_served(&report);
        assert!(number(&report, "/gaps/count") > 0.0, "{report}");
    }
    // They left by DELETE: nobody waits for the server to notice.
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("plenum_members 0"), "{metrics}");
}

#[test]
fn members_show_tokens_where_the_server_wants_them() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[&format!("--access-secrets={SECRET}"), "--require-token"]);
    let secret = [("PLENUM_ACCESS_SECRETS", SECRET)];
    assert_served(&load_with(&server, &["webinar", "--subscribers=2", "--mint-token"], &secret));
    let programs = ["webinar", "--subscribers=2", "--mint-token", "--protocol=whip,whep", "--rooms=2"];
    assert_served(&load_with(&server, &programs, &secret));
    let minted = run(scratch.path(), &["token", "--room=stage"], &secret);
    let token = format!("--token={}", String::from_utf8(minted.stdout).unwrap().trim());
    assert_served(&load(&server, &["audio", "--publishers=2", "--room=stage", &token]));

    let url = format!("--server=http://{}", server.address);
    for (args, part) in [
        (&["load", &url][..], "show one with --token"),
        (&["load", "--protocol=whip", &url], "show one with --token"),
        (&["load", "--token=nonsense", &url], "of --token"),
        (&["load", "--mint-token", &url], "no access.secrets"),
    ] {
        let output = run(scratch.path(), args, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn an_https_server_is_called_if_its_certificate_is_believed() {
    let scratch = Scratch::new();
    if plenum::config::lan_addresses(&plenum::config::interfaces().unwrap()).is_empty() {
        // Without a network there is no --lan, as another test shows.
        return;
    }
    let state = format!("--state-dir={}", scratch.path().display());
    let server = Running::start(scratch.path(), &["--lan", "--http-address=0.0.0.0:0", &state]);
    let url = format!("--server=https://{}", server.address);
    for how in ["--transport=websocket", "--transport=polling", "--protocol=whip,whep"] {
        let report = load(&server, &["webinar", "--subscribers=2", "--insecure", how, &url]);
        assert_served(&report);
    }
    let output = run(scratch.path(), &["load", &url], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--insecure"), "{said}");
}

#[test]
fn what_a_bad_network_loses_is_asked_for_again() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    let args = ["weak", "--publishers=1", "--subscribers=3", "--weak=100", "--loss=10", "--jitter=5", "--duration=3"];
    let report = load(&server, &args);
    assert!(number(&report, "/repaired") > 0.0, "{report}");
}

#[test]
fn a_capacity_is_searched_until_something_breaks() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &["--members-per-room=4"]);
    let report = load(&server, &["webinar", "--subscribers=2", "--find-capacity"]);
    let steps = report.pointer("/capacity/steps").and_then(Value::as_array).unwrap();
    // On a busy machine quality may break before the room is full, but never after.
    assert!(steps.iter().any(|step| step["held"] == false), "{steps:?}");
    for step in steps.iter().filter(|step| number(step, "/count") > 3.0) {
        assert!(step["problems"].to_string().contains("--members-per-room"), "{step}");
    }
    assert!(number(&report, "/capacity/held") <= 3.0, "{report}");
}

#[test]
fn errors_say_what_to_do() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &["--members-per-room=2"]);
    let url = format!("--server=http://{}", server.address);
    for (args, part) in [
        (&["load", "--server=http://127.0.0.1:9"][..], "start the server"),
        (&["load", "--server=ftp://127.0.0.1:9"], "such as http://127.0.0.1:4000"),
        (&["load", "meeting", "--protocol=whip", &url], "everybody does both"),
        (&["load", "--server-pid=999999999", &url], "--server-pid"),
        (&["load", "--subscribers=2", &url], "raise --members-per-room"),
        (&["load", "--bitrates=1,2,3,4", &url], "one to three"),
    ] {
        let output = run(scratch.path(), args, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{args:?}: {said}");
    }
}
