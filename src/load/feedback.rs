//! What a receiver tells the server of all that comes: transport-wide arrival times at their true rate.

use std::time::{Duration, Instant};

use super::wire::{Out, Wire};
use crate::id::Ssrc;
use crate::media::rtcp::transport_cc;

/// Longest time between two feedbacks while packets come, as browsers have it; with many waiting, half of it.
const INTERVAL: Duration = Duration::from_millis(100);
const MANY: usize = 20;
/// Packets in one feedback: bounded by what one datagram holds.
const MOST: usize = 150;

/// Arrivals that were not told yet.
pub(super) struct Arrivals {
    epoch: Instant,
    pending: Vec<(u16, Duration)>,
    /// The number after the last that was told.
    next: Option<u16>,
    /// When the first of them came, and when something was told last.
    waiting: Option<Instant>,
    told: Option<Instant>,
    count: u8,
    media: u32,
}

impl Arrivals {
    pub(super) fn new(epoch: Instant) -> Arrivals {
        Arrivals { epoch, pending: Vec::new(), next: None, waiting: None, told: None, count: 0, media: 0 }
    }

    pub(super) fn arrived(&mut self, now: Instant, ssrc: u32, seq: u16) {
        self.waiting.get_or_insert(now);
        self.media = ssrc;
        self.pending.push((seq, now.saturating_duration_since(self.epoch)));
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let interval = if self.pending.len() >= MANY { INTERVAL / 2 } else { INTERVAL };
        let waiting = self.waiting?;
        Some(self.told.map_or(waiting + interval, |told| waiting.max(told + interval)))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, own: u32, wire: &mut Wire, out: &mut Out) {
        if self.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        (self.waiting, self.told) = (None, Some(now));
        let mut pending = std::mem::take(&mut self.pending);
        let first = pending.first().map_or(0, |(seq, _)| *seq);
        let base = self.next.unwrap_or(first);
        // What overtook others is told in its place.
        pending.sort_unstable_by_key(|(seq, _)| seq.wrapping_sub(base) as i16);
        let mut told: Vec<(u16, Option<Duration>)> = Vec::with_capacity(pending.len() + 1);
        if pending.first().is_some_and(|(seq, _)| (1..0x4000).contains(&seq.wrapping_sub(base))) {
            // The first of a feedback may be one that is missing.
            told.push((base, None));
        }
        told.extend(pending.iter().map(|(seq, at)| (*seq, Some(*at))));
        let mut rest = told.as_slice();
        while !rest.is_empty() {
            let mut packet = Vec::with_capacity(512);
            let some = rest.get(..MOST.min(rest.len())).unwrap_or(rest);
            let told = transport_cc::write(&mut packet, Ssrc(own), Ssrc(self.media), self.count, some);
            if told == 0 {
                break;
            }
            self.count = self.count.wrapping_add(1);
            wire.rtcp(&packet, out);
            rest = rest.get(told..).unwrap_or_default();
        }
        self.next = pending.last().map(|(seq, _)| seq.wrapping_add(1)).or(self.next);
        pending.clear();
        self.pending = pending;
    }
}
