/** A thousand sockets come and go in two hundred rooms: nothing is left behind, and memory does not grow. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { start } from './server.mjs';

const SOCKETS = 1_000;
const ROOMS = 200;
/** Of everybody through all rooms. The first ones warm up what is kept on purpose: buffers, the allocator's pages. */
const WARM_UP = 3;
const ROUNDS = 6;
/** Sockets that connect at once; a loaded machine accepts no more in time. */
const AT_ONCE = 50;
/** Bytes of resident memory by which rounds may differ: a leak of 4 KiB a join would be as much in three rounds. */
const WAVER = 12 * 1024 * 1024;

let server;
const clients = [];

before(async () => (server = await start([`--connections-per-address=${SOCKETS + 100}`])));
after(async () => {
  clients.forEach((client) => client.close());
  await server?.stop();
});

async function figures() {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const of = (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
  return { rooms: of('plenum_rooms'), members: of('plenum_members'), memory: of('process_resident_memory_bytes') };
}

async function settled(rooms, members) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const now = await figures();
    if (now.rooms === rooms && now.members === members) return now;
    await new Promise((wait) => setTimeout(wait, 100));
  }
  assert.fail(`${JSON.stringify(await figures())} in the place of ${rooms} rooms and ${members} members`);
}

/** Everybody joins a room, another one each round, and leaves it. */
async function round(number) {
  await Promise.all(clients.map((client, index) => client.join(`churn-${(index * 7 + number) % ROOMS}`, `m${index}`)));
  await settled(ROOMS, SOCKETS);
  await Promise.all(clients.map((client) => client.do('leave', {})));
  const { memory } = await settled(0, 0);
  for (const client of clients) client.pushes.length = 0;
  return memory;
}

test('a thousand sockets in two hundred rooms leave nothing behind', { timeout: 300_000 }, async () => {
  while (clients.length < SOCKETS) {
    const some = Array.from({ length: AT_ONCE }, () => Client.connect(server.origin));
    clients.push(...(await Promise.all(some)));
  }
  for (let number = 0; number < WARM_UP; number++) await round(number);
  const memory = [];
  for (let number = 0; number < ROUNDS; number++) memory.push(await round(WARM_UP + number));
  const half = ROUNDS / 2;
  const least = (some) => Math.min(...some);
  const growth = least(memory.slice(half)) - least(memory.slice(0, half));
  assert.ok(growth < WAVER, `memory grew by ${growth} bytes: ${memory.join(', ')}`);
  // Half of them vanish without a word, while they are in rooms: their places are kept, and then nothing is.
  await Promise.all(clients.map((client, index) => client.join(`churn-${index % ROOMS}`, `m${index}`)));
  await Promise.all(clients.map((client) => client.do('leave', { soon: true })));
  for (const client of clients) client.close();
  await settled(0, 0);
});
