/**
 * A call that lasts: six members at 640×360 in Chromium, watched for minutes, against a control of two members on the same
 * machine. `npm run soak -- 5` is five minutes; `make soak MINUTES=5` builds what it needs first. It prints what it saw
 * and ends with 1 when something was not as it should be.
 */
import { readFileSync } from 'node:fs';
import { Bot, CAMERA } from './harness/bot.mjs';
import { closeAll } from './harness/browsers.mjs';
import { enterOwnNetwork } from './harness/network.mjs';
import { serverBinary, startServer } from './harness/server.mjs';
import { pause } from './harness/until.mjs';

const MEMBERS = 6;
const CONTROL_MEMBERS = 2;
const CONTROL_SHARE = 0.2;
/** A control that is shorter has seen nothing. */
const CONTROL_LEAST_MINUTES = 0.5;
/** Until estimates, layers and seats have settled. */
const SETTLE_MS = 15_000;
const LOOK_MS = 500;
/** To read pixels costs what a picture costs to decode: seats are looked at each time, pictures each tenth time. */
const LOOKS_PER_READ = 10;
/** Six browsers on two cores must not be what is measured: the windows are small, the cameras are not. */
const VIEWPORT = { width: 640, height: 400 };
/** Of the machine; what stands still beyond it is the machine's doing. */
const BUSY_MOST = 0.9;
/**
 * What of the time may be frozen beyond the control's share. Chromium calls any frame that comes 150 ms later than usual a
 * freeze: one stumble of the machine a minute is this much, and no fault of the call.
 */
const FREEZE_MARGIN = 0.005;
/** A seat that changes hands between two looks is seen once without its picture. */
const GAP_LOOKS = 1;

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
  for (const { members, busy } of [control, long]) console.log(`machine with ${members} members: ${percent(busy)} busy`);
  const complaints = [...faults(control), ...faults(long), ...worse(control, long)];
  for (const complaint of complaints) console.log(`FAILED  ${complaint}`);
  if (complaints.length === 0) console.log('PASSED  no page error, no seat without its picture, no freeze beyond the control');
  process.exitCode = complaints.length === 0 ? 0 : 1;
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
    for (const bot of bots) await bot.run(observe, bots.filter((other) => other !== bot).map(({ name, hue }) => ({ name, hue })), LOOK_MS, LOOKS_PER_READ);
    const before = machine();
    await pause(minutes * 60_000);
    const seen = await Promise.all(bots.map(async (bot) => ({ name: bot.name, errors: bot.errors, ...(await bot.run(() => window.__soak.end())) })));
    return { members, minutes, seen, busy: busyShare(before, machine()), log: server.log() };
  } finally {
    await Promise.allSettled(bots.map((bot) => bot.close()));
    await server.end();
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

/** In the page: looks at every other member's tile, and at the end at what the browser counted meanwhile. */
async function observe(others, everyMs, looksPerRead) {
  const { room } = window.__plenum;
  const far = (a, b) => Math.min(Math.abs(a - b), 360 - Math.abs(a - b)) > 15;
  const counted = async () => {
    const sum = { frozen: 0, freezes: 0, frames: 0, lost: 0 };
    for (const one of (await window.__plenum.pc().getStats()).values()) {
      if (one.type !== 'inbound-rtp' || one.kind !== 'video') continue;
      sum.frozen += one.totalFreezesDuration ?? 0;
      sum.freezes += one.freezeCount ?? 0;
      sum.frames += one.framesDecoded ?? 0;
      sum.lost += one.packetsLost ?? 0;
    }
    return sum;
  };
  const [before, began, offers] = [await counted(), performance.now(), room.link.offers];
  const tiles = Object.fromEntries(others.map(({ name }) => [name, { looks: 0, without: 0, inRow: 0, longest: 0, wrong: 0 }]));
  const states = [];
  room.on('state', ({ phase, signalling, media }) => {
    if (phase !== 'joined' || signalling !== 'up' || media !== 'connected') states.push(`${phase}, signalling ${signalling}, media ${media}`);
  });
  let looks = 0;
  const look = () => {
    const pictures = looks++ % looksPerRead === 0 ? window.__watch.pictures() : undefined;
    const seated = new Set(room.seats.filter(({ ready }) => ready).map(({ expected }) => expected));
    for (const { name, hue } of others) {
      const tile = tiles[name];
      const source = room.members.find((member) => member.name === name)?.camera.id;
      const there = seated.has(source) && (!pictures || pictures[name]);
      tile.looks += 1;
      tile.inRow = there ? 0 : tile.inRow + 1;
      tile.longest = Math.max(tile.longest, tile.inRow);
      if (!there) tile.without += 1;
      if (pictures?.[name] && far(pictures[name].hue, hue)) tile.wrong += 1;
    }
  };
  const timer = setInterval(look, everyMs);
  window.__soak = {
    async end() {
      clearInterval(timer);
      const [after, seconds] = [await counted(), (performance.now() - began) / 1000];
      const since = Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - before[key]]));
      return { seconds, ...since, tiles, states, reoffers: room.link.offers - offers, heap: performance.memory?.usedJSHeapSize ?? 0 };
    },
  };
}

/** What of the time the pictures that a member watched stood still. */
function frozenShare({ frozen, seconds, tiles }) {
  return frozen / (seconds * Object.keys(tiles).length);
}

function meanShare({ seen }) {
  return seen.reduce((sum, one) => sum + frozenShare(one), 0) / seen.length;
}

function faults({ members, seen, log }) {
  const found = [];
  for (const { name, errors, tiles, states, reoffers, frames } of seen) {
    const who = `${name} of ${members}`;
    for (const error of errors) found.push(`${who}: ${error}`);
    for (const state of states) found.push(`${who} was ${state}`);
    if (reoffers > 0) found.push(`${who} renegotiated ${reoffers} times though nobody came or went`);
    if (frames === 0) found.push(`${who} decoded no frame`);
    for (const [other, { longest, wrong, looks }] of Object.entries(tiles)) {
      if (looks === 0) found.push(`${who} looked at ${other} not once`);
      if (longest > GAP_LOOKS) found.push(`${who} saw no picture of ${other} for ${(longest * LOOK_MS) / 1000} s`);
      if (wrong > GAP_LOOKS) found.push(`${who} saw somebody else under the name of ${other}, ${wrong} times`);
    }
  }
  if (/panicked/.test(log)) found.push(`the server panicked: ${log.split('\n').find((line) => line.includes('panicked'))}`);
  return found;
}

function worse(control, long) {
  const [allowed, share] = [meanShare(control) + FREEZE_MARGIN, meanShare(long)];
  const overloaded = long.busy > BUSY_MOST ? '; the machine was too busy to tell: give it more cores or nothing else to do' : '';
  return share > allowed ? [`pictures stood still for ${percent(share)} of the time, more than the control's ${percent(meanShare(control))} and ${percent(FREEZE_MARGIN)}${overloaded}`] : [];
}

function table(calls) {
  const head = ['members', 'who', 'frames/s each', 'frozen', 'freezes', 'lost', 'without picture', 'heap MB'];
  const rows = calls.flatMap(({ members, seen }) =>
    seen.map((one) => {
      const tiles = Object.values(one.tiles);
      const looks = tiles.reduce((sum, { looks }) => sum + looks, 0);
      const without = tiles.reduce((sum, tile) => sum + tile.without, 0);
      return [members, one.name, (one.frames / one.seconds / tiles.length).toFixed(1), percent(frozenShare(one)), one.freezes, one.lost, `${without} of ${looks} looks`, (one.heap / 1e6).toFixed(0)];
    }),
  );
  const all = [head, ...rows].map((row) => row.map(String));
  const wide = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(wide[column])).join('  ')).join('\n');
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}
