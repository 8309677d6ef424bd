/** Reads a browser's statistics report into flows: one for each stream of RTP that was sent or received. Pure. */

/** Of an entry of `RTCStatsReport`, what is read here. Browsers leave out what they do not measure. */
export interface Entry {
  id: string;
  type: string;
  [field: string]: unknown;
}

export type Report = Iterable<Entry>;

/** Sums since the flow began. */
export interface Counters {
  bytes: number;
  packets: number;
  lost: number;
  /** Frames decoded or encoded. */
  frames: number;
  freezes: number;
  frozenSeconds: number;
  /** Samples that had to be made up because packets were missing, without those of silence. */
  concealed: number;
  samples: number;
}

/** As it is now; `undefined` where the browser does not say. */
export interface Gauges {
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  jitterMs?: number;
  roundTripMs?: number;
  level?: number;
  active?: boolean;
  limitedBy?: string;
  coder?: string;
}

export interface Flow {
  way: 'sent' | 'received';
  kind: 'audio' | 'video';
  /** The m-line. */
  mid: string;
  rid?: string;
  /** Packets carry it: it names the flow within its line. */
  ssrc: number;
  counters: Counters;
  gauges: Gauges;
}

export interface Path {
  protocol?: 'udp' | 'tcp';
  roundTripMs?: number;
  /** What the browser thinks that it may send, bits a second. */
  availableUp?: number;
  bytesSent: number;
  bytesReceived: number;
}

/** The flows of a report. `midOf` finds the line of a received track where the browser does not name it. */
export function readFlows(report: Report, midOf: (trackId: string) => string | undefined = () => undefined): Flow[] {
  const entries = new Map([...report].map((entry) => [entry.id, entry]));
  const flows: Flow[] = [];
  for (const entry of entries.values()) {
    if (entry.type !== 'inbound-rtp' && entry.type !== 'outbound-rtp') continue;
    const mid = text(entry, 'mid') ?? midOf(text(entry, 'trackIdentifier') ?? '');
    const kind = text(entry, 'kind');
    if (mid === undefined || (kind !== 'audio' && kind !== 'video')) continue;
    const rid = text(entry, 'rid');
    const read = entry.type === 'inbound-rtp' ? received(entry, entries) : sent(entry, entries);
    flows.push({ kind, mid, ...(rid !== undefined && { rid }), ssrc: number(entry, 'ssrc') ?? 0, ...read });
  }
  return flows;
}

function received(entry: Entry, entries: ReadonlyMap<string, Entry>): Pick<Flow, 'way' | 'counters' | 'gauges'> {
  const count = (field: string): number => number(entry, field) ?? 0;
  const counters = {
    bytes: count('bytesReceived'),
    packets: count('packetsReceived'),
    lost: count('packetsLost'),
    frames: count('framesDecoded'),
    freezes: count('freezeCount'),
    frozenSeconds: count('totalFreezesDuration'),
    concealed: Math.max(0, count('concealedSamples') - count('silentConcealedSamples')),
    samples: count('totalSamplesReceived'),
  };
  const gauges = { ...common(entry, entries), ...given('jitterMs', milliseconds(entry, 'jitter')), ...given('coder', text(entry, 'decoderImplementation')) };
  return { way: 'received', counters, gauges };
}

function sent(entry: Entry, entries: ReadonlyMap<string, Entry>): Pick<Flow, 'way' | 'counters' | 'gauges'> {
  const count = (field: string): number => number(entry, field) ?? 0;
  // What the server reported of this flow.
  const remote = entries.get(text(entry, 'remoteId') ?? '') ?? [...entries.values()].find((other) => other.type === 'remote-inbound-rtp' && other['localId'] === entry.id);
  const source = entries.get(text(entry, 'mediaSourceId') ?? '');
  const lost = Math.max(0, (remote && number(remote, 'packetsLost')) ?? 0);
  const counters = {
    bytes: count('bytesSent'),
    // Those that arrived, as for received flows.
    packets: Math.max(0, count('packetsSent') - lost),
    lost,
    frames: number(entry, 'framesEncoded') ?? count('framesSent'),
    freezes: 0,
    frozenSeconds: 0,
    concealed: 0,
    samples: 0,
  };
  const active = entry['active'];
  const limitedBy = text(entry, 'qualityLimitationReason');
  const gauges = {
    ...common(entry, entries),
    ...given('level', source && number(source, 'audioLevel')),
    ...given('jitterMs', remote && milliseconds(remote, 'jitter')),
    ...given('roundTripMs', remote && milliseconds(remote, 'roundTripTime')),
    ...given('active', typeof active === 'boolean' ? active : undefined),
    ...given('limitedBy', limitedBy === 'none' ? undefined : limitedBy),
    ...given('coder', text(entry, 'encoderImplementation')),
  };
  return { way: 'sent', counters, gauges };
}

function common(entry: Entry, entries: ReadonlyMap<string, Entry>): Gauges {
  const codec = entries.get(text(entry, 'codecId') ?? '');
  // "video/VP8" is VP8 to a reader.
  const name = codec && text(codec, 'mimeType')?.split('/')[1];
  return {
    ...given('codec', name),
    ...given('width', number(entry, 'frameWidth')),
    ...given('height', number(entry, 'frameHeight')),
    ...given('fps', number(entry, 'framesPerSecond')),
    ...given('level', number(entry, 'audioLevel')),
  };
}

/** The way through the network that carries the call. `undefined` before there is one. */
export function readPath(report: Report): Path | undefined {
  const entries = new Map([...report].map((entry) => [entry.id, entry]));
  const all = [...entries.values()];
  const transport = all.find(({ type, ...fields }) => type === 'transport' && fields['selectedCandidatePairId'] !== undefined);
  const pair =
    entries.get((transport && text(transport, 'selectedCandidatePairId')) ?? '') ??
    // Firefox names no transport, and leaves pairs of earlier ways in the report.
    all
      .filter((entry) => entry.type === 'candidate-pair' && entry['nominated'] === true && entry['state'] === 'succeeded')
      .sort((a, b) => (number(b, 'lastPacketReceivedTimestamp') ?? 0) - (number(a, 'lastPacketReceivedTimestamp') ?? 0))[0];
  if (!pair) return undefined;
  const local = entries.get(text(pair, 'localCandidateId') ?? '');
  const protocol = local && text(local, 'protocol')?.toLowerCase();
  const measured = all.filter(({ type }) => type === 'remote-inbound-rtp').flatMap((entry) => milliseconds(entry, 'roundTripTime') ?? []);
  const roundTripMs = milliseconds(pair, 'currentRoundTripTime') ?? (measured.length > 0 ? Math.min(...measured) : undefined);
  return {
    ...given('protocol', protocol === 'udp' || protocol === 'tcp' ? protocol : undefined),
    ...given('roundTripMs', roundTripMs),
    ...given('availableUp', number(pair, 'availableOutgoingBitrate')),
    bytesSent: number(pair, 'bytesSent') ?? 0,
    bytesReceived: number(pair, 'bytesReceived') ?? 0,
  };
}

function number(entry: Entry, field: string): number | undefined {
  const value = entry[field];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(entry: Entry, field: string): string | undefined {
  const value = entry[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function milliseconds(entry: Entry, field: string): number | undefined {
  const seconds = number(entry, field);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** A field that is left out when there is nothing to say. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
