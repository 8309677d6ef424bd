import { beforeEach, describe, expect, it } from 'vitest';
import { Uplink } from './uplink';

interface FakeEncoding {
  rid?: string;
  active?: boolean;
  scaleResolutionDownBy?: number;
  maxBitrate?: number;
  maxFramerate?: number;
  scalabilityMode?: string;
  codec?: { mimeType: string };
}

interface Ability {
  /** Codecs that were negotiated. */
  codecs: string[];
  /** Codecs are changed without an offer. */
  changes: boolean;
  /** Layers within a stream: made, unheard of, or refused. */
  layers: 'made' | 'unknown' | 'refused';
}

/** A sender that refuses what browsers refuse: parameters of an earlier call. */
class FakeSender {
  ability: Ability = { codecs: [], changes: true, layers: 'made' };
  track: unknown = null;
  encodings: FakeEncoding[];
  degradationPreference = '';
  calls: string[] = [];
  #transaction = 0;
  #given = -1;

  constructor(rids: (string | undefined)[]) {
    this.encodings = rids.map((rid) => ({ ...(rid && { rid }), active: true }));
  }

  async replaceTrack(track: unknown): Promise<void> {
    this.calls.push(track ? 'track' : 'nothing');
    this.track = track;
  }

  getParameters(): object {
    this.#given = ++this.#transaction;
    const codecs = this.ability.codecs.map((codec) => ({ mimeType: `video/${codec}`, clockRate: 90_000 }));
    return { transactionId: this.#given, codecs, encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }

  async setParameters(parameters: { transactionId: number; encodings: FakeEncoding[]; degradationPreference?: string }): Promise<void> {
    if (parameters.transactionId !== this.#given) throw new DOMException('', 'InvalidStateError');
    this.#given = -1;
    const layered = parameters.encodings.some(({ scalabilityMode }) => scalabilityMode);
    if (layered && this.ability.layers === 'refused') throw new DOMException('', 'OperationError');
    for (const encoding of parameters.encodings) {
      if (this.ability.layers === 'unknown') delete encoding.scalabilityMode;
      if (!this.ability.changes) delete encoding.codec;
    }
    this.encodings = parameters.encodings;
    this.degradationPreference = parameters.degradationPreference ?? '';
  }
}

const KINDS = ['microphone', 'camera', 'screen', 'screenAudio'] as const;
type Senders = Record<(typeof KINDS)[number], FakeSender>;

const connection = (): Senders => ({
  microphone: new FakeSender([undefined]),
  camera: new FakeSender(['q', 'h', 'f']),
  screen: new FakeSender([undefined]),
  screenAudio: new FakeSender([undefined]),
});
const bind = (uplink: Uplink, senders: Senders) =>
  uplink.bind(Object.fromEntries(KINDS.map((kind) => [kind, { sender: senders[kind] }])) as never);
const track = (width = 1280, height = 720, contentHint = '') => ({ contentHint, getSettings: () => ({ width, height }) }) as MediaStreamTrack;
const active = (sender: FakeSender) => sender.encodings.map((encoding) => encoding.active);
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

let uplink: Uplink;
let senders: Senders;
beforeEach(() => {
  uplink = new Uplink();
  senders = connection();
  bind(uplink, senders);
});

describe('what is sent', () => {
  it('comes and goes by replacing tracks', async () => {
    await uplink.set('camera', track());
    await uplink.set('camera', null);
    expect(senders.camera.calls).toEqual(['track', 'nothing']);
  });

  it('of a camera are the sizes that its picture allows', async () => {
    await uplink.set('camera', track(640, 360));
    expect(active(senders.camera)).toEqual([true, true, false]);
    expect(senders.camera.encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([2, 1, 1]);
  });

  it('follows a phone that turns to a smaller camera', async () => {
    let size = [1280, 720];
    const turning = { contentHint: '', getSettings: () => ({ width: size[0], height: size[1] }) } as unknown as MediaStreamTrack;
    await uplink.set('camera', turning);
    expect(active(senders.camera)).toEqual([true, true, true]);
    size = [320, 240];
    uplink.adapt();
    await settled();
    expect(active(senders.camera)).toEqual([true, false, false]);
  });

  it('is what anybody takes, and everything again over a new connection', async () => {
    await uplink.set('camera', track());
    uplink.demand('camera', [true, false, false], 7);
    await settled();
    expect(active(senders.camera)).toEqual([true, false, false]);
    const next = connection();
    bind(uplink, next);
    await settled();
    expect(active(next.camera)).toEqual([true, true, true]);
  });

  it('sends everything over a new connection whatever was still asked of the one before, and counts versions anew', async () => {
    void uplink.set('camera', track());
    uplink.demand('camera', [true, true, false], 7);
    const next = connection();
    bind(uplink, next);
    uplink.demand('camera', [true, false, false], 8);
    await settled();
    expect(active(next.camera)).toEqual([true, false, false]);
    uplink.begun();
    await settled();
    expect(active(next.camera)).toEqual([true, true, true]);
    uplink.demand('camera', [true, true, false], 2);
    uplink.demand('camera', [false, false, false], 1);
    await settled();
    expect(active(next.camera)).toEqual([true, true, false]);
  });

  it('is never changed by two at once, however quickly they come', async () => {
    void uplink.set('camera', track());
    uplink.demand('camera', [true, true, false], 1);
    uplink.demand('camera', [true, false, false], 2);
    uplink.economise(true);
    await settled();
    expect(active(senders.camera)).toEqual([true, false, false]);
    expect(senders.camera.encodings[0]).toMatchObject({ scaleResolutionDownBy: 4, maxFramerate: 15 });
  });
});

describe('a screen', () => {
  it('keeps its letters, and a film its frames', async () => {
    await uplink.set('screen', track(1920, 1080, 'detail'));
    expect(senders.screen).toMatchObject({ degradationPreference: 'maintain-resolution', encodings: [{ maxFramerate: 15 }] });
    await uplink.set('screen', track(1920, 1080, 'motion'));
    expect(senders.screen).toMatchObject({ degradationPreference: 'balanced', encodings: [{ maxFramerate: 30 }] });
  });

  it('that nobody takes is not sent', async () => {
    await uplink.set('screen', track());
    uplink.demand('screen', [false], 1);
    await settled();
    expect(active(senders.screen)).toEqual([false]);
  });

  it('sounds as good as music does', async () => {
    await uplink.set('screenAudio', track());
    expect(senders.screenAudio.encodings[0]?.maxBitrate).toBe(96_000);
  });
});

describe('the codec', () => {
  const all: Ability = { codecs: ['VP8', 'H264', 'VP9', 'AV1'], changes: true, layers: 'made' };
  const sent = (sender: FakeSender) => sender.encodings.map(({ codec }) => codec?.mimeType);
  const modes = (sender: FakeSender) => sender.encodings.map(({ scalabilityMode }) => scalabilityMode);
  const start = async (ability: Partial<Ability>): Promise<string[]> => {
    const offered: string[] = [];
    Object.assign(senders.camera.ability, all, ability);
    uplink.bind(Object.fromEntries(KINDS.map((kind) => [kind, { sender: senders[kind] }])) as never, (codec) => offered.push(codec));
    await uplink.set('camera', track());
    return offered;
  };

  it('that the offer prefers is sent without a word', async () => {
    await start({});
    expect(sent(senders.camera)).toEqual([undefined, undefined, undefined]);
    expect(modes(senders.camera)).toEqual(['L1T3', 'L1T3', 'L1T3']);
  });

  it('is changed by the sender, and back, without an offer', async () => {
    const offered = await start({});
    uplink.use('vp9');
    await settled();
    expect(sent(senders.camera)).toEqual(['video/VP9', 'video/VP9', 'video/VP9']);
    expect([active(senders.camera), modes(senders.camera)]).toEqual([[true, false, false], ['L3T3_KEY', undefined, undefined]]);
    uplink.use('vp8');
    await settled();
    expect(sent(senders.camera)).toEqual(['video/VP8', 'video/VP8', 'video/VP8']);
    expect(active(senders.camera)).toEqual([true, true, true]);
    expect(offered).toEqual([]);
  });

  it('is offered anew where the browser changes it no other way, once', async () => {
    const offered = await start({ changes: false });
    uplink.use('h264');
    await settled();
    uplink.demand('camera', [true, false, false], 2);
    await settled();
    expect(offered).toEqual(['h264']);
  });

  it('that changed before the first answer is changed after it', async () => {
    const offered = await start({ codecs: [] });
    uplink.use('vp9');
    await settled();
    expect(sent(senders.camera)).toEqual([undefined, undefined, undefined]);
    senders.camera.ability.codecs = all.codecs;
    uplink.negotiated();
    await settled();
    expect([sent(senders.camera)[0], offered]).toEqual(['video/VP9', []]);
  });

  it.each(['unknown', 'refused'] as const)('comes in streams of several sizes where layers within one are %s', async (layers) => {
    await start({ layers });
    uplink.use('av1');
    await settled();
    expect(active(senders.camera)).toEqual([true, true, true]);
    expect(modes(senders.camera)).toEqual([undefined, undefined, undefined]);
    expect(senders.camera.encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2, 1]);
  });
});
