import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { pause } from '../harness/until.mjs';
import { sendVoice, voiceOf } from '../harness/voice.mjs';

const TONE = 440;
const SILENCE_MS = 4_000;
/** A voice sends 50 packets a second; a silence with DTX 2.5, and some while the encoder makes up its mind. */
const FEW_PACKETS = 10;
/** From the first sound after a silence until it is heard, on a machine with two cores that does everything at once. */
const AT_ONCE_MS = 5_000;

behaviour('a silence with DTX is neither loss nor trouble in both browsers, and the next sound is heard at once', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', tone: TONE });
  const others = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  await joinAll([ada, ...others], origin, 'pauses');
  await sendVoice(ada, { discontinuous: true }, TONE);
  for (const bot of others) await bot.hears(ada);

  await ada.run(() => window.__loud(false));
  for (const bot of others) await bot.hearsTone(ada.name, null);
  const before = await Promise.all(others.map((bot) => voiceOf(bot, ada.name)));
  await pause(SILENCE_MS);
  const after = await Promise.all(others.map((bot) => voiceOf(bot, ada.name)));
  const told = JSON.stringify({ before, after });
  console.log(told);
  for (const [index, { packets, lost, trouble, complaints }] of after.entries()) {
    const rate = ((packets - before[index].packets) * 1_000) / SILENCE_MS;
    assert.ok(rate > 0 && rate < FEW_PACKETS, `${rate} packets a second are no silence with DTX: ${told}`);
    assert.ok(lost - before[index].lost <= 1, `silence counts as loss: ${told}`);
    assert.deepEqual([trouble, complaints], [null, 0], `silence counts as trouble: ${told}`);
  }
  await ada.run(() => window.__loud(true));
  await Promise.all(others.map((bot) => bot.hearsTone(ada.name, TONE, AT_ONCE_MS)));
});
