//! The load tester: many synthetic browsers that call through a running server's front door and measure what they get.
//!
//! Each is a real member: Socket.IO over websocket or long polling, or WHIP and WHEP, an offer, ICE, DTLS, SRTP, feedback
//! at its true rate, key frames and lost packets when asked. It knows the server's protocols ([`crate::signal::protocol`]) and
//! shares its SRTP and RTCP, and nothing else of it; [`sdp`], [`ice`] and [`dtls`] are the client's side, which the
//! tests' browser uses, too.
//!
//! Its own cost is not to be the limit: media of all members goes through few threads ([`engine`]), on the server's
//! machine through one socket a thread, and most members decrypt only a sample of what they get.

pub mod dtls;
pub mod ice;
pub mod sdp;

mod capacity;
mod director;
mod downlink;
mod engine;
mod error;
mod feedback;
mod http;
mod line;
mod measure;
mod member;
mod options;
mod peer;
mod picture;
mod plan;
mod program;
mod progress;
mod report;
mod server;
mod socketio;
mod tls;
mod uplink;
mod weather;
mod wire;

use crate::access::Access;

pub use error::LoadError;
pub use measure::Percentiles;
pub use options::{Options, Protocol, Scenario, Speaking};
pub use report::{Capacity, Report};
pub use socketio::Transport;

/// Plays the scenario and prints what was measured.
///
/// `access` signs tokens where the options ask for that.
///
/// # Errors
///
/// What keeps the call from taking place at all. Bad quality is no error: the report tells it.
pub async fn run(options: &Options, access: &Access) -> Result<Report, LoadError> {
    let bar = progress::Progress::new();
    let report = match options.find_capacity {
        true => capacity::find(options, access, &bar).await?,
        false => director::play(options, access, &bar).await?,
    };
    bar.finish();
    report.print(options.json.as_deref())?;
    Ok(report)
}
