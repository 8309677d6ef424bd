import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { pause } from '../harness/until.mjs';

const TONE = 440;
const COUNT_MS = 3_000;

behaviour('a voice sent twice arrives twice where the browser takes it, and once where it does not', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', tone: TONE });
  const [grace, linus] = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  for (const bot of [ada, grace, linus]) await bot.join(origin, 'twice');
  const takes = (bot) => bot.run(() => RTCRtpReceiver.getCapabilities('audio').codecs.some(({ mimeType }) => /red/i.test(mimeType)));
  if (!(await takes(grace)) || (await takes(linus))) return console.log('skipped: it takes a browser that takes RED and one that does not');
  await sendVoice(ada, { redundant: true }, TONE);
  for (const bot of [grace, linus]) await bot.hears(ada);
  // Browsers name what they decode, which is Opus either way: what each packet holds tells.
  const before = await Promise.all([grace, linus].map(heard));
  await pause(COUNT_MS);
  const after = await Promise.all([grace, linus].map(heard));
  const [twice, once] = after.map(({ octets, packets }, index) => (octets - before[index].octets) / (packets - before[index].packets));
  const told = `${twice} octets a packet at ${grace.browser}, ${once} at ${linus.browser}`;
  console.log(told);
  assert.ok(twice > 1.5 * once, told);
  for (const bot of [grace, linus]) await bot.hears(ada);
});

/** From now on the voice is a tone, over a new connection with these options. */
async function sendVoice(bot, options, tone) {
  await bot.run(
    (sound, frequency) => {
      const context = new AudioContext();
      const [source, level, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
      source.frequency.value = frequency;
      level.gain.value = 0.25;
      source.connect(level).connect(out);
      source.start();
      const { room } = window.__plenum;
      room.publish('microphone', out.stream.getAudioTracks()[0]);
      Object.assign(room.link.sound, sound);
      room.link.rebuild();
    },
    options,
    tone,
  );
  await bot.joined();
}

/** How Ada's voice comes. */
function heard(bot) {
  return bot.run(async () => {
    const { room, pc } = window.__plenum;
    const { id } = room.members.find(({ name }) => name === 'Ada').camera;
    const seat = room.seats.findIndex(({ expected }) => expected === id);
    const line = seat < 0 ? room.link.lines.loud[room.loud.indexOf(id)] : room.link.lines.seats[seat].audio;
    const report = await pc().getStats();
    const flow = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && entry.mid === line?.mid);
    return { packets: flow?.packetsReceived, octets: flow?.bytesReceived };
  });
}
