import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { seeAndHearEachOther, sendsWhatIsLookedAt } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

behaviour('members who live on different media threads see and hear one another, and send what is looked at', async (stage) => {
  // Each member who comes lives on another thread than the one before.
  const server = await stage.server(['--shards', '2', '--spread-above', '1']);
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, size: { width: 640, height: 360, fps: 15 } });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  const linus = stage.bot({ name: 'Linus', browser: 'firefox', hue: 120, tone: 1100 });
  for (const bot of [ada, grace, linus]) await bot.join(server.origin, 'spread');
  await seeAndHearEachOther(ada, grace, linus);
  const metrics = () => fetch(`http://${server.host}:${server.port}/metrics`).then((reply) => reply.text());
  const taken = async () => {
    const text = await metrics();
    return ['0', '1'].map((shard) => value(text, `plenum_feed_packets_total{direction="in",shard="${shard}"}`));
  };
  await until('packets to cross in both directions', async () => (await taken()).every((packets) => packets > 100), { lastSeen: taken });

  await ada.press('Mute');
  for (const bot of [grace, linus]) await bot.hearsTone(ada.name, null);
  await ada.press('Unmute');
  for (const bot of [grace, linus]) await bot.hears(ada);
  await ada.follow();
  await linus.leave();
  for (const [bot, other] of [[ada, grace], [grace, ada]]) await bot.seesTilesOf(other);
  await ada.sees(grace);
  await ada.sawNoInterruption();

  // The one who looks lives elsewhere: what she takes reaches the camera all the same.
  await sendsWhatIsLookedAt(ada, grace);
  const shed = /^plenum_feed_packets_shed_total\{.*\} ([1-9].*)$/m.exec(await metrics());
  assert.equal(shed, null, 'nothing is shed');
});

function value(text, series) {
  return Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? 0);
}
