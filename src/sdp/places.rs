//! Which m-line of a connection has which place, and the SSRCs that go with it. Neither ever changes.

use std::collections::HashSet;

use rand::Rng;

use crate::id::{AudioLineId, Mid, SeatId, Ssrc};
use crate::media::spec::{DownlinkSpec, MediaKind, Place, UplinkRole, UplinkSpec};

use super::SdpError;
use super::line::{Direction, Line, LineKind};
use super::offer::Offer;

/// Most downlinks that one connection may have had. Only a client that stops and replaces transceivers
/// gets near it; the lists that the media plane walks stay short.
const MOST_DOWNLINKS_EVER: usize = 512;

/// The m-lines of all offers so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    slots: Vec<Slot>,
    /// By order of placement, so that an index stays what it is.
    pub(super) uplinks: Vec<UplinkSpec>,
    /// By order of placement.
    pub(super) downlinks: Vec<DownlinkSpec>,
    /// RTX SSRCs by index of `downlinks`.
    rtx: Vec<Ssrc>,
    /// All that were ever given.
    ssrcs: HashSet<u32>,
    next_seat: u16,
    next_audio_line: u16,
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
pub(super) enum SlotPlace {
    /// Inactive since it was first offered: decided when it gets a direction.
    Undecided,
    /// Index into [`Places::uplinks`].
    Uplink(usize),
    /// Index into [`Places::downlinks`].
    Downlink(usize),
    Data,
    /// Refused by Plenum or given up by the browser. The browser may replace it by an m-line with another mid.
    Rejected,
}

impl Places {
    /// Takes over the m-lines of `offer`, of which at most `most` may be seats.
    pub(super) fn update(&mut self, offer: &Offer, most: u16, rng: &mut impl Rng) -> Result<(), SdpError> {
        self.keep_lines(offer)?;
        self.place_lines(offer, rng)?;
        match self.seats() {
            offered if offered > usize::from(most) => Err(SdpError::TooManySeats { offered, most }),
            _ => Ok(()),
        }
    }

    /// Takes over the m-lines of a player's `offer`: the first that receives audio and the first that receives video
    /// are the two halves of seat 0.
    pub(super) fn update_player(&mut self, offer: &Offer, rng: &mut impl Rng) -> Result<(), SdpError> {
        self.keep_lines(offer)?;
        for (index, line) in offer.lines.iter().enumerate() {
            if self.place(index) != SlotPlace::Undecided {
                continue;
            }
            let taken = |kind: MediaKind| self.downlinks.iter().any(|downlink| downlink.kind == kind);
            let place = match line.kind {
                // A player may offer to send, too (draft-ietf-wish-whep §4.2); it is answered `sendonly` all the same.
                LineKind::Rtp(kind) if !line.stopped && line.direction.receives() && !taken(kind) => {
                    self.next_seat = 1;
                    self.place_downlink(line, kind, Place::Seat(SeatId(0)), offer, rng)?
                }
                _ => SlotPlace::Rejected,
            };
            if let Some(slot) = self.slots.get_mut(index) {
                slot.place = place;
            }
        }
        Ok(())
    }

    /// The place of the m-line `index`.
    pub(super) fn place(&self, index: usize) -> SlotPlace {
        self.slots.get(index).map_or(SlotPlace::Rejected, |slot| slot.place)
    }

    /// Frees the place of the m-line `index`: the browser stops the transceiver of a rejected m-line.
    pub(super) fn reject(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.place = SlotPlace::Rejected;
        }
    }

    /// Takes from every line what only a live one has. Index, mid, place and SSRCs remain.
    pub(super) fn silence(&mut self) {
        for uplink in &mut self.uplinks {
            uplink.active = false;
            uplink.payloads.clear();
            uplink.rids.clear();
            uplink.ssrcs.clear();
        }
        for downlink in &mut self.downlinks {
            downlink.active = false;
            downlink.payloads.clear();
        }
    }

    /// The RTX SSRC kept for the downlink `index`.
    pub(super) fn rtx_ssrc(&self, index: usize) -> Option<Ssrc> {
        self.rtx.get(index).copied()
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
    fn place_lines(&mut self, offer: &Offer, rng: &mut impl Rng) -> Result<(), SdpError> {
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
        Ok(())
    }

    /// Seats of which an m-line lives.
    fn seats(&self) -> usize {
        let mut seats: Vec<SeatId> = Vec::new();
        for slot in &self.slots {
            let SlotPlace::Downlink(index) = slot.place else { continue };
            // Both halves of a seat are neighbours.
            if let Some(DownlinkSpec { place: Place::Seat(seat), .. }) = self.downlinks.get(index)
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
            let known = self.uplinks.iter().position(|uplink| uplink.role == role);
            let Some(index) = known else {
                self.uplinks.push(UplinkSpec {
                    role,
                    mid,
                    rids: Default::default(),
                    ssrcs: Default::default(),
                    payloads: Default::default(),
                    active: false,
                });
                return SlotPlace::Uplink(self.uplinks.len() - 1);
            };
            if self.slots.iter().all(|slot| slot.place != SlotPlace::Uplink(index)) {
                if let Some(uplink) = self.uplinks.get_mut(index) {
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
        if self.downlinks.len() >= MOST_DOWNLINKS_EVER {
            return Err(SdpError::Exhausted);
        }
        let ssrc = self.new_ssrc(offer, rng);
        // Allotted even where no RTX is offered today, so that a later offer cannot change it.
        let rtx_ssrc = self.new_ssrc(offer, rng);
        self.rtx.push(rtx_ssrc);
        self.downlinks.push(DownlinkSpec {
            mid,
            kind,
            place,
            ssrc,
            rtx_ssrc: None,
            payloads: Default::default(),
            active: false,
        });
        Ok(SlotPlace::Downlink(self.downlinks.len() - 1))
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
}
