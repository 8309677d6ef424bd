//! One member's media connection as its room knows it: offers and answers, and how far it has come.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::codecs::{self, Decoded};
use super::plane::{MediaPlane, Negotiation, Negotiator, Purpose, ShardChoice};
use crate::border::{ConnectionState, TransportSpec};
use crate::id::{RoomKey, TransportId};
use crate::media::spec::{Codec, MediaKind, Place, UplinkRole};
use crate::signal::protocol::{Answer, ErrorBody, ErrorCode, Media, Offer};

/// Shortest and longest name that a client may give its transport.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// A negotiated connection.
pub(super) struct Connection {
    pub(super) id: TransportId,
    /// The client's random name for it.
    name: String,
    negotiation: Box<dyn Negotiation>,
    /// Of the newest offer that was answered.
    revision: u32,
    /// Of its text: the same offer gets the same answer, of which nothing is kept.
    offered: u64,
    decoded: Decoded,
    pub(super) spec: Arc<TransportSpec>,
    pub(super) state: ConnectionState,
}

/// What an offer led to.
pub(super) enum Outcome {
    /// The same answer again; nothing changed.
    Repeated,
    /// The connection was negotiated anew.
    Renegotiated,
    /// A new connection; the caller closes the old one.
    New(Box<Connection>),
}

impl Connection {
    /// Seats that the client receives pictures in: one more than the highest seat with a video line.
    pub(super) fn seats(&self) -> usize {
        let video = self.spec.media.downlinks.iter().filter(|line| line.kind == MediaKind::Video && line.active);
        let seats = video.filter_map(|line| match line.place {
            Place::Seat(seat) => Some(usize::from(seat.0) + 1),
            Place::AudioLine(_) => None,
        });
        seats.max().unwrap_or(0)
    }

    /// Audio-only lines that the client receives.
    pub(super) fn audio_lines(&self) -> usize {
        let lines = self.spec.media.downlinks.iter().filter_map(|line| match line.place {
            Place::AudioLine(line) => Some(usize::from(line.0) + 1),
            Place::Seat(_) => None,
        });
        lines.max().unwrap_or(0)
    }

    /// What the client has m-lines for and Plenum has a codec for.
    pub(super) fn sends(&self) -> Media {
        let sends = |role| {
            let mut uplinks = self.spec.media.uplinks.iter();
            uplinks.any(|uplink| uplink.role == role && uplink.active && !uplink.payloads.is_empty())
        };
        Media {
            microphone: sends(UplinkRole::Microphone),
            camera: sends(UplinkRole::Camera),
            screen: sends(UplinkRole::Screen),
            screen_audio: sends(UplinkRole::ScreenAudio),
        }
    }

    /// Whether the client offered to receive pictures and none of its m-lines for them was taken.
    pub(super) fn is_refused_video(&self) -> bool {
        let mut video = self.spec.media.downlinks.iter().filter(|line| line.kind == MediaKind::Video).peekable();
        video.peek().is_some() && !video.any(|line| line.active)
    }

    /// Whether the client decodes `codec` on any line it receives.
    pub(super) fn decodes(&self, codec: Codec) -> bool {
        let media = &self.spec.media;
        // The payload types of a codec first: they are few, and nearly every line takes them.
        let mut forms = media.payloads.iter().filter(|payload| payload.codec == codec);
        forms.any(|payload| media.downlinks.iter().any(|line| line.payloads.contains(&payload.pt)))
    }

    /// By form, whether the client decodes it.
    pub(super) fn decoded(&self) -> Decoded {
        self.decoded
    }

    pub(super) fn is_alive(&self) -> bool {
        self.state == ConnectionState::Connected
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, ConnectionState::Disconnected | ConnectionState::Failed)
    }
}

/// What a new connection needs.
pub(super) struct Opening<'a> {
    pub(super) room: RoomKey,
    pub(super) plane: &'a dyn MediaPlane,
    pub(super) negotiator: &'a dyn Negotiator,
    /// Called when the offer names a new transport.
    pub(super) next_id: &'a dyn Fn() -> TransportId,
    pub(super) purpose: Purpose,
}

/// Applies an offer to a member's connection, and answers it. After an error everything stands where it stood.
pub(super) fn apply(
    present: Option<&mut Connection>,
    offer: Offer,
    opening: &Opening<'_>,
) -> Result<(Outcome, Answer), ErrorBody> {
    let name_fits = NAME_LENGTH.contains(&offer.transport.len());
    if !name_fits || !offer.transport.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ErrorBody::new(ErrorCode::BadRequest, "transport: 8 to 64 letters or digits"));
    }
    match present {
        Some(connection) if connection.name == offer.transport => renegotiate(connection, &offer),
        _ => open(offer, opening),
    }
}

fn renegotiate(connection: &mut Connection, offer: &Offer) -> Result<(Outcome, Answer), ErrorBody> {
    let refused = |message: &str| {
        let message = format!("revision: {} {message}", connection.revision);
        Err(ErrorBody::new(ErrorCode::BadRequest, message))
    };
    let offered = hash(&offer.sdp);
    let repeated = offer.revision == connection.revision;
    if offer.revision < connection.revision {
        return refused("has been answered already");
    }
    if repeated && offered != connection.offered {
        return refused("was another offer's; count on");
    }
    let negotiated = connection.negotiation.answer(&offer.sdp).map_err(bad_sdp)?;
    let answer = Answer { sdp: negotiated.sdp, revision: offer.revision };
    if repeated {
        return Ok((Outcome::Repeated, answer));
    }
    (connection.revision, connection.offered) = (offer.revision, offered);
    connection.spec = Arc::new(TransportSpec {
        connection: negotiated.connection,
        media: Arc::new(negotiated.media),
        ..*connection.spec
    });
    connection.decoded = codecs::decoded_by(connection);
    Ok((Outcome::Renegotiated, answer))
}

fn open(offer: Offer, opening: &Opening<'_>) -> Result<(Outcome, Answer), ErrorBody> {
    let home: ShardChoice = opening.plane.open(opening.room);
    let mut negotiation = opening.negotiator.begin(&home, opening.purpose);
    let negotiated = negotiation.answer(&offer.sdp).map_err(bad_sdp)?;
    let id = (opening.next_id)();
    let (room, shard, media) = (opening.room, home.shard, Arc::new(negotiated.media));
    let spec = TransportSpec { id, room, shard, connection: negotiated.connection, media };
    let mut connection = Box::new(Connection {
        id,
        offered: hash(&offer.sdp),
        name: offer.transport,
        negotiation,
        revision: offer.revision,
        decoded: Decoded::default(),
        spec: Arc::new(spec),
        state: ConnectionState::New,
    });
    connection.decoded = codecs::decoded_by(&connection);
    Ok((Outcome::New(connection), Answer { sdp: negotiated.sdp, revision: offer.revision }))
}

/// Tells an offer from another of the same client, which gains nothing by making them look alike.
fn hash(sdp: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    sdp.hash(&mut hasher);
    hasher.finish()
}

fn bad_sdp(error: super::plane::OfferError) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadSdp, error.0)
}
