//! What crosses between shards of one room, and what shards give up at their limit.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

use super::ShardSnapshot;
use super::render::{Result, sum, whole};
use crate::media::forwarder::{FeedShed, Pressure};

/// What shards give up when they work at their limit.
pub(super) fn pressure(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) -> Result<()> {
    let level = "What a media thread at its limit gives up: 0 nothing, 1 upper layers, 2 middle ones too, 3 pictures.";
    let level = IntGaugeVec::new(Opts::new("plenum_shard_pressure", level), &["shard"])?;
    for (place, shard) in shards.iter().enumerate() {
        level.with_label_values(&[place.to_string()]).set(shard.pressure as i64);
    }
    let shed = "Pictures at members that a media thread at its limit took something from, and what.";
    let shed = IntCounterVec::new(Opts::new("plenum_pictures_shed_total", shed), &["reason"])?;
    for reason in &Pressure::ALL[1..] {
        shed.with_label_values(&[reason.label()]).inc_by(sum(shards, |shard| shard.pressed[*reason as usize]));
    }
    families.extend(level.collect());
    families.extend(shed.collect());
    Ok(())
}

/// What crosses between shards.
pub(super) fn crossing(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) -> Result<()> {
    let packets = "Packets of rooms on several shards: out of their own shard, once for each other, and in there.";
    let packets = IntCounterVec::new(Opts::new("plenum_feed_packets_total", packets), &["direction", "shard"])?;
    let queue = "Packets from other shards that a shard has not taken yet.";
    let queue = IntGaugeVec::new(Opts::new("plenum_feed_queue_packets", queue), &["shard"])?;
    let pictures = "Sources of other shards whose pictures come to a shard now.";
    let pictures = IntGaugeVec::new(Opts::new("plenum_feed_pictures", pictures), &["shard"])?;
    let shed = "Packets that a shard did not give to another, whose queue was filling, and why.";
    let shed = IntCounterVec::new(Opts::new("plenum_feed_packets_shed_total", shed), &["reason"])?;
    for (place, shard) in shards.iter().enumerate() {
        let number = place.to_string();
        packets.with_label_values(&["out", number.as_str()]).inc_by(shard.feeds.given);
        packets.with_label_values(&["in", number.as_str()]).inc_by(shard.feeds.taken);
        queue.with_label_values(&[number.as_str()]).set(whole(shard.feeds.waiting));
        pictures.with_label_values(&[number.as_str()]).set(whole(shard.feeds.pictures));
    }
    for reason in FeedShed::ALL {
        shed.with_label_values(&[reason.label()]).inc_by(sum(shards, |shard| shard.feeds.shed[reason as usize]));
    }
    families.extend(packets.collect());
    families.extend(queue.collect());
    families.extend(pictures.collect());
    families.extend(shed.collect());
    Ok(())
}
