import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';

for (const [browser, witness] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  behaviour(`a reload in ${browser} brings the same member back, and the others saw nobody come or go`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: witness, hue: 240, tone: 880 });
    for (const bot of [grace, ada]) await bot.join(origin, 'reload');
    await grace.sees(ada);
    await ada.sees(grace);
    const [before, diary] = [await ada.memberId(), await grace.diary()];

    await ada.page.reload({ waitUntil: 'domcontentloaded' });
    await ada.joined();
    assert.equal(await ada.memberId(), before);
    for (const [one, other] of [[grace, ada], [ada, grace]]) {
      await one.sees(other);
      await one.hears(other);
    }

    const { joined, left } = await grace.diary();
    assert.deepEqual({ joined, left }, { joined: diary.joined, left: diary.left });
    assert.equal(await grace.offers(), 1);
  });
}
