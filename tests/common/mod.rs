//! What the behaviours share: a server in this process, two kinds of browsers, and a network that loses packets.

pub mod bot;
pub mod browser;
pub mod dtls;
pub mod offer;
pub mod picture;
pub mod relay;
pub mod server;
pub mod stream;
pub mod world;

use std::time::{Duration, Instant};

use browser::Browser;
use relay::Relay;

/// Longest that anything may take: far longer than it does on an idle machine, since the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at the world: a fifth of a 20 ms audio packet.
const TICK: Duration = Duration::from_millis(4);

/// Lets some browsers do what is due.
pub async fn tick(browsers: &mut [&mut Browser]) {
    for browser in browsers.iter_mut() {
        browser.pump();
    }
    tokio::time::sleep(TICK).await;
}

/// Lets browsers live until `done`; says what was waited for when that never comes.
pub async fn until(what: &str, browsers: &mut [&mut Browser], mut done: impl FnMut(&mut [&mut Browser]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(browsers) {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tick(browsers).await;
    }
}

/// Waits for something that needs no browser's doing.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    until(what, &mut [], |_| done()).await;
}

/// Lets browsers live for a while.
pub async fn live(browsers: &mut [&mut Browser], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        tick(browsers).await;
    }
}

/// Connects browsers at once.
pub async fn connect(browsers: &mut [&mut Browser]) {
    until("connections", browsers, |all| all.iter().all(|browser| browser.is_connected())).await;
}

/// The answer with `relay` in the place of the server's addresses.
pub fn through(relay: &Relay, answer: &str) -> String {
    let lines = answer.lines().map(|line| match line.strip_prefix("a=candidate:") {
        Some(candidate) => {
            let mut words: Vec<String> = candidate.split(' ').map(str::to_owned).collect();
            (words[4], words[5]) = (relay.address().ip().to_string(), relay.address().port().to_string());
            format!("a=candidate:{}\r\n", words.join(" "))
        }
        None => format!("{line}\r\n"),
    });
    lines.collect()
}
