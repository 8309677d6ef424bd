/**
 * What is to be complained of after a long call. Pure. On any machine: what people see and what the server promises
 * (nothing lost, nothing dropped, every seat filled, memory that stays). What takes time (frames that were held back, left out or paused, and
 * what stood still) is judged only where the machine had time to spare: where every program waits for its turn, packets do come
 * late, and a server that takes that for a slow network is right. There it is told, with its cause.
 */
import { CAUSES } from './flows.mjs';

/** A seat that changes hands between two looks is seen once without its picture. */
const GAP_LOOKS = 1;
/** Frames that may be missing at the end: the two pages are not read at the same moment. */
const MISSING_FRAMES = 3;
/** Of the packets; even an idle machine stops a thread now and then. */
const LATE_SHARE = 0.001;
/** Histories and rings fill first; what grows on after the first fifth of a call grows for ever. */
const MEMORY_MB = 4;
/** Of a page, after its garbage was collected; the readings that the watch itself keeps are the most of it. */
const HEAP_MB = 8;
/** Of the machine; beyond it everything waits for everything. */
const BUSY_MOST = 0.9;
/**
 * What of the time may be frozen beyond the control's share. Chromium calls any frame that comes 150 ms later than usual a
 * freeze: one stumble of the machine a minute is this much, and no fault of the call.
 */
const FREEZE_MARGIN = 0.005;

/** `faults` fail the run; `notes` are what a machine without time to spare is the cause of. */
export function verdict(control, long) {
  const calls = [control, long];
  const faults = calls.flatMap((call) => [...faultsOfPages(call), ...lossesOf(call), ...growthOf(call)]);
  const timed = [...calls.flatMap((call) => delaysOf(call).map((words) => ({ words, busy: call.busy }))), ...freezesOf(control, long).map((words) => ({ words, busy: long.busy }))];
  for (const { words, busy } of timed) if (busy <= BUSY_MOST) faults.push(words);
  const notes = timed.filter(({ busy }) => busy > BUSY_MOST).map(({ words, busy }) => `${words}; the machine was ${percent(busy)} busy`);
  return { faults, notes };
}

function faultsOfPages({ members, seen, log, lookMs }) {
  const found = seen.flatMap(({ name, errors, states, reoffers, tiles, flows }) => {
    const who = `${name} of ${members}`;
    return [
      ...errors.map((error) => `${who}: ${error}`),
      ...states.map((state) => `${who} was ${state}`),
      ...(reoffers > 0 ? [`${who} renegotiated ${reoffers} times though nobody came or went`] : []),
      ...Object.entries(tiles).flatMap(([other, tile]) => faultsOfTile(who, other, tile, flows[other], lookMs)),
    ];
  });
  if (/panicked/.test(log)) found.push(`the server panicked: ${log.split('\n').find((line) => line.includes('panicked'))}`);
  return found;
}

function faultsOfTile(who, other, { looks, longest, wrong }, flow, lookMs) {
  const found = [];
  if (looks === 0) found.push(`${who} looked at ${other} not once`);
  if (longest > GAP_LOOKS) found.push(`${who} saw no picture of ${other} for ${(longest * lookMs) / 1000} s`);
  if (wrong > GAP_LOOKS) found.push(`${who} saw somebody else under the name of ${other}, ${wrong} times`);
  if (!flow?.shown) found.push(`${who} decoded no frame of ${other}`);
  return found;
}

/** Nothing is lost between programs of one machine but what the server loses. */
function lossesOf({ members, seen, readings }) {
  const found = [];
  for (const { name, flows, voice } of seen) {
    if (voice.lost > 0) found.push(`${name} of ${members} lost ${voice.lost} packets of sound`);
    for (const [other, { lost }] of Object.entries(flows)) if (lost > 0) found.push(`${name} of ${members} lost ${lost} packets of ${other}'s picture`);
  }
  const grown = growthIn(readings);
  if (grown('drops') > 0) found.push(`the server dropped ${grown('drops')} packets that it should have sent`);
  if (grown('refused') > 0) found.push(`the system refused ${grown('refused')} datagrams of the server`);
  return found;
}

function growthOf({ members, seen, readings }) {
  const found = [];
  const fifth = Math.ceil(readings.length / 5);
  const [settled, ended] = [readings.slice(0, fifth), readings.slice(-fifth)].map((part) => median(part.map(({ memory }) => memory)));
  if (ended - settled > MEMORY_MB) found.push(`the server grew from ${settled.toFixed(1)} to ${ended.toFixed(1)} MB with ${members} members`);
  for (const { name, heap: [before, after] } of seen) if (after - before > HEAP_MB) found.push(`the page of ${name} of ${members} grew from ${before.toFixed(1)} to ${after.toFixed(1)} MB`);
  return found;
}

/** What the server kept, left out or paused, though no network was short of anything. */
function delaysOf({ members, seen, readings }) {
  const found = [];
  const grown = growthIn(readings);
  const flows = seen.flatMap(({ flows }) => Object.values(flows));
  const sum = (key) => flows.reduce((total, flow) => total + flow[key], 0);
  const missing = flows.filter((flow) => flow.missing > MISSING_FRAMES).length;
  if (missing > 0) found.push(`${missing} of ${flows.length} pictures with ${members} members came with fewer frames than were sent, ${sum('missing')} in all`);
  if (sum('pauses') + sum('layers') > 0) found.push(`pictures with ${members} members were paused ${sum('pauses')} times and changed their layer ${sum('layers')} times`);
  else if (grown('switches') > 0) found.push(`the server changed ${grown('switches')} seats of ${members} members though nobody came or went`);
  if (grown('late') > LATE_SHARE * grown('packets')) found.push(`the server kept ${grown('late')} of ${grown('packets')} packets of ${members} members for more than 50 ms`);
  return found;
}

/** The server is held to nothing, the machine to what the control shows of it. */
function freezesOf(control, long) {
  const found = [];
  const held = stillShare(long.seen, ['paused', 'underway']);
  const machine = (call) => stillShare(call.seen, ['unsent', 'late']);
  if (held > FREEZE_MARGIN) found.push(`pictures stood still for ${percent(held)} of the time because what was sent did not come`);
  if (machine(long) > machine(control) + FREEZE_MARGIN) found.push(`pictures stood still for ${percent(machine(long))} of the time because frames were not sent or were shown late; the control's ${percent(machine(control))} and ${percent(FREEZE_MARGIN)} are expected`);
  return found;
}

/** What of the time pictures stood still for these causes, over everybody who watched. */
export function stillShare(seen, causes = CAUSES) {
  let [still, watched] = [0, 0];
  for (const { flows, seconds } of seen) {
    for (const flow of Object.values(flows)) {
      watched += seconds;
      for (const cause of causes) still += flow.still[cause];
    }
  }
  return watched > 0 ? still / watched : 0;
}

function growthIn(readings) {
  return (key) => readings.at(-1)[key] - readings[0][key];
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
}

export function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}
