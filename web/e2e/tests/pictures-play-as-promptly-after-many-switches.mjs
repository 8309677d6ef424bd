import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { pause, until } from '../harness/until.mjs';

/** Pictures without voices: a picture waits for the voice beside it, and how long that waits is another matter (docs/quality.md). */
const CAMERA = { width: 320, height: 180, fps: 15 };
const SWITCHES = 30;
const BETWEEN_MS = 200;
/** Buffers begin large, and shrink with what comes. */
const SETTLE_MS = 5_000;
const WATCH_MS = 3_000;
/** By how much a buffer may have grown. */
const LONGER_MS = 20;

for (const browser of ['chromium', 'firefox']) {
  behaviour(`after ${SWITCHES} other faces in its seat a picture plays as promptly as before, in ${browser}`, async (stage) => {
    const { origin } = await stage.server();
    const others = ['Ada', 'Grace', 'Hedy', 'Mary'].map((name, index) => stage.bot({ name, hue: 90 * index, size: CAMERA, viewport: { width: 320, height: 240 } }));
    for (const bot of others) await bot.join(origin, 'seats');
    const linus = stage.bot({ name: 'Linus', browser });
    await linus.join(origin, 'seats');
    const [ada, ...changing] = others;
    const seats = await sits(linus, [ada, changing[0]]);
    await pause(SETTLE_MS);

    const before = await watch(linus, seats);
    for (let turn = 1; turn <= SWITCHES; turn++) {
      const now = await sits(linus, [ada, changing[turn % changing.length]]);
      assert.deepEqual(now, seats, 'each keeps to its seat');
      await pause(BETWEEN_MS);
    }
    const after = await watch(linus, seats);
    const told = JSON.stringify({ before, after });
    console.log(browser, told);
    // Whatever the machine does to both is not the switches' doing.
    const grown = (seat, what) => after[seat][what] - before[seat][what];
    const within = (what) => grown(1, what) <= LONGER_MS + Math.max(0, grown(0, what));
    assert.ok(within('delay'), `it plays later: ${told}`);
    if (after[1].network !== undefined) assert.ok(within('network'), `it takes switches for jitter: ${told}`);
    await linus.sees(changing[SWITCHES % changing.length]);
  });
}

/** Wishes for these cameras alone, and waits until they are shown. Returns the seat of each. */
async function sits(bot, shown) {
  const names = shown.map(({ name }) => name);
  await bot.run((wanted) => {
    const { room } = window.__plenum;
    window.__wish ??= room.wish.bind(room);
    room.wish = () => undefined;
    const idOf = (name) => room.members.find((member) => member.name === name).camera.id;
    window.__wish(wanted.map((name, index) => ({ source: idOf(name), width: 320, height: 180, priority: 200 - index })));
  }, names);
  const look = () =>
    bot.run((wanted) => {
      const { room } = window.__plenum;
      const seated = room.seats.map(({ shown: source }) => room.members.find(({ camera }) => camera.id === source)?.name);
      return seated.filter(Boolean).length === wanted.length && wanted.map((name) => seated.indexOf(name));
    }, names);
  return until(`${bot.name} to be shown ${names.join(' and ')} alone`, async () => {
    const seats = await look();
    return seats && !seats.includes(-1) && seats;
  });
}

/** How long each picture waited in its buffer within {@link WATCH_MS}, in ms; and as far as the browser tells, how long the network alone makes it wait. */
async function watch(bot, seats) {
  const before = await bot.run(measure, seats);
  await pause(WATCH_MS);
  const after = await bot.run(measure, seats);
  return after.map((line, index) => {
    const frames = line.frames - before[index].frames;
    assert.ok(frames > 0, 'pictures come');
    const mean = (field) => (line[field] === undefined ? undefined : Math.round((1_000 * (line[field] - before[index][field])) / frames));
    return { frames, delay: mean('delay'), network: mean('network') };
  });
}

/** Sums of the lines of these seats. Runs in the page. */
async function measure(seats) {
  const { room, pc } = window.__plenum;
  const stats = [...(await pc().getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
  return seats.map((seat) => {
    const line = stats.find(({ mid }) => mid === room.link.lines.seats[seat].video.mid);
    return { frames: line.jitterBufferEmittedCount, delay: line.jitterBufferDelay, network: line.jitterBufferMinimumDelay };
  });
}
