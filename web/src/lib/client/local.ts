/** The devices of this machine and the tracks made from them. Made in the green room, handed to the call. */
import { changeBetween, constraintsFor, listDevices, NO_DEVICES, type Captured, type Choice, type DeviceChange, type DeviceList } from './devices';
import { Emitter } from './emitter';
import { DeviceError, type DeviceKind } from './errors';
import { MutedSpeech } from './hint';
import { askForScreen, type Screen, type ScreenPurpose } from './screen';
import { BackOff } from './stall';

export interface LocalEvents {
  /** A track came, went or was muted; or a failure came or went. */
  changed: undefined;
  devices: DeviceList;
  /** Devices were plugged in or pulled out. */
  plugged: DeviceChange;
  /** Somebody speaks into the muted microphone; told once in a while. */
  mutedSpeech: undefined;
}

export interface Input {
  track: MediaStreamTrack | null;
  /** Of the device that is open, or that was open last. */
  deviceId: string;
  /** The device is being opened: a permission may be asked for. */
  opening: boolean;
  /** The device is open and gives nothing: the system took it, a call came in, or it was unplugged by half. */
  silent?: boolean;
  error?: DeviceError;
}

export interface ScreenInput extends Input {
  audio: MediaStreamTrack | null;
  /** The shared sound holds the voices of the call itself: those who spoke hear themselves. */
  mayEcho?: boolean;
}

const NOTHING: Input = { track: null, deviceId: '', opening: false };
/** Browsers mute a track for a moment when a device changes its mode; a headset takes two seconds. */
const MUTED_TOO_LONG_MS = 3_000;
const MUTED_MOST_MS = 60_000;

export class LocalMedia extends Emitter<LocalEvents> {
  microphone: Input = NOTHING;
  camera: Input = NOTHING;
  screen: ScreenInput = { ...NOTHING, audio: null };
  /** The microphone stays open when muted, so that it is back at once. */
  muted = false;
  devices: DeviceList = NO_DEVICES;
  readonly #hint = new MutedSpeech(() => this.emit('mutedSpeech', undefined));
  /** Counts what is asked of a device: an answer to an earlier question is thrown away. */
  readonly #turns = { microphone: 0, camera: 0 };
  /** The device that was chosen, while another stands in for it. */
  readonly #missed: Partial<Record<Captured, string>> = {};
  readonly #patience = { microphone: new BackOff(MUTED_TOO_LONG_MS, MUTED_MOST_MS), camera: new BackOff(MUTED_TOO_LONG_MS, MUTED_MOST_MS) };
  readonly #checks: Partial<Record<Captured, ReturnType<typeof setTimeout>>> = {};
  #closed = false;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener('devicechange', this.#plugged);
    globalThis.document?.addEventListener('visibilitychange', this.#seen);
    void this.refresh();
  }

  /** True where browsers hand out devices: https, or localhost. */
  static get possible(): boolean {
    return globalThis.isSecureContext && navigator.mediaDevices !== undefined;
  }

  /** False on phones, which cannot share: a button for it is to be hidden there. */
  static get canShare(): boolean {
    return LocalMedia.possible && 'getDisplayMedia' in navigator.mediaDevices;
  }

  /** Opens the device that was used last, if it is still there, or any. `deviceId` chooses one; `''` is any. */
  async openMicrophone(deviceId?: string): Promise<void> {
    await this.#open('microphone', this.#choice('microphone', deviceId));
  }

  /** As {@link openMicrophone}. */
  async openCamera(deviceId?: string): Promise<void> {
    await this.#open('camera', this.#choice('camera', deviceId));
  }

  /** Both at once, so that the browser asks one question; each alone when one of them cannot be had. */
  async openBoth(): Promise<void> {
    if (!LocalMedia.possible) {
      await Promise.all([this.openMicrophone(), this.openCamera()]);
      return;
    }
    const turns = { microphone: ++this.#turns.microphone, camera: ++this.#turns.camera };
    this.microphone = { ...this.microphone, opening: true };
    this.camera = { ...this.camera, opening: true };
    this.emit('changed', undefined);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: constraintsFor('microphone', this.#choice('microphone')),
        video: constraintsFor('camera', this.#choice('camera')),
      });
      this.#take('microphone', stream.getAudioTracks()[0] ?? null, turns.microphone);
      this.#take('camera', stream.getVideoTracks()[0] ?? null, turns.camera);
      await this.refresh();
    } catch {
      if (turns.microphone === this.#turns.microphone) await this.openMicrophone();
      if (turns.camera === this.#turns.camera) await this.openCamera();
    }
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    this.#applyMute();
    this.emit('changed', undefined);
  }

  closeMicrophone(): void {
    this.#close('microphone');
  }

  /** Stops the device, so that its light goes out. */
  closeCamera(): void {
    this.#close('camera');
  }

  /** To be called first thing in a click: browsers ask which screen only then. */
  async shareScreen(purpose: ScreenPurpose = 'text'): Promise<void> {
    if (!LocalMedia.canShare) return this.#fail('screen', new DeviceError('screen', LocalMedia.possible ? 'unsupported' : 'insecure'));
    try {
      const screen = await askForScreen(purpose);
      if (!this.#closed) return this.#show(screen);
      // Chosen after the call was over: nobody would ever stop it.
      for (const track of [screen.track, screen.audio]) track?.stop();
    } catch (cause) {
      this.#fail('screen', DeviceError.from('screen', cause));
    }
  }

  /** Stops sharing, or the shared sound alone. */
  stopScreen(soundOnly = false): void {
    this.screen.audio?.stop();
    if (!soundOnly) this.screen.track?.stop();
    this.screen = soundOnly ? { ...this.screen, audio: null, mayEcho: false } : { ...NOTHING, audio: null };
    this.emit('changed', undefined);
  }

  /** The person has read of this failure. */
  forget(device: DeviceKind): void {
    delete this[device].error;
    this.emit('changed', undefined);
  }

  async refresh(): Promise<void> {
    const before = this.devices;
    this.devices = await listDevices();
    if (this.#closed) return;
    this.emit('devices', this.devices);
    const change = changeBetween(before, this.devices);
    if (change.added.length + change.removed.length > 0) this.emit('plugged', change);
    this.#comeBack(change.added);
  }

  close(): void {
    this.#closed = true;
    navigator.mediaDevices?.removeEventListener('devicechange', this.#plugged);
    globalThis.document?.removeEventListener('visibilitychange', this.#seen);
    this.silence();
    this.#hint.listen(null);
    for (const device of ['microphone', 'camera'] as const) {
      this.#turns[device] += 1;
      clearTimeout(this.#checks[device]);
    }
    for (const track of [this.microphone.track, this.camera.track, this.screen.track, this.screen.audio]) track?.stop();
  }

  #plugged = (): void => void this.refresh();

  /** Phones mute the camera of a page that nobody sees, and some do not give it back. */
  #seen = (): void => {
    if (document.visibilityState !== 'visible') return;
    for (const device of ['microphone', 'camera'] as const) {
      const { track } = this[device];
      if (track?.muted) this.#muted(device, track);
    }
  };

  #choice(device: Captured, deviceId?: string): Choice {
    if (deviceId === '') return 'any';
    if (deviceId !== undefined) return { chosen: deviceId };
    return { remembered: this[device].deviceId };
  }

  async #open(device: Captured, choice: Choice): Promise<void> {
    if (!LocalMedia.possible) return this.#fail(device, new DeviceError(device, 'insecure'));
    const turn = ++this.#turns[device];
    // Whom the person chose themselves nobody stands in for.
    if (choice !== 'any' && 'chosen' in choice) delete this.#missed[device];
    this[device] = { ...this[device], opening: true };
    this.emit('changed', undefined);
    try {
      const stream = await this.#stream(device, choice);
      this.#take(device, stream.getTracks()[0] ?? null, turn);
      await this.refresh();
    } catch (cause) {
      // What was open stays open: a second device that is busy is no reason to lose the first.
      if (turn === this.#turns[device]) this.#fail(device, DeviceError.from(device, cause));
    }
  }

  async #stream(device: Captured, choice: Choice): Promise<MediaStream> {
    const ask = (how: Choice): Promise<MediaStream> => {
      const constraints = constraintsFor(device, how);
      return navigator.mediaDevices.getUserMedia(device === 'camera' ? { video: constraints } : { audio: constraints });
    };
    try {
      return await ask(choice);
    } catch (cause) {
      const { failure } = DeviceError.from(device, cause);
      const held = this[device].track;
      // Some phones open one camera at a time: the old one is given up, and the new one asked for again.
      if (failure === 'busy' && held?.readyState === 'live') {
        held.stop();
        return ask(choice);
      }
      // The chosen device is gone; any other is better than none.
      if (failure === 'none' && choice !== 'any') return ask('any');
      throw cause;
    }
  }

  #take(device: Captured, track: MediaStreamTrack | null, turn: number): void {
    // Meanwhile the device was closed, or another one asked for.
    if (turn !== this.#turns[device]) return track?.stop();
    if (track) {
      track.contentHint = device === 'camera' ? 'motion' : 'speech';
      track.addEventListener('ended', () => this.#lost(device, track));
      track.addEventListener('mute', () => this.#muted(device, track));
      track.addEventListener('unmute', () => this.#unmuted(device, track));
    }
    this.#put(device, track);
  }

  #close(device: Captured): void {
    this.#turns[device] += 1;
    this.#put(device, null);
  }

  #put(device: Captured, track: MediaStreamTrack | null): void {
    const old = this[device].track;
    if (old !== track) old?.stop();
    clearTimeout(this.#checks[device]);
    const deviceId = track?.getSettings().deviceId ?? this[device].deviceId;
    this[device] = { track, deviceId, opening: false };
    if (device === 'microphone') this.#applyMute();
    this.emit('changed', undefined);
  }

  #applyMute(): void {
    const { track } = this.microphone;
    if (track) track.enabled = !this.muted;
    this.#hint.listen(this.muted ? track : null);
  }

  /** A device was unplugged: another one steps in, if there is one, until it is back. */
  #lost(device: Captured, track: MediaStreamTrack): void {
    const { deviceId } = this[device];
    if (this[device].track !== track) return;
    this.#missed[device] ??= deviceId;
    this[device] = NOTHING;
    if (device === 'microphone') this.#hint.listen(null);
    this.emit('changed', undefined);
    void this.#open(device, 'any');
  }

  /** The device that another one stands in for was plugged in again. */
  #comeBack(added: readonly MediaDeviceInfo[]): void {
    for (const device of ['microphone', 'camera'] as const) {
      const missed = this.#missed[device];
      if (!missed || !added.some(({ deviceId }) => deviceId === missed)) continue;
      delete this.#missed[device];
      const open = this[device].track !== null || this[device].error !== undefined;
      if (open) void this.#open(device, { remembered: missed });
      else this[device] = { ...this[device], deviceId: missed };
    }
  }

  /** The system keeps the device from us. When that lasts, it is asked for again: some never unmute. */
  #muted(device: Captured, track: MediaStreamTrack): void {
    clearTimeout(this.#checks[device]);
    this.#checks[device] = setTimeout(() => {
      if (this[device].track !== track || !track.muted || track.readyState !== 'live') return;
      this[device] = { ...this[device], silent: true };
      this.emit('changed', undefined);
      // A page that nobody sees gets no device back; `#seen` looks again.
      if (globalThis.document?.visibilityState !== 'hidden') void this.#open(device, this.#choice(device));
    }, this.#patience[device].wait());
  }

  #unmuted(device: Captured, track: MediaStreamTrack): void {
    if (this[device].track !== track) return;
    clearTimeout(this.#checks[device]);
    this.#patience[device].reset();
    if (!this[device].silent) return;
    this[device] = { ...this[device], silent: false };
    this.emit('changed', undefined);
  }

  #show({ track, audio, mayEcho }: Screen): void {
    this.stopScreen();
    track.addEventListener('ended', () => {
      if (this.screen.track === track) this.stopScreen();
    });
    audio?.addEventListener('ended', () => {
      if (this.screen.audio !== audio) return;
      this.screen = { ...this.screen, audio: null, mayEcho: false };
      this.emit('changed', undefined);
    });
    this.screen = { track, audio, mayEcho, deviceId: '', opening: false };
    this.emit('changed', undefined);
  }

  #fail(device: DeviceKind, error: DeviceError): void {
    this[device] = { ...this[device], opening: false, error } as Input & ScreenInput;
    this.emit('changed', undefined);
  }
}
