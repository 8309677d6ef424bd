import { afterEach, expect, it, vi } from 'vitest';
import { Apps } from './apps';

afterEach(() => void vi.unstubAllGlobals());

const push = (event: string, ...args: unknown[]) => ({ from: 'grace', event, args });

it('what others ask is answered by who registered for it, also later', async () => {
  const apps = new Apps({ request: vi.fn() } as never, () => undefined);
  const stop = apps.answer('add', async ([a, b]) => (a as number) + (b as number));
  const acknowledge = vi.fn();
  await apps.hear(push('add', 2, 3), acknowledge);
  stop();
  await apps.hear(push('add', 2, 3), acknowledge);
  expect(acknowledge.mock.calls).toEqual([[5], []]);
});

it('an answer that throws is reported here and none there', async () => {
  const reported = vi.fn();
  vi.stubGlobal('reportError', reported);
  const apps = new Apps({ request: vi.fn() } as never, () => undefined);
  apps.answer('fail', () => {
    throw new Error('no');
  });
  const acknowledge = vi.fn();
  await apps.hear(push('fail'), acknowledge);
  expect(acknowledge).not.toHaveBeenCalled();
  expect(reported).toHaveBeenCalledOnce();
});

it('we wait for the server longer than it waits for the member', async () => {
  const request = vi.fn(async () => ({ reply: 'pong' }));
  const apps = new Apps({ request } as never, () => undefined);
  await expect(apps.ask('grace', 'ping', [], 20_000)).resolves.toBe('pong');
  expect(request).toHaveBeenCalledWith('app', { to: 'grace', event: 'ping', args: [], timeoutMs: 20_000 }, 23_000);
});
