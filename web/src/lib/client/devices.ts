/** Which devices there are, and how one is asked for. Pure but for the listing. */

export interface DeviceList {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

export const NO_DEVICES: DeviceList = { microphones: [], cameras: [], speakers: [] };

/** What was plugged in and pulled out since the list before. */
export interface DeviceChange {
  added: MediaDeviceInfo[];
  removed: MediaDeviceInfo[];
}

const AUDIO: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

export type Captured = 'microphone' | 'camera';

/**
 * Which device: a `chosen` one or an error, a `remembered` one if it is there, or any. Ids of another time or browser
 * profile name nothing: what is only remembered must not fail.
 */
export type Choice = { chosen: string } | { remembered: string } | 'any';

export function constraintsFor(device: Captured, choice: Choice): MediaTrackConstraints {
  const base = device === 'camera' ? VIDEO : AUDIO;
  if (choice === 'any') return { ...base };
  if ('chosen' in choice) return { ...base, deviceId: { exact: choice.chosen } };
  return choice.remembered ? { ...base, deviceId: { ideal: choice.remembered } } : { ...base };
}

/** Before a permission browsers list devices without ids: those cannot be chosen and are left out. */
export async function listDevices(): Promise<DeviceList> {
  const all = (await globalThis.navigator?.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((device) => device.kind === kind && device.deviceId);
  return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
}

export function changeBetween(before: DeviceList, now: DeviceList): DeviceChange {
  const flat = ({ microphones, cameras, speakers }: DeviceList): MediaDeviceInfo[] => [...microphones, ...cameras, ...speakers];
  const missing = (from: MediaDeviceInfo[], other: MediaDeviceInfo[]): MediaDeviceInfo[] =>
    from.filter(({ kind, deviceId }) => !other.some((device) => device.kind === kind && device.deviceId === deviceId));
  // The first list after a permission is no plugging: everything gets its id then.
  const known = flat(before);
  return { added: known.length === 0 ? [] : missing(flat(now), known), removed: missing(known, flat(now)) };
}
