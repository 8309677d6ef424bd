/** The keys of a call, and what each of them does. */
import type { CallActions } from './actions.svelte';
import type { Words } from './words.en';

export interface Shortcut {
  /** The physical key: letters stay where they are on a Korean keyboard. */
  code: string;
  key: string;
  label: (words: Words) => string;
  run: (actions: CallActions) => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { code: 'KeyM', key: 'M', label: (w) => w.keys.microphone, run: (actions) => actions.toggleMicrophone() },
  { code: 'KeyV', key: 'V', label: (w) => w.keys.camera, run: (actions) => actions.toggleCamera() },
  { code: 'KeyS', key: 'S', label: (w) => w.keys.screen, run: (actions) => actions.share() },
  { code: 'KeyH', key: 'H', label: (w) => w.keys.hand, run: (actions) => actions.raise() },
  { code: 'KeyC', key: 'C', label: (w) => w.keys.chat, run: (actions) => actions.togglePanel('chat') },
  { code: 'KeyP', key: 'P', label: (w) => w.keys.people, run: (actions) => actions.togglePanel('people') },
  { code: 'KeyL', key: 'L', label: (w) => w.keys.layout, run: (actions) => actions.toggleMode() },
  { code: 'KeyF', key: 'F', label: (w) => w.keys.full, run: (actions) => actions.view.toggleFull() },
  { code: 'Slash', key: '?', label: (w) => w.keys.help, run: (actions) => (actions.help = !actions.help) },
];

/** Where keys have a meaning of their own. */
const TYPING = 'input, textarea, select, [contenteditable], [role=menu], dialog';
const PRESSABLE = 'button, a, summary, [role=button]';

/** True when the key is for whatever has the focus, or for the browser. */
export function belongsElsewhere(event: KeyboardEvent): boolean {
  const target = event.target instanceof HTMLElement ? event.target : undefined;
  return !!target?.closest(TYPING) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey;
}

/** Space on a button presses the button. */
export function pressesButton(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLElement && event.target.closest(PRESSABLE) !== null;
}

export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  if (event.key === '?') return SHORTCUTS.find(({ key }) => key === '?');
  return event.shiftKey ? undefined : SHORTCUTS.find(({ code, key }) => code === event.code && key !== '?');
}
