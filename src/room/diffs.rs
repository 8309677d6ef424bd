//! Changes of the room's public state on their way to its members: numbered, and few of them in large rooms. Pure.

use std::collections::HashMap;
use std::time::Duration;

use crate::id::MemberId;
use crate::signal::protocol::{Change, RoomDiff};

/// Up to that many members, changes are told at once; beyond, together.
pub(super) const AT_ONCE: usize = 16;
/// How long changes are gathered in larger rooms: nobody sees that somebody came 80 ms late, and a room in which
/// everybody comes at once tells each member twelve times a second instead of hundreds.
pub(super) const GATHERED: Duration = Duration::from_millis(80);
/// How long at most those who come and go are gathered in the largest rooms: each of thousands is told of each.
const GATHERED_MOST: Duration = Duration::from_millis(500);
/// Members of a room from which on it takes longer than [`GATHERED`].
const LARGE: usize = 250;

/// Changes that are not gathered longer, however large the room: what is written at a time stays as small as a part.
const MANY: usize = 32;

/// How long who comes and goes may be gathered in a room of `members`: as long as telling them all takes about the same
/// share of a core.
pub(super) fn patience(members: usize) -> Duration {
    let share = members.max(LARGE) as f64 / LARGE as f64;
    GATHERED.mul_f64(share).min(GATHERED_MOST)
}

/// The room's revision, and what has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Diffs {
    revision: u64,
    /// What members know who know the least.
    told: u64,
    pending: Vec<Change>,
    /// By a member's id, where in `pending` it is.
    places: HashMap<MemberId, usize>,
    /// Something is pending that is not only coming and going.
    urgent: bool,
    /// Some have been told a part since the last diff.
    parted: bool,
}

impl Diffs {
    /// Counts every change, told or not: a snapshot is of this revision.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether something is pending that people look at, such as a hand, a name or a microphone, or very much.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent || self.pending.len() >= MANY
    }

    /// From which to which revision a part of the members leads those that have not been told of all. What is pending
    /// stays so for everybody: the next diff leads further than this part.
    pub(super) fn part(&mut self) -> (u64, u64) {
        self.revision += 1;
        self.parted = true;
        (self.told, self.revision)
    }

    /// Of each member, and of the room itself, only the last change is kept: each says how things are now.
    pub(super) fn note(&mut self, change: Change) {
        self.revision += 1;
        self.urgent |= matches!(change, Change::Changed { .. } | Change::Room(_));
        let place = match subject(&change) {
            Some(member) => self.places.get(member).copied(),
            None => self.pending.iter().position(|pending| subject(pending).is_none()),
        };
        let Some(known) = place.and_then(|place| self.pending.get_mut(place)) else {
            if let Some(member) = subject(&change) {
                self.places.insert(member.clone(), self.pending.len());
            }
            return self.pending.push(change);
        };
        *known = match (&*known, change) {
            // Whoever has not heard of the member yet is still told that it joined.
            (Change::Joined { .. }, Change::Changed { member }) => Change::Joined { member },
            (_, change) => change,
        };
    }

    /// Everything that has not been told, as one diff.
    pub(super) fn take(&mut self) -> Option<RoomDiff> {
        if self.pending.is_empty() {
            return None;
        }
        self.places.clear();
        self.urgent = false;
        // Beyond every part that was told meanwhile, whose hearers have not heard of this.
        self.revision += u64::from(std::mem::take(&mut self.parted));
        let since = std::mem::replace(&mut self.told, self.revision);
        Some(RoomDiff { since, revision: self.revision, changes: std::mem::take(&mut self.pending) })
    }
}

/// `None` = the room itself.
fn subject(change: &Change) -> Option<&MemberId> {
    match change {
        Change::Joined { member } | Change::Changed { member } => Some(&member.id),
        Change::Left { member, .. } => Some(member),
        Change::Room(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::id::SourceId;
    use crate::signal::protocol::*;

    fn member(id: u8, hand_order: u64) -> Member {
        let source = Source { id: SourceId(1), audio: false, video: false };
        Member {
            id: MemberId(id.to_string()),
            name: "n".into(),
            presence: Presence::Here,
            role: Role::Member,
            hand: false,
            hand_order: Some(hand_order),
            joined_at: 0,
            camera: source,
            screen: source,
            forbidden: KindSet::NONE,
            metadata: None,
        }
    }

    fn apply(state: &mut BTreeMap<MemberId, Member>, change: &Change) {
        match change {
            Change::Joined { member } | Change::Changed { member } => {
                state.insert(member.id.clone(), member.clone());
            }
            Change::Left { member, .. } => {
                state.remove(member);
            }
            Change::Room(_) => {}
        }
    }

    fn hear(client: &mut (u64, BTreeMap<MemberId, Member>), diff: &RoomDiff) -> Result<(), TestCaseError> {
        if client.0 < diff.revision {
            prop_assert!(diff.since <= client.0);
            diff.changes.iter().for_each(|change| apply(&mut client.1, change));
            client.0 = diff.revision;
        }
        Ok(())
    }

    proptest! {
        /// A client may have come at any moment of what a diff holds.
        #[test]
        fn whoever_applies_the_diffs_and_parts_since_its_snapshot_knows_the_room(
            steps in proptest::collection::vec((0u8..6, 0u8..5), 1..60),
            snapshot_at in 0usize..60,
        ) {
            let (mut diffs, mut truth) = (Diffs::default(), BTreeMap::new());
            let mut client: Option<(u64, BTreeMap<MemberId, Member>)> = None;
            for (index, (id, what)) in steps.iter().enumerate() {
                let name = MemberId(id.to_string());
                if *what == 3 {
                    let Some(diff) = diffs.take() else { continue };
                    if let Some(client) = &mut client {
                        hear(client, &diff)?;
                    }
                    continue;
                }
                if *what == 4 {
                    // A part for whoever has come: of a member that there is, as it is now.
                    let (since, revision) = diffs.part();
                    let changes = truth.get(&name).map(|member: &Member| Change::Changed { member: member.clone() });
                    if let Some(client) = &mut client {
                        hear(client, &RoomDiff { since, revision, changes: changes.into_iter().collect() })?;
                    }
                    continue;
                }
                let change = match (truth.contains_key(&name), what) {
                    (false, _) => Change::Joined { member: member(*id, index as u64) },
                    (true, 0) => Change::Left { member: name, reason: LeaveReason::Left },
                    (true, _) => Change::Changed { member: member(*id, index as u64) },
                };
                apply(&mut truth, &change);
                diffs.note(change);
                if index == snapshot_at {
                    client = Some((diffs.revision(), truth.clone()));
                }
            }
            let last = diffs.take();
            if let Some(mut client) = client {
                if let Some(diff) = last {
                    hear(&mut client, &diff)?;
                }
                prop_assert_eq!(client.1, truth);
            }
        }
    }

    #[test]
    fn a_diff_says_of_each_member_only_how_it_is_now() {
        let mut diffs = Diffs::default();
        for order in 0..100 {
            diffs.note(Change::Changed { member: member(1, order) });
            diffs.note(Change::Changed { member: member(2, order) });
        }
        let diff = diffs.take().unwrap();
        assert_eq!((diff.since, diff.revision, diff.changes.len()), (0, 200, 2));
        assert!(diffs.take().is_none());
    }
}
