/** What of the call is on the stage: the pinned tile, the one that has the whole screen, and the page. */
import type { Rect } from './grid';

export class View {
  /** Key of the tile that somebody chose to look at. */
  pinned = $state<string>();
  /** Key of the tile that has the whole stage, with the browser's full screen where there is one. */
  solo = $state<string>();
  page = $state(0);
  /** Where our own picture floats over the other one, when it does. */
  float = $state.raw<Rect>();
  /** Figures are shown on every tile. */
  figures = $state(false);
  /** The whole call on the whole screen. */
  full = $state(false);
  #element: HTMLElement | undefined;

  /** Where browsers hand out the full screen; an iPhone does not, there a tile takes the page instead. */
  static get canFill(): boolean {
    return document.fullscreenEnabled === true;
  }

  /** The element that is to fill the screen; to be used as an attachment. */
  attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    const changed = (): void => {
      this.full = document.fullscreenElement === element;
      if (!this.full) this.solo = undefined;
    };
    document.addEventListener('fullscreenchange', changed);
    return () => {
      document.removeEventListener('fullscreenchange', changed);
      this.#element = undefined;
      if (document.fullscreenElement === element) void document.exitFullscreen().catch(() => undefined);
    };
  };

  pin(key: string): void {
    this.pinned = this.pinned === key ? undefined : key;
    this.page = 0;
  }

  toggleFull(): void {
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
    else void this.#element?.requestFullscreen().catch(() => undefined);
  }

  fill(key: string): void {
    this.solo = key;
    if (View.canFill && !document.fullscreenElement) void this.#element?.requestFullscreen().catch(() => undefined);
  }

  unfill(): void {
    this.solo = undefined;
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
  }
}
