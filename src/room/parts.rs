//! The members of a room as one of them is told: all at once in a snapshot, or in a large room those that matter most at
//! once and all others in parts, each of which is written once for everybody who needs it.

use std::time::{Duration, Instant};

use super::member::Resident;
use super::outbox::{Broadcast, Push};
use super::room::Room;
use crate::access::Role;
use crate::signal::protocol::{Change, Member, RoomDiff, RoomSnapshot};

/// Members up to which a snapshot names all. Everybody who joins gets one, so that what is written for those who join
/// grows with the square of the room.
pub(super) const WHOLE: usize = 256;
/// Members of a larger room that its snapshot names, beside the caller: more than anybody sees at a time.
const FIRST: usize = 128;
/// Members of a part: 16 KB, less than the answer to an offer. The websocket library keeps room for the most that it ever
/// wrote to a client at a time.
const PART: u64 = 64;
/// Between two parts for the same client: the one before has been written meanwhile, and a room of 3,000 is told within
/// two seconds.
const PACE: Duration = Duration::from_millis(40);

impl Room {
    /// The whole room as one member knows it, who sees itself even when nobody else does.
    pub(super) fn snapshot_for(&self, index: usize) -> RoomSnapshot {
        self.snapshot_of(self.shown_to(index).map(Resident::public).collect(), None)
    }

    /// The room for a member that has just come, or has missed something. What it is not told of now it is told of from
    /// now on, in parts.
    pub(super) fn snapshot(&mut self, index: usize, now: Instant) -> RoomSnapshot {
        let count = self.shown_to(index).count();
        let (entered, large) = (self.entered, count > WHOLE);
        let Some(member) = self.members.get_mut(index) else { return self.snapshot_for(index) };
        member.untold = large.then_some(0..entered);
        if !large {
            return self.snapshot_for(index);
        }
        self.parts_at.get_or_insert(now + PACE);
        let mut first: Vec<&Resident> = self.shown_to(index).filter(|member| matters(member)).take(FIRST).collect();
        // Itself behind those who came before.
        if let Some(own) = self.members.get(index) {
            first.retain(|member| member.id != own.id);
            let place = first.partition_point(|member| member.number < own.number);
            first.insert(place, own);
        }
        let first = first.into_iter().map(Resident::public).collect();
        self.snapshot_of(first, u32::try_from(count).ok())
    }

    fn snapshot_of(&self, members: Vec<Member>, member_count: Option<u32>) -> RoomSnapshot {
        let revision = self.diffs.revision();
        RoomSnapshot { id: self.id.clone(), revision, facts: self.facts, member_count, members }
    }

    fn shown_to(&self, index: usize) -> impl Iterator<Item = &Resident> {
        let shown = self.members.iter().enumerate();
        shown.filter(move |(at, member)| !member.is_hidden() || *at == index).map(|(_, member)| member)
    }

    /// Tells everybody who does not know all members yet of the next ones.
    pub(super) fn tell_parts(&mut self, now: Instant) {
        self.parts_at = None;
        let (since, revision) = self.diffs.part();
        // By where they begin; those who came together are at the same one.
        let mut parts: Vec<(u64, Option<Part>)> = Vec::new();
        let mut unfinished = false;
        for index in 0..self.members.len() {
            let Some(untold) = self.members.get(index).and_then(|member| member.untold.clone()) else { continue };
            let known = parts.iter().position(|(begin, _)| *begin == untold.start).unwrap_or_else(|| {
                parts.push((untold.start, self.part(untold.start, since, revision)));
                parts.len() - 1
            });
            let part = parts.get(known).and_then(|(_, part)| part.as_ref());
            let Some(member) = self.members.get_mut(index) else { continue };
            let rest = part.filter(|part| part.end < untold.end && member.link.is_some());
            member.untold = rest.map(|part| part.end..untold.end);
            unfinished |= member.untold.is_some();
            if let (Some(link), Some(part)) = (&member.link, part) {
                link.outbox.broadcast(&part.push);
            }
        }
        if unfinished {
            self.parts_at = Some(now + PACE);
        }
    }

    /// The members with the next numbers from `begin` on. `None` when there are no more.
    fn part(&self, begin: u64, since: u64, revision: u64) -> Option<Part> {
        let later = self.members.get(self.members.partition_point(|member| member.number < begin)..)?;
        let mut shown = later.iter().filter(|member| !member.is_hidden()).peekable();
        let end = (shown.peek()?.number / PART + 1) * PART;
        let members = shown.take_while(|member| member.number < end);
        let changes = members.map(|member| Change::Changed { member: member.public() }).collect();
        Some(Part { end, push: Broadcast::new(Push::Room(RoomDiff { since, revision, changes })) })
    }
}

/// Members that are told of together.
struct Part {
    /// The number behind its last one's.
    end: u64,
    push: Broadcast,
}

/// Whether it is among those that a large room looks at.
fn matters(member: &Resident) -> bool {
    let (media, raised) = (member.media, member.hand.is_some());
    member.shows() || media.microphone || media.screen_audio || raised || member.role == Role::Host
}
