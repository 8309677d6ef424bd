//! Snapshots → metric families: names, units and labels.

use prometheus::core::Collector;
use prometheus::proto::{self, Bucket, Histogram as Buckets, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{CounterVec, Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::feeds;
use super::snapshot::STATES;
use super::{ControlSnapshot, JoinCounts, PacketKind, ShardSnapshot, Volume};
use crate::media::drop::DropReason;
use crate::media::forwarder::{QualityTotals, TROUBLES};
use crate::media::histogram::{BATCHES, Batches, DURATIONS_MS, Durations, Histogram, LATENCIES_US, SCORES};

pub(super) type Result<T> = std::result::Result<T, prometheus::Error>;

/// All families of the two planes. Every known label value is there from the start, so that a rate over it is right
/// from its first event on.
pub(super) fn families(
    shards: &[ShardSnapshot],
    loads: &[f64],
    control: &ControlSnapshot,
) -> Result<Vec<MetricFamily>> {
    let mut families = Vec::new();
    volumes(&mut families, shards)?;
    drops(&mut families, shards)?;
    feedback(&mut families, shards, control)?;
    shard_state(&mut families, shards, loads)?;
    batches(&mut families, shards);
    feeds::crossing(&mut families, shards)?;
    feeds::pressure(&mut families, shards)?;
    adaptation(&mut families, shards)?;
    quality(&mut families, shards, control)?;
    rooms(&mut families, control)?;
    families.extend(build_info()?.collect());
    Ok(families)
}

pub(super) fn sum(shards: &[ShardSnapshot], count: impl Fn(&ShardSnapshot) -> u64) -> u64 {
    shards.iter().map(count).sum()
}

fn volumes(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) -> Result<()> {
    let labels = ["direction", "kind"];
    let packets = IntCounterVec::new(Opts::new("plenum_packets_total", "Packets received and sent."), &labels)?;
    let bytes = "Bytes received and sent, without IP and UDP headers.";
    let bytes = IntCounterVec::new(Opts::new("plenum_bytes_total", bytes), &labels)?;
    let count = |direction, of: fn(&ShardSnapshot) -> &[Volume; PacketKind::ALL.len()]| {
        for (place, kind) in PacketKind::ALL.iter().enumerate() {
            let values = [direction, kind.label()];
            packets.with_label_values(&values).inc_by(sum(shards, |shard| of(shard)[place].packets));
            bytes.with_label_values(&values).inc_by(sum(shards, |shard| of(shard)[place].bytes));
        }
    };
    count("in", |shard| &shard.received);
    count("out", |shard| &shard.sent);
    families.extend(packets.collect());
    families.extend(bytes.collect());
    Ok(())
}

fn drops(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) -> Result<()> {
    let drops = IntCounterVec::new(
        Opts::new("plenum_packets_dropped_total", "Packets that were not forwarded, and why."),
        &["reason"],
    )?;
    for (place, reason) in DropReason::ALL.iter().enumerate() {
        drops.with_label_values(&[reason.label()]).inc_by(sum(shards, |shard| shard.dropped[place]));
    }
    families.extend(drops.collect());
    Ok(())
}

fn feedback(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot], control: &ControlSnapshot) -> Result<()> {
    let mut directed = |name, help, received: fn(&ShardSnapshot) -> u64, sent: fn(&ShardSnapshot) -> u64| {
        let counter = IntCounterVec::new(Opts::new(name, help), &["direction"])?;
        counter.with_label_values(&["in"]).inc_by(sum(shards, received));
        counter.with_label_values(&["out"]).inc_by(sum(shards, sent));
        families.extend(counter.collect());
        Result::Ok(())
    };
    directed(
        "plenum_nacks_total",
        "Sequence numbers asked for again: in by subscribers, out from publishers.",
        |shard| shard.nacks_received,
        |shard| shard.nacks_sent,
    )?;
    directed(
        "plenum_plis_total",
        "Key frames asked for: in by subscribers, out from publishers.",
        |shard| shard.plis_received,
        |shard| shard.plis_sent,
    )?;
    let mut single = |name: &str, help: &str, count: u64| {
        let counter = prometheus::IntCounter::new(name, help)?;
        counter.inc_by(count);
        families.extend(counter.collect());
        Result::Ok(())
    };
    single("plenum_seat_switches_total", "Changes of a seat to another source or layer.", sum(shards, |s| s.switches))?;
    single("plenum_keyframe_replays_total", "Key frames replayed from a ring.", sum(shards, |s| s.replays))?;
    single("plenum_dtls_handshakes_total", "DTLS handshakes completed.", sum(shards, |s| s.handshakes))?;
    let recovered = "Packets that publishers sent again after they had been lost.";
    single("plenum_packets_recovered_total", recovered, sum(shards, |s| s.recovered))?;
    let shed = sum(shards, |s| s.shed) + control.shed;
    single("plenum_border_shed_total", "Samples shed between the planes: a queue was full.", shed)?;
    single("plenum_send_errors_total", "Datagrams that the kernel refused.", sum(shards, |s| s.send_errors))?;
    let accepted = "TCP connections for media that began with a check of a browser in a room.";
    single("plenum_tcp_connections_total", accepted, sum(shards, |s| s.tcp_accepted))?;
    let refused = "TCP connections for media closed because they did not.";
    single("plenum_tcp_connections_refused_total", refused, sum(shards, |s| s.tcp_refused))
}

fn shard_state(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot], loads: &[f64]) -> Result<()> {
    let busy = CounterVec::new(
        Opts::new("plenum_shard_busy_seconds_total", "Time that a media thread spent working. Its rate is its load."),
        &["shard"],
    )?;
    let load = GaugeVec::new(
        Opts::new("plenum_shard_load_ratio", "Share of the last second or so that a media thread spent working."),
        &["shard"],
    )?;
    for (place, (shard, share)) in shards.iter().zip(loads).enumerate() {
        let label = [place.to_string()];
        busy.with_label_values(&label).inc_by(shard.busy.as_secs_f64());
        load.with_label_values(&label).set(*share);
    }
    let connections = IntGaugeVec::new(Opts::new("plenum_connections", "Connections of browsers now."), &["state"])?;
    for (place, (_, label)) in STATES.iter().enumerate() {
        connections.with_label_values(&[*label]).set(whole(sum(shards, |shard| shard.connections[place])));
    }
    families.extend(busy.collect());
    families.extend(load.collect());
    families.extend(connections.collect());
    let open = "TCP connections for media now.";
    families.extend(single_gauge("plenum_tcp_connections", open, sum(shards, |s| s.tcp_open))?);
    families.extend(single_gauge("plenum_shards", "Media threads.", shards.len() as u64)?);
    families.extend(single_gauge("plenum_tracks", "Layers and audio tracks arriving.", sum(shards, |s| s.tracks))?);
    families.extend(single_gauge(
        "plenum_slots",
        "Slots of subscribers that show something.",
        sum(shards, |s| s.slots),
    )?);
    Ok(())
}

/// Sound and picture, as labels.
const KINDS: [&str; 2] = ["audio", "video"];

fn quality(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot], control: &ControlSnapshot) -> Result<()> {
    let sum_up = |of: fn(&QualityTotals) -> Durations| {
        let mut all = Durations::default();
        shards.iter().for_each(|shard| all += of(&shard.quality));
        all
    };
    let seconds = DURATIONS_MS.map(|ms| ms as f64 / 1_000.0);
    let first = "From a seat that showed nothing to the first frame of its source, or from its camera's first packet.";
    let frames = histogram("plenum_first_frame_seconds", first, &[(vec![], sum_up(|q| q.first_frames))], &seconds, 1e3);
    let switch = "From the wish for another source or layer in a seat to its first frame.";
    let kinds = [("source", sum_up(|q| q.source_switches)), ("layer", sum_up(|q| q.layer_switches))];
    let kinds = kinds.map(|(kind, durations)| (vec![("to", kind)], durations));
    let switches = histogram("plenum_seat_switch_seconds", switch, &kinds, &seconds, 1e3);
    let scores = [0, 1].map(|kind| {
        let mut all = Default::default();
        shards.iter().for_each(|shard| all += shard.quality.scores[kind]);
        (vec![("kind", KINDS[kind])], all)
    });
    let help = "Each source at each member, rated once a second from 1 (bad) to 5 (excellent).";
    let tenths = SCORES.map(|tenths| tenths as f64 / 10.0);
    families.extend([frames, switches, histogram("plenum_reception_score", help, &scores, &tenths, 10.0)]);
    let help = "Sounds and pictures now that members should have and do not, and why.";
    let troubles = IntGaugeVec::new(Opts::new("plenum_receptions_in_trouble", help), &["kind", "reason"])?;
    for (kind, label) in KINDS.iter().enumerate() {
        for (place, reason) in TROUBLES.iter().enumerate() {
            let mut count = sum(shards, |shard| shard.quality.troubles[kind][place]);
            // What a browser does not decode is not even seated.
            if (*label, *reason) == ("video", "unsupported_codec") {
                count = count.max(control.unsupported);
            }
            troubles.with_label_values(&[*label, *reason]).set(whole(count));
        }
    }
    families.extend(troubles.collect());
    let unmet = "Bytes a second that pictures need now beyond what their members' networks carry.";
    let bits = sum(shards, |shard| shard.quality.unmet.0);
    families.extend(single_gauge("plenum_unmet_demand_bytes_per_second", unmet, bits / 8)?);
    Ok(())
}

/// What differs by shard: batches and waits.
fn batches(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) {
    let numbers: Vec<String> = (0..shards.len()).map(|place| place.to_string()).collect();
    let by_shard = |of: fn(&ShardSnapshot) -> Batches| -> Vec<_> {
        numbers.iter().zip(shards).map(|(number, shard)| (vec![("shard", number.as_str())], of(shard))).collect()
    };
    let bounds = BATCHES.map(|bound| bound as f64);
    let mut batch = |name, help, of| families.push(histogram(name, help, &by_shard(of), &bounds, 1.0));
    batch("plenum_udp_datagrams_per_send", "Datagrams that left with one system call.", |shard| shard.sends);
    batch("plenum_udp_datagrams_per_receive", "Datagrams that came with one system call.", |shard| shard.receives);
    let waits: Vec<_> = numbers
        .iter()
        .zip(shards)
        .map(|(number, shard)| (vec![("shard", number.as_str())], shard.forward_latency))
        .collect();
    let help =
        "How long media packets were in a shard, at most: from the first arrival of a turn to the end of its sends.";
    let seconds = LATENCIES_US.map(|us| us as f64 / 1e6);
    families.push(histogram("plenum_forward_latency_seconds", help, &waits, &seconds, 1e6));
    let mut connect = Durations::default();
    shards.iter().for_each(|shard| connect += shard.connect);
    let help = "From a browser's offer to the end of its handshake.";
    let seconds = DURATIONS_MS.map(|ms| ms as f64 / 1e3);
    families.push(histogram("plenum_connect_seconds", help, &[(vec![], connect)], &seconds, 1e3));
}

/// What `media.adapt` measures and gives out.
fn adaptation(families: &mut Vec<MetricFamily>, shards: &[ShardSnapshot]) -> Result<()> {
    let estimated = "Subscribers whose network is estimated.";
    families.extend(single_gauge("plenum_estimated_subscribers", estimated, sum(shards, |s| s.estimated))?);
    let estimate = "Estimates of all subscribers' networks together.";
    families.extend(single_gauge("plenum_estimate_bytes_per_second", estimate, sum(shards, |s| s.estimate) / 8)?);
    let paused = "Pictures held back because a subscriber's network has no room for them.";
    families.extend(single_gauge("plenum_pictures_paused", paused, sum(shards, |s| s.paused))?);
    Ok(())
}

/// A family of histograms, each with its labels; `scale` of its units make one of the metric's.
fn histogram<const N: usize>(
    name: &str,
    help: &str,
    all: &[(Vec<(&str, &str)>, Histogram<N>)],
    bounds: &[f64; N],
    scale: f64,
) -> MetricFamily {
    let metrics = all.iter().map(|(labels, counted)| {
        let mut buckets = Buckets::default();
        buckets.set_sample_count(counted.count());
        buckets.set_sample_sum(counted.sum() as f64 / scale);
        let bucket = |(bound, count): (&f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        buckets.set_bucket(bounds.iter().zip(counted.cumulative()).map(bucket).collect());
        let mut metric = labelled(labels);
        metric.set_histogram(buckets);
        metric
    });
    family(name, help, MetricType::HISTOGRAM, metrics.collect())
}

pub(super) fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(super) fn counter(name: &str, help: &str, value: f64) -> MetricFamily {
    family(name, help, MetricType::COUNTER, vec![counted(&[], value)])
}

pub(super) fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    family(name, help, MetricType::GAUGE, vec![measured(&[], value)])
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

/// A counter's value under `by`.
pub(super) fn counted(by: &[(&str, &str)], value: f64) -> Metric {
    let (mut metric, mut counter) = (labelled(by), proto::Counter::default());
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

/// A gauge's value under `by`.
pub(super) fn measured(by: &[(&str, &str)], value: f64) -> Metric {
    let (mut metric, mut gauge) = (labelled(by), proto::Gauge::default());
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn rooms(families: &mut Vec<MetricFamily>, control: &ControlSnapshot) -> Result<()> {
    families.extend(single_gauge("plenum_rooms", "Rooms.", control.rooms)?);
    families.extend(single_gauge("plenum_members", "Members in rooms.", control.members)?);
    let reconnecting = "Members whose signalling is lost and whose seats are kept.";
    families.extend(single_gauge("plenum_members_reconnecting", reconnecting, control.reconnecting)?);
    families.extend(single_gauge("plenum_sockets", "Socket.IO connections.", control.sockets)?);
    let sources = IntGaugeVec::new(Opts::new("plenum_sources", "Tracks being published."), &["kind"])?;
    let published = [("camera", control.cameras), ("screen", control.screens), ("microphone", control.microphones)];
    for (kind, count) in published {
        sources.with_label_values(&[kind]).set(whole(count));
    }
    families.extend(sources.collect());
    let joins = IntCounterVec::new(Opts::new("plenum_joins_total", "Attempts to enter a room."), &["result"])?;
    let JoinCounts { joined, resumed, refused } = control.joins;
    for (result, count) in [("joined", joined), ("resumed", resumed), ("refused", refused)] {
        joins.with_label_values(&[result]).inc_by(count);
    }
    families.extend(joins.collect());
    Ok(())
}

fn single_gauge(name: &str, help: &str, value: u64) -> Result<Vec<MetricFamily>> {
    let metric = IntGauge::new(name, help)?;
    metric.set(whole(value));
    Ok(metric.collect())
}

pub(super) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn build_info() -> Result<Gauge> {
    let opts = Opts::new("plenum_build_info", "Always 1; the version is a label.");
    let info = Gauge::with_opts(opts.const_label("version", env!("CARGO_PKG_VERSION")))?;
    info.set(1.0);
    Ok(info)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::border::ConnectionState;
    use crate::media::forwarder::FeedShed;
    use crate::metrics::{Metrics, SnapshotCell};

    fn value(text: &str, series: &str) -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    #[test]
    fn a_scrape_adds_up_what_all_shards_counted() {
        let mut shard = ShardSnapshot::default();
        shard.receive(PacketKind::Video, 1200);
        shard.receive(PacketKind::Video, 800);
        shard.send(PacketKind::Audio, 100);
        shard.drop(DropReason::Replayed);
        shard.nacks_sent = 3;
        (shard.tcp_open, shard.tcp_accepted, shard.tcp_refused) = (1, 2, 3);
        shard.set_connections(ConnectionState::Connected, 2);
        (shard.feeds.given, shard.feeds.shed[FeedShed::Picture as usize], shard.feeds.waiting) = (7, 2, 5);
        shard.busy = Duration::from_millis(500);
        shard.uptime = Duration::from_secs(2);
        let cells: Vec<_> = (0..2).map(|_| Arc::new(SnapshotCell::default())).collect();
        cells.iter().for_each(|cell| cell.publish(&shard));
        let metrics = Metrics::new().unwrap();
        metrics.set_shards(cells);
        let text = metrics.render().unwrap();
        for (series, expected) in [
            ("plenum_packets_total{direction=\"in\",kind=\"video\"}", 4.0),
            ("plenum_bytes_total{direction=\"in\",kind=\"video\"}", 4000.0),
            ("plenum_bytes_total{direction=\"out\",kind=\"audio\"}", 200.0),
            ("plenum_packets_dropped_total{reason=\"replayed\"}", 2.0),
            ("plenum_packets_dropped_total{reason=\"bad_stun\"}", 0.0),
            ("plenum_nacks_total{direction=\"out\"}", 6.0),
            ("plenum_connections{state=\"connected\"}", 4.0),
            ("plenum_tcp_connections", 2.0),
            ("plenum_tcp_connections_total", 4.0),
            ("plenum_tcp_connections_refused_total", 6.0),
            ("plenum_shard_busy_seconds_total{shard=\"1\"}", 0.5),
            ("plenum_shard_load_ratio{shard=\"0\"}", 0.25),
            ("plenum_shards", 2.0),
            ("plenum_feed_packets_total{direction=\"out\",shard=\"1\"}", 7.0),
            ("plenum_feed_packets_shed_total{reason=\"picture\"}", 4.0),
            ("plenum_feed_queue_packets{shard=\"0\"}", 5.0),
        ] {
            assert_eq!(value(&text, series), Some(expected), "{series}");
        }
    }

    #[test]
    fn how_pictures_come_and_are_rated_is_shown_in_seconds_and_points() {
        let mut shard = ShardSnapshot::default();
        for ms in [40, 700, 9_000] {
            shard.quality.first_frames.add(&DURATIONS_MS, ms);
        }
        shard.quality.source_switches.add(&DURATIONS_MS, 90);
        shard.quality.scores[1].add(&SCORES, 38);
        shard.quality.troubles[1][1] = 2;
        shard.quality.unmet = crate::id::Bps(300_000);
        let cell = Arc::new(SnapshotCell::default());
        cell.publish(&shard);
        let metrics = Metrics::new().unwrap();
        metrics.set_shards(vec![cell]);
        metrics.set_control(|| ControlSnapshot { unsupported: 4, ..Default::default() });
        let text = metrics.render().unwrap();
        for (series, expected) in [
            ("plenum_first_frame_seconds_bucket{le=\"0.05\"}", 1.0),
            ("plenum_first_frame_seconds_bucket{le=\"1\"}", 2.0),
            ("plenum_first_frame_seconds_bucket{le=\"+Inf\"}", 3.0),
            ("plenum_first_frame_seconds_sum", 9.74),
            ("plenum_seat_switch_seconds_count{to=\"source\"}", 1.0),
            ("plenum_seat_switch_seconds_count{to=\"layer\"}", 0.0),
            ("plenum_reception_score_bucket{kind=\"video\",le=\"4\"}", 1.0),
            ("plenum_reception_score_bucket{kind=\"video\",le=\"3\"}", 0.0),
            ("plenum_receptions_in_trouble{kind=\"video\",reason=\"no_key_frame\"}", 2.0),
            ("plenum_receptions_in_trouble{kind=\"video\",reason=\"unsupported_codec\"}", 4.0),
            ("plenum_receptions_in_trouble{kind=\"audio\",reason=\"no_packets\"}", 0.0),
            ("plenum_unmet_demand_bytes_per_second", 37_500.0),
        ] {
            assert_eq!(value(&text, series), Some(expected), "{series}");
        }
    }

    #[test]
    fn rooms_and_joins_are_counted() {
        let metrics = Metrics::new().unwrap();
        let joins = JoinCounts { joined: 1, ..JoinCounts::default() };
        metrics.set_control(move || ControlSnapshot { rooms: 1, members: 3, screens: 1, joins, ..Default::default() });
        let text = metrics.render().unwrap();
        assert_eq!(value(&text, "plenum_rooms"), Some(1.0));
        assert_eq!(value(&text, "plenum_members"), Some(3.0));
        assert_eq!(value(&text, "plenum_sources{kind=\"screen\"}"), Some(1.0));
        assert_eq!(value(&text, "plenum_joins_total{result=\"joined\"}"), Some(1.0));
        assert_eq!(value(&text, "plenum_joins_total{result=\"refused\"}"), Some(0.0));
    }
}
