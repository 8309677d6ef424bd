import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';
import { startCuttableProxy } from '../harness/proxy.mjs';

lightBehaviour('when the server is started anew in mid-call everybody is back by themselves, and what is said is read', async (stage) => {
  const first = await stage.server();
  // What stays is the address that the pages know.
  const address = { host: first.host, port: first.port };
  const proxy = await startCuttableProxy(address);
  stage.atEnd(() => proxy.close());
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], proxy.origin, 'anew');
  await seeAndHearEachOther(ada, grace);
  for (const bot of [ada, grace]) await bot.press('Chat');
  await ada.writes('before');
  for (const bot of [ada, grace]) await bot.reads('before');
  const members = await Promise.all([ada.memberId(), grace.memberId()]);

  await first.end();
  for (const bot of [ada, grace]) await bot.reads('Connection lost. Reconnecting…');
  const second = await stage.server();
  Object.assign(address, { host: second.host, port: second.port });
  for (const bot of [ada, grace]) await bot.readsNoMore('Connection lost. Reconnecting…');
  await Promise.all([ada, grace].map((bot) => bot.joined()));
  await seeAndHearEachOther(ada, grace);
  for (const bot of [ada, grace]) assert.ok(!members.includes(await bot.memberId()), `${bot.name} is a member of a room that is gone`);
  // The first line of another room, which counts its lines from the beginning too.
  await grace.writes('after');
  for (const bot of [ada, grace]) await bot.reads('after');
});
