//! One transport's negotiation: which m-line has which place, and what never changes while offers follow each other.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::Rng;
use smallvec::SmallVec;

use crate::id::{AudioLineId, Mid, Pt, SeatId, Ssrc};
use crate::media::spec::{DownlinkSpec, MediaKind, MediaSpec, Place, UplinkRole, UplinkSpec};
use crate::transport::spec::{Candidate, ConnectionSpec, Fingerprint, IceCredentials};

use super::SdpError;
use super::answer::{Answer, LineAnswer, RtpAnswer, Stream};
use super::capabilities::{Agreed, Format, Meaning};
use super::offer::{Direction, Line, LineKind, Offer};

/// The canonical name (RFC 3550 §6.5.1) of every stream that Plenum sends.
pub const CNAME: &str = "plenum";

/// Most downlinks that one connection may have had. Only a client that stops and replaces transceivers
/// gets near it; the lists that the media plane walks stay short.
const MOST_DOWNLINKS_EVER: usize = 512;

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

/// What one transport negotiated, kept across re-offers: m-lines keep index, mid, place and SSRCs.
#[derive(Clone, Debug)]
pub struct Session {
    local: IceCredentials,
    remote: Option<IceCredentials>,
    fingerprint: Option<Fingerprint>,
    slots: Vec<Slot>,
    media: MediaSpec,
    /// RTX SSRCs by index of [`MediaSpec::downlinks`].
    rtx: Vec<Ssrc>,
    /// All that were ever given.
    ssrcs: HashSet<u32>,
    next_seat: u16,
    next_audio_line: u16,
    /// `o=`'s session id, 0 = no answer yet.
    id: u64,
    /// `o=`'s session version: counts answers that differ.
    version: u64,
    last_body: u64,
}

/// An m-line of an earlier offer.
#[derive(Clone, Copy, Debug)]
struct Slot {
    mid: Option<Mid>,
    kind: LineKind,
    place: SlotPlace,
}

/// What an m-line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SlotPlace {
    /// Inactive since it was first offered: decided when it gets a direction.
    Undecided,
    /// Index into [`MediaSpec::uplinks`].
    Uplink(usize),
    /// Index into [`MediaSpec::downlinks`].
    Downlink(usize),
    Data,
    /// Refused by Plenum or given up by the browser. The browser may replace it by an m-line with another mid.
    Rejected,
}

impl Session {
    /// A session without negotiation yet. `local` is answered until the browser restarts ICE.
    pub fn new(local: IceCredentials) -> Session {
        Session {
            local,
            remote: None,
            fingerprint: None,
            slots: Vec::new(),
            media: MediaSpec::default(),
            rtx: Vec::new(),
            ssrcs: HashSet::new(),
            next_seat: 0,
            next_audio_line: 0,
            id: 0,
            version: 0,
            last_body: 0,
        }
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
        self.keep_lines(offer)?;
        self.place_lines(offer, server.max_seats, rng)?;
        let answers = self.negotiate(offer, server);
        let sdp = self.print(offer, &answers, server, rng);
        let sctp = offer
            .lines
            .iter()
            .zip(&self.slots)
            .find(|(line, slot)| slot.place == SlotPlace::Data && !line.stopped)
            .and_then(|(line, _)| line.sctp);
        let connection = ConnectionSpec {
            local: self.local.clone(),
            remote: offer.ice.clone(),
            fingerprint: offer.fingerprint.clone(),
            sctp,
        };
        Ok(Answered { sdp, media: self.media.clone(), connection })
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

    /// Checks that earlier m-lines are where they were, and makes slots for new ones.
    fn keep_lines(&mut self, offer: &Offer) -> Result<(), SdpError> {
        if offer.lines.len() < self.slots.len() {
            return Err(SdpError::LinesMissing { before: self.slots.len(), now: offer.lines.len() });
        }
        for (index, line) in offer.lines.iter().enumerate() {
            let fresh = Slot { mid: line.mid, kind: line.kind, place: SlotPlace::Undecided };
            match self.slots.get_mut(index) {
                None => self.slots.push(fresh),
                Some(slot) if line.stopped => slot.place = SlotPlace::Rejected,
                Some(slot) if slot.mid == line.mid && slot.kind == line.kind => {}
                Some(slot) if slot.place == SlotPlace::Rejected => *slot = fresh,
                Some(_) => {
                    let line = line.mid.map_or_else(|| format!("#{index}"), |mid| mid.to_string());
                    return Err(SdpError::LineChanged { line });
                }
            }
        }
        Ok(())
    }

    /// Gives every undecided m-line its place.
    fn place_lines(&mut self, offer: &Offer, most: u16, rng: &mut impl Rng) -> Result<(), SdpError> {
        let undecided: Vec<bool> = self.slots.iter().map(|slot| slot.place == SlotPlace::Undecided).collect();
        let receives = |index: Option<usize>, kind: MediaKind| {
            let Some((line, true)) = index.and_then(|i| offer.lines.get(i).zip(undecided.get(i).copied())) else {
                return false;
            };
            !line.stopped && line.direction == Direction::RecvOnly && line.kind == LineKind::Rtp(kind)
        };
        for (index, line) in offer.lines.iter().enumerate() {
            if undecided.get(index) != Some(&true) {
                continue;
            }
            let here = Some(index);
            let place = match line.kind {
                _ if line.stopped => SlotPlace::Rejected,
                LineKind::Data => self.place_data(line),
                LineKind::Rtp(kind) if line.direction.sends() => self.place_uplink(line, kind),
                LineKind::Rtp(MediaKind::Video) if receives(here, MediaKind::Video) => {
                    let seat = Place::Seat(SeatId(self.next_seat));
                    self.next_seat = self.next_seat.checked_add(1).ok_or(SdpError::Exhausted)?;
                    self.place_downlink(line, MediaKind::Video, seat, offer, rng)?
                }
                LineKind::Rtp(MediaKind::Audio) if receives(here, MediaKind::Audio) => {
                    // The video line that follows takes the same seat.
                    let place = if receives(index.checked_add(1), MediaKind::Video) {
                        Place::Seat(SeatId(self.next_seat))
                    } else {
                        let id = AudioLineId(self.next_audio_line);
                        self.next_audio_line = self.next_audio_line.checked_add(1).ok_or(SdpError::Exhausted)?;
                        Place::AudioLine(id)
                    };
                    self.place_downlink(line, MediaKind::Audio, place, offer, rng)?
                }
                LineKind::Rtp(_) => SlotPlace::Undecided,
                LineKind::Other => SlotPlace::Rejected,
            };
            if let Some(slot) = self.slots.get_mut(index) {
                slot.place = place;
            }
        }
        match self.seats() {
            offered if offered > usize::from(most) => Err(SdpError::TooManySeats { offered, most }),
            _ => Ok(()),
        }
    }

    /// Seats of which an m-line lives.
    fn seats(&self) -> usize {
        let mut seats: Vec<SeatId> = Vec::new();
        for slot in &self.slots {
            let SlotPlace::Downlink(index) = slot.place else { continue };
            // Both halves of a seat are neighbours.
            if let Some(DownlinkSpec { place: Place::Seat(seat), .. }) = self.media.downlinks.get(index)
                && seats.last() != Some(seat)
            {
                seats.push(*seat);
            }
        }
        seats.len()
    }

    /// One SCTP association per connection.
    fn place_data(&self, line: &Line) -> SlotPlace {
        let taken = self.slots.iter().any(|slot| slot.place == SlotPlace::Data);
        if taken || line.sctp.is_none() { SlotPlace::Rejected } else { SlotPlace::Data }
    }

    /// The first role of `kind` without a living m-line. A role keeps its index when its m-line is replaced.
    fn place_uplink(&mut self, line: &Line, kind: MediaKind) -> SlotPlace {
        let Some(mid) = line.mid else { return SlotPlace::Rejected };
        for role in UplinkRole::ALL.into_iter().filter(|role| role.kind() == kind) {
            let known = self.media.uplinks.iter().position(|uplink| uplink.role == role);
            let Some(index) = known else {
                self.media.uplinks.push(UplinkSpec {
                    role,
                    mid,
                    rids: Default::default(),
                    ssrcs: Default::default(),
                    payloads: Default::default(),
                    active: false,
                });
                return SlotPlace::Uplink(self.media.uplinks.len() - 1);
            };
            if self.slots.iter().all(|slot| slot.place != SlotPlace::Uplink(index)) {
                if let Some(uplink) = self.media.uplinks.get_mut(index) {
                    uplink.mid = mid;
                }
                return SlotPlace::Uplink(index);
            }
        }
        SlotPlace::Rejected
    }

    fn place_downlink(
        &mut self,
        line: &Line,
        kind: MediaKind,
        place: Place,
        offer: &Offer,
        rng: &mut impl Rng,
    ) -> Result<SlotPlace, SdpError> {
        let Some(mid) = line.mid else { return Ok(SlotPlace::Rejected) };
        if self.media.downlinks.len() >= MOST_DOWNLINKS_EVER {
            return Err(SdpError::Exhausted);
        }
        let ssrc = self.new_ssrc(offer, rng);
        // Allotted even where no RTX is offered today, so that a later offer cannot change it.
        let rtx_ssrc = self.new_ssrc(offer, rng);
        self.rtx.push(rtx_ssrc);
        self.media.downlinks.push(DownlinkSpec {
            mid,
            kind,
            place,
            ssrc,
            rtx_ssrc: None,
            payloads: Default::default(),
            active: false,
        });
        Ok(SlotPlace::Downlink(self.media.downlinks.len() - 1))
    }

    /// Random, not 0, never given before in this session and not one that the browser declares.
    fn new_ssrc(&mut self, offer: &Offer, rng: &mut impl Rng) -> Ssrc {
        loop {
            let ssrc = Ssrc(rng.random_range(1..=u32::MAX));
            let declared = |line: &Line| line.ssrcs.iter().any(|(s, rtx)| *s == ssrc || *rtx == Some(ssrc));
            if !offer.lines.iter().any(declared) && self.ssrcs.insert(ssrc.0) {
                return ssrc;
            }
        }
    }

    /// Agrees codecs and extensions on every m-line, writes them into the media spec and says what to answer.
    fn negotiate(&mut self, offer: &Offer, server: &ServerSide) -> Vec<LineAnswer> {
        let mut agreed = Agreed::default();
        for uplink in &mut self.media.uplinks {
            uplink.active = false;
        }
        for downlink in &mut self.media.downlinks {
            downlink.active = false;
        }
        let mut declared = HashSet::new();
        let mut answers = Vec::with_capacity(offer.lines.len());
        for (index, line) in offer.lines.iter().enumerate() {
            let place = self.slots.get(index).map_or(SlotPlace::Rejected, |slot| slot.place);
            let answer = match (place, line.kind) {
                (SlotPlace::Data, _) => LineAnswer::Data { port: server.sctp_port },
                (SlotPlace::Rejected, _) | (_, LineKind::Data | LineKind::Other) => LineAnswer::Rejected,
                (place, LineKind::Rtp(kind)) => {
                    let formats = agreed.formats(line, kind);
                    if formats.is_empty() {
                        // The browser stops the transceiver of a rejected m-line: its place is free for a new one.
                        if let Some(slot) = self.slots.get_mut(index) {
                            slot.place = SlotPlace::Rejected;
                        }
                        LineAnswer::Rejected
                    } else {
                        let extensions = agreed.extensions(line, offer.extmap_allow_mixed || line.extmap_allow_mixed);
                        let mut answer = RtpAnswer { formats, extensions, ..RtpAnswer::default() };
                        match place {
                            SlotPlace::Uplink(index) => self.negotiate_uplink(index, line, &mut answer, &mut declared),
                            SlotPlace::Downlink(index) => self.negotiate_downlink(index, line, &mut answer),
                            _ => {}
                        }
                        LineAnswer::Rtp(answer)
                    }
                }
            };
            answers.push(answer);
        }
        self.media.payloads = agreed.payloads;
        self.media.extensions = agreed.extensions;
        answers
    }

    fn negotiate_uplink(&mut self, index: usize, line: &Line, answer: &mut RtpAnswer, declared: &mut HashSet<u32>) {
        let Some(uplink) = self.media.uplinks.get_mut(index) else { return };
        uplink.active = line.direction.sends();
        uplink.payloads = media_payloads(&answer.formats);
        uplink.rids = line.rids.clone();
        // An SSRC belongs to the first m-line that declares it.
        uplink.ssrcs = line.ssrcs.iter().copied().filter(|(ssrc, _)| declared.insert(ssrc.0)).collect();
        answer.direction = if uplink.active { Direction::RecvOnly } else { Direction::Inactive };
        answer.rids = line.rids.clone();
    }

    fn negotiate_downlink(&mut self, index: usize, line: &Line, answer: &mut RtpAnswer) {
        let rtx = self.rtx.get(index).copied();
        let Some(downlink) = self.media.downlinks.get_mut(index) else { return };
        let repaired = answer.formats.iter().any(|f| matches!(f.meaning, Meaning::Rtx(_)));
        downlink.active = line.direction.receives();
        downlink.payloads = media_payloads(&answer.formats);
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
        let answer = Answer { offer, lines, server, local: &self.local, id: self.id, version: 0 };
        let mut hasher = DefaultHasher::new();
        answer.print().hash(&mut hasher);
        let body = hasher.finish();
        if self.version == 0 || body != self.last_body {
            self.version += 1;
            self.last_body = body;
        }
        Answer { offer, lines, server, local: &self.local, id: self.id, version: self.version }.print()
    }
}

/// The payload types of media among `formats`, without RTX.
fn media_payloads(formats: &[Format]) -> SmallVec<[Pt; 8]> {
    formats.iter().filter(|f| matches!(f.meaning, Meaning::Media(_))).map(|f| f.pt).collect()
}
