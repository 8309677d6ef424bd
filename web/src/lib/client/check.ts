/** Finds out how a call would connect from here, before anybody calls: by joining an empty room for a moment. */
import { RequestError } from './errors';
import { openLines } from './lines';
import { Negotiation } from './negotiation';
import { randomId } from './random';
import { readPath, type Entry } from './report';
import { Signalling } from './signalling';

export interface ConnectionCheck {
  /** `polling` where a proxy refuses websockets: a little slower. `blocked`: there can be no call. */
  signalling: 'websocket' | 'polling' | 'blocked';
  /** `tcp` where UDP is blocked: it works, with more delay. `unknown`: the server does not let this client try. */
  media: 'udp' | 'tcp' | 'blocked' | 'unknown';
  roundTripMs?: number;
}

const SIGNALLING_WITHIN_MS = 10_000;
const MEDIA_WITHIN_MS = 10_000;
const LOOK_MS = 100;
/** Over TCP the connection may stand before UDP had its chance; the browser then moves to the better one. */
const SETTLE_MS = 1_000;

export interface CheckOptions {
  /** A server may let nobody in without one; media is `unknown` where it is for other rooms than the one that is tried. */
  token?: string;
  signal?: AbortSignal;
}

/** Takes one to three seconds where all is well, at most twenty where it is not. Never throws. */
export async function checkConnection(url: string | URL, options: CheckOptions = {}): Promise<ConnectionCheck> {
  const signalling = new Signalling({ url: String(url), token: options.token });
  signalling.open();
  try {
    if (!(await becomes(() => signalling.up, SIGNALLING_WITHIN_MS, options.signal))) return { signalling: 'blocked', media: 'unknown' };
    const transport = signalling.transport === 'polling' ? 'polling' : 'websocket';
    return { signalling: transport, ...(await checkMedia(signalling, options)) };
  } finally {
    signalling.close();
  }
}

async function checkMedia(signalling: Signalling, { signal }: CheckOptions): Promise<Omit<ConnectionCheck, 'signalling'>> {
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
  const negotiation = new Negotiation(pc, (offer) => signalling.request('offer', offer, MEDIA_WITHIN_MS), () => undefined);
  try {
    await signalling.request('join', { room: `check-${randomId(20)}`, name: 'check' });
    openLines(pc, 0);
    negotiation.want();
    const connected = await becomes(() => pc.connectionState === 'connected', MEDIA_WITHIN_MS, signal);
    if (!connected) return { media: 'blocked' };
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const entries: Entry[] = [];
    (await pc.getStats()).forEach((entry: Entry) => entries.push(entry));
    const path = readPath(entries);
    return { media: path?.protocol ?? 'unknown', ...(path?.roundTripMs !== undefined && { roundTripMs: path.roundTripMs }) };
  } catch (error) {
    return { media: error instanceof RequestError && error.code === 'offline' ? 'blocked' : 'unknown' };
  } finally {
    signalling.tell('leave', {});
    negotiation.close();
    pc.close();
  }
}

async function becomes(condition: () => boolean, withinMs: number, signal?: AbortSignal): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end && !signal?.aborted; ) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return condition();
}
