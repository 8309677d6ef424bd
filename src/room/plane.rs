//! What rooms need of the media plane and of SDP, as traits: rooms are tested without either.

use crate::border::{ControlState, DataMessage};
use crate::id::RoomKey;
use crate::media::spec::{Codec, MediaSpec};
use crate::transport::spec::{Candidate, ConnectionSpec, Fingerprint};

/// The shard where a new transport lives, and what its answer announces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardChoice {
    pub shard: usize,
    pub candidates: Vec<Candidate>,
    /// Of the process's DTLS certificate.
    pub fingerprint: Fingerprint,
}

/// The media plane as rooms see it. No call waits.
pub trait MediaPlane: Send + Sync + 'static {
    /// Chooses the home of a new transport of `room`.
    fn open(&self, room: RoomKey) -> ShardChoice;
    /// How busy the home of `room` has been for the last seconds, 0 to 1.
    fn load(&self, room: RoomKey) -> f64;
    /// Hands a cell of desired state to the shards of `room`.
    fn put(&self, room: RoomKey, state: ControlState);
    /// Sends a data-channel message; shed when the queue is full.
    fn send_data(&self, room: RoomKey, message: DataMessage);
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A member that publishes, receives, or both.
    Call,
    /// A player of one member, to which one seat is given. With `video` it is answered that codec alone.
    Play { video: Option<Codec> },
}

/// An answered offer.
#[derive(Clone, PartialEq, Debug)]
pub struct Negotiated {
    /// The answer.
    pub sdp: String,
    pub media: MediaSpec,
    pub connection: ConnectionSpec,
}

/// Why an offer cannot be answered; the text names the line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct OfferError(pub String);

/// The offers and answers of one transport, in order.
pub trait Negotiation: Send {
    /// Answers an offer. After an error the negotiation stands where it stood.
    fn answer(&mut self, offer: &str) -> Result<Negotiated, OfferError>;
}

/// Begins negotiations.
pub trait Negotiator: Send + Sync + 'static {
    /// For a new transport that lives at `home`.
    fn begin(&self, home: &ShardChoice, purpose: Purpose) -> Box<dyn Negotiation>;
}
