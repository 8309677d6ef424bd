//! The allocator's rules, over whatever seats, ladders and estimates there may be.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A seat as it is generated: it owns its points.
#[derive(Clone, Debug)]
struct Model {
    priority: u8,
    max_height: u16,
    screen: bool,
    points: Vec<OperatingPoint>,
}

impl Model {
    fn seat(&self, id: usize) -> Seat<'_> {
        let kind = if self.screen { SourceKind::Screen } else { SourceKind::Camera };
        Seat { kind, ..seat(id as u16, self.priority, self.max_height, &self.points) }
    }

    fn rank(&self) -> (u8, bool, u16) {
        (self.priority, self.screen, self.max_height)
    }

    /// The points that the tile may have, worst first. Never empty in these models.
    fn selectable(&self) -> Vec<usize> {
        let heights = self.points.iter().map(|point| point.height);
        let cap = heights.filter(|height| fills(*height, self.max_height)).min().unwrap_or(u16::MAX);
        let fits = |index: &usize| self.points[*index].alive && self.points[*index].height <= cap;
        (0..self.points.len()).filter(fits).collect()
    }

    fn rate(&self, point: usize) -> u64 {
        self.points[point].rate.map_or(0, |rate| rate.0)
    }
}

/// Ladders whose rates rise: layers of doubling height, with up to three temporal layers each.
fn ladder() -> impl Strategy<Value = Vec<OperatingPoint>> {
    // Above the least that a point counts for, so that tests can tell what it counts for.
    (1_usize..4, 1_usize..4, vec((150_000_u64..400_000, any::<bool>()), 9)).prop_map(|(layers, temporals, steps)| {
        let mut rate = 0;
        let mut points = Vec::new();
        for layer in 0..layers {
            for temporal in 0..temporals {
                let (step, alive) = steps[layer * 3 + temporal];
                rate += step * (layer as u64 + 1);
                points.push(OperatingPoint {
                    layer,
                    spatial: 0,
                    temporal: temporal as u8,
                    height: 180 << layer,
                    frame_share: [25, 50, 100][temporal + 3 - temporals],
                    rate: Some(Bps(rate)),
                    alive: alive || points.is_empty(),
                });
            }
        }
        points
    })
}

fn model() -> impl Strategy<Value = Model> {
    let height = prop_oneof![Just(180_u16), Just(360), Just(720), Just(u16::MAX), 1_u16..1_200];
    (1_u8..4, height, any::<bool>(), ladder()).prop_map(|(priority, max_height, screen, points)| Model {
        priority,
        max_height,
        screen,
        points,
    })
}

fn seats(models: &[Model]) -> Vec<Seat<'_>> {
    models.iter().enumerate().map(|(id, model)| model.seat(id)).collect()
}

proptest! {
    /// Rule 1 and 4, and the sums: whatever changes from one call to the next.
    #[test]
    fn never_more_than_the_estimate_and_never_what_cannot_be_had(
        rounds in vec((0_u64..12_000_000, vec(model(), 0..7), 0_u64..40_000, any::<bool>()), 1..12),
    ) {
        let mut allocator = Allocator::default();
        let mut now = Instant::now();
        let mut models = Vec::new();
        for (estimate, fresh, passed, replace) in rounds {
            now += Duration::from_millis(passed);
            if replace || models.is_empty() {
                models = fresh;
            }
            let allocation = allocator.allocate(now, Bps(estimate), &seats(&models));
            prop_assert_eq!(allocation.shares.len(), models.len());
            prop_assert_eq!(allocation.used.0, allocation.shares.iter().map(|share| share.rate.0).sum::<u64>());
            prop_assert_eq!(allocation.unmet.0, allocation.shares.iter().map(|share| share.unmet().0).sum::<u64>());
            prop_assert!(allocation.used.0 <= estimate);
            for (share, model) in allocation.shares.iter().zip(&models) {
                match share.choice {
                    // Or it is silent and awaited, and costs nothing.
                    Choice::Take(point) => prop_assert!(model.selectable().contains(&point) || share.rate.0 == 0),
                    Choice::Paused { needs } => prop_assert!(needs.0 > 0 && share.rate.0 == 0),
                    Choice::Nothing => prop_assert!(false, "every model has a point that is alive"),
                }
            }
        }
    }

    /// Rule 2, exactly: who is paused would not fit beside the floors of those of its rank and above.
    #[test]
    fn floors_go_by_rank_and_precede_luxuries(models in vec(model(), 1..8), estimate in 0_u64..4_000_000) {
        let allocation = once(estimate, &seats(&models));
        let floor = |index: usize| models[index].rate(models[index].selectable()[0]);
        for (index, taken) in taken(&allocation).iter().enumerate() {
            if taken.is_none() {
                let before = (0..models.len()).filter(|other| models[*other].rank() >= models[index].rank());
                let shown = before.filter(|other| allocation.shares[*other].rate.0 > 0);
                prop_assert!(shown.map(floor).sum::<u64>() + floor(index) > estimate);
                prop_assert_eq!(allocation.shares[index].choice, Choice::Paused { needs: Bps(floor(index)) });
            }
        }
    }

    /// Rule 3, exactly: the worst shown picture of a rank that could be better would not fit if it were, even if all
    /// ranks below had nothing but their floors.
    #[test]
    fn no_rank_lacks_what_a_lower_one_has(models in vec(model(), 1..8), estimate in 0_u64..20_000_000) {
        let allocation = once(estimate, &seats(&models));
        let taken = taken(&allocation);
        let quality = |index: usize, point: usize| {
            let point = &models[index].points[point];
            (point.height, point.frame_share)
        };
        let luxury = |index: usize| {
            let floor = models[index].rate(models[index].selectable()[0]);
            allocation.shares[index].rate.0.saturating_sub(floor)
        };
        for (index, model) in models.iter().enumerate() {
            let Some(point) = taken[index] else { continue };
            let Some(next) = model.selectable().into_iter().find(|other| *other > point) else { continue };
            let worst = (0..models.len()).filter(|other| models[*other].rank() == model.rank()).all(|other| {
                let better = taken[other].is_none_or(|p| quality(other, p) >= quality(index, point));
                better || taken[other] == models[other].selectable().last().copied()
            });
            if worst {
                let below = (0..models.len()).filter(|other| models[*other].rank() < model.rank());
                let could = allocation.used.0 - below.map(luxury).sum::<u64>();
                prop_assert!(could + model.rate(next) - model.rate(point) > estimate * 100 / 110);
            }
        }
    }

    /// Rule 3 among equals.
    #[test]
    fn equals_end_at_most_one_step_apart(
        mut model in model(), count in 1_usize..8, others in vec(model(), 0..3), estimate in 0_u64..30_000_000,
    ) {
        model.points.iter_mut().for_each(|point| point.alive = true);
        let mut models = vec![model; count];
        models.extend(others);
        let taken = taken(&once(estimate, &seats(&models)));
        let shown: Vec<usize> = taken.iter().take(count).copied().flatten().collect();
        if let (Some(least), Some(most)) = (shown.iter().min(), shown.iter().max()) {
            prop_assert!(most - least <= 1, "{:?}", shown);
        }
    }

    #[test]
    fn a_decision_repeats_itself(models in vec(model(), 1..8), estimate in 0_u64..20_000_000) {
        let mut subscriber = Subscriber::new();
        let first = subscriber.allocate(estimate, &seats(&models));
        for _ in 0..40 {
            subscriber.now += Duration::from_secs(1);
            prop_assert_eq!(&subscriber.allocate(estimate, &seats(&models)), &first);
        }
    }

    /// The highest rank never gets less of more, unless more lets in another floor, which goes before its luxury. (Those
    /// below may: a step of a higher rank may cost theirs.)
    #[test]
    fn more_estimate_is_never_less_for_the_highest_rank(
        mut models in vec(model(), 1..8), estimate in 0_u64..10_000_000, more in 0_u64..5_000_000,
    ) {
        models[0].priority = 9;
        let [little, much] = [estimate, estimate + more].map(|estimate| taken(&once(estimate, &seats(&models))));
        let floors = |taken: &[Option<usize>]| taken.iter().flatten().count();
        prop_assert!(little[0] <= much[0] || floors(&little) < floors(&much));
    }

    /// Of equal ladders, ranks get more of more in their order: who has less lost it to a higher rank.
    #[test]
    fn more_estimate_is_more_in_the_order_of_ranks(
        mut model in model(), count in 1_usize..8, estimate in 0_u64..10_000_000, more in 0_u64..5_000_000,
    ) {
        model.max_height = u16::MAX;
        let mut models = vec![model; count];
        models.iter_mut().enumerate().for_each(|(index, model)| model.priority = (index / 2) as u8);
        let total = |estimate| {
            let taken = taken(&once(estimate, &seats(&models)));
            let floors = taken.iter().flatten().count();
            let ranks = taken.chunks(2).rev().map(|pair| pair.iter().flatten().sum::<usize>());
            std::iter::once(floors).chain(ranks).collect::<Vec<usize>>()
        };
        prop_assert!(total(estimate) <= total(estimate + more));
    }

    /// What was decided under pressure is not final: on a network at rest, everything is as if it were decided now, but
    /// for what the margins leave undone.
    #[test]
    fn after_any_trouble_the_highest_rank_has_its_due(
        models in vec(model(), 1..6), estimates in vec(0_u64..10_000_000, 1..6), last in 0_u64..10_000_000,
    ) {
        let mut subscriber = Subscriber::new();
        for estimate in estimates {
            subscriber.allocate_for(1, estimate, &seats(&models));
        }
        let settled = subscriber.allocate_for(34, last, &seats(&models));
        let fresh = taken(&once(last, &seats(&models)));
        let highest = (0..models.len()).max_by_key(|index| (models[*index].rank(), usize::MAX - index));
        let alone = highest.filter(|h| models.iter().filter(|model| model.rank() == models[*h].rank()).count() == 1);
        if let Some(highest) = alone {
            // A new floor needs no margin; one that was paused does.
            let floors: u64 = models.iter().map(|model| model.rate(model.selectable()[0])).sum();
            if floors * 110 / 100 <= last {
                prop_assert!(settled[highest] >= fresh[highest], "{:?} but {:?}", settled, fresh);
            }
        }
    }
}
