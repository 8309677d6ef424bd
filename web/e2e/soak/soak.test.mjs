import { describe, expect, it } from 'vitest';
import { flow } from './flows.mjs';
import { readServer } from './server.mjs';
import { verdict } from './verdict.mjs';

const FPS = 15;
const LAYER = '{"spatial":1}';

/** Readings of a publisher that sends `perSecond` frames in each second. */
function sending(perSecond) {
  let sent = 100;
  return [100, ...perSecond.map((frames) => (sent += frames))].map((sent, second) => ({ at: second * 1_000 + 300, layers: [{ height: 180, sent }] }));
}

/** Readings of who gets so many of them, `frozen` for so many seconds in each; a negative number is a pause. */
function getting(perSecond, frozen = []) {
  let [received, still] = [50, 0];
  return [0, ...perSecond].map((frames, second) => {
    received += Math.max(0, frames);
    still += frozen[second - 1] ?? 0;
    return { at: second * 1_000 + 500, height: 180, layer: frames < 0 ? null : LAYER, received, decoded: received, dropped: 0, lost: 0, freezes: 0, frozen: still };
  });
}

const steady = Array.from({ length: 20 }, () => FPS);
const changed = (...changes) => steady.map((frames, second) => changes.find(([at]) => at === second)?.[1] ?? frames);

describe('what became of the frames', () => {
  it('is nothing when they all come, at whatever moment either side is read', () => {
    const { missing, behind, pauses, layers, still } = flow(sending(steady), getting(steady), FPS);
    expect([missing, pauses, layers]).toEqual([0, 0, 0]);
    expect(behind).toBe(0);
    expect(still).toEqual({ paused: 0, unsent: 0, underway: 0, late: 0 });
  });

  it('is missing what never comes, and behind what comes later', () => {
    expect(flow(sending(steady), getting(changed([8, 5])), FPS).missing).toBe(8);
    const later = flow(sending(steady), getting(changed([8, 5], [9, 25])), FPS);
    expect(later.missing).toBe(0);
    expect(later.behind).toBe(8);
  });

  it('counts pauses, and nothing as missing that was sent during one', () => {
    const found = flow(sending(steady), getting(changed([8, 3], [9, -1], [10, -1], [11, 4])), FPS);
    expect([found.pauses, found.missing]).toEqual([1, 0]);
  });

  it('tells why a picture stood still', () => {
    const cause = (sent, got) => Object.entries(flow(sending(sent), getting(got, [0, 0, 0, 0, 0, 0, 0, 0, 0.5]), FPS).still).filter(([, seconds]) => seconds > 0)[0][0];
    expect(cause(changed([8, 3]), changed([8, 3]))).toBe('unsent');
    expect(cause(steady, changed([8, 5], [9, 25]))).toBe('underway');
    expect(cause(steady, steady)).toBe('late');
    expect(cause(steady, changed([8, -1]))).toBe('paused');
  });
});

const FLOW = { sent: 300, arrived: 300, shown: 300, dropped: 0, lost: 0, behind: 0, missing: 0, pauses: 0, layers: 0, freezes: 0, still: { paused: 0, unsent: 0, underway: 0, late: 0 } };
const TILE = { looks: 40, without: 0, inRow: 0, longest: 0, wrong: 0 };
const READING = { packets: 1_000, late: 0, switches: 10, drops: 0, refused: 0, nacks: 0, unmet: 0, busy: 1, memory: 20 };

function call({ flow: flowing = {}, tile = {}, reading = {}, ...change } = {}, { busy = 0.5, log = '' } = {}) {
  const one = { name: 'Ada', seconds: 20, errors: [], states: [], reoffers: 0, tiles: { Grace: { ...TILE, ...tile } }, flows: { Grace: { ...FLOW, ...flowing } }, voice: { lost: 0, made: 0, all: 1 }, heap: [3, 3], ...change };
  return { members: 2, seen: [one], readings: [READING, READING, READING, READING, { ...READING, packets: 5_000, ...reading }], busy, log, lookMs: 500 };
}

describe('the verdict', () => {
  it('finds nothing where nothing is', () => {
    expect(verdict(call(), call())).toEqual({ faults: [], notes: [] });
  });

  it.each([
    ['an error', { errors: ['page error: x'] }],
    ['a lost connection', { states: ['joined, signalling down, media connected'] }],
    ['an offer', { reoffers: 1 }],
    ['a seat without its picture', { tile: { longest: 2 } }],
    ['another one’s picture', { tile: { wrong: 2 } }],
    ['nobody looking', { tile: { looks: 0 } }],
    ['no frame', { flow: { shown: 0 } }],
    ['a lost packet of a picture', { flow: { lost: 1 } }],
    ['a lost packet of sound', { voice: { lost: 1, made: 0, all: 1 } }],
    ['a page that grows', { heap: [3, 12] }],
    ['a server that grows', { reading: { memory: 30 } }],
    ['a full queue', { reading: { drops: 1 } }],
    ['a refused datagram', { reading: { refused: 1 } }],
  ])('finds %s, however busy the machine is', (_what, change) => {
    for (const busy of [0.5, 0.99]) expect(verdict(call(), call(change, { busy })).faults).toHaveLength(1);
  });

  it.each([
    ['frames that never came', { flow: { missing: 4 } }],
    ['a pause', { flow: { pauses: 1 } }],
    ['a switch for no reason', { reading: { switches: 11 } }],
    ['packets that were kept', { reading: { late: 100 } }],
    ['a standstill under way', { flow: { still: { ...FLOW.still, underway: 0.2 } } }],
    ['a standstill of the publisher', { flow: { still: { ...FLOW.still, unsent: 0.2 } } }],
  ])('finds %s where the machine has time, and notes it where it has none', (_what, change) => {
    const [idle, busy] = [0.5, 0.99].map((busy) => verdict(call(), call(change, { busy })));
    expect([idle.faults.length, idle.notes.length]).toEqual([1, 0]);
    expect([busy.faults.length, busy.notes.length]).toEqual([0, 1]);
  });

  it('finds a panic', () => {
    expect(verdict(call(), call({}, { log: "thread 'media' panicked at x" })).faults).toHaveLength(1);
  });

  it('excuses what the control shows too', () => {
    const still = { flow: { still: { ...FLOW.still, late: 0.2 } } };
    expect(verdict(call(still), call(still)).faults).toEqual([]);
  });
});

it('reads the server’s metrics, and complains when there is nothing to read', async () => {
  const { createServer } = await import('node:http');
  let text = 'plenum_forward_latency_seconds_bucket{shard="0",le="0.05"} 90\nplenum_forward_latency_seconds_bucket{shard="0",le="+Inf"} 95\nplenum_forward_latency_seconds_count{shard="0"} 95\nplenum_forward_latency_seconds_bucket{shard="1",le="0.05"} 5\nplenum_forward_latency_seconds_count{shard="1"} 5\nplenum_packets_dropped_total{reason="queue_full"} 2\nplenum_packets_dropped_total{reason="not_loud"} 9\nplenum_seat_switches_total 7\n';
  const server = createServer((_request, reply) => reply.end(text)).listen(0, '127.0.0.1');
  await new Promise((done) => server.on('listening', done));
  const place = { host: '127.0.0.1', port: server.address().port, pid: process.pid };
  expect(await readServer(place)).toMatchObject({ packets: 100, late: 5, drops: 2, switches: 7 });
  expect((await readServer(place)).memory).toBeGreaterThan(10);
  text = '';
  await expect(readServer(place)).rejects.toThrow(/no packet/);
  server.close();
});
