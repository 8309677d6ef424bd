//! Stand-ins for the media plane, SDP and clients, for tests of rooms and signalling.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use smallvec::smallvec;

use super::*;
use crate::border::{ControlState, DataMessage};
use crate::id::{AudioLineId, Pt, RoomKey, SeatId, Ssrc, Token};
use crate::media::spec::{Codec, DownlinkSpec, MediaKind, MediaSpec, PayloadType, Place, UplinkRole, UplinkSpec};
use crate::signal::protocol::*;
use crate::transport::spec::{ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials};

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct FakePlane {
    pub(crate) states: Mutex<Vec<ControlState>>,
    pub(crate) data: Mutex<Vec<DataMessage>>,
    pub(crate) load: Mutex<f64>,
}

fn fingerprint() -> Fingerprint {
    Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] }
}

impl MediaPlane for FakePlane {
    fn open(&self, _: RoomKey) -> ShardChoice {
        ShardChoice { shard: 0, candidates: Vec::new(), fingerprint: fingerprint() }
    }

    fn load(&self, _: RoomKey) -> f64 {
        *self.load.lock().expect("not poisoned")
    }

    fn put(&self, _: RoomKey, state: ControlState) {
        self.states.lock().expect("not poisoned").push(state);
    }

    fn send_data(&self, _: RoomKey, message: DataMessage) {
        self.data.lock().expect("not poisoned").push(message);
    }
}

impl FakePlane {
    pub(crate) fn take(&self) -> Vec<ControlState> {
        std::mem::take(&mut *self.states.lock().expect("not poisoned"))
    }
}

/// Takes offers that are a number of seats, with three audio-only lines, VP8 on payload type 96; with `vp9` behind the
/// number also that, on 98, and with `send` also microphone and camera.
pub(crate) struct FakeSdp;

struct FakeSession;

impl Negotiator for FakeSdp {
    fn begin(&self, _: &ShardChoice, _: Purpose) -> Box<dyn Negotiation> {
        Box::new(FakeSession)
    }
}

impl Negotiation for FakeSession {
    fn answer(&mut self, offer: &str) -> Result<Negotiated, OfferError> {
        let says = |word| offer.split(' ').any(|said| said == word);
        let sends = says("send");
        let seats = offer.split(' ').next().and_then(|seats| seats.parse::<u16>().ok());
        let seats = seats.ok_or_else(|| OfferError("line 1: not a number of seats".to_owned()))?;
        let decoded = if says("vp9") { smallvec![Pt(96), Pt(98)] } else { smallvec![Pt(96)] };
        let ice = IceCredentials { ufrag: "u".to_owned(), pwd: "p".to_owned() };
        let line = |kind, place| DownlinkSpec {
            mid: Token::default(),
            kind,
            place,
            ssrc: Ssrc(1),
            rtx_ssrc: None,
            payloads: decoded.clone(),
            active: true,
        };
        let video = (0..seats).map(|seat| line(MediaKind::Video, Place::Seat(SeatId(seat))));
        let audio = (0..3).map(|id| line(MediaKind::Audio, Place::AudioLine(AudioLineId(id))));
        let payload = |pt, codec| PayloadType { pt, codec, rtx: None, nack: true, transport_cc: true, remb: false };
        let payloads = vec![payload(Pt(96), Codec::Vp8), payload(Pt(98), Codec::Vp9 { profile: 0 })];
        let uplink = |role| UplinkSpec {
            role,
            mid: Token::default(),
            rids: smallvec![],
            ssrcs: smallvec![],
            payloads: smallvec![Pt(96)],
            active: true,
        };
        let roles = [UplinkRole::Microphone, UplinkRole::Camera].into_iter().filter(|_| sends);
        let uplinks = roles.map(uplink).collect();
        let media = MediaSpec { payloads, uplinks, downlinks: video.chain(audio).collect(), ..MediaSpec::default() };
        let connection = ConnectionSpec { local: ice.clone(), remote: ice, fingerprint: fingerprint(), sctp: None };
        Ok(Negotiated { sdp: format!("answer to {offer}"), media, connection })
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct FakeClient {
    pushes: Mutex<Vec<Push>>,
    relayed: Mutex<Vec<AppPush>>,
    cut: Mutex<bool>,
}

impl FakeClient {
    /// What was pushed since the last call.
    pub(crate) fn take(&self) -> Vec<Push> {
        std::mem::take(&mut *self.pushes.lock().expect("not poisoned"))
    }

    /// Whether its connection was ended without a word.
    pub(crate) fn is_cut(&self) -> bool {
        *self.cut.lock().expect("not poisoned")
    }

    /// Changes of the room since the last call.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let changes = self.take().into_iter().filter_map(|push| match push {
            Push::Room(diff) => Some(diff.changes),
            _ => None,
        });
        changes.flatten().collect()
    }

    /// The last seats pushed since the last call.
    pub(crate) fn seats(&self) -> Option<Seats> {
        let mut seats = self.take().into_iter().filter_map(|push| match push {
            Push::Seats(seats) => Some(seats),
            _ => None,
        });
        seats.next_back()
    }
}

impl Outbox for FakeClient {
    fn push(&self, push: &Push) {
        self.pushes.lock().expect("not poisoned").push(push.clone());
    }

    fn relay(&self, push: &AppPush) {
        self.relayed.lock().expect("not poisoned").push(push.clone());
    }

    fn ask(&self, push: &AppPush, _: Duration) -> Asked {
        self.relay(push);
        Box::pin(async { Ok(Payload::Bool(true)) })
    }

    fn dismiss(&self, farewell: Farewell) {
        self.push(&Push::Farewell(farewell));
    }

    fn cut(&self, _: &'static str) {
        *self.cut.lock().expect("not poisoned") = true;
    }
}

/// Where an acknowledgement arrives.
pub(crate) type Acknowledged<T> = Arc<Mutex<Option<Result<T, ErrorBody>>>>;

/// An acknowledgement and the place where it arrives.
pub(crate) fn ack<T: Send + 'static>() -> (Ack<T>, Acknowledged<T>) {
    let place = Arc::new(Mutex::new(None));
    let arrived = place.clone();
    (Ack::new(move |result| *arrived.lock().expect("not poisoned") = Some(result)), place)
}
