import { behaviour } from '../harness/behaviour.mjs';
import { closeBrowser, startFarChromium } from '../harness/browsers.mjs';
import { incoming, joinAll } from '../harness/calls.mjs';
import { makeFarNetwork, ownNetwork } from '../harness/network.mjs';
import { until } from '../harness/until.mjs';

const CAMERA = { width: 320, height: 180, fps: 10 };
const UNSENT = 'Their picture does not get through';
const PAUSED = 'Paused: your connection is too slow';
/** Enough for the sound, and not for the fewest frames of the picture beside it. */
const NARROW = '80kbit';
/** An estimate that a network refuted is proved anew by probes, one every few seconds. */
const BACK_WITHIN_MS = 60_000;

behaviour('a picture that stops at its sender is named under its tile in both browsers, and the words go when it comes again', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', hue: 0, size: CAMERA });
  const others = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  await joinAll([ada, ...others], origin, 'stopped');
  for (const bot of others) await bot.sees(ada);
  // The camera is on by all that is said, and its encoder sends nothing: as of one that hangs.
  await ada.run(async () => {
    const { sender } = window.__plenum.room.link.lines.up.camera;
    window.__track = sender.track;
    await sender.replaceTrack(null);
    // The client gives its sender the track again whenever it looks after what is sent.
    sender.replaceTrack = async () => {};
  });
  for (const bot of others) await readsUnder(bot, ada.name, UNSENT);
  await until('Ada to hear that nobody sees her', () => ada.run(() => window.__plenum.room.troubles.filter(({ picture }) => picture?.kind === 'no_packets').length === 2));

  await ada.run(() => {
    const { sender } = window.__plenum.room.link.lines.up.camera;
    delete sender.replaceTrack;
    return sender.replaceTrack(window.__track);
  });
  for (const bot of others) {
    await bot.sees(ada);
    await readsUnder(bot, ada.name, '');
  }
  await until('Ada to hear that all see her', () => ada.run(() => window.__plenum.room.troubles.length === 0));
});

behaviour(
  'a picture that the network has no room for is named under its tile, its voice goes on, and it comes back by itself',
  async (stage) => {
    const far = await makeFarNetwork();
    stage.atEnd(() => far.end());
    const publishers = await startFarChromium(far);
    stage.atEnd(() => closeBrowser(publishers));
    const { origin } = await stage.server([], far);
    const ada = stage.bot({ name: 'Ada', browser: publishers, hue: 0, tone: 440, size: { ...CAMERA, busy: true }, allowed: true });
    const grace = stage.bot({ name: 'Grace' });
    await joinAll([ada, grace], origin, 'paused');
    await grace.sees(ada);
    far.narrow(NARROW);
    await readsUnder(grace, ada.name, PAUSED);
    far.widen();
    await readsUnder(grace, ada.name, '', BACK_WITHIN_MS);
    await grace.sees(ada);
    await grace.hears(ada);
  },
  { skip: !ownNetwork() && 'a network can be narrowed in one of our own only' },
);

/** The words over the tile of `name`; none when `words` is empty. */
async function readsUnder(bot, name, words, within) {
  const read = () =>
    bot.run((wanted) => {
      const face = [...document.querySelectorAll('[data-tile]')].find((tile) => tile.querySelector('.name .text')?.textContent.trim() === wanted);
      return face && (face.querySelector('.words')?.textContent.trim() ?? '');
    }, name);
  await until(`${bot.name} to read “${words}” under ${name}`, async () => (await read()) === words, { within, lastSeen: async () => [await read(), await incoming(bot, name)] });
}
