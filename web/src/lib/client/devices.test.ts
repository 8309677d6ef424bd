import { describe, expect, it } from 'vitest';
import { changeBetween, constraintsFor, NO_DEVICES, type DeviceList } from './devices';

const device = (kind: MediaDeviceKind, deviceId: string) => ({ kind, deviceId, label: '', groupId: '' }) as MediaDeviceInfo;
const list = (...cameras: string[]): DeviceList => ({ ...NO_DEVICES, cameras: cameras.map((id) => device('videoinput', id)) });

describe('the device that is asked for', () => {
  it('must be the one that the person chose', () => {
    expect(constraintsFor('camera', { chosen: 'a' }).deviceId).toEqual({ exact: 'a' });
  });

  it('need not be the one of last time, which may be gone', () => {
    expect(constraintsFor('microphone', { remembered: 'a' }).deviceId).toEqual({ ideal: 'a' });
    expect(constraintsFor('microphone', { remembered: '' })).not.toHaveProperty('deviceId');
    expect(constraintsFor('microphone', 'any')).not.toHaveProperty('deviceId');
  });
});

describe('a change of the devices', () => {
  it('names what came and what went', () => {
    const { added, removed } = changeBetween(list('a', 'b'), list('b', 'c'));
    expect([added, removed].map((all) => all.map(({ deviceId }) => deviceId))).toEqual([['c'], ['a']]);
  });

  it('is none when a permission gives every device its id', () => {
    expect(changeBetween(NO_DEVICES, list('a', 'b')).added).toEqual([]);
  });
});
