/** How somebody likes their calls to look and behave: remembered by this browser. */
import { CORNERS, type Corner } from './grid';
import { keep, kept } from './keep';

export type StageMode = 'grid' | 'speaker';

interface Kept {
  mode: StageMode;
  mirror: boolean;
  selfView: boolean;
  corner: Corner;
  pushToTalk: boolean;
  shortcuts: boolean;
  lowData: boolean;
}

const FIRST: Kept = { mode: 'grid', mirror: true, selfView: true, corner: 'bottom-right', pushToTalk: false, shortcuts: true, lowData: false };

class Prefs {
  #kept = $state<Kept>({ ...FIRST, ...kept<Partial<Kept>>('local', 'prefs') });

  /** Everybody alike, or whoever speaks large with the others beside. */
  get mode(): StageMode {
    return this.#kept.mode === 'speaker' ? 'speaker' : 'grid';
  }

  set mode(mode: StageMode) {
    this.#set({ mode });
  }

  /** Our own picture as in a mirror; others always see it as it is. */
  get mirror(): boolean {
    return this.#kept.mirror;
  }

  set mirror(mirror: boolean) {
    this.#set({ mirror });
  }

  get selfView(): boolean {
    return this.#kept.selfView;
  }

  set selfView(selfView: boolean) {
    this.#set({ selfView });
  }

  /** Where our own picture floats when two are in the room. */
  get corner(): Corner {
    return CORNERS.includes(this.#kept.corner) ? this.#kept.corner : FIRST.corner;
  }

  set corner(corner: Corner) {
    this.#set({ corner });
  }

  /** The microphone is open only while the space bar is held. */
  get pushToTalk(): boolean {
    return this.#kept.pushToTalk;
  }

  set pushToTalk(pushToTalk: boolean) {
    this.#set({ pushToTalk });
  }

  /** Keys of one letter can be turned off: who dictates would press them unawares (WCAG 2.1.4). */
  get shortcuts(): boolean {
    return this.#kept.shortcuts;
  }

  set shortcuts(shortcuts: boolean) {
    this.#set({ shortcuts });
  }

  get lowData(): boolean {
    return this.#kept.lowData;
  }

  set lowData(lowData: boolean) {
    this.#set({ lowData });
  }

  #set(change: Partial<Kept>): void {
    Object.assign(this.#kept, change);
    keep('local', 'prefs', { ...this.#kept });
  }
}

export const prefs = new Prefs();
