//! Whatever keeps the server from starting is one clear line on standard error and a non-zero exit.

use std::net::{TcpListener, UdpSocket};

use plenum::access::{Access, Role};

use crate::binary::{Scratch, run};

/// Runs the binary, which must fail, and returns the line it says.
fn complaint(args: &[&str], variables: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let output = run(scratch.path(), args, variables);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success(), "plenum {args:?} succeeded");
    assert!(output.stdout.is_empty(), "plenum {args:?} printed to standard output");
    assert!(said.starts_with("plenum: ") && said.trim_end().lines().count() == 1, "not one line: {said}");
    said
}

fn names(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{said} does not name {word}");
    }
}

#[test]
fn an_unknown_flag_is_named_with_the_one_that_was_meant() {
    names(&complaint(&["--http-adress=127.0.0.1:0"], &[]), &["--http-adress", "--http-address", "plenum --help"]);
    names(&complaint(&["check-confg"], &[]), &["check-confg", "check-config"]);
}

#[test]
fn a_bad_value_is_named_with_its_flag() {
    names(&complaint(&["--http-address=localhost:http"], &[]), &["localhost:http", "--http-address"]);
    names(&complaint(&["--udp-port=70000"], &[]), &["70000", "--udp-port"]);
    names(&complaint(&["--log-format=xml"], &[]), &["xml", "text", "json"]);
    names(&complaint(&["--public-url=calls.example"], &[]), &["http.public_url", "calls.example"]);
    names(&complaint(&["--public-dir=/nonexistent"], &[]), &["http.public_dir", "/nonexistent"]);
}

#[test]
fn an_unknown_variable_and_its_bad_value_are_named() {
    names(&complaint(&[], &[("PLENUM_UDP_PROT", "1")]), &["PLENUM_UDP_PROT"]);
    names(&complaint(&[], &[("PLENUM_SHARDS", "many")]), &["PLENUM_SHARDS", "many"]);
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_line() {
    let scratch = Scratch::new();
    let file = scratch.write("mine.toml", "[http]\nlan = false\nadress = \"127.0.0.1:0\"\n");
    let file = file.to_str().expect("text");
    names(&complaint(&["--config", file], &[]), &["mine.toml:3", "adress"]);
    names(&complaint(&["check-config", "--config", file], &[]), &["mine.toml:3", "adress"]);
    names(&complaint(&[], &[("PLENUM_CONFIG", file)]), &["mine.toml:3", "adress"]);
}

#[test]
fn the_file_of_the_working_directory_counts() {
    let scratch = Scratch::new();
    scratch.write("plenum.toml", "[limits]\nseats = 0\n");
    let output = run(scratch.path(), &["check-config"], &[]);
    assert!(!output.status.success());
    names(&String::from_utf8_lossy(&output.stderr), &["limits.seats"]);
}

#[test]
fn an_unreadable_file_is_named() {
    let scratch = Scratch::new();
    let missing = scratch.path().join("missing.toml");
    for path in [missing.as_path(), scratch.path()] {
        let path = path.to_str().expect("text");
        names(&complaint(&["--config", path], &[]), &["cannot read", path]);
    }
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    // TEST-NET-3 belongs to no machine (RFC 5737).
    names(&complaint(&["--http-address=203.0.113.77:0"], &[]), &["203.0.113.77"]);
}

#[test]
fn an_http_port_in_use_is_named_with_the_flag_that_chooses_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    names(&complaint(&["--http-address", &address], &[]), &[&address, "in use", "--http-address"]);
}

#[test]
fn a_udp_port_in_use_is_named_with_the_flag_that_chooses_another() {
    let taken = UdpSocket::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let args = ["--http-address=127.0.0.1:0", "--tcp-port=0", "--shards=1", "--udp-port", &port];
    names(&complaint(&args, &[]), &[&format!("UDP port {port}"), "in use", "--udp-port"]);
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let scratch = Scratch::new();
    let file = scratch.write("mine.toml", include_str!("../plenum.example.toml"));
    let output = run(scratch.path(), &["check-config", "--config", file.to_str().expect("text")], &[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "The configuration is valid.\n");
}

#[test]
fn a_token_is_minted_with_the_first_secret() {
    let scratch = Scratch::new();
    let secrets = format!("{},{}", "n".repeat(32), "o".repeat(32));
    let variables = [("PLENUM_ACCESS_SECRETS", secrets.as_str())];
    let args = ["token", "--room=team-*", "--role=viewer", "--publish=none", "--name=Ada", "--for=90s"];
    let output = run(scratch.path(), &args, &variables);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let token = String::from_utf8(output.stdout).expect("text");
    let with = |letter: &str| Access::new(vec![letter.repeat(32).parse().expect("long enough")], true);
    let pass = with("n").verify(token.trim()).expect("a token of the first secret");
    assert!(pass.grants.publish.is_empty() && pass.grants.role == Role::Viewer && !pass.grants.moderate);
    assert!(pass.grants.room.matches("team-a") && !pass.grants.room.matches("weekly"));
    assert_eq!(pass.name.as_deref(), Some("Ada"));
    assert!(with("o").verify(token.trim()).is_err());
}

#[test]
fn what_is_wrong_with_a_token_is_named() {
    names(&complaint(&["token", "--room=r"], &[]), &["access.secrets", "PLENUM_ACCESS_SECRETS"]);
    let long = "x".repeat(32);
    let secret = [("PLENUM_ACCESS_SECRETS", long.as_str())];
    names(&complaint(&["token"], &secret), &["--room"]);
    names(&complaint(&["token", "--room=r", "--for=soon"], &secret), &["--for", "6h"]);
    names(&complaint(&["token", "--room=r", "--publish=voice"], &secret), &["--publish", "microphone"]);
    names(&complaint(&["token", "--room=r", "--role=host", "--moderate=false"], &secret), &["role", "moderate"]);
    names(&complaint(&["token", "--room=r", "--metadata={"], &secret), &["--metadata", "JSON"]);
    names(&complaint(&[], &[("PLENUM_ACCESS_SECRETS", "short")]), &["PLENUM_ACCESS_SECRETS", "32 bytes"]);
    names(&complaint(&["--require-token"], &[]), &["access.require_token", "access.secrets"]);
}

#[test]
fn help_documents_a_flag_for_every_key_of_the_example_file() {
    let scratch = Scratch::new();
    let output = run(scratch.path(), &["--help"], &[]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("text");
    let mut table = "";
    let mut keys = 0;
    for line in include_str!("../plenum.example.toml").lines() {
        // Keys without a default are commented out.
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, value)| {
            // Lists of tables have no flag.
            !key.contains([' ', '.']) && !value.starts_with("[{") && !table.starts_with('[')
        }) {
            names(&help, &[&format!("[{table}.{key}]")]);
            keys += 1;
        }
    }
    let flags = help.lines().filter(|line| line.trim_start().starts_with("--") && line.contains('<')).count();
    assert!(keys > 10 && flags == keys, "{keys} keys and {flags} flags:\n{help}");
    names(&help, &["check-config", "PLENUM_"]);
}
