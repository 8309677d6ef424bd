import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalMedia } from './local';

class FakeTrack extends EventTarget {
  readyState = 'live';
  muted = false;
  enabled = true;
  contentHint = '';

  constructor(readonly kind: string, readonly deviceId: string) {
    super();
  }

  stop(): void {
    this.readyState = 'ended';
  }

  clone(): FakeTrack {
    return new FakeTrack(this.kind, this.deviceId);
  }

  getSettings(): object {
    return { deviceId: this.deviceId };
  }

  /** The device was pulled out. */
  pull(): void {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }

  silence(): void {
    this.muted = true;
    this.dispatchEvent(new Event('mute'));
  }
}

type Wanted = { deviceId?: { exact?: string; ideal?: string } };

/** A machine with these devices; ids are `m…` for microphones and `c…` for cameras. */
class FakeDevices extends EventTarget {
  asked: { audio?: Wanted; video?: Wanted }[] = [];
  opened: FakeTrack[] = [];
  failing: DOMException | undefined;
  hold: Promise<void> | undefined;

  constructor(public ids: string[]) {
    super();
  }

  async enumerateDevices(): Promise<object[]> {
    return this.ids.map((deviceId) => ({ kind: deviceId.startsWith('m') ? 'audioinput' : 'videoinput', deviceId }));
  }

  async getUserMedia(asked: { audio?: Wanted; video?: Wanted }): Promise<object> {
    this.asked.push(asked);
    await this.hold;
    if (this.failing) throw this.failing;
    const tracks = [...(asked.audio ? [this.#open('m', asked.audio)] : []), ...(asked.video ? [this.#open('c', asked.video)] : [])];
    this.opened.push(...tracks);
    const of = (kind: string) => () => tracks.filter((track) => track.kind === kind);
    return { getTracks: () => tracks, getAudioTracks: of('audio'), getVideoTracks: of('video') };
  }

  #open(letter: string, { deviceId }: Wanted): FakeTrack {
    const there = this.ids.filter((id) => id.startsWith(letter));
    const chosen = deviceId?.exact ?? (there.includes(deviceId?.ideal ?? '') ? deviceId?.ideal : there[0]);
    if (chosen === undefined || !there.includes(chosen)) throw new DOMException('', 'NotFoundError');
    return new FakeTrack(letter === 'm' ? 'audio' : 'video', chosen);
  }

  plug(ids: string[]): void {
    this.ids = ids;
    this.dispatchEvent(new Event('devicechange'));
  }
}

let devices: FakeDevices;
let local: LocalMedia;

beforeEach(async () => {
  vi.useFakeTimers();
  devices = new FakeDevices(['m1', 'm2', 'c1']);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('navigator', { mediaDevices: devices });
  local = new LocalMedia();
  await settle();
});

afterEach(() => {
  local.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('opening', () => {
  it('asks for the remembered device without insisting, and for a chosen one insisting', async () => {
    local.microphone = { ...local.microphone, deviceId: 'gone' };
    await local.openMicrophone();
    expect(devices.asked[0]?.audio?.deviceId).toEqual({ ideal: 'gone' });
    expect(local.microphone.deviceId).toBe('m1');
    await local.openMicrophone('m2');
    expect(devices.asked[1]?.audio?.deviceId).toEqual({ exact: 'm2' });
    expect(local.microphone.deviceId).toBe('m2');
    expect(devices.opened[0]?.readyState).toBe('ended');
  });

  it('falls back to any device when the chosen one is gone', async () => {
    await local.openCamera('c9');
    expect(local.camera.deviceId).toBe('c1');
    expect(local.camera.error).toBeUndefined();
  });

  it('asks one question for both, and for each alone when that fails', async () => {
    await local.openBoth();
    expect(devices.asked).toHaveLength(1);
    devices.ids = ['m1'];
    local.closeCamera();
    await local.openBoth();
    expect(local.camera.error?.failure).toBe('none');
    expect(local.microphone.track).not.toBeNull();
  });

  it('that is overtaken by closing leaves no light on', async () => {
    let go = (): void => undefined;
    devices.hold = new Promise((resolve) => (go = resolve));
    const opening = local.openCamera();
    local.closeCamera();
    go();
    await opening;
    expect(local.camera).toMatchObject({ track: null, opening: false });
    expect(devices.opened[0]?.readyState).toBe('ended');
  });

  it('of a second device that is busy keeps the first', async () => {
    await local.openMicrophone('m1');
    const held = local.microphone.track;
    devices.failing = new DOMException('', 'NotAllowedError');
    await local.openMicrophone('m2');
    expect(local.microphone.track).toBe(held);
    expect(local.microphone.error?.failure).toBe('denied');
  });
});

describe('a device that is pulled out', () => {
  it('is replaced by another, and taken again when it is back', async () => {
    await local.openMicrophone('m2');
    devices.plug(['m1', 'c1']);
    devices.opened[0]?.pull();
    await settle();
    expect(local.microphone).toMatchObject({ deviceId: 'm1' });
    devices.plug(['m1', 'm2', 'c1']);
    await settle();
    expect(local.microphone.deviceId).toBe('m2');
  });

  it('leaves an error when there is no other, which its return solves', async () => {
    await local.openCamera();
    devices.plug(['m1']);
    devices.opened[0]?.pull();
    await settle();
    expect(local.camera.error?.failure).toBe('none');
    devices.plug(['m1', 'c1']);
    await settle();
    expect(local.camera.error).toBeUndefined();
    expect(local.camera.track).not.toBeNull();
  });

  it('does not come back by itself once another was chosen', async () => {
    await local.openMicrophone('m2');
    devices.plug(['m1']);
    devices.opened[0]?.pull();
    await settle();
    await local.openMicrophone('m1');
    devices.plug(['m1', 'm2']);
    await settle();
    expect(local.microphone.deviceId).toBe('m1');
  });

  it('is told, and so is one that is plugged in', async () => {
    const changes: string[] = [];
    local.on('plugged', ({ added, removed }) => changes.push(...added.map(({ deviceId }) => `+${deviceId}`), ...removed.map(({ deviceId }) => `-${deviceId}`)));
    devices.plug(['m1', 'c1', 'c2']);
    await settle();
    expect(changes).toEqual(['+c2', '-m2']);
  });
});

describe('a track that the system mutes', () => {
  it('is opened again when that lasts', async () => {
    await local.openMicrophone();
    devices.opened[0]?.silence();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(devices.opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(devices.opened).toHaveLength(2);
    expect(local.microphone.track).toBe(devices.opened[1]);
  });

  it('is left alone when it comes back by itself', async () => {
    await local.openCamera();
    const [track] = devices.opened;
    track?.silence();
    if (track) track.muted = false;
    track?.dispatchEvent(new Event('unmute'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(devices.opened).toHaveLength(1);
  });
});

it('a screen is asked for within the click, before anything is awaited, and not where nobody can be asked', async () => {
  expect(LocalMedia.canShare).toBe(false);
  await local.shareScreen();
  expect(local.screen.error?.code).toBe('unsupported');
  const ask = vi.fn(() => new Promise(() => undefined));
  Object.assign(devices, { getDisplayMedia: ask });
  expect(LocalMedia.canShare).toBe(true);
  void local.shareScreen();
  expect(ask).toHaveBeenCalledOnce();
});

it('muting keeps the microphone open and silent, also one that is opened while muted', async () => {
  await local.openMicrophone();
  local.setMuted(true);
  expect(devices.opened[0]).toMatchObject({ enabled: false, readyState: 'live' });
  await local.openMicrophone('m2');
  expect(devices.opened[1]?.enabled).toBe(false);
  local.setMuted(false);
  expect(devices.opened[1]?.enabled).toBe(true);
});

it('a screen that is chosen when the call is over is stopped at once', async () => {
  const [track, sound] = [new FakeTrack('video', ''), new FakeTrack('audio', '')];
  let choose: (stream: object) => void = () => undefined;
  Object.assign(devices, { getDisplayMedia: () => new Promise((resolve) => (choose = resolve)) });
  const shared = local.shareScreen();
  local.close();
  choose({ getVideoTracks: () => [track], getAudioTracks: () => [sound] });
  await shared;
  expect([track.readyState, sound.readyState, local.screen.track]).toEqual(['ended', 'ended', null]);
});

it('a device that is plugged in when the call is over is not opened', async () => {
  await local.openCamera();
  const [pulled] = devices.opened;
  devices.ids = devices.ids.filter((id) => id !== pulled?.deviceId);
  pulled?.pull();
  await settle();
  const opened = devices.opened.length;
  devices.ids = [...devices.ids, pulled?.deviceId ?? ''];
  devices.dispatchEvent(new Event('devicechange'));
  local.close();
  await settle();
  expect(devices.opened).toHaveLength(opened);
});
