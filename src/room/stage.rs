//! Who should be seen: chooses which live pictures get a subscriber's seats. Pure.

use crate::id::SourceId;
use crate::signal::protocol::Wishes;

/// Priority of a screen when the client has not said what it wants: a presentation is what people look at.
const SCREEN_PRIORITY: u8 = 200;
/// Priority of a camera when the client has not said what it wants.
const CAMERA_PRIORITY: u8 = 100;
/// Priority of the speaker that a client follows: behind a presentation, before the others.
const SPEAKER_PRIORITY: u8 = 150;

/// A picture that somebody sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Picture {
    pub(super) source: SourceId,
    pub(super) screen: bool,
}

/// Everything that decides one subscriber's seats.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// How many seats the subscriber offered.
    pub(super) seats: usize,
    /// The subscriber's own sources: never shown to it.
    pub(super) own: [SourceId; 2],
    /// Live pictures of the room that the subscriber can decode, in the order of joining.
    pub(super) live: &'a [Picture],
    /// `None` until the client has said what it wants.
    pub(super) wishes: Option<&'a Wishes>,
    /// Who spoke last, the dominant speaker first.
    pub(super) speakers: &'a [SourceId],
    /// Who sits where now.
    pub(super) present: &'a [Option<SourceId>],
}

/// A picture with the place it deserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seated {
    pub(super) source: SourceId,
    /// Height of the tile in pixels; `u16::MAX` = no limit.
    pub(super) max_height: u16,
    pub(super) priority: u8,
}

/// A subscriber's seats as they should be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Staging {
    /// By seat number.
    pub(super) seats: Vec<Option<Seated>>,
    /// Wanted pictures that found no seat, most wanted first.
    pub(super) unseated: Vec<SourceId>,
}

/// Gives the seats to the most wanted pictures. A picture that has a seat and is still chosen keeps that seat; newly
/// chosen ones take the lowest free seats. No source sits twice.
pub(super) fn stage(view: &View<'_>) -> Staging {
    let mut wanted = wanted(view);
    let unseated = wanted.split_off(wanted.len().min(view.seats)).into_iter().map(|seated| seated.source).collect();
    let mut seats: Vec<Option<Seated>> = vec![None; view.seats];
    for (seat, present) in seats.iter_mut().zip(view.present) {
        let keeps = present.and_then(|source| wanted.iter().position(|seated| seated.source == source));
        *seat = keeps.map(|index| wanted.remove(index));
    }
    let mut newcomers = wanted.into_iter();
    for seat in seats.iter_mut().filter(|seat| seat.is_none()) {
        *seat = newcomers.next();
    }
    Staging { seats, unseated }
}

/// The wanted live pictures of others, most wanted first, each once.
fn wanted(view: &View<'_>) -> Vec<Seated> {
    let others = || view.live.iter().filter(|picture| !view.own.contains(&picture.source));
    let Some(wishes) = view.wishes else {
        let seated = |picture: &Picture| Seated {
            source: picture.source,
            max_height: u16::MAX,
            priority: if picture.screen { SCREEN_PRIORITY } else { CAMERA_PRIORITY },
        };
        let screens = others().filter(|picture| picture.screen);
        return screens.chain(others().filter(|picture| !picture.screen)).map(seated).collect();
    };
    let is_live = |source: SourceId| others().any(|picture| picture.source == source);
    let mut wanted: Vec<Seated> = Vec::with_capacity(wishes.sources.len() + 1);
    for wish in &wishes.sources {
        if is_live(wish.source) && !wanted.iter().any(|seated| seated.source == wish.source) {
            wanted.push(Seated { source: wish.source, max_height: limit(wish.height), priority: wish.priority });
        }
    }
    if let Some(size) = wishes.speaker {
        let speaker = view.speakers.iter().copied().find(|source| is_live(*source));
        let speaker = speaker.filter(|source| !wanted.iter().any(|seated| seated.source == *source));
        if let Some(source) = speaker {
            wanted.insert(0, Seated { source, max_height: limit(size.height), priority: SPEAKER_PRIORITY });
        }
    }
    wanted.sort_by_key(|seated| std::cmp::Reverse(seated.priority));
    wanted
}

/// A tile without height yet (not laid out) limits nothing.
fn limit(height: u16) -> u16 {
    if height == 0 { u16::MAX } else { height }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::protocol::{Wish, WishSize};

    fn camera(id: u32) -> Picture {
        Picture { source: SourceId(id), screen: false }
    }

    fn screen(id: u32) -> Picture {
        Picture { source: SourceId(id), screen: true }
    }

    fn wish(id: u32, priority: u8) -> Wish {
        Wish { source: SourceId(id), width: 320, height: 180, priority }
    }

    fn seats(staging: &Staging) -> Vec<u32> {
        staging.seats.iter().map(|seat| seat.map_or(0, |seated| seated.source.0)).collect()
    }

    fn present(ids: &[u32]) -> Vec<Option<SourceId>> {
        ids.iter().map(|id| (*id != 0).then_some(SourceId(*id))).collect()
    }

    fn view<'a>(seats: usize, live: &'a [Picture]) -> View<'a> {
        View { seats, own: [SourceId(90), SourceId(91)], live, wishes: None, speakers: &[], present: &[] }
    }

    #[test]
    fn without_wishes_screens_come_first_then_cameras_in_the_order_of_joining() {
        let live = [camera(1), camera(3), screen(4), camera(90)];
        let staging = stage(&view(2, &live));
        assert_eq!((seats(&staging), staging.unseated), (vec![4, 1], vec![SourceId(3)]));
    }

    #[test]
    fn a_seated_picture_keeps_its_seat_while_others_come_and_go() {
        let live = [camera(1), camera(3), camera(5)];
        let present = present(&[7, 3, 0]);
        assert_eq!(seats(&stage(&View { present: &present, ..view(3, &live) })), [1, 3, 5]);
    }

    #[test]
    fn higher_priority_wins_the_last_seat_and_dead_wishes_take_none() {
        let live = [camera(1), camera(3), camera(5)];
        let wishes =
            Wishes { sources: vec![wish(1, 1), wish(9, 9), wish(5, 8), wish(3, 3), wish(5, 9)], speaker: None };
        let staging = stage(&View { wishes: Some(&wishes), ..view(2, &live) });
        assert_eq!((seats(&staging), staging.unseated), (vec![5, 3], vec![SourceId(1)]));
    }

    #[test]
    fn the_followed_speaker_is_the_last_other_one_with_a_picture() {
        let live = [camera(1), camera(3), camera(90)];
        let size = Some(WishSize { width: 1280, height: 720 });
        let wishes = Wishes { sources: vec![wish(1, 1)], speaker: size };
        let speakers = [SourceId(90), SourceId(7), SourceId(3), SourceId(1)];
        let staging = stage(&View { wishes: Some(&wishes), speakers: &speakers, ..view(1, &live) });
        assert_eq!(staging.seats, [Some(Seated { source: SourceId(3), max_height: 720, priority: 150 })]);
    }

    proptest! {
        #[test]
        fn nobody_sits_twice_nobody_sees_itself_and_no_seat_is_wasted(
            count in 0usize..8,
            live in proptest::collection::btree_set(1u32..12, 0..10),
            own in 1u32..12,
            sitting in proptest::collection::vec(0u32..12, 0..10),
            wished in proptest::option::of(proptest::collection::vec((1u32..14, any::<u8>()), 0..12)),
            speakers in proptest::collection::vec(1u32..14, 0..4),
            follow in any::<bool>(),
        ) {
            let live: Vec<_> = live.into_iter().map(|id| Picture { source: SourceId(id), screen: id % 3 == 0 }).collect();
            let size = follow.then_some(WishSize { width: 1, height: 1 });
            let wishes = wished.map(|list| Wishes {
                sources: list.into_iter().map(|(id, priority)| wish(id, priority)).collect(),
                speaker: size,
            });
            let speakers: Vec<_> = speakers.into_iter().map(SourceId).collect();
            let present = present(&sitting);
            let view = View {
                seats: count,
                own: [SourceId(own), SourceId(own + 1)],
                live: &live,
                wishes: wishes.as_ref(),
                speakers: &speakers,
                present: &present,
            };
            let staging = stage(&view);
            prop_assert_eq!(staging.seats.len(), count);
            let mut sources: Vec<_> = staging.seats.iter().flatten().map(|seated| seated.source).collect();
            sources.extend(&staging.unseated);
            for source in &sources {
                prop_assert!(live.iter().any(|picture| picture.source == *source));
                prop_assert!(!view.own.contains(source));
            }
            let total = sources.len();
            sources.sort();
            sources.dedup();
            prop_assert_eq!(sources.len(), total);
            prop_assert!(staging.unseated.is_empty() || staging.seats.iter().all(Option::is_some));
            // Staging again changes nothing, and who stays does not move.
            let settled: Vec<_> = staging.seats.iter().map(|seat| seat.map(|seated| seated.source)).collect();
            prop_assert_eq!(&stage(&View { present: &settled, ..view }), &staging);
            for (before, after) in present.iter().zip(&settled) {
                if let Some(source) = before {
                    let first = present.iter().position(|seat| seat == before).map(|index| settled.get(index));
                    prop_assert!(after == before || !settled.contains(&Some(*source)) || first == Some(Some(&Some(*source))));
                }
            }
        }
    }
}
