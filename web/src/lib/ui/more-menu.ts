/** Everything that has no place of its own in the bar. */
import { LocalMedia } from '$client/index';
import type { CallActions } from './actions.svelte';
import { i18n } from './i18n.svelte';
import type { MenuItem } from './menu.svelte';
import { Pip } from './pip.svelte';
import PipView from './PipView.svelte';
import { prefs } from './prefs.svelte';
import { View } from './view.svelte';

export function moreMenu(actions: CallActions, narrow: boolean): MenuItem[] {
  return [...(narrow ? essentials(actions) : []), ...looks(actions), ...rest(actions)];
}

/** What the bar of a phone has no room for. */
function essentials(actions: CallActions): MenuItem[] {
  const w = i18n.words.call;
  const { sharing, hand } = actions;
  return [
    ...(LocalMedia.canShare ? [{ id: 'screen', icon: sharing ? 'screen-stop' : 'screen', label: sharing ? w.stopShare : w.share, run: () => actions.share() } as const] : []),
    { id: 'hand', icon: 'hand', label: hand ? w.lower : w.raise, run: () => actions.raise() },
    ...(actions.call.permissions?.chat === false ? [] : [{ id: 'react', icon: 'smile', label: w.react, run: () => (actions.reacting = true) } as const]),
    { id: 'people', icon: 'people', label: w.peopleTitle, badge: actions.call.members.length, run: () => actions.togglePanel('people') },
  ];
}

function looks(actions: CallActions): MenuItem[] {
  const w = i18n.words.call;
  const { view } = actions;
  const mode = (name: 'grid' | 'speaker', icon: 'grid' | 'beside', label: string): MenuItem => ({
    id: name,
    icon,
    label,
    kind: 'radio',
    checked: prefs.mode === name,
    keys: prefs.shortcuts && prefs.mode !== name ? 'L' : '',
    run: () => prefs.mode !== name && actions.toggleMode(),
  });
  return [
    { ...mode('grid', 'grid', w.layoutGrid), apart: true },
    mode('speaker', 'beside', w.layoutSpeaker),
    ...(Pip.possible ? [{ id: 'pip', icon: 'pip', label: actions.pip.open ? w.pipClose : w.pip, run: () => openPip(actions) } as const] : []),
    ...(View.canFill ? [{ id: 'full', icon: view.full ? 'full-exit' : 'full', label: view.full ? w.unfill : w.fill, keys: prefs.shortcuts ? 'F' : '', run: () => view.toggleFull() } as const] : []),
    { id: 'self', icon: prefs.selfView ? 'eye' : 'eye-off', kind: 'check', checked: prefs.selfView, label: w.selfView, stays: true, run: () => (prefs.selfView = !prefs.selfView) },
  ];
}

function rest(actions: CallActions): MenuItem[] {
  const w = i18n.words.call;
  return [
    {
      id: 'low-data',
      icon: 'leaf',
      kind: 'check',
      checked: prefs.lowData,
      label: i18n.words.figures.lowData,
      apart: true,
      stays: true,
      run: () => (prefs.lowData = !prefs.lowData),
    },
    ...(actions.call.permissions?.moderate ? [{ id: 'host', icon: 'shield', label: i18n.words.host.title, run: () => actions.togglePanel('host') } as const] : []),
    { id: 'figures', icon: 'stats', label: i18n.words.figures.title, run: () => actions.togglePanel('stats') },
    { id: 'devices', icon: 'devices', label: w.devices, run: () => actions.togglePanel('devices') },
    { id: 'keys', icon: 'keyboard', label: w.shortcuts, keys: '?', run: () => (actions.help = true) },
    { id: 'link', icon: 'link', label: w.copy, run: () => void actions.copy() },
  ];
}

function openPip(actions: CallActions): void {
  actions.pip.toggle(PipView, { actions }).catch(() => actions.call.notify(i18n.words.call.pipFailed));
}
