/** However a connection ends, its member comes back as the same one, and the others see no more than "reconnecting". */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { start } from './server.mjs';

let server;
let rooms = 0;
const open = [];

before(async () => (server = await start()));
after(async () => {
  for (const one of open) await one.close();
  await server?.stop();
});

async function client(origin = server.origin, resume) {
  const auth = { protocol: 1, ...(resume && { resume }) };
  const one = await Client.connect(origin, { auth });
  open.push(one);
  return one;
}

/** A network between client and server that can be cut with a reset, or swallow everything without a word. */
async function network() {
  const to = new URL(server.origin);
  const sockets = new Set();
  let dead = false;
  const proxy = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const [from, into] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.on('data', (bytes) => dead || into.write(bytes));
      from.on('close', () => into.destroy());
      from.on('error', () => into.destroy());
    }
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  const one = {
    origin: `http://127.0.0.1:${proxy.address().port}`,
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    swallow: () => (dead = true),
    close: () => {
      one.cut();
      proxy.close();
    },
  };
  open.push(one);
  return one;
}

const kinds = (watcher) => watcher.pushes.filter(({ event }) => event === 'room').flatMap(({ body }) => body.changes.map(({ kind }) => kind));

for (const [what, end, seen] of [
  ['its websocket is killed', (_grace, between) => between.cut(), true],
  ['the server closes it', (grace) => grace.socket.emit('chat', { text: 'x'.repeat(3 * 1024 * 1024) }), true],
  ['its page is loaded anew', async (grace) => {
    await grace.do('leave', { soon: true });
    grace.close();
  }, true],
  ['its network is gone without a word', (_grace, between) => between.swallow(), false],
]) {
  test(`the same member comes back after ${what}`, async () => {
    const name = `resumed-${++rooms}`;
    const between = await network();
    const [ada, grace] = [await client(), await client(between.origin)];
    await ada.join(name, 'Ada');
    const first = await grace.join(name, 'Grace');
    await grace.do('media', { microphone: true, camera: false, screen: false, screenAudio: false });
    await grace.do('hand', { raised: true });
    const before = await ada.change(({ member }) => member?.id === first.member && member.hand && member.camera.audio);
    ada.pushes.length = 0;
    await end(grace, between);
    if (seen) await ada.change(({ member }) => member?.id === first.member && member.presence === 'reconnecting');
    const again = await client(server.origin, first.resume);
    const back = await again.join(name, 'Grace');
    assert.deepEqual([back.member, back.resumed, back.permissions], [first.member, true, first.permissions]);
    assert.deepEqual(back.room.members.find(({ id }) => id === first.member), before.change.member);
    if (seen) await ada.change(({ member }) => member?.id === first.member && member.presence === 'here');
    await again.do('chat', { text: 'back' });
    await ada.push('chat');
    assert.deepEqual(kinds(ada).filter((kind) => kind !== 'changed'), []);
  });
}

test('of two tabs with one token the newer wins, the older is told, and a third may follow', async () => {
  const name = `resumed-${++rooms}`;
  const [ada, first] = [await client(), await client()];
  await ada.join(name, 'Ada');
  const { member, resume } = await first.join(name, 'Grace');
  await ada.change(({ kind, member: one }) => kind === 'joined' && one.id === member);
  ada.pushes.length = 0;
  let older = first;
  for (let tab = 0; tab < 3; tab++) {
    const newer = await client(server.origin, resume);
    assert.equal((await newer.join(name, 'Grace')).member, member);
    assert.equal((await older.push('farewell')).reason, 'replaced');
    assert.equal(await newer.ask('hand', { raised: true }).then(({ ok }) => ok), true);
    older = newer;
  }
  await ada.change(({ member: one }) => one?.hand === true);
  assert.deepEqual(kinds(ada), ['changed']);
});

test('a token is void once its member has left', async () => {
  const name = `resumed-${++rooms}`;
  const [ada, grace] = [await client(), await client()];
  await ada.join(name, 'Ada');
  const { member, resume } = await grace.join(name, 'Grace');
  await grace.do('leave', {});
  const again = await client(server.origin, resume);
  const back = await again.join(name, 'Grace');
  assert.equal(back.resumed, false);
  assert.notEqual(back.member, member);
});

test('who is no member any more is told so, and joins again over the same connection as somebody new', async () => {
  const name = `resumed-${++rooms}`;
  const [ada, grace] = [await client(), await client()];
  await ada.join(name, 'Ada');
  const { member } = await grace.join(name, 'Grace');
  await grace.do('leave', {});
  for (const [event, body] of [['hand', { raised: true }], ['viewing', { freezes: 0, frozenMs: 0, shownMs: 1 }], ['offer', { transport: 'transport-of-grace', revision: 1, sdp: 'v=0' }]]) {
    assert.equal((await grace.ask(event, body)).error?.code, 'not_joined', event);
  }
  const again = await grace.join(name, 'Grace');
  assert.equal(again.resumed, false);
  assert.notEqual(again.member, member);
  await ada.change(({ kind, member: one }) => kind === 'joined' && one.id === again.member);
});
