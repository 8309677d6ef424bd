import { afterEach, expect, it, vi } from 'vitest';
import { Emitter } from './emitter';
import { connectMediaKeys } from './keys';
import type { LocalMedia } from './local';
import type { Room } from './room';

afterEach(() => void vi.unstubAllGlobals());

class FakeLocal extends Emitter<{ changed: undefined }> {
  microphone = { track: {} };
  camera = { track: null };
  muted = false;
  openCamera = vi.fn();

  setMuted(muted: boolean): void {
    this.muted = muted;
    this.emit('changed', undefined);
  }
}

class FakeRoom extends Emitter<{ state: { phase: string } }> {
  id = 'weekly';
  leave = vi.fn(() => this.emit('state', { phase: 'ended' }));
}

it('the keys of the system mute, turn the camera on and hang up, and are given back at the end', () => {
  const handlers = new Map<string, (() => void) | null>();
  const session = {
    metadata: null as unknown,
    setMicrophoneActive: vi.fn(),
    setCameraActive: vi.fn(),
    setActionHandler(action: string, handler: (() => void) | null) {
      if (action === 'togglecamera' && handler === null) throw new TypeError('unknown action');
      handlers.set(action, handler);
    },
  };
  vi.stubGlobal('navigator', { mediaSession: session });
  vi.stubGlobal('MediaMetadata', class { constructor(readonly init: object) {} });
  const [room, local] = [new FakeRoom(), new FakeLocal()];
  connectMediaKeys(room as unknown as Room, local as unknown as LocalMedia);
  handlers.get('togglemicrophone')?.();
  expect(local.muted).toBe(true);
  expect(session.setMicrophoneActive.mock.calls).toEqual([[true], [false]]);
  handlers.get('togglecamera')?.();
  expect(local.openCamera).toHaveBeenCalledOnce();
  handlers.get('hangup')?.();
  expect(room.leave).toHaveBeenCalledOnce();
  expect([handlers.get('togglemicrophone'), handlers.get('hangup'), session.metadata]).toEqual([null, null, null]);
});
