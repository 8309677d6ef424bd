import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { codecsOf, incoming, joinAll, requests, wishOnly } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

/** Two sizes in every codec: as streams of their own, or as layers of one. */
const CAMERA = { width: 640, height: 360, fps: 10 };
const [SMALL, FULL] = [180, 360];
/** A tile so small that the smaller one fills it. */
const THUMBNAIL = 90;
/** One switch up costs one request; a second one may be the size that a busy encoder was slow to send. */
const REQUESTS_EACH_SWITCH = 3;
/** The picture before flows until the key frame of the one after it: what stands still longer is a switch that failed. */
const FROZEN_SECONDS = 1;

for (const codec of ['vp8', 'h264', 'vp9', 'av1']) {
  behaviour(`a camera in ${codec} is seen in each browser that decodes it, small and large`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', hue: 0, size: CAMERA });
    const others = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
    for (const bot of others) await bot.open(`${origin}/r/codecs`);
    const able = [];
    for (const bot of others) {
      if ((await codecsOf(bot)).decodes.includes(codec)) able.push(bot);
      else console.log(`${bot.browser} does not decode ${codec}`);
    }
    await ada.join(origin, `codecs?codec=${codec}`);
    if (!(await codecsOf(ada)).makes.includes(codec)) return console.log(`skipped: ${ada.browser} does not make ${codec}`);
    await joinAll(able, origin, 'codecs');
    await Promise.all(able.map((bot) => seesIn(bot, ada, codec, FULL)));

    const before = await standing(able);
    const asked = await requests(ada);
    for (const height of [SMALL, FULL]) {
      for (const bot of able) await wishOnly(bot, ada.name, height === SMALL ? THUMBNAIL : FULL);
      await Promise.all(able.map((bot) => seesIn(bot, ada, codec, height)));
      // Nobody takes more: where all sizes are in one stream, it is made anew without the large ones.
      if (height === SMALL && isOneStream(await modes(ada))) {
        await until('the large picture to rest', async () => (await modes(ada)) === 'L1T3', { lastSeen: () => modes(ada) });
        await Promise.all(able.map((bot) => seesIn(bot, ada, codec, SMALL)));
      }
    }
    const told = JSON.stringify({ before, after: await standing(able), requests: (await requests(ada)) - asked });
    for (const [index, { frozen, plis }] of (await standing(able)).entries()) {
      assert.ok(frozen - before[index].frozen < FROZEN_SECONDS, `a picture stood still while its size changed: ${told}`);
      assert.ok(plis - before[index].plis <= REQUESTS_EACH_SWITCH, `a subscriber asks again and again: ${told}`);
    }
    assert.ok((await requests(ada)) - asked <= 2 * REQUESTS_EACH_SWITCH, `the publisher is asked again and again: ${told}`);
    const { layer } = await incoming(able[0], ada.name);
    console.log(codec, JSON.stringify(layer), told);
    assert.ok(layer.temporals > 1, `no layers in time: ${JSON.stringify(layer)}`);
    assert.equal(await ada.offers(), 1);
  });
}

behaviour('whatever codec Firefox makes is seen in Chromium, one after another over one connection', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'firefox', hue: 0, size: CAMERA });
  const grace = stage.bot({ name: 'Grace' });
  for (const bot of [ada, grace]) await bot.join(origin, 'firefox');
  await seesIn(grace, ada, 'vp8', FULL);
  const [{ makes }, { decodes }] = [await codecsOf(ada), await codecsOf(grace)];
  for (const codec of ['vp9', 'h264', 'av1', 'vp8']) {
    if (!makes.includes(codec) || !decodes.includes(codec)) {
      console.log(`${codec}: made by ${ada.browser}: ${makes.includes(codec)}, decoded by ${grace.browser}: ${decodes.includes(codec)}`);
      continue;
    }
    await ada.run((wanted) => {
      const { room } = window.__plenum;
      room.codec.hear = () => undefined;
      room.uplink.use(wanted);
    }, codec);
    await seesIn(grace, ada, codec, FULL);
    console.log(codec, JSON.stringify(await incoming(grace, ada.name)));
  }
});

behaviour('who wishes for a codec that somebody does not decode sends what all decode, until that one is gone', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', hue: 0, size: CAMERA });
  const [grace, linus] = [stage.bot({ name: 'Grace' }), stage.bot({ name: 'Linus', browser: 'firefox' })];
  await linus.open(`${origin}/r/mixed`);
  await ada.join(origin, 'mixed?codec=h264');
  const { decodes } = await codecsOf(linus);
  if (!(await codecsOf(ada)).makes.includes('h264') || decodes.includes('h264')) return console.log('skipped: it takes a browser that makes H.264 and one that does not decode it');
  await grace.join(origin, 'mixed');
  await seesIn(grace, ada, 'h264', FULL);

  await linus.join(origin, 'mixed');
  await Promise.all([linus, grace].map((bot) => seesIn(bot, ada, 'vp8', FULL)));
  assert.equal(await ada.run(() => window.__plenum.room.sentCodec), 'vp8');

  // A publisher that knows nothing of it is told, and so is who does not see.
  await ada.run(() => {
    window.__plenum.room.codec.hear = () => undefined;
    window.__plenum.room.uplink.use('h264');
  });
  const unseen = 'Your browser cannot decode this picture';
  await linus.reads(unseen);
  await until('Ada to hear that Linus does not see her', () => ada.run(() => window.__plenum.room.troubles.some(({ picture }) => picture?.kind === 'unsupported_codec')));
  await seesIn(grace, ada, 'h264', FULL);
  await ada.run(() => {
    delete window.__plenum.room.codec.hear;
    window.__plenum.room.uplink.use('vp8');
  });
  await linus.readsNoMore(unseen);
  await seesIn(linus, ada, 'vp8', FULL);

  await linus.leave();
  await seesIn(grace, ada, 'h264', FULL);
  assert.equal(await ada.offers(), 1);
});

/** Under the name there is the picture, in this codec and of this height, and it moves. */
async function seesIn(bot, other, codec, height) {
  const look = async () => {
    const seen = await incoming(bot, other.name);
    const wanted = height === FULL ? seen?.layer?.spatial === seen?.layer?.spatials : seen?.layer?.spatial === 1;
    return seen?.codec === codec && seen.height === height && wanted;
  };
  await until(`${bot.name} to get ${other.name} in ${codec} with ${height} lines`, look, { lastSeen: () => incoming(bot, other.name) });
  await bot.sees(other);
}

/** The layers within the streams that `bot` sends, of all that are active. */
function modes(bot) {
  return bot.run(() => {
    const { encodings } = window.__plenum.room.link.lines.up.camera.sender.getParameters();
    return encodings.filter(({ active }) => active).map(({ scalabilityMode }) => scalabilityMode).join();
  });
}

function isOneStream(sent) {
  return /^L[23]T3_KEY$/.test(sent);
}

function standing(bots) {
  return Promise.all(bots.map((bot) => incoming(bot, 'Ada')));
}
