use super::*;
use crate::border::{SeatPlan, SourceKind, TransportSpec};
use crate::media::spec::MediaSpec;
use crate::transport::spec::{ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials};

const ROOM: RoomKey = RoomKey(7);
const SPREAD: Spread = Spread { above: 3, load: 0.6 };

fn idle(_: usize) -> f64 {
    0.0
}

fn transport(id: u64, shard: usize) -> ControlState {
    let ice = IceCredentials { ufrag: "u".to_owned(), pwd: "p".to_owned() };
    let fingerprint = Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] };
    let connection = ConnectionSpec { local: ice.clone(), remote: ice, fingerprint, sctp: None };
    let media = Arc::new(MediaSpec::default());
    let spec = TransportSpec { id: TransportId(id), room: ROOM, shard, connection, media };
    ControlState::Transport(TransportId(id), Some(Arc::new(spec)))
}

fn source(id: u32, transport: u64, shard: usize) -> ControlState {
    let (id, transport) = (SourceId(id), TransportId(transport));
    let spec = SourceSpec {
        id,
        room: ROOM,
        transport,
        shard,
        kind: SourceKind::Camera,
        audio_allowed: true,
        video_allowed: true,
    };
    ControlState::Source(id, Some(spec))
}

/// Has `room` gain `count` browsers, from number `first` on, wherever they belong.
fn join(placement: &mut Placement, room: RoomKey, first: u64, count: u64, load: impl Fn(usize) -> f64) -> Vec<usize> {
    (first..first + count)
        .map(|id| {
            let shard = placement.choose(room, &load);
            placement.put(room, transport(id, shard));
            shard
        })
        .collect()
}

#[test]
fn a_small_room_stays_together_and_rooms_take_turns() {
    let mut placement = Placement::new(2, SPREAD);
    assert_eq!(join(&mut placement, RoomKey(1), 1, 3, idle), [0, 0, 0]);
    assert_eq!(join(&mut placement, RoomKey(2), 10, 3, idle), [1, 1, 1]);
}

#[test]
fn a_large_room_spreads_and_its_halves_stay_even() {
    let mut placement = Placement::new(2, SPREAD);
    let homes = join(&mut placement, ROOM, 1, 100, idle);
    assert_eq!(homes[..6], [0, 0, 0, 1, 1, 1]);
    let first = homes.iter().filter(|shard| **shard == 0).count();
    assert_eq!(first, 50);
}

#[test]
fn a_room_leaves_room_on_a_shard_that_works_hard() {
    let mut placement = Placement::new(3, SPREAD);
    join(&mut placement, ROOM, 1, 1, idle);
    let busy = |shard: usize| if shard == 0 { 0.7 } else { 0.1 };
    assert_eq!(join(&mut placement, ROOM, 2, 2, busy), [1, 1]);
    // Where all work hard, it stays where it is, with the one that works least.
    let all = |shard: usize| [0.9, 0.8, 0.7][shard];
    assert_eq!(join(&mut placement, ROOM, 4, 2, all), [1, 1]);
    assert_eq!(placement.choose(RoomKey(8), all), 2, "a new room goes where the fewest browsers are");
}

#[test]
fn whoever_joins_elsewhere_brings_its_shard_all_that_the_room_knows() {
    let mut placement = Placement::new(2, SPREAD);
    assert_eq!(placement.put(ROOM, transport(1, 0)).as_slice(), [(0, transport(1, 0))]);
    assert_eq!(placement.put(ROOM, source(5, 1, 0)).as_slice(), [(0, source(5, 1, 0))]);
    let span = |members| Some(Arc::new(Span { shards: [0, 1].into_iter().collect(), members }));
    let cells = placement.put(ROOM, transport(2, 1));
    let expected = [
        (1, source(5, 1, 0)),
        (0, ControlState::Span(ROOM, span(2))),
        (1, ControlState::Span(ROOM, span(2))),
        (1, transport(2, 1)),
    ];
    assert_eq!(cells.as_slice(), expected);
    assert_eq!(placement.put(ROOM, source(6, 2, 1)).as_slice(), [(0, source(6, 2, 1)), (1, source(6, 2, 1))]);
    let seats = ControlState::Seats(TransportId(2), Arc::new(SeatPlan::default()));
    assert_eq!(placement.put(ROOM, seats.clone()).as_slice(), [(1, seats)]);
    // A re-negotiation concerns its own shard alone.
    assert_eq!(placement.put(ROOM, transport(2, 1)).as_slice(), [(1, transport(2, 1))]);
}

#[test]
fn a_shard_that_the_last_of_a_room_left_knows_nothing_of_it() {
    let mut placement = Placement::new(2, SPREAD);
    placement.put(ROOM, transport(1, 0));
    placement.put(ROOM, source(5, 1, 0));
    placement.put(ROOM, transport(2, 1));
    let cells = placement.put(ROOM, ControlState::Transport(TransportId(2), None));
    let expected = [
        (1, ControlState::Transport(TransportId(2), None)),
        (1, ControlState::Span(ROOM, None)),
        (1, ControlState::Source(SourceId(5), None)),
        (0, ControlState::Span(ROOM, None)),
    ];
    assert_eq!(cells.as_slice(), expected);
    placement.put(ROOM, ControlState::Transport(TransportId(1), None));
    placement.put(ROOM, ControlState::Source(SourceId(5), None));
    assert!(placement.rooms.is_empty() && placement.transports.is_empty());
    assert_eq!(placement.browsers, [0, 0]);
}

#[test]
fn the_first_shard_speaks_for_the_room_as_long_as_it_lives() {
    let mut placement = Placement::new(2, SPREAD);
    placement.put(ROOM, transport(1, 0));
    placement.put(ROOM, transport(2, 1));
    placement.put(ROOM, source(6, 2, 1));
    let cells = placement.put(ROOM, ControlState::Transport(TransportId(1), None));
    let leads =
        |cell: &(usize, ControlState)| matches!(&cell.1, ControlState::Span(_, Some(span)) if span.lead() == Some(0));
    assert_eq!(cells.iter().filter(|cell| leads(cell)).count(), 2);
}
