/** Whoever floods the server, or talks nonsense, is answered in words, and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { start } from './server.mjs';

/** More than one connection may send at once. */
const FLOOD = 400;
const NONSENSE = [
  ['no such event'],
  ['hand', { raised: 'yes' }],
  ['join', { room: '../..', name: 'x' }],
  ['offer', { transport: 'abcdefgh', revision: 1, sdp: 'v=0\r\n'.repeat(50) }],
  ['wishes', { sources: Array.from({ length: 513 }, (_, source) => ({ source, width: 1, height: 1, priority: 1 })) }],
  ['mute', { kinds: ['everything'] }],
  ['settings', { rules: { microphone: false } }],
  ['role', { member: 'nobody', role: 'god' }],
  ['admit', { id: 7 }],
  ['media', {}],
  ['leave', {}, 'second'],
];
/** Few of these: the test's own process writes each of them. */
const LARGE = ['chat', { text: 'x'.repeat(600 * 1024) }];
let server;
const open = [];

before(async () => (server = await start()));
after(async () => {
  open.forEach((client) => client.close());
  await server?.stop();
});

async function client() {
  const one = await Client.connect(server.origin);
  open.push(one);
  return one;
}

/** Two members exchange numbered events; each arrives, in order, and is acknowledged. */
async function talk(sender, receiver, to, count) {
  const heard = [];
  receiver.socket.on('app', ({ args }, acknowledge) => {
    heard.push(args[0]);
    acknowledge(args[0]);
  });
  for (let number = 0; number < count; number++) {
    const { reply } = await sender.do('app', { to, event: 'number', args: [number], timeoutMs: 30_000 });
    assert.equal(reply, number);
    await new Promise((wait) => setTimeout(wait, 60));
  }
  assert.deepEqual(heard, Array.from({ length: count }, (_, number) => number));
}

test('a flood in one room leaves the others undisturbed', { timeout: 120_000 }, async () => {
  const [ada, grace, mallory, bystander] = [await client(), await client(), await client(), await client()];
  await ada.join('calm', 'Ada');
  const { member } = await grace.join('calm', 'Grace');
  await mallory.join('storm', 'Mallory');
  await bystander.join('storm', 'Bystander');
  const calm = talk(ada, grace, member, 60);
  const codes = new Set();
  for (let wave = 0; wave < 4; wave++) {
    const asked = Array.from({ length: FLOOD }, (_, index) => {
      const [event, ...args] = index < 2 ? LARGE : NONSENSE[index % NONSENSE.length];
      return mallory.ask(event, ...(args.length ? args : [{}]));
    });
    for (const reply of await Promise.all(asked)) {
      assert.ok(reply.ok || reply.error.message.length > 5, JSON.stringify(reply));
      codes.add(reply.ok ? 'ok' : reply.error.code);
    }
  }
  await calm;
  for (const code of ['unknown_event', 'bad_request', 'rate_limited', 'too_large']) {
    assert.ok(codes.has(code), `${[...codes]} lack ${code}`);
  }
  assert.ok(!codes.has('ok'), [...codes].join());
  // Not even in its own room is anybody hurt.
  await bystander.do('snapshot', {});
  assert.deepEqual([ada, grace, mallory, bystander].map(({ disconnects }) => disconnects), [[], [], [], []]);
});
