/** The local devices as the page sees them: `LocalMedia` of the client library, made reactive. */
import { LocalMedia, type DeviceList, type Input } from '$client/index';
import { keep, kept } from './keep';

interface Chosen {
  microphone?: string;
  camera?: string;
  speaker?: string;
}

export class LocalModel {
  readonly media = new LocalMedia();
  microphone = $state.raw<Input>(this.media.microphone);
  camera = $state.raw<Input>(this.media.camera);
  screen = $state.raw<LocalMedia['screen']>(this.media.screen);
  muted = $state(false);
  devices = $state.raw<DeviceList>(this.media.devices);
  speaker = $state('');

  constructor() {
    const chosen = kept<Chosen>('local', 'devices') ?? {};
    // Both begin as one object of the library's.
    this.media.microphone = { ...this.media.microphone, deviceId: chosen.microphone ?? '' };
    this.media.camera = { ...this.media.camera, deviceId: chosen.camera ?? '' };
    this.speaker = chosen.speaker ?? '';
    this.media.on('changed', () => this.#read());
    this.media.on('devices', (devices) => (this.devices = devices));
  }

  chooseSpeaker(deviceId: string): void {
    this.speaker = deviceId;
    this.#remember();
  }

  /** Opens the microphone or closes it for the others' ears. */
  toggleMicrophone(): void {
    if (this.microphone.track) this.media.setMuted(!this.muted);
    else {
      this.media.setMuted(false);
      void this.media.openMicrophone();
    }
  }

  toggleCamera(): void {
    if (this.camera.track) this.media.closeCamera();
    else void this.media.openCamera();
  }

  #read(): void {
    this.microphone = { ...this.media.microphone };
    this.camera = { ...this.media.camera };
    this.screen = { ...this.media.screen };
    this.muted = this.media.muted;
    this.#remember();
  }

  #remember(): void {
    const { microphone, camera } = this.media;
    keep('local', 'devices', { microphone: microphone.deviceId, camera: camera.deviceId, speaker: this.speaker });
  }
}
