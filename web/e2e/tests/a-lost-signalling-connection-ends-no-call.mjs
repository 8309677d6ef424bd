import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { startCuttableProxy } from '../harness/proxy.mjs';
import { pause } from '../harness/until.mjs';

/** After both sides noticed; far from the 30 s after which a member without signalling and media is gone. */
const CUT_FOR_MS = 2_000;
/** Media does not go through the proxy. On a busy machine frames may come late. */
const LONGEST_GAP_MS = 3_000;

for (const [browser, witness] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  behaviour(`when ${browser} loses its signalling the pictures go on, and others see it reconnect`, async (stage) => {
    const server = await stage.server();
    const proxy = await startCuttableProxy(server);
    stage.atEnd(() => proxy.close());
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: witness, hue: 240, tone: 880 });
    await grace.join(server.origin, 'cut');
    await ada.join(proxy.origin, 'cut');
    const before = await ada.memberId();
    await Promise.all([ada.sees(grace), grace.sees(ada)]);
    for (const bot of [ada, grace]) await bot.follow();

    proxy.cut();
    await ada.reads('Connection lost. Reconnecting…');
    await grace.reads('Reconnecting…');
    await pause(CUT_FOR_MS);
    for (const [one, other] of [[ada, grace], [grace, ada]]) await one.sees(other);
    proxy.mend();
    await ada.readsNoMore('Connection lost. Reconnecting…');
    await grace.readsNoMore('Reconnecting…');

    for (const [one, other] of [[ada, grace], [grace, ada]]) {
      await one.sees(other);
      await one.hears(other);
      const { longestGap } = (await one.followed())[other.name];
      assert.ok(longestGap < LONGEST_GAP_MS, `${one.name} saw ${other.name} stand still for ${Math.round(longestGap)} ms`);
      assert.equal(await one.offers(), 1);
    }
    assert.equal(await ada.memberId(), before);
    const { joined, left } = await grace.diary();
    assert.deepEqual({ joined, left }, { joined: ['Ada'], left: [] });
  });
}
