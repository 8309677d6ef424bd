//! What the allocator promises, by example and by property.

mod late;
mod properties;
mod steady;

use std::time::{Duration, Instant};

use super::*;

/// A simulcast camera as browsers send it: three layers, here without temporal ones.
const CAMERA: [(u16, u64); 3] = [(180, 150_000), (360, 500_000), (720, 1_500_000)];

fn points(layers: &[(u16, u64)]) -> Vec<OperatingPoint> {
    let point = |(layer, (height, rate)): (usize, &(u16, u64))| OperatingPoint {
        layer,
        spatial: 0,
        temporal: 2,
        height: *height,
        frame_share: 100,
        rate: Some(Bps(*rate)),
        alive: true,
    };
    layers.iter().enumerate().map(point).collect()
}

fn seat(id: u16, priority: u8, max_height: u16, points: &[OperatingPoint]) -> Seat<'_> {
    Seat {
        seat: SeatId(id),
        source: SourceId(u32::from(id) + 1),
        priority,
        max_height,
        kind: SourceKind::Camera,
        points,
    }
}

/// What each seat got: the point's index, or `None` when it was paused.
fn taken(allocation: &Allocation) -> Vec<Option<usize>> {
    let taken = |share: &Share| match share.choice {
        Choice::Take(point) => Some(point),
        Choice::Paused { .. } | Choice::Nothing => None,
    };
    allocation.shares.iter().map(taken).collect()
}

/// An allocator whose time passes by calling it.
struct Subscriber {
    allocator: Allocator,
    now: Instant,
}

impl Subscriber {
    fn new() -> Subscriber {
        Subscriber { allocator: Allocator::default(), now: Instant::now() }
    }

    fn allocate(&mut self, estimate: u64, seats: &[Seat<'_>]) -> Vec<Option<usize>> {
        self.now += Duration::from_millis(100);
        taken(self.allocator.allocate(self.now, Bps(estimate), seats))
    }

    fn allocate_for(&mut self, seconds: u64, estimate: u64, seats: &[Seat<'_>]) -> Vec<Option<usize>> {
        (0..seconds * 10).map(|_| self.allocate(estimate, seats)).last().unwrap_or_default()
    }
}

fn once(estimate: u64, seats: &[Seat<'_>]) -> Allocation {
    Allocator::default().allocate(Instant::now(), Bps(estimate), seats).clone()
}

#[test]
fn everybody_gets_a_floor_before_anybody_gets_more() {
    let camera = points(&CAMERA);
    let seats: Vec<Seat<'_>> = (0..4).map(|id| seat(id, 100 - id as u8, u16::MAX, &camera)).collect();
    assert_eq!(taken(&once(640_000, &seats)), [Some(0); 4]);
    let short = once(470_000, &seats);
    assert_eq!(taken(&short), [Some(0), Some(0), Some(0), None]);
    assert_eq!(short.shares[3].choice, Choice::Paused { needs: Bps(150_000) });
    assert_eq!(short.used, Bps(450_000));
    assert_eq!(short.unmet, Bps(3 * 1_350_000 + 1_500_000));
}

#[test]
fn what_is_left_goes_up_by_rank_and_fairly_among_equals() {
    let camera = points(&CAMERA);
    let speaker = seat(0, 200, 720, &camera);
    let [left, middle, right] = [1, 2, 3].map(|id| seat(id, 100, 360, &camera));
    assert_eq!(taken(&once(2_200_000, &[left, middle, speaker, right])), [Some(0), Some(0), Some(2), Some(0)]);
    assert_eq!(taken(&once(2_600_000, &[left, middle, speaker, right])), [Some(1), Some(0), Some(2), Some(0)]);
    assert_eq!(taken(&once(3_400_000, &[left, middle, speaker, right])), [Some(1), Some(1), Some(2), Some(1)]);
}

#[test]
fn of_equal_priority_screens_come_first_and_then_larger_tiles() {
    let camera = points(&CAMERA);
    let small = seat(0, 100, 360, &camera);
    let large = seat(1, 100, 720, &camera);
    let screen = Seat { kind: SourceKind::Screen, ..seat(2, 100, 360, &camera) };
    assert_eq!(taken(&once(900_000, &[small, large, screen])), [Some(0), Some(0), Some(1)]);
    assert_eq!(taken(&once(1_300_000, &[small, large, screen])), [Some(0), Some(1), Some(1)]);
}

#[test]
fn a_tile_gets_the_smallest_layer_that_fills_it() {
    let camera = points(&CAMERA);
    for (tile, point) in [(90, 0), (180, 0), (199, 1), (360, 1), (400, 2), (720, 2), (1_080, 2), (u16::MAX, 2)] {
        assert_eq!(taken(&once(100_000_000, &[seat(0, 1, tile, &camera)])), [Some(point)], "a tile of {tile}");
    }
}

#[test]
fn a_tile_as_high_as_a_layer_gets_that_layer_though_its_wish_is_rounded_up() {
    let camera = points(&CAMERA);
    for (height, point) in [(180_u16, 0), (360, 1), (720, 2)] {
        let wish = height.next_multiple_of(16);
        assert_eq!(taken(&once(100_000_000, &[seat(0, 1, wish, &camera)])), [Some(point)], "a wish of {wish}");
    }
}

#[test]
fn what_no_rank_above_can_use_those_below_may_have() {
    let heavy = points(&[(180, 150_000), (720, 2_500_000)]);
    let camera = points(&CAMERA);
    let seats = [seat(0, 200, 720, &heavy), seat(1, 100, 360, &camera)];
    assert_eq!(taken(&once(1_000_000, &seats)), [Some(0), Some(1)]);
}

#[test]
fn a_silent_layer_is_not_selected_and_left_at_once() {
    let mut camera = points(&CAMERA);
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate(5_000_000, &[seat(0, 1, 720, &camera)]), [Some(2)]);
    camera[2].alive = false;
    assert_eq!(subscriber.allocate(5_000_000, &[seat(0, 1, 720, &camera)]), [Some(1)]);
    camera[0].alive = false;
    assert_eq!(subscriber.allocate(5_000_000, &[seat(0, 1, 180, &camera)]), [Some(1)], "larger than nothing at all");
    camera[1].alive = false;
    assert_eq!(subscriber.allocate(5_000_000, &[seat(0, 1, 720, &camera)]), [None]);
    let allocation = subscriber.allocator.allocation();
    assert_eq!((allocation.shares[0].choice, allocation.unmet), (Choice::Nothing, Bps(0)));
    camera.iter_mut().for_each(|point| point.alive = true);
    assert_eq!(subscriber.allocate(5_000_000, &[seat(0, 1, 720, &camera)]), [Some(2)]);
}

#[test]
fn a_new_source_gets_its_floor_at_an_assumed_rate() {
    let mut camera = points(&CAMERA);
    camera.iter_mut().for_each(|point| point.rate = None);
    assert_eq!(taken(&once(100_000_000, &[seat(0, 1, 720, &camera)])), [Some(0)]);
    let paused = once(149_999, &[seat(0, 1, 720, &camera)]);
    assert_eq!(paused.shares[0].choice, Choice::Paused { needs: Bps(150_000) });
}

#[test]
fn a_layer_paused_at_the_publisher_can_be_had_at_an_assumed_rate() {
    let mut camera = points(&CAMERA);
    camera[2].rate = None;
    let seats = [seat(0, 1, 720, &camera)];
    assert_eq!(taken(&once(2_500_000, &seats)), [Some(1)], "2.4 Mb/s and the margin do not fit");
    assert_eq!(taken(&once(2_700_000, &seats)), [Some(2)]);
}

#[test]
fn up_waits_and_down_does_not() {
    let camera = points(&CAMERA);
    let seats = [seat(0, 1, 720, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate_for(2, 600_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(20, 1_600_000, &seats), [Some(1)], "there is no margin");
    assert_eq!(subscriber.allocate(1_700_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate(1_600_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate(1_700_000, &seats), [Some(1)], "the hold began anew");
    assert_eq!(subscriber.allocate_for(1, 1_700_000, &seats), [Some(2)]);
    assert_eq!(subscriber.allocate_for(20, 1_500_000, &seats), [Some(2)], "it still fits");
    assert_eq!(subscriber.allocate(1_499_000, &seats), [Some(1)]);
}

#[test]
fn who_changed_rests_unless_the_network_is_another_one() {
    let camera = points(&CAMERA);
    let seats = [seat(0, 1, 720, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &seats), [Some(2)]);
    assert_eq!(subscriber.allocate(1_450_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(29, 1_700_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(3, 1_700_000, &seats), [Some(2)]);
    assert_eq!(subscriber.allocate_for(11, 1_700_000, &seats), [Some(2)]);
    assert_eq!(subscriber.allocate(800_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &seats), [Some(2)], "more than double the estimate that failed");
    assert_eq!(subscriber.allocate(800_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(20, 1_700_000, &seats), [Some(1)], "that rise has just failed");
    assert_eq!(subscriber.allocate_for(2, 2_100_000, &seats), [Some(2)]);
}

#[test]
fn a_first_guess_that_was_wrong_costs_no_rest() {
    let camera = points(&CAMERA);
    let seats = [seat(0, 1, 720, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate(1_700_000, &seats), [Some(2)]);
    assert_eq!(subscriber.allocate(600_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &seats), [Some(2)]);
}

#[test]
fn a_growing_estimate_is_followed_step_by_step() {
    let camera = points(&CAMERA);
    let seats = [seat(0, 1, 720, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate(300_000, &seats), [Some(0)]);
    assert_eq!(subscriber.allocate_for(2, 600_000, &seats), [Some(1)]);
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &seats), [Some(2)]);
}

#[test]
fn a_larger_tile_ends_the_rest() {
    let camera = points(&CAMERA);
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate(300_000, &[seat(0, 1, 360, &camera)]), [Some(0)]);
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &[seat(0, 1, 360, &camera)]), [Some(1)]);
    assert_eq!(subscriber.allocate_for(2, 1_700_000, &[seat(0, 1, 720, &camera)]), [Some(2)]);
}

#[test]
fn a_paused_picture_comes_back_with_a_margin_or_after_a_rest() {
    let camera = points(&CAMERA);
    let seats = [seat(0, 2, 180, &camera), seat(1, 1, 180, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate_for(2, 430_000, &seats), [Some(0), Some(0)]);
    assert_eq!(subscriber.allocate(290_000, &seats), [Some(0), None]);
    assert_eq!(subscriber.allocate_for(20, 340_000, &seats), [Some(0), None]);
    assert_eq!(subscriber.allocate_for(12, 340_000, &seats), [Some(0), Some(0)]);
    assert_eq!(subscriber.allocate(290_000, &seats), [Some(0), None]);
    assert_eq!(subscriber.allocate_for(2, 451_000, &seats), [Some(0), Some(0)]);
}

#[test]
fn a_new_speaker_takes_from_the_old_one_without_delay() {
    let camera = points(&CAMERA);
    let mut subscriber = Subscriber::new();
    let old = [seat(0, 200, 720, &camera), seat(1, 100, 180, &camera)];
    assert_eq!(subscriber.allocate_for(2, 1_900_000, &old), [Some(2), Some(0)]);
    let new = [seat(0, 100, 180, &camera), seat(1, 200, 720, &camera)];
    assert_eq!(subscriber.allocate(1_900_000, &new), [Some(0), Some(2)], "the tiles have changed, not the network");
    let joined = [new[0], new[1], seat(2, 100, 180, &camera), seat(3, 100, 180, &camera)];
    assert_eq!(subscriber.allocate(1_900_000, &joined), [Some(0), Some(1), Some(0), Some(0)], "floors come first");
}

#[test]
fn a_seat_that_changes_its_source_starts_anew() {
    let camera = points(&CAMERA);
    let mut subscriber = Subscriber::new();
    subscriber.allocate(1_700_000, &[seat(0, 1, 720, &camera)]);
    subscriber.allocate(1_450_000, &[seat(0, 1, 720, &camera)]);
    let other = Seat { source: SourceId(77), ..seat(0, 1, 720, &camera) };
    assert_eq!(subscriber.allocate(1_700_000, &[other]), [Some(2)], "the rest was the other source's");
}

#[test]
fn seats_keep_their_memory_when_their_order_changes() {
    let camera = points(&CAMERA);
    let [one, two] = [seat(0, 1, 720, &camera), seat(1, 2, 720, &camera)];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate(2_300_000, &[one, two]), [Some(1), Some(2)]);
    let since = subscriber.now;
    assert_eq!(subscriber.allocate(2_000_000, &[two, one]), [Some(2), Some(1)]);
    assert!(subscriber.allocator.allocation().shares.iter().all(|share| share.since == since));
}
