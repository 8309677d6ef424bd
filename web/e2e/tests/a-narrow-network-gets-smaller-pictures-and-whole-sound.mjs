import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { closeBrowser, startFarChromium } from '../harness/browsers.mjs';
import { joinAll } from '../harness/calls.mjs';
import { makeFarNetwork, ownNetwork } from '../harness/network.mjs';
import { pause, until } from '../harness/until.mjs';

/** What two cores bear that encode for three: two layers each, 180 lines of 150 kb/s and 360 of 500. */
const CAMERA = { width: 640, height: 360, fps: 10, busy: true };
const FULL = 360;
const NARROW = '1mbit';
/** After the network became narrow, estimates settle for so long; what is seen then is compared. */
const SETTLE_MS = 5_000;
/** What still flows from the beginning of a call is over. */
const CALM_MS = 1_000;
const WATCH_MS = 8_000;
const LOOK_MS = 2_000;
/** Publishers' own estimates begin low, and a layer that a busy encoder did not send is asked for again after 20 s. */
const FULL_WITHIN_MS = 60_000;
/**
 * The layers that come when the limit is gone are asked for at publishers whose encoders share the machine, and a picture that had
 * to go down twice rests for 30 s. On a quiet machine it takes 5 to 15 s; the simulation demands 10.
 */
const BACK_WITHIN_MS = 45_000;
/**
 * Of the frames that came without the limit, so many must come. On a quiet machine it is nearly all; docs/quality.md tells what
 * is left ("What falls short").
 */
const FRAMES_LEFT = 0.4;
/** Shares of sound. What is lost on the way would be all of these, and a queue without priority more than all. */
const MORE_CONCEALED = 0.03;
const MORE_LOST = 0.01;

behaviour(
  `a subscriber behind ${NARROW} sees three others smaller and hears them whole, in both browsers`,
  async (stage) => {
    const far = await makeFarNetwork();
    stage.atEnd(() => far.end());
    const publishers = await startFarChromium(far);
    stage.atEnd(() => closeBrowser(publishers));
    const { origin } = await stage.server([], far);
    const others = [['Ada', 0, 440], ['Grace', 120, 660], ['Hedy', 240, 880]].map(([name, hue, tone]) =>
      stage.bot({ name, browser: publishers, hue, tone, size: CAMERA, allowed: true, viewport: { width: 320, height: 240 } }),
    );
    await joinAll(others, origin, 'narrow');
    // One after the other: the cable carries them all.
    for (const browser of ['chromium', 'firefox']) {
      const subscriber = stage.bot({ name: `Linus in ${browser}`, browser });
      await subscriber.join(origin, 'narrow');
      await subscriber.seesAll(...others);
      await fullPictures(subscriber, others, 'at first', FULL_WITHIN_MS);
      await getsLessWhole(subscriber, far);
      far.widen();
      await fullPictures(subscriber, others, 'when the limit was gone', BACK_WITHIN_MS);
      await subscriber.seesAll(...others);
      await subscriber.leave();
      await subscriber.close();
    }
  },
  { timeout: 300_000, skip: !ownNetwork() && 'a network can be narrowed in one of our own only' },
);

/** Narrows the way to `subscriber`, and compares what comes with what came before. */
async function getsLessWhole(subscriber, far) {
  await pause(CALM_MS);
  const control = await watch(subscriber);
  far.narrow(NARROW);
  await pause(SETTLE_MS);
  const narrow = await watch(subscriber);
  const told = `${subscriber.browser} ${JSON.stringify({ control, narrow })}`;
  console.log(told);

  const frames = (pictures) => pictures.reduce((sum, picture) => sum + picture.frames, 0);
  const lines = (pictures, which) => pictures.reduce((sum, picture) => sum + picture[which], 0);
  assert.ok(control.pictures.length === 3 && narrow.pictures.length === 3, told);
  assert.ok(lines(narrow.pictures, 'least') < lines(control.pictures, 'height'), `the pictures are no smaller: ${told}`);
  const still = narrow.pictures.filter(({ frames }) => frames === 0);
  assert.ok(still.length <= narrow.paused, `a picture stands still that nothing was said of: ${told}`);
  assert.ok(frames(narrow.pictures) >= FRAMES_LEFT * frames(control.pictures), `the pictures stand still: ${told}`);
  assert.ok(narrow.concealed <= control.concealed + MORE_CONCEALED, told);
  assert.ok(narrow.lost <= control.lost + MORE_LOST, told);
  assert.ok(narrow.bitrate < 1_000_000, told);
}

async function fullPictures(bot, publishers, when, within) {
  const pictures = async () => (await bot.run(measure)).pictures;
  const full = async () => {
    const now = await pictures();
    return now.length === 3 && now.every(({ height }) => height >= FULL);
  };
  await until(`${bot.name} to get three full pictures ${when}`, full, {
    within,
    lastSeen: async () => ({ received: await pictures(), sent: await Promise.all(publishers.map((one) => one.run(measureSent))) }),
  });
}

/** What each layer of a publisher's camera is and was. Runs in the page. */
async function measureSent() {
  const stats = [...(await window.__plenum.pc().getStats()).values()].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
  return stats
    .filter(({ packetsSent }) => packetsSent > 0)
    .map((one) => ({ rid: one.rid, active: one.active, height: one.frameHeight, frames: one.framesEncoded, fps: one.framesPerSecond, target: one.targetBitrate, limited: one.qualityLimitationReason }));
}

/** What happened at `bot` within {@link WATCH_MS}. */
async function watch(bot) {
  const before = await bot.run(measure);
  const heights = [];
  for (let left = WATCH_MS; left > 0; left -= LOOK_MS) {
    await pause(LOOK_MS);
    heights.push((await bot.run(measure)).pictures);
  }
  const after = await bot.run(measure);
  const least = (mid) => Math.min(...heights.flat().filter((line) => line.mid === mid).map(({ height }) => height));
  // Lines that sounded once and rest now play silence, which counts as concealed.
  after.sounds = after.sounds.filter(({ mid, packets }) => packets > (before.sounds.find((line) => line.mid === mid)?.packets ?? 0));
  const more = (kind, field) =>
    after[kind].reduce((sum, line) => sum + line[field] - (before[kind].find(({ mid }) => mid === line.mid)?.[field] ?? 0), 0);
  const frames = ({ mid, frames }) => frames - (before.pictures.find((line) => line.mid === mid)?.frames ?? 0);
  return {
    pictures: after.pictures.map((line) => ({ height: line.height, least: least(line.mid), frames: frames(line) })),
    paused: after.paused,
    freezes: more('pictures', 'freezes'),
    frozen: more('pictures', 'frozen') / after.pictures.length / ((after.at - before.at) / 1_000),
    concealed: more('sounds', 'concealed') / more('sounds', 'samples'),
    lost: more('sounds', 'lost') / (more('sounds', 'lost') + more('sounds', 'packets')),
    bitrate: Math.round((8_000 * (more('pictures', 'octets') + more('sounds', 'octets'))) / (after.at - before.at)),
  };
}

/** Counts of each picture and each sound that comes. Runs in the page. */
async function measure() {
  const stats = [...(await window.__plenum.pc().getStats()).values()].filter(({ type, packetsReceived }) => type === 'inbound-rtp' && packetsReceived > 0);
  const pictures = stats
    .filter(({ kind }) => kind === 'video')
    .map((one) => ({ mid: one.mid, octets: one.bytesReceived, height: one.frameHeight ?? 0, frames: one.framesDecoded, freezes: one.freezeCount ?? 0, frozen: one.totalFreezesDuration ?? 0 }));
  const sounds = stats
    .filter(({ kind }) => kind === 'audio')
    .map((one) => ({ mid: one.mid, octets: one.bytesReceived, packets: one.packetsReceived, lost: one.packetsLost, samples: one.totalSamplesReceived, concealed: one.concealedSamples }));
  return { at: performance.now(), pictures, sounds, paused: window.__plenum.room.paused.length };
}
