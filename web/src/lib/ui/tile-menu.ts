/** What can be done with a tile, as a menu. */
import type { CallActions } from './actions.svelte';
import type { TileView } from './call.svelte';
import { i18n } from './i18n.svelte';
import { hosts } from './member-menu';
import type { MenuItem } from './menu.svelte';
import { prefs } from './prefs.svelte';

export function tileMenu(actions: CallActions, tile: TileView): MenuItem[] {
  const { view, call } = actions;
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
  if (call.permissions?.moderate && !tile.self) items.push(...hosts(actions, tile.member).map((item, index) => (index === 0 ? { ...item, apart: true } : item)));
  return items;
}
