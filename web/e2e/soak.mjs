/**
 * A call that lasts: six members at 640×360 in Chromium, watched for minutes, against a control of two members on the same
 * machine. `npm run soak -- 5` is five minutes; `make soak MINUTES=5` builds what it needs first. It prints what it saw
 * and ends with 1 when something was not as it should be. What is judged and how is in `soak/verdict.mjs`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Bot, CAMERA } from './harness/bot.mjs';
import { closeAll } from './harness/browsers.mjs';
import { enterOwnNetwork } from './harness/network.mjs';
import { serverBinary, startServer } from './harness/server.mjs';
import { pause } from './harness/until.mjs';
import { CAUSES, flow } from './soak/flows.mjs';
import { readServer } from './soak/server.mjs';
import { percent, stillShare, verdict } from './soak/verdict.mjs';
import { watchCall } from './soak/watch.mjs';

const MEMBERS = 6;
const CONTROL_MEMBERS = 2;
const CONTROL_SHARE = 0.2;
/** A control that is shorter has seen nothing. */
const CONTROL_LEAST_MINUTES = 0.5;
/** Until estimates, layers and seats have settled. */
const SETTLE_MS = 20_000;
/** To read pixels costs what a picture costs to decode: seats are looked at each time, pictures each tenth time. */
const WATCH = { lookMs: 500, looksPerRead: 10, countMs: 1_000 };
const READ_SERVER_MS = 2_000;
/** Six browsers on two cores must not be what is measured: the windows are small, the cameras are not. */
const VIEWPORT = { width: 640, height: 400 };

if (await enterOwnNetwork(import.meta.filename)) await soak(minutesAsked());

function minutesAsked() {
  const minutes = Number(process.argv[2] ?? 5);
  if (Number.isFinite(minutes) && minutes > 0) return minutes;
  console.error(`“${process.argv[2]}” is no number of minutes: say for example \`npm run soak -- 5\``);
  process.exit(2);
}

async function soak(minutes) {
  serverBinary();
  const control = await call(CONTROL_MEMBERS, Math.max(CONTROL_LEAST_MINUTES, minutes * CONTROL_SHARE));
  const long = await call(MEMBERS, minutes);
  await closeAll();
  console.log(table([control, long]));
  for (const one of [control, long]) console.log(summary(one));
  const { faults, notes } = verdict(control, long);
  for (const note of notes) console.log(`NOTE    ${note}`);
  for (const fault of faults) console.log(`FAILED  ${fault}`);
  if (faults.length === 0) console.log(`PASSED  no page error, nothing lost, no seat without its picture, no memory that grows${notes.length > 0 ? '; what takes time could not be judged' : ', nothing held back, no freeze beyond the control'}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** Plays a call of `members` for `minutes` and returns what each of them saw. */
async function call(members, minutes) {
  console.log(`${members} members at ${CAMERA.width}×${CAMERA.height}, ${minutes} min …`);
  const server = await startServer();
  const bots = Array.from({ length: members }, (_, index) => new Bot({ name: `Member ${index + 1}`, hue: index * (360 / members), tone: 300 + index * 150, viewport: VIEWPORT }));
  try {
    for (const bot of bots) await bot.join(server.origin, 'soak');
    for (const bot of bots) for (const other of bots) if (other !== bot) await bot.sees(other);
    await pause(SETTLE_MS);
    const heaps = await Promise.all(bots.map(heap));
    for (const bot of bots) await bot.run(watchCall, bots.filter((other) => other !== bot).map(({ name, hue }) => ({ name, hue })), WATCH);
    const before = machine();
    const readings = await readingsDuring(server, minutes * 60_000);
    const busy = busyShare(before, machine());
    const pages = await Promise.all(bots.map((bot) => bot.run(() => window.__soak.end())));
    const sent = Object.fromEntries(bots.map(({ name }, index) => [name, pages[index].sent]));
    const seen = [];
    for (const [index, bot] of bots.entries()) {
      const { got, ...page } = pages[index];
      const flows = Object.fromEntries(Object.entries(got).map(([other, readings]) => [other, flow(sent[other], readings, CAMERA.fps)]));
      seen.push({ name: bot.name, errors: bot.errors, ...page, flows, heap: [heaps[index], await heap(bot)] });
    }
    if (process.env.SOAK_KEEP) writeFileSync(`${process.env.SOAK_KEEP}-${members}.json`, JSON.stringify({ pages, readings }));
    return { members, seen, readings, busy, log: server.log(), lookMs: WATCH.lookMs };
  } finally {
    await Promise.allSettled(bots.map((bot) => bot.close()));
    await server.end();
  }
}

async function readingsDuring(server, ms) {
  const end = Date.now() + ms;
  const readings = [await readServer(server)];
  while (Date.now() < end) {
    await pause(Math.min(READ_SERVER_MS, Math.max(1, end - Date.now())));
    readings.push(await readServer(server));
  }
  return readings;
}

/** What a page holds when its garbage is gone, in MB. */
async function heap(bot) {
  const client = await bot.page.createCDPSession();
  try {
    await client.send('HeapProfiler.collectGarbage');
    return (await client.send('Runtime.getHeapUsage')).usedSize / 1e6;
  } finally {
    await client.detach();
  }
}

/** What the machine has done since it was started, in ticks. */
function machine() {
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
  return { idle: ticks[3] + ticks[4], all: ticks.reduce((sum, part) => sum + part, 0) };
}

function busyShare(before, after) {
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

function summary({ members, seen, readings, busy }) {
  const [first, last] = [readings[0], readings.at(-1)];
  const limited = seen.flatMap(({ sent }) => sent.at(-1).layers.map((layer, index) => layer.cpu - (sent[0].layers[index]?.cpu ?? 0)));
  return [
    `${members} members: machine ${percent(busy)} busy; server ${percent((last.busy - first.busy) / seen[0].seconds)} of a core, ${first.memory.toFixed(1)} to ${last.memory.toFixed(1)} MB,`,
    `${last.late - first.late} of ${last.packets - first.packets} packets kept for more than 50 ms, ${last.switches - first.switches} seats switched, ${last.nacks - first.nacks} NACKs, unmet demand ${Math.max(...readings.map(({ unmet }) => unmet)).toFixed(0)} B/s at most;`,
    `encoders held back by their processor for ${(limited.reduce((sum, one) => sum + one, 0) / seen.length).toFixed(1)} s each`,
  ].join('\n  ');
}

function table(calls) {
  const head = ['members', 'who', 'sent/s', 'arrived/s', 'shown/s', 'paused', 'unsent', 'under way', 'shown late', 'freezes', 'most behind', 'missing', 'lost', 'sound made up', 'without picture', 'heap MB'];
  const rows = calls.flatMap(({ members, seen }) =>
    seen.map((one) => {
      const [tiles, flows] = [Object.values(one.tiles), Object.values(one.flows)];
      const sum = (list, key) => list.reduce((total, each) => total + each[key], 0);
      const rate = (key) => (sum(flows, key) / one.seconds / flows.length).toFixed(1);
      const still = CAUSES.map((cause) => percent(stillShare([one], [cause])));
      const made = percent(one.voice.made / Math.max(1, one.voice.all));
      return [members, one.name, rate('sent'), rate('arrived'), rate('shown'), ...still, sum(flows, 'freezes'), Math.max(...flows.map(({ behind }) => behind)).toFixed(0), sum(flows, 'missing'), sum(flows, 'lost') + one.voice.lost, made, `${sum(tiles, 'without')} of ${sum(tiles, 'looks')} looks`, one.heap.map((mb) => mb.toFixed(1)).join('–')];
    }),
  );
  const all = [head, ...rows].map((row) => row.map(String));
  const wide = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(wide[column])).join('  ')).join('\n');
}
