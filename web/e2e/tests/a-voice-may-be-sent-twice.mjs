import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { pause } from '../harness/until.mjs';
import { sendVoice, voiceOf } from '../harness/voice.mjs';

const TONE = 440;
const COUNT_MS = 1_500;

behaviour('a voice sent twice arrives twice where the browser takes it, and once where it does not', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', tone: TONE });
  const [grace, linus] = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  await joinAll([ada, grace, linus], origin, 'twice');
  const takes = (bot) => bot.run(() => RTCRtpReceiver.getCapabilities('audio').codecs.some(({ mimeType }) => /red/i.test(mimeType)));
  if (!(await takes(grace)) || (await takes(linus))) return console.log('skipped: it takes a browser that takes RED and one that does not');
  await sendVoice(ada, { redundant: true }, TONE);
  for (const bot of [grace, linus]) await bot.hears(ada);
  // Browsers name what they decode, which is Opus either way: what each packet holds tells.
  const before = await Promise.all([grace, linus].map((bot) => voiceOf(bot, ada.name)));
  await pause(COUNT_MS);
  const after = await Promise.all([grace, linus].map((bot) => voiceOf(bot, ada.name)));
  const [twice, once] = after.map(({ octets, packets }, index) => (octets - before[index].octets) / (packets - before[index].packets));
  const told = `${twice} octets a packet at ${grace.browser}, ${once} at ${linus.browser}`;
  console.log(told);
  assert.ok(twice > 1.5 * once, told);
  for (const bot of [grace, linus]) await bot.hears(ada);
});
