/** The choice of devices as menus of the control bar. */
import type { CallActions } from './actions.svelte';
import { i18n } from './i18n.svelte';
import type { MenuItem } from './menu.svelte';
import { prefs } from './prefs.svelte';

type Kind = 'microphone' | 'camera' | 'speaker';

export function soundMenu(actions: CallActions): MenuItem[] {
  const { local } = actions;
  const w = i18n.words;
  return [
    ...choices('microphone', local.devices.microphones, local.microphone.deviceId, (id) => void local.media.openMicrophone(id)),
    ...choices('speaker', local.devices.speakers, local.speaker || (local.devices.speakers[0]?.deviceId ?? ''), (id) => local.chooseSpeaker(id)),
    {
      id: 'push-to-talk',
      kind: 'check',
      checked: prefs.pushToTalk,
      label: w.call.pushToTalk,
      hint: w.call.pushToTalkHint,
      apart: true,
      stays: true,
      run: () => actions.pushToTalk(!prefs.pushToTalk),
    },
  ];
}

export function pictureMenu({ local }: CallActions): MenuItem[] {
  const w = i18n.words.call;
  return [
    ...choices('camera', local.devices.cameras, local.camera.deviceId, (id) => void local.media.openCamera(id)),
    { id: 'mirror', kind: 'check', checked: prefs.mirror, label: w.mirror, apart: true, stays: true, run: () => (prefs.mirror = !prefs.mirror) },
    { id: 'self', kind: 'check', checked: prefs.selfView, label: w.selfView, stays: true, run: () => (prefs.selfView = !prefs.selfView) },
  ];
}

function choices(kind: Kind, devices: MediaDeviceInfo[], chosen: string, choose: (id: string) => void): MenuItem[] {
  const w = i18n.words.green;
  if (devices.length === 0) return [];
  const heading: MenuItem = { id: kind, kind: 'heading', label: w[kind] };
  const list = devices.map((device, index): MenuItem => {
    const label = device.label || w.unnamed(index + 1);
    return { id: `${kind} ${device.deviceId}`, kind: 'radio', checked: device.deviceId === chosen, label, run: () => choose(device.deviceId) };
  });
  return [heading, ...list];
}
