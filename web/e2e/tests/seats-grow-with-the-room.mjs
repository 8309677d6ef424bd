import assert from 'node:assert/strict';
import { behaviour, lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

/** Many small pictures: nine browsers' worth of codecs on two cores. */
const SMALL = { width: 160, height: 90, fps: 5 };
const PUBLISHERS = 8;
/** Five frames a second, from nine pages that share two cores with everything else. */
const LONGEST_GAP_MS = 4_000;

behaviour('when a room outgrows the seats, each client makes room by one offer more, and no picture freezes', async (stage) => {
  const { origin } = await stage.server();
  const bots = Array.from({ length: PUBLISHERS }, (_, index) =>
    stage.bot({ name: `Bot ${index + 1}`, browser: 'chromium', hue: index * (360 / PUBLISHERS), size: SMALL }),
  );
  const watcher = stage.bot({ name: 'Watcher', browser: 'firefox', hue: 20, size: SMALL });
  const [early, late] = [bots.slice(0, 6), bots.slice(6)];
  await watcher.join(origin, 'growth');
  await joinAll(early, origin, 'growth');
  await watcher.seesAll(...early);
  assert.equal(await watcher.offers(), 1);
  assert.equal(await seatCount(watcher), 9);
  await watcher.follow();
  await watcher.run(() => [...document.querySelectorAll('video[data-seat]')].forEach((video) => (video.dataset.early = 'yes')));

  await joinAll(late, origin, 'growth');
  await until('the watcher to have 16 seats', async () => (await seatCount(watcher)) === 16, { lastSeen: () => seatCount(watcher) });
  await watcher.seesAll(...bots);
  assert.equal(await watcher.offers(), 2, 'one more offer makes all the seats');
  assert.equal(await watcher.run(() => document.querySelectorAll('video[data-early=yes]').length), 9, 'a video element was made anew');
  const followed = await watcher.followed();
  for (const { name } of early) {
    const { longestGap } = followed[name];
    assert.ok(longestGap < LONGEST_GAP_MS, `${name} stood still for ${Math.round(longestGap)} ms`);
  }
  await watcher.sawNobodyUnderAnotherName(...bots);
  for (const bot of bots.slice(0, 2)) {
    await bot.seesAll(...bots.filter((other) => other !== bot));
    await until(`${bot.name} to make its second offer`, async () => (await bot.offers()) === 2, { lastSeen: () => bot.offers() });
  }
});

lightBehaviour('a server with two seats for each gives them, and no client asks for more', async (stage) => {
  const { origin } = await stage.server(['--seats', '2']);
  const bots = ['chromium', 'chromium', 'firefox'].map((browser, index) => stage.bot({ name: `Bot ${index + 1}`, browser, hue: index * 120 }));
  await joinAll(bots, origin, 'two-seats');
  await Promise.all(bots.map((bot) => bot.seesAll(...bots.filter((other) => other !== bot))));
  for (const bot of bots) {
    assert.equal(await seatCount(bot), 2);
    assert.equal(await bot.offers(), 1);
  }
});

function seatCount(bot) {
  return bot.run(() => window.__plenum.room.link.lines.seats.length);
}
