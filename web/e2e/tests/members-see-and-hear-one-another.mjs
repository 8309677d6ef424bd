import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';

behaviour('members see and hear one another under the right names, through coming and going, without renegotiating', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const minjun = stage.bot({ name: '김민준', browser: 'firefox', hue: 120, tone: 660, screen: 300 });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  const linus = stage.bot({ name: 'Linus', browser: 'firefox', hue: 60, tone: 1100 });
  await joinAll([ada, minjun, grace], origin, 'three');
  await eachSeesAndHearsTheOthers(ada, minjun, grace);
  for (const bot of [ada, minjun]) await bot.follow();

  await grace.leave();
  for (const bot of [ada, minjun]) await bot.seesTilesOf(bot === ada ? minjun : ada);
  await linus.join(origin, 'three');
  await eachSeesAndHearsTheOthers(ada, minjun, linus);

  await ada.sawNoInterruption();
  await minjun.sawNoInterruption();
  await minjun.press('Turn camera off');
  for (const bot of [ada, linus]) await bot.seesNoPicture(minjun.name);
  for (const bot of [ada, linus]) await bot.hears(minjun);
  await ada.press('Mute');
  for (const bot of [minjun, linus]) await bot.hearsTone(ada.name, null);
  for (const bot of [minjun, linus]) await bot.sees(ada);
  await minjun.press('Share screen');
  for (const bot of [ada, linus]) await bot.seesPicture(`${minjun.name}’s screen`, minjun.screen);

  await minjun.press('Turn camera on');
  await ada.press('Unmute');
  await minjun.press('Stop sharing');
  for (const bot of [ada, linus]) await bot.seesTilesOf(minjun, bot === ada ? linus : ada);
  await eachSeesAndHearsTheOthers(ada, minjun, linus);

  await ada.sawNoInterruption();
  await ada.sawNobodyUnderAnotherName(minjun, linus);
  await minjun.sawNobodyUnderAnotherName(ada, linus);
  for (const bot of [ada, minjun, linus]) assert.equal(await bot.offers(), 1, `${bot.name} negotiated again`);
});

async function eachSeesAndHearsTheOthers(...bots) {
  await Promise.all(bots.map((bot) => bot.seesTilesOf(...bots.filter((other) => other !== bot))));
  await seeAndHearEachOther(...bots);
}
