import { describe, expect, it } from 'vitest';
import type { Entry } from './report';
import { StatisticsReader, type CallStatistics, type LineUse } from './statistics';

const ADA: LineUse = { source: 1, member: 'ada', kind: 'camera', way: 'sent' };
const GRACE: LineUse = { source: 3, member: 'grace', kind: 'camera', way: 'received', moving: true };
const LINES = new Map([['0', ADA], ['1', ADA], ['5', GRACE], ['6', GRACE]]);

/** A report as Chromium words it, after `seconds` of a call that sends two layers and receives one picture and voice. */
function report(seconds: number, changes: Record<string, Partial<Entry>> = {}): Entry[] {
  const entries: Entry[] = [
    { id: 'vp8', type: 'codec', mimeType: 'video/VP8' },
    { id: 'opus', type: 'codec', mimeType: 'audio/opus' },
    { id: 'mic', type: 'media-source', audioLevel: 0.3 },
    { id: 'a', type: 'outbound-rtp', kind: 'audio', mid: '0', ssrc: 10, bytesSent: 4_000 * seconds, packetsSent: 50 * seconds, codecId: 'opus', remoteId: 'ra', mediaSourceId: 'mic' },
    { id: 'ra', type: 'remote-inbound-rtp', packetsLost: 0, roundTripTime: 0.04, jitter: 0.003 },
    { id: 'q', type: 'outbound-rtp', kind: 'video', mid: '1', rid: 'q', ssrc: 11, active: true, bytesSent: 15_000 * seconds, packetsSent: 30 * seconds, frameWidth: 320, frameHeight: 180, framesPerSecond: 30, codecId: 'vp8', qualityLimitationReason: 'none' },
    { id: 'f', type: 'outbound-rtp', kind: 'video', mid: '1', rid: 'f', ssrc: 12, active: true, bytesSent: 200_000 * seconds, packetsSent: 200 * seconds, frameWidth: 1280, frameHeight: 720, framesPerSecond: 30, codecId: 'vp8', qualityLimitationReason: 'bandwidth' },
    { id: 'ia', type: 'inbound-rtp', kind: 'audio', mid: '5', ssrc: 20, bytesReceived: 4_000 * seconds, packetsReceived: 50 * seconds, packetsLost: 0, totalSamplesReceived: 48_000 * seconds, concealedSamples: 0, jitter: 0.004, audioLevel: 0.5, codecId: 'opus' },
    { id: 'iv', type: 'inbound-rtp', kind: 'video', mid: '6', ssrc: 21, bytesReceived: 60_000 * seconds, packetsReceived: 100 * seconds, packetsLost: 0, framesDecoded: 30 * seconds, freezeCount: 0, totalFreezesDuration: 0, frameWidth: 640, frameHeight: 360, framesPerSecond: 30, codecId: 'vp8' },
    { id: 'idle', type: 'inbound-rtp', kind: 'video', mid: '8', ssrc: 22, bytesReceived: 0 },
    { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
    { id: 'p', type: 'candidate-pair', localCandidateId: 'l', currentRoundTripTime: 0.05, availableOutgoingBitrate: 3_000_000, bytesSent: 220_000 * seconds, bytesReceived: 65_000 * seconds },
    { id: 'l', type: 'local-candidate', protocol: 'tcp' },
  ];
  return entries.map((entry) => ({ ...entry, ...changes[entry.id] }));
}

/** Reads a report every two seconds; `changes` gives what differs at that second. */
function run(seconds: number, changes: (second: number) => Record<string, Partial<Entry>> = () => ({}), lines: (second: number) => ReadonlyMap<string, LineUse> = () => LINES): CallStatistics {
  const reader = new StatisticsReader();
  let last: CallStatistics | undefined;
  for (let second = 2; second <= seconds; second += 2) last = reader.read(report(second, changes(second)), lines(second), 1_000_000 + second * 1_000);
  if (!last) throw new Error('no sample was taken');
  return last;
}

const sourceOf = (call: CallStatistics, source: number) => call.sources.find((one) => one.source === source);

describe('the statistics of a call', () => {
  it('give rates, size, codec and layers per source, our own first', () => {
    const call = run(10);
    expect(call.sources.map(({ source, way }) => [source, way])).toEqual([[1, 'sent'], [3, 'received']]);
    expect(sourceOf(call, 1)?.audio).toMatchObject({ bitrate: 32_000, codec: 'opus', level: 0.3, roundTripMs: 40, jitterMs: 3, loss: 0 });
    expect(sourceOf(call, 1)?.video).toMatchObject({ bitrate: 1_720_000, width: 1280, limitedBy: 'bandwidth' });
    expect(sourceOf(call, 1)?.video?.layers).toEqual([
      { rid: 'q', active: true, bitrate: 120_000, width: 320, height: 180, fps: 30 },
      { rid: 'f', active: true, bitrate: 1_600_000, width: 1280, height: 720, fps: 30 },
    ]);
    expect(sourceOf(call, 3)?.video).toMatchObject({ bitrate: 480_000, width: 640, height: 360, fps: 30, codec: 'VP8', freezes: 0, paused: false });
    expect(call.connection).toEqual({ protocol: 'tcp', roundTripMs: 50, availableUp: 3_000_000, sent: 1_760_000, received: 520_000 });
  });

  it('say which of its pictures a source is seen in, as the server told', () => {
    const layer = { spatial: 1, spatials: 3, temporal: 2, temporals: 3 };
    const lines = new Map([...LINES, ['1', { ...ADA, layer }], ['6', { ...GRACE, layer }]]);
    const call = run(4, undefined, () => lines);
    expect([sourceOf(call, 1)?.video?.layer, sourceOf(call, 3)?.video?.layer]).toEqual([undefined, layer]);
  });

  it('rate a call without trouble near 5, and blame nobody', () => {
    const call = run(12);
    for (const { score } of call.sources) expect(score).toBeGreaterThan(4.5);
    expect(call.trouble).toBeUndefined();
  });

  it('know no rates at the first sample', () => {
    const call = run(2);
    expect(sourceOf(call, 3)?.video?.bitrate).toBe(0);
    expect(sourceOf(call, 3)?.score).toBeUndefined();
  });

  it('begin anew when a seat gets another source', () => {
    const other: LineUse = { ...GRACE, source: 5, member: 'edith' };
    const froze = { iv: { freezeCount: 4, totalFreezesDuration: 3 } };
    const call = run(12, () => froze, (second) => (second < 12 ? LINES : new Map([...LINES, ['6', other]])));
    expect(sourceOf(call, 5)?.video).toMatchObject({ freezes: 0, frozenMs: 0, bitrate: 0 });
  });

  it('recover within the window', () => {
    const lost = (second: number) => ({ ia: { concealedSamples: second <= 6 ? 12_000 * second : 72_000 } });
    expect(sourceOf(run(6, lost), 3)?.score).toBeLessThan(2.5);
    expect(sourceOf(run(18, lost), 3)?.score).toBeGreaterThan(4.5);
  });

  it('count made-up sound, but not that of silence', () => {
    const call = run(10, (second) => ({ ia: { concealedSamples: 4_800 * second, silentConcealedSamples: 2_400 * second } }));
    expect(sourceOf(call, 3)?.audio?.concealed).toBeCloseTo(0.05);
  });

  it('see a picture that stands still before the browser counts a freeze', () => {
    const stands = (second: number) => ({ iv: { framesDecoded: Math.min(second, 6) * 30 } });
    expect(sourceOf(run(14, stands), 3)?.score).toBe(1);
  });

  it('find a line by its track where the browser does not name it', () => {
    const reader = new StatisticsReader();
    const entries = report(2, { iv: { mid: undefined, trackIdentifier: 'track' } });
    const call = reader.read(entries, LINES, 1_000, (track) => (track === 'track' ? '6' : undefined));
    expect(sourceOf(call, 3)?.video?.width).toBe(640);
  });

  it('take the shortest round trip of the flows where the path has none', () => {
    const call = run(4, () => ({ t: { selectedCandidatePairId: undefined }, p: { currentRoundTripTime: undefined, nominated: true, state: 'succeeded' } }));
    expect(call.connection).toMatchObject({ roundTripMs: 40, sent: 1_760_000 });
  });
});

describe('the network to blame', () => {
  const lossy = (id: string, bytes: string) => (second: number) => ({ [id]: { packetsLost: 10 * second, [bytes]: 50_000 * second, concealedSamples: 12_000 * second } });

  it('is ours when what we get is lost on the way', () => {
    expect(run(10, lossy('ia', 'bytesReceived')).trouble).toEqual({ whose: 'ours', way: 'down' });
  });

  it('is ours when the server pauses pictures', () => {
    const paused = new Map([...LINES, ['6', { ...GRACE, paused: true }]]);
    expect(run(4, undefined, () => paused).trouble).toEqual({ whose: 'ours', way: 'down' });
  });

  it('is ours when what we send is lost', () => {
    expect(run(10, (second) => ({ ra: { packetsLost: 10 * second } })).trouble).toEqual({ whose: 'ours', way: 'up' });
  });

  it('is theirs when one picture stands still and nothing is lost', () => {
    const call = run(14, (second) => ({ iv: { framesDecoded: Math.min(second, 6) * 30 } }));
    expect(call.trouble).toEqual({ whose: 'theirs', members: ['grace'] });
  });
});
