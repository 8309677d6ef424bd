//! The log, as text and as JSON: who came and went, by numbers that are no secrets.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::binary::{PATIENCE, Running, Scratch, run};

/// One who sends and one who watches.
const MEMBERS: usize = 2;

/// What a server logs while a short call takes place.
fn log_of_a_call(format: &str) -> String {
    let scratch = Scratch::new();
    let file = scratch.path().join("log");
    let log = Stdio::from(std::fs::File::create(&file).unwrap());
    let server = Running::start_logging(scratch.path(), &["--log-level=info", &format!("--log-format={format}")], log);
    let url = format!("--server=http://{}", server.address);
    let args = ["load", "webinar", "--subscribers=1", "--duration=1", "--warm-up=0", &url];
    let output = run(scratch.path(), &args, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = std::fs::read_to_string(&file).unwrap();
        let whole = log.ends_with('\n') && log.lines().filter(|line| line.contains("left")).count() >= MEMBERS;
        if whole || Instant::now() > deadline {
            return log;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_line_of_the_json_log_is_an_object_with_room_and_member() {
    let log = log_of_a_call("json");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for event in ["joined", "left"] {
        let told: Vec<&Value> =
            lines.iter().map(|line| &line["fields"]).filter(|line| line["message"] == event).collect();
        assert_eq!(told.len(), MEMBERS, "{event}: {log}");
        for fields in told {
            assert_eq!(fields["room"], "1");
            assert_eq!(fields["member"].as_str().map(str::len), Some(16), "{fields}");
        }
    }
    assert!(!log.contains("load-"), "the name of a room is its key: {log}");
}

#[test]
fn the_text_log_tells_the_same() {
    let log = log_of_a_call("text");
    assert_eq!(log.lines().filter(|line| line.contains("joined room=1 member=")).count(), MEMBERS, "{log}");
}
