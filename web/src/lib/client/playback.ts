/**
 * Plays every voice that comes in an audio element of its own, on the speaker that was chosen. Elements, not WebAudio:
 * browsers cancel the echo only of what their elements play.
 */
import { wakeAudio } from './audio';
import { Emitter } from './emitter';

export interface PlaybackEvents {
  /** The browser wants a click before it lets a page sound; {@link Playback.unblock} is to be called from one. */
  blocked: boolean;
}

export class Playback extends Emitter<PlaybackEvents> {
  #elements = new Map<MediaStreamTrack, HTMLAudioElement>();
  #refused = new Set<HTMLMediaElement>();
  /** New ones of which the browser has not said yet whether they may sound. */
  #asked = new Set<HTMLMediaElement>();
  #sink = '';
  #volume = 1;
  #blocked = false;
  #box: HTMLElement | undefined;

  constructor() {
    super();
    globalThis.navigator?.mediaDevices?.addEventListener?.('devicechange', this.#plugged);
  }

  /** Safari chooses the speaker itself. */
  static get canChooseSpeaker(): boolean {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Of everything that is heard, 0–1. */
  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    for (const element of this.#elements.values()) element.volume = this.#volume;
  }

  /** Plays exactly these tracks. */
  use(tracks: readonly MediaStreamTrack[]): void {
    const wanted = new Set(tracks);
    for (const [track, element] of this.#elements) if (!wanted.has(track)) this.#drop(track, element);
    for (const track of wanted) if (!this.#elements.has(track)) this.#add(track);
    this.#tell();
  }

  /** Sends all sound to this device, `''` being the system's choice; false where the browser cannot choose. */
  async setSink(deviceId: string): Promise<boolean> {
    this.#sink = deviceId;
    if (!Playback.canChooseSpeaker) return false;
    await Promise.all([...this.#elements.values()].map((element) => element.setSinkId(deviceId)));
    return true;
  }

  /** Starts everything that the browser held back. To be called from a click. */
  async unblock(): Promise<void> {
    const refused = [...this.#refused].filter((element) => !(element instanceof HTMLAudioElement));
    this.#asked.clear();
    await Promise.all([wakeAudio(), ...[...this.#elements.values(), ...refused].map((element) => this.play(element))]);
  }

  /** Plays an element of the page's; when the browser refuses, it starts with the others. */
  async play(element: HTMLMediaElement): Promise<void> {
    try {
      await element.play();
      this.#refused.delete(element);
    } catch (error) {
      // Another failure is that of an element that was fed anew meanwhile: it plays by then.
      if ((error as { name?: string }).name === 'NotAllowedError') this.#refused.add(element);
    }
    this.#asked.delete(element);
    this.#tell();
  }

  /** An element of the page's is gone. */
  forget(element: HTMLMediaElement): void {
    this.#refused.delete(element);
    this.#tell();
  }

  close(): void {
    this.silence();
    globalThis.navigator?.mediaDevices?.removeEventListener?.('devicechange', this.#plugged);
    this.use([]);
    this.#refused.clear();
    this.#box?.remove();
  }

  #add(track: MediaStreamTrack): void {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.volume = this.#volume;
    element.srcObject = new MediaStream([track]);
    this.#elements.set(track, element);
    if (!this.#box) {
      this.#box = document.createElement('div');
      this.#box.hidden = true;
      document.body.append(this.#box);
    }
    this.#box.append(element);
    if (this.#sink) this.#route(element);
    this.#asked.add(element);
    void this.play(element);
  }

  #drop(track: MediaStreamTrack, element: HTMLAudioElement): void {
    element.srcObject = null;
    element.remove();
    this.#elements.delete(track);
    this.#refused.delete(element);
    this.#asked.delete(element);
  }

  /** The speaker may be gone, and come back: whoever chose it wants it again then. */
  #plugged = (): void => {
    if (this.#sink) for (const element of this.#elements.values()) this.#route(element);
  };

  #route(element: HTMLAudioElement): void {
    if (!Playback.canChooseSpeaker) return;
    element.setSinkId(this.#sink).catch(() => element.setSinkId('').catch(() => undefined));
  }

  #tell(): void {
    // A voice that moves to another element is refused there, too: what offers the click is not to flicker meanwhile.
    const blocked = this.#refused.size > 0 || (this.#blocked && this.#asked.size > 0);
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.emit('blocked', blocked);
  }
}
