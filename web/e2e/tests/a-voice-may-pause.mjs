import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { pause } from '../harness/until.mjs';

const TONE = 440;
const SILENCE_MS = 6_000;
/** A voice sends 50 packets a second; a silence with DTX 2.5, and some while the encoder makes up its mind. */
const FEW_PACKETS = 10;
/** From the first sound after a silence until it is heard, on a machine with two cores that does everything at once. */
const AT_ONCE_MS = 2_000;

behaviour('a silence with DTX is neither loss nor trouble in both browsers, and the next sound is heard at once', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', tone: TONE });
  const others = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  for (const bot of [ada, ...others]) await bot.join(origin, 'pauses');
  await sendVoice(ada, { discontinuous: true }, TONE);
  for (const bot of others) await bot.hears(ada);

  await ada.run(() => window.__loud(false));
  for (const bot of others) await bot.hearsTone(ada.name, null);
  const before = await Promise.all(others.map(heard));
  await pause(SILENCE_MS);
  const after = await Promise.all(others.map(heard));
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

/** From now on the voice is a tone that can be switched off, over a new connection with these options. */
async function sendVoice(bot, options, tone) {
  await bot.run(
    (sound, frequency) => {
      const context = new AudioContext();
      const [source, level, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
      source.frequency.value = frequency;
      level.gain.value = 0.25;
      source.connect(level).connect(out);
      source.start();
      window.__loud = (on) => (level.gain.value = on ? 0.25 : 0);
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

/** How Ada's voice comes, and what is said of it. */
function heard(bot) {
  return bot.run(async () => {
    const { room, pc } = window.__plenum;
    const { id } = room.members.find(({ name }) => name === 'Ada').camera;
    const seat = room.seats.findIndex(({ expected }) => expected === id);
    const line = seat < 0 ? room.link.lines.loud[room.loud.indexOf(id)] : room.link.lines.seats[seat].audio;
    const report = await pc().getStats();
    const flow = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && entry.mid === line?.mid);
    const quality = room.quality.get(id);
    return {
      packets: flow?.packetsReceived,
      lost: flow?.packetsLost,
      score: quality?.sound ?? null,
      trouble: quality?.soundTrouble ?? null,
      complaints: room.troubles.length,
    };
  });
}
