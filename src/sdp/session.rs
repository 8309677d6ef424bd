//! One transport's negotiation: which m-line has which place, and what never changes while offers follow each other.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use rand::Rng;
use smallvec::SmallVec;

use crate::id::Pt;
use crate::media::spec::{Codec, MediaKind, MediaSpec};
use crate::transport::spec::{Candidate, ConnectionSpec, Fingerprint, IceCredentials};

use super::SdpError;
use super::answer::{Answer, LineAnswer, RtpAnswer, Stream};
use super::capabilities::{Agreed, Format, Kept, Meaning};
use super::line::{Direction, Line, LineKind};
use super::offer::Offer;
use super::places::{Places, SlotPlace};

/// The canonical name (RFC 3550 §6.5.1) of every stream that Plenum sends.
pub const CNAME: &str = "plenum";

/// The server's side of a negotiation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSide {
    /// Of the process's DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// The shard that new ICE credentials name.
    pub shard: usize,
    /// Most seats that one connection may have.
    pub max_seats: u16,
    /// Plenum's `a=sctp-port`.
    pub sctp_port: u16,
}

/// An answered offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The answer, for `setRemoteDescription`.
    pub sdp: String,
    pub media: MediaSpec,
    pub connection: ConnectionSpec,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Purpose {
    /// A member that publishes, receives, or both.
    #[default]
    Call,
    /// A player of one member: its first audio and first video m-line are one seat, whatever their order, and no other
    /// m-line is taken. With `video`, that codec alone is answered, so that the player sets up no decoder in vain.
    Play { video: Option<Codec> },
}

/// What one transport negotiated, kept across re-offers: m-lines keep index, mid, place and SSRCs.
#[derive(Clone, Debug)]
pub struct Session {
    local: IceCredentials,
    remote: Option<IceCredentials>,
    fingerprint: Option<Fingerprint>,
    purpose: Purpose,
    places: Places,
    /// `o=`'s session id, 0 = no answer yet.
    id: u64,
    /// `o=`'s session version: counts answers that differ.
    version: u64,
    /// Hash of the last answer without its version.
    last: u64,
}

impl Session {
    /// A session without negotiation yet. `local` is answered until the browser restarts ICE.
    pub fn new(local: IceCredentials, purpose: Purpose) -> Session {
        let places = Places::default();
        Session { local, remote: None, fingerprint: None, purpose, places, id: 0, version: 0, last: 0 }
    }

    /// Answers `offer` (RFC 9429 §5.3). The same offer again, with the same `server`, gets the same answer.
    ///
    /// `rng` must be unpredictable: it makes ICE passwords. On an error the session stays as it was.
    pub fn answer(&mut self, offer: &str, server: &ServerSide, rng: &mut impl Rng) -> Result<Answered, SdpError> {
        let offer = Offer::parse(offer)?;
        let mut next = self.clone();
        let answered = next.apply(&offer, server, rng)?;
        *self = next;
        Ok(answered)
    }

    fn apply(&mut self, offer: &Offer, server: &ServerSide, rng: &mut impl Rng) -> Result<Answered, SdpError> {
        self.connect(offer, server, rng)?;
        match self.purpose {
            Purpose::Call => self.places.update(offer, server.max_seats, rng)?,
            Purpose::Play { .. } => self.places.update_player(offer, rng)?,
        }
        let mut agreed = Agreed::default();
        let answers = self.negotiate(offer, server, &mut agreed);
        if answers.iter().all(|answer| *answer == LineAnswer::Rejected) {
            return Err(SdpError::NothingUsable);
        }
        let sdp = self.print(offer, &answers, server, rng);
        let places = offer.lines.iter().enumerate().map(|(index, line)| (line, self.places.place(index)));
        let sctp = places.filter(|(_, place)| *place == SlotPlace::Data).find_map(|(line, _)| line.sctp);
        let media = MediaSpec {
            payloads: agreed.payloads,
            extensions: agreed.extensions,
            uplinks: self.places.uplinks.clone(),
            downlinks: self.places.downlinks.clone(),
        };
        let connection = ConnectionSpec {
            local: self.local.clone(),
            remote: offer.ice.clone(),
            fingerprint: offer.fingerprint.clone(),
            sctp,
        };
        Ok(Answered { sdp, media, connection })
    }

    /// Notices an ICE restart (RFC 8839 §4.4.1.1.1) and refuses another certificate.
    fn connect(&mut self, offer: &Offer, server: &ServerSide, rng: &mut impl Rng) -> Result<(), SdpError> {
        if self.fingerprint.as_ref().is_some_and(|known| *known != offer.fingerprint) {
            return Err(SdpError::FingerprintChanged);
        }
        if self.remote.as_ref().is_some_and(|known| *known != offer.ice) {
            self.local = IceCredentials::generate(server.shard, rng);
        }
        self.remote = Some(offer.ice.clone());
        self.fingerprint = Some(offer.fingerprint.clone());
        Ok(())
    }

    /// Agrees codecs and extensions on every m-line, writes them into its place and says what to answer.
    fn negotiate(&mut self, offer: &Offer, server: &ServerSide, agreed: &mut Agreed) -> Vec<LineAnswer> {
        self.places.silence();
        let mut declared = HashSet::new();
        let mut answers = Vec::with_capacity(offer.lines.len());
        for (index, line) in offer.lines.iter().enumerate() {
            let answer = match (self.places.place(index), line.kind) {
                (SlotPlace::Data, _) => LineAnswer::Data { port: server.sctp_port },
                (SlotPlace::Rejected, _) | (_, LineKind::Data | LineKind::Other) => LineAnswer::Rejected,
                (place, LineKind::Rtp(kind)) => {
                    let mixed = offer.extmap_allow_mixed || line.extmap_allow_mixed;
                    match agreed.keep(&line.offered, kind, self.only(kind), mixed) {
                        Some(kept) => LineAnswer::Rtp(self.negotiate_rtp(place, line, kept, &mut declared)),
                        None => {
                            self.places.reject(index);
                            LineAnswer::Rejected
                        }
                    }
                }
            };
            answers.push(answer);
        }
        answers
    }

    /// The only codec to agree on for m-lines of `kind`; `None` = any.
    fn only(&self, kind: MediaKind) -> Option<Codec> {
        match self.purpose {
            Purpose::Play { video } if kind == MediaKind::Video => video,
            _ => None,
        }
    }

    /// Answers an m-line of which `kept` was agreed on.
    fn negotiate_rtp(
        &mut self,
        place: SlotPlace,
        line: &Line,
        kept: Rc<Kept>,
        declared: &mut HashSet<u32>,
    ) -> RtpAnswer {
        let mut answer = RtpAnswer { kept, ..RtpAnswer::default() };
        match place {
            SlotPlace::Uplink(index) => self.negotiate_uplink(index, line, &mut answer, declared),
            SlotPlace::Downlink(index) => self.negotiate_downlink(index, line, &mut answer),
            _ => {}
        }
        answer
    }

    fn negotiate_uplink(&mut self, index: usize, line: &Line, answer: &mut RtpAnswer, declared: &mut HashSet<u32>) {
        let Some(uplink) = self.places.uplinks.get_mut(index) else { return };
        uplink.active = line.direction.sends();
        uplink.payloads = media_payloads(&answer.kept.formats);
        uplink.rids = line.rids.clone();
        // An SSRC belongs to the first m-line that declares it.
        uplink.ssrcs = line.ssrcs.iter().copied().filter(|(ssrc, _)| declared.insert(ssrc.0)).collect();
        answer.direction = if uplink.active { Direction::RecvOnly } else { Direction::Inactive };
        answer.rids = line.rids.clone();
    }

    fn negotiate_downlink(&mut self, index: usize, line: &Line, answer: &mut RtpAnswer) {
        let rtx = self.places.rtx_ssrc(index);
        let Some(downlink) = self.places.downlinks.get_mut(index) else { return };
        let repaired = answer.kept.formats.iter().any(|f| matches!(f.meaning, Meaning::Rtx(_)));
        downlink.active = line.direction.receives();
        downlink.payloads = media_payloads(&answer.kept.formats);
        downlink.rtx_ssrc = rtx.filter(|_| repaired);
        if downlink.active {
            answer.direction = Direction::SendOnly;
            answer.stream = Some(Stream {
                place: downlink.place,
                kind: downlink.kind,
                ssrc: downlink.ssrc,
                rtx: downlink.rtx_ssrc,
            });
        }
    }

    /// Prints the answer; its version rises whenever it differs from the one before (RFC 9429 §5.3.1).
    fn print(&mut self, offer: &Offer, lines: &[LineAnswer], server: &ServerSide, rng: &mut impl Rng) -> String {
        if self.id == 0 {
            self.id = rng.random_range(1..=i64::MAX as u64);
        }
        let mut answer = Answer { offer, lines, server, local: &self.local, id: self.id }.describe();
        answer.origin.session_version = self.version + 1;
        let text = answer.marshal();
        // The version is in the second line, and in no other.
        let said = hash(text.splitn(3, '\n').last().unwrap_or_default());
        if self.version > 0 && said == self.last {
            answer.origin.session_version = self.version;
            return answer.marshal();
        }
        (self.version, self.last) = (self.version + 1, said);
        text
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The payload types of media among `formats`, without RTX.
fn media_payloads(formats: &[Format]) -> SmallVec<[Pt; 8]> {
    formats.iter().filter(|f| matches!(f.meaning, Meaning::Media(_))).map(|f| f.pt).collect()
}
