/** Plays every received voice in an audio element of its own, on the speaker that was chosen. */
import { Emitter } from './emitter';

export interface PlaybackEvents {
  /** The browser wants a click before it lets a page sound; {@link Playback.unblock} is to be called from one. */
  blocked: boolean;
}

export class Playback extends Emitter<PlaybackEvents> {
  #elements = new Map<MediaStreamTrack, HTMLAudioElement>();
  #sink = '';
  #blocked = false;
  #box: HTMLElement | undefined;

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Plays exactly these tracks. */
  use(tracks: readonly MediaStreamTrack[]): void {
    const wanted = new Set(tracks);
    for (const [track, element] of this.#elements) {
      if (wanted.has(track)) continue;
      element.srcObject = null;
      element.remove();
      this.#elements.delete(track);
    }
    for (const track of wanted) if (!this.#elements.has(track)) this.#add(track);
  }

  /** Sends all sound to this device; false where the browser cannot choose. */
  async setSink(deviceId: string): Promise<boolean> {
    this.#sink = deviceId;
    const elements = [...this.#elements.values()];
    if (!('setSinkId' in HTMLMediaElement.prototype)) return false;
    await Promise.all(elements.map((element) => element.setSinkId(deviceId)));
    return true;
  }

  async unblock(): Promise<void> {
    await Promise.all([...this.#elements.values()].map((element) => this.#play(element)));
  }

  close(): void {
    this.silence();
    this.use([]);
    this.#box?.remove();
  }

  #add(track: MediaStreamTrack): void {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    this.#elements.set(track, element);
    if (!this.#box) {
      this.#box = document.createElement('div');
      this.#box.hidden = true;
      document.body.append(this.#box);
    }
    this.#box.append(element);
    if (this.#sink && 'setSinkId' in element) void element.setSinkId(this.#sink).catch(() => undefined);
    void this.#play(element);
  }

  async #play(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
      this.#setBlocked(false);
    } catch (error) {
      if ((error as { name?: string }).name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  #setBlocked(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.emit('blocked', blocked);
  }
}
