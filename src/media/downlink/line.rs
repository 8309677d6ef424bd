//! One m-line's outgoing stream: whose packets it carries now, and their numbers, timestamps and counters on the line.

use std::time::Instant;

use smallvec::SmallVec;

use crate::id::{ExtSeq, Mid, Pt, SourceId, Ssrc};
use crate::media::drop::DropReason;
use crate::media::packet::{PacketInfo, PacketRef};
use crate::media::spec::{DownlinkSpec, MediaKind, MediaSpec, Place};
use crate::prefetch::prefetch;

use super::left_out::LeftOut;
use super::rewrite;
use super::seat_clock::{Drift, SeatClock};
use super::select::{Gate, LayerTarget, Targets, Wish};
use super::sequence::{Placed, Sequence};
use super::tenure::{Before, Stamp, Tenure};

/// Distance of two audio packets of which nothing better is known: 20 ms at 48 kHz, every browser's default.
const AUDIO_STEP: i64 = 960;
/// Longest Opus packet, 120 ms at 48 kHz (RFC 7587 §2.1.4).
const LONGEST_AUDIO_STEP: i64 = 5_760;
/// A publisher's timestamps that leave its own capture times by more than this (in milliseconds) were restarted.
const LEAP_MS: i64 = 3_000;

pub(super) struct Line {
    pub(super) kind: MediaKind,
    pub(super) place: Place,
    pub(super) mid: Mid,
    pub(super) ssrc: Ssrc,
    pub(super) rtx_ssrc: Option<Ssrc>,
    pub(super) payloads: SmallVec<[Pt; 8]>,
    pub(super) active: bool,
    pub(super) clock: SeatClock,
    pub(super) wish: Wish,
    /// Apart, since most lines of most browsers rest.
    pub(super) tenure: Option<Box<Tenure>>,
    /// The number above all that were used of the line's stream, and the next of its RTX stream. Each is sealed once, so
    /// these never go back.
    pub(super) next: ExtSeq,
    pub(super) rtx_next: ExtSeq,
    /// The newest frame's timestamp on the line, extended, and its distance from the one before.
    newest_ts: Option<i64>,
    step: i64,
    counters: rewrite::Counters,
    /// The newest packet of a voice that was sent: a voice that rested goes on behind it, whatever its clock says.
    heard: Option<(SourceId, usize, ExtSeq)>,
    pub(super) sent: Sent,
    pub(super) rtx_sent: Sent,
    /// When the next sender report is due. `None` before the first packet.
    pub(super) report_due: Option<Instant>,
    /// In 1/256, as the browser reported last.
    pub(super) fraction_lost: u8,
    /// Packets that the browser says it lost, before repair.
    pub(super) lost: i32,
    /// Interarrival jitter at the browser, in units of the line's clock.
    pub(super) jitter: u32,
    /// Packets sent again because the browser asked for them.
    pub(super) repaired: u64,
    /// When a media packet was sent last.
    pub(super) last_sent: Option<Instant>,
    /// When a packet of a key frame was sent last.
    pub(super) key_sent: Option<Instant>,
}

/// What a sender report counts (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    /// Of payload.
    pub(super) octets: u64,
}

impl Sent {
    pub(super) fn count(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }
}

impl Line {
    pub(super) fn new(spec: &DownlinkSpec, clock: SeatClock, first: ExtSeq, rtx_first: ExtSeq) -> Line {
        Line {
            kind: spec.kind,
            place: spec.place,
            mid: spec.mid,
            ssrc: spec.ssrc,
            rtx_ssrc: spec.rtx_ssrc,
            payloads: spec.payloads.clone(),
            active: spec.active,
            clock,
            wish: Wish::new(None),
            tenure: None,
            next: first,
            rtx_next: rtx_first,
            newest_ts: None,
            step: if spec.kind == MediaKind::Audio { AUDIO_STEP } else { clock.millisecond() },
            counters: rewrite::Counters::default(),
            heard: None,
            sent: Sent::default(),
            rtx_sent: Sent::default(),
            report_due: None,
            fraction_lost: 0,
            lost: 0,
            jitter: 0,
            repaired: 0,
            last_sent: None,
            key_sent: None,
        }
    }

    /// Takes a re-offer. The tenure goes on when its payload type is still there.
    pub(super) fn update(&mut self, spec: &MediaSpec, line: &DownlinkSpec) {
        self.mid = line.mid;
        self.rtx_ssrc = line.rtx_ssrc;
        self.payloads = line.payloads.clone();
        self.active = line.active;
        self.wish.refused = None;
        if let Some(tenure) = &mut self.tenure {
            match rewrite::payload_for(spec, &self.payloads, tenure.codec) {
                Some((payload, form)) => tenure.reform(payload, form),
                None => self.tenure = None,
            }
        }
        self.settle();
    }

    /// A packet of it is to be written next. Each of these begins another cache line, or does when they are laid out
    /// otherwise.
    pub(super) fn prefetch(&self) {
        prefetch(&self.wish);
        prefetch(&self.last_sent);
        prefetch(&self.next);
        prefetch(&self.counters);
        if let Some(tenure) = self.tenure.as_deref() {
            tenure.prefetch();
        }
    }

    /// What the line takes now.
    pub(super) fn current(&self) -> Option<(SourceId, usize)> {
        self.tenure.as_ref().map(|tenure| (tenure.source, tenure.layer))
    }

    pub(super) fn is_next(&self, from: (SourceId, usize), seq: ExtSeq) -> bool {
        match &self.tenure {
            Some(tenure) if (tenure.source, tenure.layer) == from => tenure.sequence.place(seq) == Placed::New,
            _ => true,
        }
    }

    /// What the line would switch to.
    pub(super) fn pending(&self) -> Option<(SourceId, usize)> {
        self.wish.pair().filter(|pair| self.active && Some(*pair) != self.current())
    }

    /// What the line waits for a key frame of: another stream, or spatial layers of its own that it had left.
    pub(super) fn wants_key_frame(&self) -> Option<(SourceId, usize)> {
        if self.kind == MediaKind::Audio || self.wish.refused.is_some() {
            return None;
        }
        self.pending().or_else(|| {
            let current = self.current().filter(|_| self.active)?;
            let target = self.target_of(current);
            self.tenure.as_ref().is_some_and(|tenure| tenure.gate.needs_key_picture(target)).then_some(current)
        })
    }

    /// Ends a tenure that may not go on: nothing is wished for, or another voice, or the line cannot send.
    pub(super) fn settle(&mut self) {
        let other = self.current().is_some_and(|(source, _)| self.wish.source != Some(source));
        if !self.active || self.wish.pair().is_none() || (other && self.kind == MediaKind::Audio) {
            self.tenure = None;
        }
    }

    /// Whether this packet opens a new tenure. `Err` when the line has no use for the packet.
    pub(super) fn opens(
        &mut self,
        spec: &MediaSpec,
        from: (SourceId, usize),
        packet: PacketRef<'_>,
    ) -> Result<bool, DropReason> {
        let codec = packet.info.codec;
        if self.current() == Some(from) {
            if self.tenure.as_ref().is_some_and(|tenure| tenure.codec == codec) {
                return Ok(false);
            }
            if self.change_codec(spec, packet.info)? {
                return Ok(false);
            }
        }
        if packet.payload.is_empty() || (self.current() != Some(from) && self.pending() != Some(from)) {
            return Err(DropReason::NotSelected);
        }
        if rewrite::payload_for(spec, &self.payloads, codec).is_none() {
            if self.wish.pair() == Some(from) {
                self.wish.refused = Some(codec);
            }
            return Err(DropReason::NoPayloadType);
        }
        match self.kind {
            MediaKind::Audio if self.was_heard(from, packet.info.seq) => Err(DropReason::Duplicate),
            MediaKind::Video if !opens_video(packet.info) => Err(DropReason::NotSelected),
            _ => Ok(true),
        }
    }

    /// Whether a voice's packet was sent, or passed over, before the voice rested.
    fn was_heard(&self, (source, layer): (SourceId, usize), seq: ExtSeq) -> bool {
        self.heard.is_some_and(|(heard, from, newest)| (heard, from) == (source, layer) && seq <= newest)
    }

    /// `source` counts its packets anew.
    pub(super) fn forget(&mut self, source: SourceId) {
        self.heard.take_if(|(heard, ..)| *heard == source);
    }

    /// The current source comes in another codec. True when the tenure goes on: browsers mix Opus and RED packet by
    /// packet. Otherwise it ends, and what follows is of no use before a key frame.
    fn change_codec(&mut self, spec: &MediaSpec, info: &PacketInfo) -> Result<bool, DropReason> {
        let found = rewrite::payload_for(spec, &self.payloads, info.codec).filter(|_| self.kind == MediaKind::Audio);
        let Some(tenure) = &mut self.tenure else { return Ok(false) };
        if let Some((payload, form)) = found {
            tenure.codec = info.codec;
            tenure.reform(payload, form);
            return Ok(true);
        }
        if tenure.sequence.place(info.seq) != Placed::New {
            return Err(DropReason::NotSelected);
        }
        self.tenure = None;
        Ok(false)
    }

    /// Begins a tenure with `packet` at the extended timestamp `at`.
    pub(super) fn open(
        &mut self,
        spec: &MediaSpec,
        from: (SourceId, usize),
        packet: PacketRef<'_>,
        at: i64,
    ) -> Result<(), DropReason> {
        let info = packet.info;
        let (payload, form) =
            rewrite::payload_for(spec, &self.payloads, info.codec).ok_or(DropReason::NoPayloadType)?;
        self.wish.refused = None;
        self.tenure = Some(Box::new(Tenure {
            source: from.0,
            layer: from.1,
            codec: info.codec,
            payload,
            form,
            sequence: Sequence::new(info.seq, self.next),
            offsets: self.counters.offsets_for(packet),
            gate: Gate::new(self.target_of(from)),
            targets: Targets::default(),
            drift: Drift::new(at - self.clock.at(info.capture_us)),
            newest: (info.timestamp, at),
            frame: info.timestamp,
            left_out: LeftOut::default(),
            fresh: true,
            in_key_frame: false,
            template: None,
        }));
        Ok(())
    }

    /// Whether a packet was captured after everything that was sent.
    pub(super) fn is_ahead(&self, info: &PacketInfo) -> bool {
        self.newest_ts.is_none_or(|newest| self.clock.at(info.capture_us) > newest)
    }

    /// The earliest timestamp that a new frame may have, if it may have `ideal`.
    pub(super) fn rising(&self, ideal: i64) -> i64 {
        match self.newest_ts {
            Some(newest) => ideal.max(newest + self.step),
            None => ideal,
        }
    }

    /// The layers to take of `from`. What the wish says of another stream of the same source thins this one, too, for
    /// as long as it has to stand in; spatial layers have the same meaning in one stream only.
    fn target_of(&self, from: (SourceId, usize)) -> LayerTarget {
        let whole = LayerTarget::whole(from.1);
        match self.wish.target.filter(|_| self.wish.source == Some(from.0)) {
            Some(target) if target.layer == from.1 => target,
            Some(target) => LayerTarget { temporal: target.temporal, ..whole },
            None => whole,
        }
    }

    /// Gives a packet of the current tenure its place. `at` overrides the timestamp of a new frame.
    ///
    /// # Errors
    /// [`DropReason::Duplicate`], [`DropReason::AboveTarget`] or, for a packet without payload,
    /// [`DropReason::PaddingOnly`]; the last two leave no gap.
    pub(super) fn stamp(&mut self, packet: PacketRef<'_>, at: Option<i64>) -> Result<Stamp, DropReason> {
        let target = self.current().map_or(LayerTarget::whole(0), |current| self.target_of(current));
        let info = packet.info;
        let tenure = self.tenure.as_mut().ok_or(DropReason::NotSelected)?;
        match tenure.sequence.place(info.seq) {
            Placed::Gone => return Err(DropReason::Duplicate),
            Placed::Late(seq, before) => {
                let stamp = tenure.late_stamp(packet, seq, before);
                self.fill(packet, stamp);
                return Ok(stamp);
            }
            Placed::New => {}
        }
        if packet.payload.is_empty() {
            tenure.sequence.skip(info.seq, tenure.now());
            return Err(DropReason::PaddingOnly);
        }
        let first = std::mem::take(&mut tenure.fresh);
        let new_frame = first || info.timestamp != tenure.frame;
        tenure.frame = info.timestamp;
        let before = tenure.now();
        let left_out = !new_frame && tenure.left_out.contains(info.timestamp);
        let admitted = !left_out && tenure.gate.admits(&info.facts, new_frame, target);
        if let Some(dd) = info.facts.dd.as_ref().filter(|dd| dd.frame_start) {
            tenure.offsets.active_decode_targets = tenure.targets.follow(dd, &tenure.gate);
        }
        if !admitted {
            if new_frame {
                tenure.offsets.leave_out(&info.facts);
            }
            // Of a picture whose base was lost, the base is still welcome.
            if new_frame && info.facts.spatial == 0 {
                tenure.left_out.add(info.timestamp);
            }
            tenure.sequence.skip(info.seq, before);
            return Err(DropReason::AboveTarget);
        }
        if new_frame {
            self.begin_frame(info, at, first);
        }
        self.place_new(packet, before, first)
    }

    /// Drops a packet of the tenure on purpose, and with it what follows of its frame.
    pub(super) fn leave_out(&mut self, info: &PacketInfo) {
        let Some(tenure) = self.tenure.as_mut() else { return };
        if tenure.codec != info.codec || tenure.sequence.place(info.seq) != Placed::New {
            return;
        }
        let before = tenure.now();
        if info.timestamp != tenure.frame {
            tenure.frame = info.timestamp;
            tenure.left_out.add(info.timestamp);
            tenure.offsets.leave_out(&info.facts);
        }
        tenure.sequence.skip(info.seq, before);
    }

    fn place_new(&mut self, packet: PacketRef<'_>, before: Before, first: bool) -> Result<Stamp, DropReason> {
        let tenure = self.tenure.as_mut().ok_or(DropReason::NotSelected)?;
        let seq = tenure.sequence.take(packet.info.seq, Before { next: tenure.newest, ..before });
        self.counters.follow(packet, tenure.offsets);
        if self.kind == MediaKind::Audio {
            self.heard = Some((tenure.source, tenure.layer, packet.info.seq));
        }
        let stamp = Stamp {
            seq,
            timestamp: tenure.newest.1 as u32,
            // A new voice starts a talk spurt (RFC 3551 §4.1): the receiver may adapt its delay here.
            marker: tenure.ends_picture(packet.info) || (first && self.kind == MediaKind::Audio),
            offsets: tenure.offsets,
            hollow: false,
        };
        self.used(seq);
        Ok(stamp)
    }

    /// A packet of the tenure fills its gap with `stamp`. It may be the newest that the receiver gets: what came after it
    /// may have been left out. What follows has to go on behind it then.
    pub(super) fn fill(&mut self, packet: PacketRef<'_>, stamp: Stamp) {
        let Some(tenure) = self.tenure.as_mut() else { return };
        tenure.sequence.fill(packet.info.seq);
        if stamp.seq >= self.next && !stamp.hollow {
            let behind = stamp.timestamp.wrapping_sub(tenure.newest.1 as u32) as i32;
            self.newest_ts = self.newest_ts.max(Some(tenure.newest.1 + i64::from(behind)));
            self.counters.follow(packet, stamp.offsets);
        }
        self.used(stamp.seq);
    }

    /// Takes the number `seq` for ever. A gap above the last number used is closed by the next tenure: nothing fills it
    /// any more.
    fn used(&mut self, seq: ExtSeq) {
        self.next = self.next.max(ExtSeq(seq.0 + 1));
    }

    /// Moves the line on to a new frame's timestamp.
    fn begin_frame(&mut self, info: &PacketInfo, at: Option<i64>, first: bool) {
        let clock = self.clock;
        let ideal = clock.at(info.capture_us);
        let Some(tenure) = self.tenure.as_mut() else { return };
        let advance = i64::from(info.timestamp.wrapping_sub(tenure.newest.0) as i32);
        let mut timestamp = at.unwrap_or(tenure.newest.1 + advance);
        let leap = LEAP_MS * clock.millisecond();
        let strayed = (timestamp - ideal - tenure.drift.ticks()).abs() > leap;
        if at.is_none() && (advance < 0 || (advance > leap && strayed)) {
            timestamp = ideal;
        }
        if let Some(newest) = self.newest_ts {
            timestamp = timestamp.max(newest + clock.millisecond());
            let step = timestamp - newest;
            if !first && self.kind == MediaKind::Audio && step <= LONGEST_AUDIO_STEP {
                self.step = step;
            }
        }
        match at {
            Some(_) => tenure.drift = Drift::new(timestamp - ideal),
            None => tenure.drift.measure(clock, timestamp - ideal),
        }
        tenure.newest = (info.timestamp, timestamp);
        tenure.in_key_frame = info.facts.key_frame;
        self.newest_ts = Some(timestamp);
    }
}

fn opens_video(info: &PacketInfo) -> bool {
    // A dependency descriptor is of no use without its structure.
    let resolvable = info.facts.dd.is_none_or(|dd| dd.structure);
    info.facts.key_frame && info.facts.frame_start && info.facts.spatial == 0 && resolvable
}
