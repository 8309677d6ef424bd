//! What a busy machine does to a call behind a narrow network: layers fall silent for a moment, and estimates promise too much.

use super::*;

/// Two layers, as a camera of 360 lines has them.
const SMALL: [(u16, u64); 2] = [(180, 170_000), (360, 580_000)];

fn three(cameras: &[Vec<OperatingPoint>]) -> Vec<Seat<'_>> {
    (0..).zip(cameras).map(|(id, camera)| seat(id, 100, 360, camera)).collect()
}

#[test]
fn a_layer_that_is_late_costs_no_other_picture() {
    let mut cameras = vec![points(&SMALL); 3];
    let mut subscriber = Subscriber::new();
    assert_eq!(subscriber.allocate_for(2, 780_000, &three(&cameras)), [Some(0); 3]);
    cameras[1][0].alive = false;
    assert_eq!(subscriber.allocate_for(1, 780_000, &three(&cameras)), [Some(0); 3], "it is awaited");
    assert_eq!(subscriber.allocator.allocation().shares[1].rate, Bps(0));
    cameras[1][0].alive = true;
    assert_eq!(subscriber.allocate(780_000, &three(&cameras)), [Some(0); 3], "it was never left");
}

#[test]
fn a_layer_that_stays_silent_is_awaited_for_three_seconds() {
    let mut cameras = vec![points(&SMALL); 3];
    let mut subscriber = Subscriber::new();
    subscriber.allocate_for(2, 780_000, &three(&cameras));
    cameras[1][0].alive = false;
    subscriber.allocate_for(3, 780_000, &three(&cameras));
    assert_eq!(subscriber.allocate(780_000, &three(&cameras)), [Some(0), None, Some(0)]);
    assert_eq!(subscriber.allocator.allocation().shares[1].choice, Choice::Paused { needs: Bps(580_000) });
}

#[test]
fn where_there_is_room_a_larger_layer_takes_the_place_of_a_silent_one_at_once() {
    let mut cameras = vec![points(&SMALL); 3];
    let mut subscriber = Subscriber::new();
    subscriber.allocate_for(2, 950_000, &three(&cameras));
    cameras[1][0].alive = false;
    assert_eq!(subscriber.allocate(950_000, &three(&cameras)), [Some(0), Some(1), Some(0)]);
}

#[test]
fn a_paused_picture_comes_back_when_a_quarter_is_left_beside_it() {
    let mut cameras = vec![points(&SMALL); 3];
    let mut subscriber = Subscriber::new();
    subscriber.allocate_for(2, 780_000, &three(&cameras));
    cameras[1][0].alive = false;
    subscriber.allocate_for(4, 780_000, &three(&cameras));
    cameras[1][0].alive = true;
    assert_eq!(subscriber.allocate_for(5, 600_000, &three(&cameras)), [Some(0), None, Some(0)]);
    assert_eq!(subscriber.allocate_for(2, 780_000, &three(&cameras)), [Some(0); 3]);
}

#[test]
fn a_rise_that_an_estimate_only_promised_is_tried_again_when_far_more_than_it_took_is_there() {
    let cameras = vec![points(&SMALL); 3];
    let mut subscriber = Subscriber::new();
    subscriber.allocate_for(2, 780_000, &three(&cameras));
    // The promise of a moment: 2.2 Mbit/s on a path that carries one.
    assert_eq!(subscriber.allocate_for(1, 2_200_000, &three(&cameras)), [Some(1); 3]);
    assert_eq!(subscriber.allocate_for(5, 780_000, &three(&cameras)), [Some(0); 3]);
    assert_eq!(
        subscriber.allocate_for(5, 1_900_000, &three(&cameras)),
        [Some(0); 3],
        "it took 1.74 Mbit/s, and failed"
    );
    assert_eq!(subscriber.allocate_for(2, 2_100_000, &three(&cameras)), [Some(1); 3]);
}
