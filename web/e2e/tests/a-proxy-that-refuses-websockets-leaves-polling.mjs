import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';
import { startPollingProxy } from '../harness/proxy.mjs';

lightBehaviour('behind a proxy that refuses WebSockets the call works over long polling', async (stage) => {
  const proxy = await startPollingProxy(await stage.server());
  stage.atEnd(() => proxy.close());
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], proxy.origin, 'polling');
  await seeAndHearEachOther(grace, ada);
  await ada.press('Chat');
  await ada.writes('over polling');
  await grace.press('Chat: 1 new message');
  await grace.reads('over polling');

  assert.ok(proxy.refused() >= 2, 'nobody asked for a WebSocket');
  for (const bot of [ada, grace]) {
    assert.equal(await bot.run(() => window.__plenum.room.signalling.socket.io.engine.transport.name), 'polling');
  }
});
