/** What can be done with a member: by everybody, and by hosts. */
import type { Member, Role } from '$client/index';
import type { CallActions } from './actions.svelte';
import { i18n } from './i18n.svelte';
import type { MenuItem } from './menu.svelte';

export function memberMenu(actions: CallActions, member: Member): MenuItem[] {
  const items = anybody(actions, member);
  if (!actions.call.permissions?.moderate) return items;
  const [first, ...rest] = hosts(actions, member);
  return [...items, ...(first ? [{ ...first, apart: true }, ...rest] : [])];
}

function anybody(actions: CallActions, { id, name }: Member): MenuItem[] {
  const w = i18n.words.call;
  const { view, call } = actions;
  const key = `${id}/camera`;
  const pinned = view.pinned === key;
  const pin: MenuItem = { id: 'pin', icon: pinned ? 'pin-off' : 'pin', label: pinned ? w.unpin : w.pin, run: () => view.pin(key) };
  const write: MenuItem = { id: 'write', icon: 'chat', label: w.chatWith(name), run: () => actions.writeTo(id) };
  return id === call.me || call.permissions?.chat === false ? [pin] : [pin, write];
}

/** What a host may do with a member, a part of it also to itself. */
export function hosts(actions: CallActions, member: Member): MenuItem[] {
  const w = i18n.words.host;
  const { moderation: host, me } = actions.call.room;
  const lower: MenuItem[] = member.hand ? [{ id: 'lower', icon: 'hand', label: i18n.words.call.lower, run: () => actions.ask(host.lowerHand(member.id)) }] : [];
  const role: MenuItem[] = [{ id: 'roles', kind: 'heading', label: w.role }, ...roles(actions, member)];
  if (member.id === me) return [...lower, ...role];
  return [
    ...silencing(actions, member),
    ...lower,
    ...role,
    { id: 'remove', icon: 'remove', label: w.remove, danger: true, apart: true, run: () => actions.ask(host.remove(member.id)) },
    { id: 'ban', icon: 'lock', label: w.ban, hint: w.banHint, danger: true, run: () => actions.ask(host.ban(member.id)) },
  ];
}

function silencing(actions: CallActions, { id, camera, screen, forbidden = [] }: Member): MenuItem[] {
  const w = i18n.words.host;
  const { moderation: host } = actions.call.room;
  const items: MenuItem[] = [];
  if (camera.audio) items.push({ id: 'mute', icon: 'mic-off', label: w.mute, run: () => actions.ask(host.mute(id)) });
  if (camera.video) items.push({ id: 'camera', icon: 'camera-off', label: w.stopCamera, run: () => actions.ask(host.mute(id, ['camera'])) });
  if (screen.video) items.push({ id: 'screen', icon: 'screen-stop', label: w.stopScreen, run: () => actions.ask(host.mute(id, ['screen', 'screenAudio'])) });
  if (forbidden.length > 0) items.push({ id: 'allow', icon: 'check', label: w.allow, run: () => actions.ask(host.allow(id, forbidden)) });
  return items;
}

function roles(actions: CallActions, member: Member): MenuItem[] {
  const w = i18n.words.host;
  return (['host', 'member', 'viewer'] satisfies Role[]).map((role) => ({
    id: role,
    kind: 'radio',
    checked: member.role === role,
    label: w.roles[role],
    hint: w.roleHints[role],
    run: () => void (member.role !== role && actions.ask(actions.call.room.moderation.setRole(member.id, role))),
  }));
}
