/** What a browser does to the page of a call: hides it, dims its screen, keeps it in the back-forward cache. */
import { Emitter } from './emitter';

export interface PageEvents {
  /** Nobody sees a picture of ours: the tab is hidden, and no picture-in-picture is open. */
  hidden: boolean;
  /** The page goes away, perhaps to be back at once. */
  leaving: undefined;
  /** The page is back from the back-forward cache: its connections are dead, whatever they say. */
  revived: undefined;
}

/** A glance at another tab is not worth a key frame from everybody. */
const HIDE_AFTER_MS = 3_000;

/** Chromium's window above all others. Not in the DOM's types yet. */
interface DocumentPictureInPicture extends EventTarget {
  window: Window | null;
}

export class Page extends Emitter<PageEvents> {
  #hidden = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lock: WakeLockSentinel | undefined;
  #awake = false;
  #watched: Window | null = null;

  constructor() {
    super();
    const { document, addEventListener } = globalThis;
    document?.addEventListener('visibilitychange', this.#look);
    // Both bubble from the video to the document.
    document?.addEventListener('enterpictureinpicture', this.#look);
    document?.addEventListener('leavepictureinpicture', this.#look);
    documentPictureInPicture()?.addEventListener('enter', this.#look);
    addEventListener?.('pagehide', this.#leaves);
    addEventListener?.('pageshow', this.#shows);
    this.#look();
  }

  get hidden(): boolean {
    return this.#hidden;
  }

  /** Keeps the screen from going dark, from now on or no more. Browsers forget it whenever the page is hidden. */
  keepAwake(awake: boolean): void {
    this.#awake = awake;
    if (awake) void this.#hold();
    else void this.#lock?.release().catch(() => undefined);
  }

  close(): void {
    this.silence();
    this.keepAwake(false);
    clearTimeout(this.#timer);
    const { document, removeEventListener } = globalThis;
    document?.removeEventListener('visibilitychange', this.#look);
    document?.removeEventListener('enterpictureinpicture', this.#look);
    document?.removeEventListener('leavepictureinpicture', this.#look);
    documentPictureInPicture()?.removeEventListener('enter', this.#look);
    removeEventListener?.('pagehide', this.#leaves);
    removeEventListener?.('pageshow', this.#shows);
  }

  #look = (): void => {
    const { document } = globalThis;
    if (!document) return;
    const visible = document.visibilityState !== 'hidden';
    if (visible && this.#awake) void this.#hold();
    this.#watchWindow();
    clearTimeout(this.#timer);
    if (visible || this.#pictureInPicture) return this.#set(false);
    this.#timer = setTimeout(() => this.#set(true), HIDE_AFTER_MS);
  };

  get #pictureInPicture(): boolean {
    const above = documentPictureInPicture()?.window;
    return (globalThis.document.pictureInPictureElement ?? null) !== null || (above !== null && above !== undefined && !above.closed);
  }

  /** The window above says only by its own end that it is closed. */
  #watchWindow(): void {
    const above = documentPictureInPicture()?.window ?? null;
    if (above === this.#watched) return;
    this.#watched = above;
    above?.addEventListener('pagehide', () => setTimeout(this.#look, 0));
  }

  #leaves = (): void => this.emit('leaving', undefined);

  #shows = (event: PageTransitionEvent): void => {
    if (event.persisted) this.emit('revived', undefined);
  };

  #set(hidden: boolean): void {
    if (hidden === this.#hidden) return;
    this.#hidden = hidden;
    this.emit('hidden', hidden);
  }

  async #hold(): Promise<void> {
    if (this.#lock && !this.#lock.released) return;
    try {
      const lock = await globalThis.navigator?.wakeLock?.request('screen');
      if (!this.#awake) return void lock?.release().catch(() => undefined);
      this.#lock = lock;
    } catch {
      // A battery that is low, or a policy: the screen goes dark when it likes, and the call goes on.
    }
  }
}

function documentPictureInPicture(): DocumentPictureInPicture | undefined {
  return (globalThis as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
}
