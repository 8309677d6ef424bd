//! `plenum load`: synthetic members come in through the front door, get what they should, and say what they measured.

use serde_json::Value;

use super::binary::{Running, Scratch, run};

/// Plays a short call against `server`; its findings.
fn load(server: &Running, args: &[&str]) -> Value {
    let scratch = Scratch::new();
    let url = format!("--server=http://{}", server.address);
    let mut all = vec!["load", "--json", "--warm-up=0", "--full=50", &url];
    all.extend(args);
    if !args.iter().any(|arg| arg.starts_with("--duration")) {
        all.push("--duration=1");
    }
    let output = run(scratch.path(), &all, &[]);
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
        (&["load", "--server=https://127.0.0.1:9"], "such as http://127.0.0.1:4000"),
        (&["load", "--server-pid=999999999", &url], "--server-pid"),
        (&["load", "--subscribers=2", &url], "raise --members-per-room"),
        (&["load", "--bitrates=1,2,3,4", &url], "one to three"),
    ] {
        let output = run(scratch.path(), args, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{args:?}: {said}");
    }
}
