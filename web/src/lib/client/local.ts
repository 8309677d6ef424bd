/** The devices of this machine and the tracks made from them. Made in the green room, handed to the call. */
import { Emitter } from './emitter';
import { DeviceError, type DeviceKind } from './errors';

export interface DeviceList {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

export interface LocalEvents {
  /** A track came, went or was muted; or a failure came or went. */
  changed: undefined;
  devices: DeviceList;
}

export interface Input {
  track: MediaStreamTrack | null;
  deviceId: string;
  /** The device is being opened: a permission may be asked for. */
  opening: boolean;
  error?: DeviceError;
}

const AUDIO: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

export class LocalMedia extends Emitter<LocalEvents> {
  microphone: Input = { track: null, deviceId: '', opening: false };
  camera: Input = { track: null, deviceId: '', opening: false };
  screen: Input & { audio: MediaStreamTrack | null } = { track: null, audio: null, deviceId: '', opening: false };
  /** The microphone stays open when muted, so that it is back at once. */
  muted = false;
  devices: DeviceList = { microphones: [], cameras: [], speakers: [] };

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener('devicechange', this.#plugged);
    void this.refresh();
  }

  /** True where browsers hand out devices: https, or localhost. */
  static get possible(): boolean {
    return globalThis.isSecureContext && navigator.mediaDevices !== undefined;
  }

  static get canShare(): boolean {
    return LocalMedia.possible && 'getDisplayMedia' in navigator.mediaDevices;
  }

  async openMicrophone(deviceId = this.microphone.deviceId): Promise<void> {
    await this.#open('microphone', { audio: { ...AUDIO, ...exactly(deviceId) } }, deviceId);
    if (this.microphone.track) this.microphone.track.enabled = !this.muted;
  }

  async openCamera(deviceId = this.camera.deviceId): Promise<void> {
    await this.#open('camera', { video: { ...VIDEO, ...exactly(deviceId) } }, deviceId);
  }

  /** Both at once, so that the browser asks one question; each alone when one of them cannot be had. */
  async openBoth(): Promise<void> {
    if (!LocalMedia.possible) {
      await Promise.all([this.openMicrophone(), this.openCamera()]);
      return;
    }
    this.microphone = { ...this.microphone, opening: true };
    this.camera = { ...this.camera, opening: true };
    this.emit('changed', undefined);
    try {
      const constraints = {
        audio: { ...AUDIO, ...exactly(this.microphone.deviceId) },
        video: { ...VIDEO, ...exactly(this.camera.deviceId) },
      };
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      this.#take('microphone', stream.getAudioTracks()[0] ?? null);
      this.#take('camera', stream.getVideoTracks()[0] ?? null);
      await this.refresh();
    } catch {
      await this.openMicrophone();
      await this.openCamera();
    }
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    if (this.microphone.track) this.microphone.track.enabled = !muted;
    this.emit('changed', undefined);
  }

  closeMicrophone(): void {
    this.#put('microphone', null);
  }

  /** Stops the device, so that its light goes out. */
  closeCamera(): void {
    this.#put('camera', null);
  }

  /** To be called first thing in a click: browsers ask which screen only then. */
  async shareScreen(): Promise<void> {
    if (!LocalMedia.canShare) return this.#fail('screen', new DeviceError('screen', 'insecure'));
    try {
      const options = {
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
        systemAudio: 'include',
        surfaceSwitching: 'include',
      } as DisplayMediaStreamOptions;
      const stream = await navigator.mediaDevices.getDisplayMedia(options);
      const track = stream.getVideoTracks()[0] ?? null;
      if (track) track.contentHint = 'detail';
      this.stopScreen();
      track?.addEventListener('ended', () => {
        if (this.screen.track === track) this.stopScreen();
      });
      this.screen = { track, audio: stream.getAudioTracks()[0] ?? null, deviceId: '', opening: false };
      this.emit('changed', undefined);
    } catch (cause) {
      this.#fail('screen', DeviceError.from('screen', cause));
    }
  }

  stopScreen(): void {
    this.screen.track?.stop();
    this.screen.audio?.stop();
    this.screen = { track: null, audio: null, deviceId: '', opening: false };
    this.emit('changed', undefined);
  }

  forget(device: DeviceKind): void {
    delete this[device].error;
    this.emit('changed', undefined);
  }

  async refresh(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((device) => device.kind === kind && device.deviceId);
    this.devices = { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
    this.emit('devices', this.devices);
  }

  close(): void {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#plugged);
    this.silence();
    for (const track of [this.microphone.track, this.camera.track, this.screen.track, this.screen.audio]) track?.stop();
  }

  #plugged = (): void => void this.refresh();

  async #open(device: 'microphone' | 'camera', constraints: MediaStreamConstraints, deviceId: string): Promise<void> {
    if (!LocalMedia.possible) return this.#fail(device, new DeviceError(device, 'insecure'));
    const held = this[device].track;
    this[device] = { ...this[device], opening: true };
    this.emit('changed', undefined);
    try {
      const stream = await this.#stream(constraints, device, deviceId);
      this.#take(device, stream.getTracks()[0] ?? null);
      await this.refresh();
    } catch (cause) {
      // What was open stays open: a second device that is busy is no reason to lose the first.
      this[device] = { ...this[device], track: held };
      this.#fail(device, DeviceError.from(device, cause));
    }
  }

  /** Some phones open one camera at a time: on "busy" the old one is given up and the new one asked for again. */
  async #stream(constraints: MediaStreamConstraints, device: 'microphone' | 'camera', deviceId: string): Promise<MediaStream> {
    try {
      return await navigator.mediaDevices.getUserMedia(constraints);
    } catch (cause) {
      const { failure } = DeviceError.from(device, cause);
      if (failure === 'busy' && this[device].track) {
        this[device].track.stop();
        return navigator.mediaDevices.getUserMedia(constraints);
      }
      // The chosen device is gone; any other is better than none.
      if (failure === 'none' && deviceId) {
        const any = device === 'camera' ? { video: VIDEO } : { audio: AUDIO };
        return navigator.mediaDevices.getUserMedia(any);
      }
      throw cause;
    }
  }

  #take(device: 'microphone' | 'camera', track: MediaStreamTrack | null): void {
    if (track) {
      track.contentHint = device === 'camera' ? 'motion' : 'speech';
      track.addEventListener('ended', () => this.#lost(device, track));
    }
    this.#put(device, track);
  }

  #put(device: 'microphone' | 'camera', track: MediaStreamTrack | null): void {
    const old = this[device].track;
    if (old !== track) old?.stop();
    const deviceId = track?.getSettings().deviceId ?? this[device].deviceId;
    this[device] = { track, deviceId, opening: false };
    if (device === 'microphone' && track) track.enabled = !this.muted;
    this.emit('changed', undefined);
  }

  /** A device was unplugged: another one steps in, if there is one. */
  #lost(device: 'microphone' | 'camera', track: MediaStreamTrack): void {
    if (this[device].track !== track) return;
    this[device] = { track: null, deviceId: '', opening: false };
    this.emit('changed', undefined);
    void (device === 'camera' ? this.openCamera('') : this.openMicrophone(''));
  }

  #fail(device: DeviceKind, error: DeviceError): void {
    Object.assign(this[device], { opening: false, error });
    this.emit('changed', undefined);
  }
}

function exactly(deviceId: string): MediaTrackConstraints {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}
