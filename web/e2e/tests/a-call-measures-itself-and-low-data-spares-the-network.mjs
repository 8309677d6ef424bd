import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

const CAMERA = { width: 1280, height: 720, fps: 15 };

behaviour('each source tells its rate, size, codec and score, in both browsers, and low data makes it small', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, size: CAMERA });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.join(origin, 'figures');
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

  await ada.run(() => (window.__plenum.room.lowData = true));
  const small = async () => (await pictureOf(ada, 'sent'))?.layers.filter(({ bitrate }) => bitrate > 0);
  const onlyTheSmallest = async () => {
    const flowing = await small();
    return flowing?.length === 1 && flowing[0].rid === 'q' && flowing[0].width <= 320;
  };
  await until('Ada to send one small stream', onlyTheSmallest, { lastSeen: small });
  await until('Grace to get the thumbnail', async () => (await pictureOf(grace, 'received'))?.width <= 320, { lastSeen: () => pictureOf(grace, 'received') });
  await grace.sees(ada);

  await ada.run(() => (window.__plenum.room.lowData = false));
  await until('Ada to send large streams again', async () => (await small())?.some(({ width }) => width > 320), { lastSeen: small });
  assert.equal(await ada.offers(), 1);
});
