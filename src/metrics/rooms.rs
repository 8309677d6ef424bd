//! What single rooms carry: of the largest only, so that labels stay few. A room is labelled by its number; its name is its
//! key, and told of public rooms alone.

use std::collections::BTreeMap;

use prometheus::proto::{MetricFamily, MetricType};

use super::render::{counted, family, measured};
use crate::id::RoomKey;
use crate::media::forwarder::RoomTotals;

/// Rooms that are shown.
pub const MOST_ROOMS: usize = 100;

/// One family for each figure.
pub(super) fn families(rooms: Vec<RoomTotals>, public: &[(RoomKey, String)]) -> Vec<MetricFamily> {
    let rooms = largest(rooms);
    let gauges = |name: &str, help: &str, value: fn(&RoomTotals) -> u64| {
        let metric = |room: &RoomTotals| measured(&[("room", &room.room.to_string())], value(room) as f64);
        family(name, help, MetricType::GAUGE, rooms.iter().map(metric).collect())
    };
    let counters = |name: &str, help: &str, received: fn(&RoomTotals) -> u64, sent: fn(&RoomTotals) -> u64| {
        let metrics = rooms.iter().flat_map(|room| {
            let number = room.room.to_string();
            let metric = |direction, value| counted(&[("direction", direction), ("room", &number)], value as f64);
            [metric("in", received(room)), metric("out", sent(room))]
        });
        family(name, help, MetricType::COUNTER, metrics.collect())
    };
    let single = |name: &str, help: &str, value: fn(&RoomTotals) -> u64| {
        let metric = |room: &RoomTotals| counted(&[("room", &room.room.to_string())], value(room) as f64);
        family(name, help, MetricType::COUNTER, rooms.iter().map(metric).collect())
    };
    let known = |key: &RoomKey| rooms.iter().any(|room| room.room == *key);
    let names = public.iter().filter(|(key, _)| known(key));
    let names = names.map(|(key, name)| measured(&[("name", name), ("room", &key.to_string())], 1.0));
    vec![
        gauges("plenum_room_connections", "Browsers in a room.", |room| room.connections),
        gauges("plenum_room_tracks", "Layers and audio tracks arriving in a room.", |room| room.tracks),
        gauges("plenum_room_slots", "Slots of a room's subscribers that show something.", |room| room.slots),
        counters(
            "plenum_room_packets_total",
            "Media packets received from and sent to a room, without retransmissions to it.",
            |room| room.uplinks.packets,
            |room| room.downlinks.packets,
        ),
        counters(
            "plenum_room_bytes_total",
            "Their bytes of RTP, headers included.",
            |room| room.uplinks.bytes,
            |room| room.downlinks.octets,
        ),
        counters(
            "plenum_room_nacks_total",
            "Sequence numbers asked for again: in by a room's subscribers, out from its publishers.",
            |room| room.downlinks.nacks,
            |room| room.uplinks.nacks,
        ),
        counters(
            "plenum_room_plis_total",
            "Key frames asked for: in by a room's subscribers, out from its publishers.",
            |room| room.downlinks.plis,
            |room| room.uplinks.plis,
        ),
        single("plenum_room_retransmissions_total", "Packets sent to a room again.", |room| {
            room.downlinks.retransmitted
        }),
        single("plenum_room_seat_switches_total", "Changes of a room's seats to another source or layer.", |room| {
            room.downlinks.switches
        }),
        family("plenum_room_info", "Always 1; names of public rooms are labels.", MetricType::GAUGE, names.collect()),
    ]
}

/// Of several shards' rooms, the parts of each together, and the largest of them.
fn largest(parts: Vec<RoomTotals>) -> Vec<RoomTotals> {
    let mut rooms: BTreeMap<RoomKey, RoomTotals> = BTreeMap::new();
    for part in parts {
        let room = rooms.entry(part.room).or_default();
        room.room = part.room;
        room.connections += part.connections;
        room.tracks += part.tracks;
        room.slots += part.slots;
        room.uplinks += part.uplinks;
        room.downlinks += part.downlinks;
    }
    let mut rooms: Vec<RoomTotals> = rooms.into_values().collect();
    rooms.sort_by_key(|room| std::cmp::Reverse(room.connections));
    rooms.truncate(MOST_ROOMS);
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_largest_rooms_are_shown_and_only_public_ones_by_name() {
        let room = |key: u64| RoomTotals { room: RoomKey(key), connections: key, ..RoomTotals::default() };
        let families = families(
            (1..=200).chain([200]).map(room).collect(),
            &[(RoomKey(200), "weekly".to_owned()), (RoomKey(1), "small".to_owned())],
        );
        let of = |name: &str| families.iter().find(|family| family.name() == name).unwrap().get_metric();
        let connections = of("plenum_room_connections");
        assert_eq!((connections.len(), connections[0].get_gauge().get_value()), (MOST_ROOMS, 400.0));
        let info = of("plenum_room_info");
        let labels: Vec<&str> = info.iter().flat_map(|metric| metric.get_label()).map(|label| label.value()).collect();
        assert_eq!(labels, ["weekly", "200"]);
        assert_eq!(of("plenum_room_packets_total").len(), 2 * MOST_ROOMS);
    }
}
