import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

const CAMERA = { width: 1280, height: 720, fps: 15 };

behaviour('each source tells its rate, size, codec and score, in both browsers, and low data makes it small', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, size: CAMERA });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'figures');
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    await one.sees(other);
    await one.run(() => window.__plenum.room.on('statistics', () => undefined));
    const complete = ({ sources, connection } = { sources: [] }) => {
      const [sent, received] = ['sent', 'received'].map((way) => sources.find((source) => source.way === way));
      const flows = [sent?.audio, sent?.video, received?.audio, received?.video];
      return flows.every((flow) => flow?.bitrate > 1_000 && flow.codec) && received.video.width > 0 && received.score >= 1 && sent.video.fps > 0 && connection.protocol === 'udp' && connection.roundTripMs >= 0;
    };
    const sample = () => one.run(() => window.__plenum.room.statistics);
    await until(`${one.name} to measure every flow`, async () => complete(await sample()), { lastSeen: sample });
  }
  const pictureOf = (bot, way) => bot.run((wanted) => window.__plenum.room.statistics.sources.find(({ way }) => way === wanted)?.video, way);
  await until('Grace to get a picture larger than a thumbnail', async () => (await pictureOf(grace, 'received'))?.width > 320);

  await Promise.all([readsFigures(ada, grace), readsFigures(grace, ada)]);
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    const layers = async () => (await pictureOf(one, 'sent'))?.layers.filter(({ bitrate }) => bitrate > 0);
    const onlyTheSmallest = async () => {
      const flowing = await layers();
      return flowing?.length === 1 && flowing[0].rid === 'q' && flowing[0].width <= 320;
    };
    await one.press('More');
    await one.chooses('Low data');
    await closeMenu(one);
    await until(`${one.name} to send one small stream`, onlyTheSmallest, { lastSeen: layers });
    await until(`${other.name} to get the thumbnail`, async () => (await pictureOf(other, 'received'))?.width <= 320, { lastSeen: () => pictureOf(other, 'received') });
    await other.sees(one);

    await one.press('More');
    await one.chooses('Low data');
    await closeMenu(one);
    await until(`${one.name} to send large streams again`, async () => (await layers())?.some(({ width }) => width > 320), { lastSeen: layers });
    assert.equal(await one.offers(), 1);
  }
});

const closeMenu = (bot) => bot.page.keyboard.press('Escape');

/** The panel tells every figure of the other's sound and picture, and so does the tile. */
async function readsFigures(one, other) {
  await one.press('More');
  await one.chooses('Statistics');
  for (const words of ['UDP', 'Round trip', 'Receiving', 'Sending']) await one.reads(words);
  const opens = () =>
    one.run((name) => {
      const line = [...document.querySelectorAll('summary')].find((summary) => summary.innerText.includes(name));
      line?.click();
      return line !== undefined;
    }, other.name);
  await until(`the panel to have a line for ${other.name}`, opens, { lastSeen: () => one.words() });
  const rows = () =>
    one.run((name) => {
      const card = [...document.querySelectorAll('details')].find((line) => line.querySelector('summary').innerText.includes(name));
      return Object.fromEntries([...(card?.querySelectorAll('dl div') ?? [])].map((row) => [row.querySelector('dt').innerText, row.querySelector('dd').innerText]));
    }, other.name);
  const told = async () => {
    const { Size, Layer, Rate, Codec, Loss, Jitter, Freezes } = await rows();
    return /^\d+×\d+/.test(Size) && /^size \d of \d/.test(Layer) && /b\/s/.test(Rate) && Codec && /%/.test(Loss) && /ms/.test(Jitter) && Freezes !== undefined;
  };
  await until('the panel to tell every figure', told, { lastSeen: rows });
  const score = () => one.run((name) => [...document.querySelectorAll('summary')].find((line) => line.innerText.includes(name))?.innerText, other.name);
  await until('the panel to tell a score', async () => /(Good|Fair|Poor) [1-5]\.\d/.test(await score()), { lastSeen: score });
  await one.press('Close');
  await one.press(`More: ${other.name}`);
  await one.chooses('Figures on the tiles');
  const tile = () => one.run((name) => document.querySelector(`[data-tile][aria-label="${name}"] dl`)?.innerText ?? '', other.name);
  await until('the tile to tell its figures', async () => /\d+×\d+[\s\S]*b\/s[\s\S]*Loss[\s\S]*Jitter[\s\S]*Freezes \d[\s\S]*Score/.test(await tile()), { lastSeen: tile });
}
