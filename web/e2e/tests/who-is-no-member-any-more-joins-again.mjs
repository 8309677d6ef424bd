import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';

lightBehaviour('whom the server does not know as a member any more is back in the room by themselves, and what they said is read', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'forgotten');
  await seeAndHearEachOther(ada, grace);
  for (const bot of [ada, grace]) await bot.press('Chat');
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    const before = await one.memberId();
    // Behind the library's back, as if the room had fallen over.
    await one.run(() => window.__plenum.room.signalling.socket.emit('leave', {}));
    await one.writes(`${one.name} is here`);
    await other.reads(`${one.name} is here`);
    await one.joined();
    assert.notEqual(await one.memberId(), before);
    await seeAndHearEachOther(ada, grace);
  }
  for (const bot of [ada, grace]) assert.deepEqual(bot.errors, []);
});
