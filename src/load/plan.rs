//! What one synthetic browser does, as plain data.

use std::time::Duration;

/// A member of a room.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Part {
    /// Display name.
    pub(super) name: String,
    pub(super) entrance: Entrance,
    pub(super) publishing: Option<Publishing>,
    /// Seats it offers; 0 = it watches nobody.
    pub(super) seats: usize,
    /// It opens every packet; others authenticate a sample.
    pub(super) full: bool,
    /// Its network, if that is bad.
    pub(super) weather: Option<Weather>,
    /// It waits for a picture; others for a sound.
    pub(super) expects_pictures: bool,
}

/// By which protocol a member comes in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entrance {
    /// Socket.IO.
    Page,
    Whip,
    /// Plays a member of that name; without one whoever publishes.
    Whep {
        member: Option<String>,
    },
}

/// What a member sends.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Publishing {
    pub(super) sound: bool,
    pub(super) pictures: Option<Pictures>,
    pub(super) speech: Speech,
}

/// Pictures of a camera or a screen.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pictures {
    pub(super) screen: bool,
    /// Lowest first.
    pub(super) layers: Vec<Layer>,
    pub(super) fps: f64,
    /// All frames but key frames have one size.
    pub(super) steady: bool,
}

impl Pictures {
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.fps)
    }
}

/// A simulcast layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layer {
    pub(super) kbps: u32,
    pub(super) height: u16,
}

/// When a member speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Speech {
    Always,
    Never,
    /// Each in its turn.
    Turns {
        index: u32,
        of: u32,
    },
}

impl Speech {
    /// How long a turn lasts: a sentence or two.
    pub(super) const TURN: Duration = Duration::from_secs(4);
}

/// A bad network, in both directions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Weather {
    /// Share of media packets lost, 0 to 1.
    pub(super) loss: f64,
    /// Packets are late by up to this, in their order.
    pub(super) jitter: Duration,
}
