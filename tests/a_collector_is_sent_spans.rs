//! With `log.otlp_endpoint`, an OpenTelemetry collector is told of joins and offers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;

use super::binary::{PATIENCE, Running, Scratch, run};

/// Head and body of one request, which is answered by 200.
fn take(listener: &TcpListener) -> Option<(String, Vec<u8>)> {
    let (mut stream, _) = listener.accept().ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
            return Some((head, bytes.split_off(end + 4)));
        }
    }
}

#[test]
fn spans_of_joins_and_offers_reach_the_collector() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("--otlp-endpoint=http://{}", listener.local_addr().unwrap());
    let (sender, batches) = channel();
    // It ends with the test's process.
    std::thread::spawn(move || {
        while let Some(batch) = take(&listener) {
            if sender.send(batch).is_err() {
                return;
            }
        }
    });
    // What is quiet in the log is told all the same.
    let mut server = Running::start(scratch.path(), &[&endpoint, "--log-level=error"]);
    let url = format!("--server=http://{}", server.address);
    let args = ["load", "webinar", "--subscribers=1", "--duration=1", "--warm-up=0", "--protocol=whip", &url];
    let output = run(scratch.path(), &args, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Its end sends what is left.
    server.signal("TERM");
    assert!(server.ended().success());
    let mut all = Vec::new();
    let holds = |all: &[u8], text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    for text in ["service.name", "plenum", "join", "offer", "answer", "room", "member"] {
        while !holds(&all, text) {
            let (head, body) = batches.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text} came"));
            assert!(head.starts_with("post /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
            all.extend(body);
        }
    }
    assert!(!holds(&all, "load-"), "the name of a room is its key");
}
