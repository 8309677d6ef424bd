import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { closeBrowser, startFarChromium } from '../harness/browsers.mjs';
import { incoming } from '../harness/calls.mjs';
import { makeFarNetwork, ownNetwork } from '../harness/network.mjs';
import { pause, until } from '../harness/until.mjs';

/** One size only, of 150 kb/s: where that does not fit, nothing is left to thin but time. */
const CAMERA = { width: 320, height: 180, fps: 15, busy: true };
/** A voice takes 40 of it with its headers, and the picture's lowest layer in time about half of its rate. */
const NARROW = '200kbit';
/** An eighth of a second, as 16 KB are of 1 Mb/s. The 16 KB of a second would let through what an estimator tries. */
const BURST = '3kb';
const WATCH_MS = 6_000;
/** Frames that may come of those before, 1 = all: a quarter is the lowest layer in time of three, half the lower two. */
const FEWER = [0.12, 0.85];
/** Shares of sound, as behind the wider limit. */
const MORE_CONCEALED = 0.03;
const MORE_LOST = 0.01;

behaviour(
  `a subscriber behind ${NARROW} sees fewer frames a second that go on coming, and hears all`,
  async (stage) => {
    const far = await makeFarNetwork();
    stage.atEnd(() => far.end());
    const publishers = await startFarChromium(far);
    stage.atEnd(() => closeBrowser(publishers));
    const { origin } = await stage.server([], far);
    const ada = stage.bot({ name: 'Ada', browser: publishers, hue: 0, tone: 440, size: CAMERA, allowed: true, viewport: { width: 320, height: 240 } });
    const linus = stage.bot({ name: 'Linus' });
    for (const bot of [ada, linus]) await bot.join(origin, 'thin');
    await linus.sees(ada);
    await linus.hears(ada);

    const control = await watch(linus);
    far.narrow(NARROW, BURST);
    const thinned = async () => {
      const { layer, paused } = (await incoming(linus, ada.name)) ?? {};
      return !paused && layer && layer.temporal < layer.temporals;
    };
    await until('the picture to be thinned in time', thinned, { lastSeen: () => incoming(linus, ada.name) });
    await pause(2_000);
    const narrow = await watch(linus);
    const told = JSON.stringify({ control, narrow, now: await incoming(linus, ada.name) });
    console.log(told);

    assert.equal(narrow.height, control.height, `the picture changed its size: ${told}`);
    assert.ok(narrow.frames >= FEWER[0] * control.frames, `the picture stands still: ${told}`);
    assert.ok(narrow.frames <= FEWER[1] * control.frames, `as many frames as before: ${told}`);
    assert.ok(narrow.concealed <= control.concealed + MORE_CONCEALED, told);
    assert.ok(narrow.lost <= control.lost + MORE_LOST, told);
    await linus.hears(ada);

    far.widen();
    const whole = async () => {
      const { layer } = (await incoming(linus, ada.name)) ?? {};
      return layer && layer.temporal === layer.temporals;
    };
    await until('every frame to come again', whole, { within: 45_000, lastSeen: () => incoming(linus, ada.name) });
    await linus.sees(ada);
  },
  { skip: !ownNetwork() && 'a network can be narrowed in one of our own only' },
);

/** What came at `bot` within {@link WATCH_MS}. */
async function watch(bot) {
  const before = await bot.run(measure);
  await pause(WATCH_MS);
  const after = await bot.run(measure);
  const more = (kind, field) => after[kind][field] - before[kind][field];
  return {
    height: after.video.frameHeight,
    frames: more('video', 'framesDecoded'),
    freezes: more('video', 'freezeCount'),
    frozen: more('video', 'totalFreezesDuration') / (WATCH_MS / 1_000),
    concealed: more('audio', 'concealedSamples') / more('audio', 'totalSamplesReceived'),
    lost: more('audio', 'packetsLost') / Math.max(1, more('audio', 'packetsLost') + more('audio', 'packetsReceived')),
  };
}

/** The one picture and the one voice that come. Runs in the page. */
async function measure() {
  const stats = [...(await window.__plenum.pc().getStats()).values()].filter(({ type, packetsReceived }) => type === 'inbound-rtp' && packetsReceived > 0);
  const busiest = (wanted) => stats.filter(({ kind }) => kind === wanted).sort((one, other) => other.packetsReceived - one.packetsReceived)[0];
  return { video: busiest('video'), audio: busiest('audio') };
}
