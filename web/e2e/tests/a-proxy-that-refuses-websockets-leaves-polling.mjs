import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { startPollingProxy } from '../harness/proxy.mjs';

behaviour('behind a proxy that refuses WebSockets the call works over long polling', async (stage) => {
  const proxy = await startPollingProxy(await stage.server());
  stage.atEnd(() => proxy.close());
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.join(proxy.origin, 'polling');
  for (const [one, other] of [[grace, ada], [ada, grace]]) {
    await one.sees(other);
    await one.hears(other);
  }
  await ada.press('Chat');
  await ada.writes('over polling');
  await grace.press('Chat: 1 new message');
  await grace.reads('over polling');

  assert.ok(proxy.refused() >= 2, 'nobody asked for a WebSocket');
  for (const bot of [ada, grace]) {
    assert.equal(await bot.run(() => window.__plenum.room.signalling.socket.io.engine.transport.name), 'polling');
  }
});
