/** What can be done with a tile, as a menu. */
import type { CallModel, TileView } from './call.svelte';
import { i18n } from './i18n.svelte';
import type { MenuItem } from './menu.svelte';
import { prefs } from './prefs.svelte';
import type { View } from './view.svelte';

export function tileMenu(_call: CallModel, view: View, tile: TileView): MenuItem[] {
  const w = i18n.words.call;
  const pinned = view.pinned === tile.key;
  const items: MenuItem[] = [
    { id: 'pin', icon: pinned ? 'pin-off' : 'pin', label: pinned ? w.unpin : w.pin, run: () => view.pin(tile.key) },
    { id: 'full', icon: 'full', label: w.fill, run: () => view.fill(tile.key) },
  ];
  if (tile.self && tile.kind === 'camera') {
    items.push(
      { id: 'mirror', icon: 'mirror', kind: 'check', checked: prefs.mirror, label: w.mirror, stays: true, run: () => (prefs.mirror = !prefs.mirror) },
      { id: 'hide', icon: 'eye-off', label: w.hideSelf, run: () => (prefs.selfView = false) },
    );
  }
  items.push({ id: 'figures', icon: 'stats', kind: 'check', checked: view.figures, label: i18n.words.figures.onTiles, apart: true, run: () => (view.figures = !view.figures) });
  return items;
}
