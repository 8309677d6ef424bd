/** What a call measures of itself, source by source, from the browser's reports. Holds no timer and asks nobody. */
import { blame, scoreOf, type NetworkTrouble } from './score';
import { readFlows, readPath, type Counters, type Entry, type Flow, type Path } from './report';
import type { MemberId, PictureLayer, SourceId } from './protocol.gen';
import type { SourceKind } from './roster';

/** Bit rates are in bits a second, shares from 0 to 1, over the time since the sample before. */
export interface FlowStatistics {
  bitrate: number;
  /** VP8, opus, … */
  codec?: string;
  /** Share of packets that were lost and not repaired. */
  loss: number;
  jitterMs?: number;
  /** Sent flows only: there and back between us and the server. */
  roundTripMs?: number;
}

export interface AudioStatistics extends FlowStatistics {
  /** How loud, 0–1. */
  level?: number;
  /** Received sound only: the share that was made up for what did not come. */
  concealed?: number;
}

export interface VideoStatistics extends FlowStatistics {
  width?: number;
  height?: number;
  fps?: number;
  /** How often, and for how long in all, the picture stood still since the source is shown. */
  freezes: number;
  frozenMs: number;
  /** The server has paused it: our network has no room for it. */
  paused: boolean;
  /** Received pictures only: which of those that the source sends, as the server chose. */
  layer?: PictureLayer;
  /** Sent pictures only: the streams of different size, smallest first. */
  layers?: LayerStatistics[];
  /** Sent pictures only: why they are smaller than the camera's. */
  limitedBy?: 'cpu' | 'bandwidth' | 'other';
  /** The encoder or decoder, as the browser calls it. */
  coder?: string;
}

export interface LayerStatistics {
  rid: string;
  /** Somebody takes it. */
  active: boolean;
  bitrate: number;
  width?: number;
  height?: number;
  fps?: number;
}

export interface SourceStatistics {
  source: SourceId;
  member: MemberId;
  kind: SourceKind;
  /** `sent` is our own. */
  way: 'sent' | 'received';
  audio?: AudioStatistics;
  video?: VideoStatistics;
  /** 1 (unusable) to 5 over the last ten seconds; `undefined` while nothing flows. */
  score?: number;
}

export interface ConnectionStatistics {
  /** `tcp` where UDP is blocked. */
  protocol?: 'udp' | 'tcp';
  roundTripMs?: number;
  /** What the browser thinks that we may send. */
  availableUp?: number;
  sent: number;
  received: number;
}

export interface CallStatistics {
  /** Unix time, milliseconds. */
  at: number;
  connection: ConnectionStatistics;
  /** Our own first, then by seat. */
  sources: SourceStatistics[];
  /** Whose network hurts the call, if any. */
  trouble?: NetworkTrouble;
}

/** Whose media an m-line carries now. */
export interface LineUse {
  source: SourceId;
  member: MemberId;
  kind: SourceKind;
  way: 'sent' | 'received';
  paused?: boolean;
  /** The line has a picture, by what its sender says: when no frame comes it stands still. */
  moving?: boolean;
  /** Which of the source's pictures comes, as the server says. */
  layer?: PictureLayer;
}

/** A score forgets within this: long enough to be calm, short enough to recover. */
export const WINDOW_MS = 10_000;
/** Slow cameras bring a frame within this. */
const STILL_MS = 2_000;
/** A first sample's rates would be over no time at all. */
const LEAST_MS = 200;

interface Mark {
  at: number;
  counters: Counters;
}

/** A flow of one source: what a line carried before belongs to another. */
interface Track {
  source: SourceId;
  first: Counters;
  marks: Mark[];
}

export class StatisticsReader {
  #tracks = new Map<string, Track>();
  #path: (Path & { at: number }) | undefined;

  /**
   * Reads one report. `lines` says by mid whose media each line carries; lines that it leaves out are not read.
   * `now` is Unix time in milliseconds.
   */
  read(report: Iterable<Entry>, lines: ReadonlyMap<string, LineUse>, now: number, midOf?: (trackId: string) => string | undefined): CallStatistics {
    const entries = [...report];
    const connection = this.#connection(readPath(entries), now);
    const sources = new Map<SourceId, SourceStatistics>();
    const kept = new Map<string, Track>();
    const roundTripMs = connection.roundTripMs ?? 0;
    for (const [mid, flows] of byLine(readFlows(entries, midOf))) {
      const use = lines.get(mid);
      if (!use) continue;
      const measured = flows.map((flow) => {
        const key = `${mid}/${flow.ssrc}`;
        const track = this.#mark(key, use.source, flow.counters, now);
        kept.set(key, track);
        return { flow, track };
      });
      const source = sources.get(use.source) ?? { source: use.source, member: use.member, kind: use.kind, way: use.way };
      sources.set(use.source, add(source, use, measured, roundTripMs));
    }
    this.#tracks = kept;
    const ordered = [...sources.values()].sort((a, b) => Number(a.way === 'received') - Number(b.way === 'received'));
    const trouble = blame({ sources: ordered });
    return { at: now, connection, sources: ordered, ...(trouble && { trouble }) };
  }

  #mark(key: string, source: SourceId, counters: Counters, now: number): Track {
    const before = this.#tracks.get(key);
    const last = before?.marks[before.marks.length - 1];
    // A connection that was replaced counts from zero again.
    const same = before && last && before.source === source && counters.bytes >= last.counters.bytes;
    const track = same ? before : { source, first: counters, marks: [] };
    track.marks.push({ at: now, counters });
    while (track.marks.length > 2 && (track.marks[1]?.at ?? now) <= now - WINDOW_MS) track.marks.shift();
    return track;
  }

  #connection(path: Path | undefined, now: number): ConnectionStatistics {
    const before = this.#path;
    this.#path = path && { ...path, at: now };
    if (!path) return { sent: 0, received: 0 };
    const { bytesSent, bytesReceived, ...rest } = path;
    const rate = (bytes: number, earlier: number | undefined): number =>
      before && earlier !== undefined && bytes >= earlier && now - before.at >= LEAST_MS ? ((bytes - earlier) * 8_000) / (now - before.at) : 0;
    return { ...rest, sent: rate(bytesSent, before?.bytesSent), received: rate(bytesReceived, before?.bytesReceived) };
  }
}

interface Measured {
  flow: Flow;
  track: Track;
}

function byLine(flows: readonly Flow[]): Map<string, Flow[]> {
  const lines = new Map<string, Flow[]>();
  for (const flow of flows) lines.set(flow.mid, [...(lines.get(flow.mid) ?? []), flow]);
  return lines;
}

function add(source: SourceStatistics, use: LineUse, measured: readonly Measured[], roundTripMs: number): SourceStatistics {
  // Of simulcast, the largest stream that flows stands for the picture.
  const main = [...measured].sort((a, b) => importance(b) - importance(a))[0];
  if (!main) return source;
  const bitrate = measured.reduce((sum, { track }) => sum + rateOf(track), 0);
  const { flow, track } = main;
  const { level, codec, jitterMs, roundTripMs: flowTrip, width, height, fps, limitedBy, coder } = flow.gauges;
  const shared = { bitrate, loss: lossOf(track), ...defined({ codec, jitterMs, roundTripMs: flowTrip }) };
  const still = use.moving && !use.paused && flow.way === 'received' && flow.kind === 'video' ? stillShare(track) : 0;
  const score = worse(source.score, scoreFor(flow, track, flowTrip ?? roundTripMs, still));
  const scored = { ...source, ...defined({ score }) };
  if (flow.kind === 'audio') {
    const concealed = flow.way === 'received' ? share(track, recent, 'concealed', 'samples') : undefined;
    return { ...scored, audio: { ...shared, ...defined({ level, concealed }) } };
  }
  const last = track.marks[track.marks.length - 1]?.counters ?? track.first;
  const layers = flow.way === 'sent' && measured.some(({ flow: { rid } }) => rid) ? measured.map(layerOf).sort(bySize) : undefined;
  const limit = limitedBy === undefined || limitedBy === 'cpu' || limitedBy === 'bandwidth' ? limitedBy : 'other';
  const video: VideoStatistics = {
    ...shared,
    freezes: last.freezes - track.first.freezes,
    frozenMs: Math.round((last.frozenSeconds - track.first.frozenSeconds) * 1_000),
    paused: use.paused === true,
    ...defined({ width, height, fps, coder, layers, limitedBy: limit, layer: flow.way === 'received' ? use.layer : undefined }),
  };
  return { ...scored, video };
}

/** A flow that stands comes after one that flows, however large it was. */
function importance({ flow, track }: Measured): number {
  const pixels = (flow.gauges.width ?? 0) * (flow.gauges.height ?? 0);
  return (rateOf(track) > 0 ? 1e12 : 0) + pixels;
}

function layerOf({ flow, track }: Measured): LayerStatistics {
  const { active, width, height, fps } = flow.gauges;
  const bitrate = rateOf(track);
  return { rid: flow.rid ?? '', active: active ?? bitrate > 0, bitrate, ...defined({ width, height, fps }) };
}

const ORDER = ['q', 'h', 'f'];
const bySize = (a: LayerStatistics, b: LayerStatistics): number => ORDER.indexOf(a.rid) - ORDER.indexOf(b.rid);

/** Over the time since the sample before. */
function recent(track: Track): readonly [Mark, Mark] | undefined {
  const [earlier, later] = track.marks.slice(-2);
  return earlier && later && later.at - earlier.at >= LEAST_MS ? [earlier, later] : undefined;
}

/** Over the window of the score. */
function windowOf(track: Track): readonly [Mark, Mark] | undefined {
  const [earlier, later] = [track.marks[0], track.marks[track.marks.length - 1]];
  return earlier && later && later.at - earlier.at >= LEAST_MS ? [earlier, later] : undefined;
}

type Span = typeof recent;

function rateOf(track: Track): number {
  const span = recent(track);
  return span ? ((span[1].counters.bytes - span[0].counters.bytes) * 8_000) / (span[1].at - span[0].at) : 0;
}

function share(track: Track, of: Span, part: keyof Counters, whole: keyof Counters): number | undefined {
  const span = of(track);
  if (!span) return undefined;
  const all = span[1].counters[whole] - span[0].counters[whole];
  return all > 0 ? Math.min(1, Math.max(0, (span[1].counters[part] - span[0].counters[part]) / all)) : undefined;
}

/** Lost of lost and received. Browsers take back what they counted as lost and was late: never below 0. */
function lossOf(track: Track, of: Span = recent): number {
  const span = of(track);
  if (!span) return 0;
  const lost = Math.max(0, span[1].counters.lost - span[0].counters.lost);
  const came = span[1].counters.packets - span[0].counters.packets;
  return lost === 0 ? 0 : lost / (lost + Math.max(0, came));
}

/** Browsers count a freeze when it is over; one that lasts is the share of the window without a new frame. */
function stillShare(track: Track): number {
  const span = windowOf(track);
  if (!span) return 0;
  const moved = track.marks.find(({ counters }) => counters.frames === span[1].counters.frames) ?? span[1];
  const still = span[1].at - moved.at;
  return still >= STILL_MS ? still / (span[1].at - span[0].at) : 0;
}

function scoreFor(flow: Flow, track: Track, roundTripMs: number, still: number): number | undefined {
  const span = windowOf(track);
  if (!span || (still === 0 && span[1].counters.packets === span[0].counters.packets)) return undefined;
  const frozen = ((span[1].counters.frozenSeconds - span[0].counters.frozenSeconds) * 1_000) / (span[1].at - span[0].at);
  const concealed = flow.way === 'received' && flow.kind === 'audio' ? share(track, windowOf, 'concealed', 'samples') : undefined;
  return scoreOf({
    kind: flow.kind,
    loss: lossOf(track, windowOf),
    frozen: Math.min(1, Math.max(still, frozen)),
    jitterMs: flow.gauges.jitterMs ?? 0,
    roundTripMs,
    ...defined({ concealed }),
  });
}

function worse(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

/** Without the fields that are not known. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
