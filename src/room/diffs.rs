//! Changes of the room's public state on their way to its members: numbered, and few of them in large rooms. Pure.

use std::time::Duration;

use crate::id::MemberId;
use crate::signal::protocol::{Change, RoomDiff};

/// Up to that many members, changes are told at once; beyond, together.
pub(super) const AT_ONCE: usize = 16;
/// How long changes are gathered in larger rooms: nobody sees that somebody came 80 ms late, and a room in which
/// everybody comes at once tells each member twelve times a second instead of hundreds.
pub(super) const GATHERED: Duration = Duration::from_millis(80);

/// The room's revision, and what has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Diffs {
    revision: u64,
    /// What members know who know the least.
    told: u64,
    pending: Vec<Change>,
}

impl Diffs {
    /// Counts every change, told or not: a snapshot is of this revision.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Of each member, and of the room itself, only the last change is kept: each says how things are now.
    pub(super) fn note(&mut self, change: Change) {
        self.revision += 1;
        let Some(known) = self.pending.iter().position(|pending| same_subject(pending, &change)) else {
            return self.pending.push(change);
        };
        match (self.pending.get_mut(known), change) {
            // Whoever has not heard of the member yet is still told that it joined.
            (Some(Change::Joined { member } | Change::Changed { member }), Change::Changed { member: now }) => {
                *member = now;
            }
            (Some(Change::Room(facts)), Change::Room(now)) => *facts = now,
            (_, change) => {
                self.pending.remove(known);
                self.pending.push(change);
            }
        }
    }

    /// Everything that has not been told, as one diff.
    pub(super) fn take(&mut self) -> Option<RoomDiff> {
        if self.pending.is_empty() {
            return None;
        }
        let since = std::mem::replace(&mut self.told, self.revision);
        Some(RoomDiff { since, revision: self.revision, changes: std::mem::take(&mut self.pending) })
    }
}

fn same_subject(one: &Change, other: &Change) -> bool {
    match (subject(one), subject(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => true,
        _ => false,
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
        fn whoever_applies_the_diffs_since_its_snapshot_knows_the_room(
            steps in proptest::collection::vec((0u8..6, 0u8..4), 1..60),
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
