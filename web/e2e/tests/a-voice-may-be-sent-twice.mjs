import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { pause, until } from '../harness/until.mjs';
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
  // Browsers name what they decode, which is Opus either way: what each packet holds tells. The first ones may be of the connection before.
  const voices = () => Promise.all([grace, linus].map((bot) => voiceOf(bot, ada.name)));
  const octetsEach = async () => {
    const before = await voices();
    await pause(COUNT_MS);
    const after = await voices();
    return after.map(({ octets, packets }, index) => (octets - before[index].octets) / (packets - before[index].packets));
  };
  let counted = [];
  const isSentTwice = async () => {
    counted = await octetsEach();
    const [twice, once] = counted;
    return twice > 1.5 * once;
  };
  await until('a packet to hold more where the voice is taken twice', isSentTwice, { lastSeen: () => counted });
  console.log(`${counted[0]} octets a packet at ${grace.browser}, ${counted[1]} at ${linus.browser}`);
  for (const bot of [grace, linus]) await bot.hears(ada);
});
