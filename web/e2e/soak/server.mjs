/** What the server says of itself during a long call. */
import { readFileSync } from 'node:fs';

/** A packet that the server kept longer than this was late by its doing. */
const LATE_S = '0.05';
/** Packets that are dropped because something is full or broken; all other reasons are choices. */
const DROPS = ['queue_full', 'not_connected', 'too_large', 'malformed_rtp', 'malformed_rtcp', 'malformed_payload', 'missing_reference', 'bad_authentication'];

/** One reading: counters since the start, and the memory in MB. */
export async function readServer({ host, port, pid }) {
  const text = await fetch(`http://${host}:${port}/metrics`).then((reply) => reply.text());
  const [packets, soon] = [total(text, 'plenum_forward_latency_seconds_count'), total(text, 'plenum_forward_latency_seconds_bucket', `le="${LATE_S}"`)];
  if (!packets) throw new Error('the server counts no packet that it forwarded');
  return {
    packets,
    late: packets - soon,
    switches: total(text, 'plenum_seat_switches_total'),
    drops: DROPS.reduce((sum, reason) => sum + total(text, 'plenum_packets_dropped_total', `reason="${reason}"`), 0),
    refused: total(text, 'plenum_send_errors_total'),
    nacks: total(text, 'plenum_nacks_total'),
    unmet: total(text, 'plenum_unmet_demand_bytes_per_second'),
    busy: total(text, 'plenum_shard_busy_seconds_total'),
    memory: Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  };
}

/** The sum of a metric over all its labels, or over those that hold `label`. */
function total(text, name, label = '') {
  const lines = text.split('\n').filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)) && line.includes(label));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
