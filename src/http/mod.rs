//! Everything over HTTP: the embedded page, signalling's way in, health, metrics, TLS for a local network.
//!
//! Owns the listener and what is known about each connection; what Socket.IO means is `signal`'s business.

pub mod api;
mod assets;
mod bearer;
mod client;
mod connection;
mod headers;
mod info;
mod io;
mod lan;
mod listener;
mod origin;
mod problem;
mod programs;
mod router;
mod server;
pub mod whip;

pub use client::Client;
pub use connection::{Connection, Connections};
pub use lan::{Lan, LanError};
pub use listener::{BindError, Listener, serve};
pub use router::{AppState, Readiness, router, signalling};
pub use server::{Server, StartError};
