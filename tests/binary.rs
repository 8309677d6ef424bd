//! The binary as its operator starts it, and plain HTTP to it. Ports are free ones on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// For whatever takes milliseconds on a machine that is not loaded.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A command without the settings that the test's own environment may hold, in a directory without a plenum.toml.
pub(crate) fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plenum"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PLENUM_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// A directory that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("plenum-test-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary to its end. It must end by itself.
pub(crate) fn run(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = command(dir);
    command.args(args).envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("the child can be asked").is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("plenum {args:?} did not end by itself");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("its output can be read")
}

/// A server that is up. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) address: SocketAddr,
    /// What it said until it was up.
    pub(crate) greeting: String,
}

impl Running {
    /// Starts a server with `args` on free ports and waits until it says where it is.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Running {
        Running::start_logging(dir, args, Stdio::inherit())
    }

    /// The same, with its log in `log`.
    pub(crate) fn start_logging(dir: &Path, args: &[&str], log: Stdio) -> Running {
        let mut command = command(dir);
        command.stderr(log);
        command.args(["--udp-port=0", "--tcp-port=0", "--shards=1"]).args(args);
        if !args.iter().any(|arg| arg.starts_with("--log-level")) {
            command.arg("--log-level=warn");
        }
        if !args.iter().any(|arg| arg.starts_with("--http-address")) {
            command.arg("--http-address=127.0.0.1:0");
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut running =
            Running { child, lines, address: SocketAddr::from(([127, 0, 0, 1], 0)), greeting: String::new() };
        let line = running.line().expect("it says where it is");
        let (_, port) = line.rsplit_once(':').expect("an address ends in its port");
        running.address.set_port(port.parse().expect("a port is a number"));
        running.greeting = line;
        running
    }

    /// The next line on standard output. `None` at its end.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more was said"),
        }
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// The same, while the test goes on.
    pub(crate) fn signal_meanwhile(&self, name: &'static str) -> JoinHandle<()> {
        let id = self.child.id();
        std::thread::spawn(move || send_signal(id, name))
    }

    /// How the process ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// One request over a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let tcp = TcpStream::connect(self.address).expect("the server takes connections");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        converse(tcp, &self.address.to_string(), method, path, headers, body)
    }
}

fn send_signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), id.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "SIG{name} could not be sent");
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
    /// As it was sent.
    raw_head: String,
}

impl Answer {
    /// The value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.raw_head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Sends one request over `stream` and reads until its end. HTTP/1.0, so that no body comes in pieces.
pub(crate) fn converse(
    mut stream: impl Read + Write,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("\r\n{body}");
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    let mut bytes = Vec::new();
    // The end of TLS may come without its alert; what counts is what came before.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {method} {path}: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned(), raw_head: head.to_owned() }
}
