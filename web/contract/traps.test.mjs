/** Seven traps of the library below, each closed: what a client could do to others if one were open. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from './client.mjs';
import { Polling, Socket } from './engine.mjs';
import { start } from './server.mjs';

let server;
let rooms = 0;
before(async () => (server = await start()));
after(() => server?.stop());

const room = () => `trap-${++rooms}`;

describe('traps', { concurrency: true }, () => {
  test('1: nothing that others are told opens a session, which are the secrets of their connections', async () => {
    const name = room();
    const victim = await Polling.open(server.origin);
    await victim.connect();
    await victim.post(`421["join",{"room":"${name}","name":"Ada"}]`);
    const said = await victim.packet((packet) => packet.startsWith('431'));
    const { member, room: snapshot } = JSON.parse(said.slice(3))[0];
    const bob = await Client.connect(server.origin);
    const joined = await bob.join(name, 'Bob');
    const told = JSON.stringify([joined, bob.pushes, snapshot]);
    assert.ok(!told.includes(victim.sid));
    // What is public is no session: it neither speaks for the victim nor ends it.
    const forged = new Polling(server.origin, member, {});
    assert.equal((await forged.post(`42["chat",{"text":"forged"}]`)).status, 400);
    assert.equal((await forged.poll()).status, 400);
    await victim.post('422["chat",{"text":"mine"}]');
    const line = await bob.push('chat', ({ text }) => text === 'mine');
    assert.equal(line.from, member);
    assert.equal(await victim.lives(), true);
    bob.close();
  });

  test('2: events take effect in the order of the wire, from the very first on', async () => {
    for (let round = 0; round < 10; round += 1) {
      const socket = await Socket.open(server.origin, null);
      const name = room();
      socket.send('40{"protocol":1}');
      await socket.packet((packet) => packet.startsWith?.('40'));
      socket.send(`420["join",{"room":"${name}","name":"0"}]`);
      for (let id = 1; id <= 40; id += 1) socket.send(`42${id}["rename",{"name":"${id}"}]`);
      socket.send('4299["snapshot",{}]');
      const acks = [];
      while (acks.length < 42) acks.push(await socket.packet((packet) => packet.startsWith?.('43')));
      const ids = acks.map((ack) => Number(/^43(\d+)/.exec(ack)[1]));
      assert.deepEqual(ids, [...Array(41).keys(), 99]);
      assert.match(acks[41], /"name":"40"/);
      socket.close();
    }
  });

  test('3 and 4: who does not read loses its connection, not an event, and nobody waits for it', async () => {
    const name = room();
    const { hostname, port } = new URL(server.origin);
    // A websocket by hand, so that nothing reads it.
    const stuck = connect(Number(port), hostname);
    await new Promise((done) => stuck.once('connect', done));
    stuck.on('error', () => undefined);
    const gone = new Promise((done) => stuck.once('close', done));
    const key = Buffer.from('0123456789abcdef').toString('base64');
    stuck.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: ${hostname}:${port}\r\nupgrade: websocket\r\n` +
        `connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
    );
    for (const packet of ['40{"protocol":1}', `421["join",{"room":"${name}","name":"Stuck"}]`]) {
      await pause(300);
      stuck.write(frame(packet));
    }
    const ada = await Client.connect(server.origin);
    for (;;) {
      const { room: seen } = await ada.join(name, 'Ada');
      if (seen.members.length === 2) break;
      await pause(100);
    }
    stuck.pause();
    // Far more than sockets and queues hold: 60 kB twenty times a second.
    const payload = 'x'.repeat(60_000);
    const deadline = Date.now() + 25_000;
    let cut = false;
    while (!cut && Date.now() < deadline) {
      const reply = await ada.ask('app', { event: 'flood', args: [payload] });
      if (!reply.ok) await pause(100);
      cut = ada.pushes.some(({ event, body }) => event === 'room' && JSON.stringify(body).includes('reconnecting'));
    }
    assert.ok(cut, 'it is cut');
    assert.equal((await ada.ask('chat', { text: 'still here' })).ok, true);
    stuck.resume();
    await gone;
    ada.close();
  });

  test('5: a client whose network is gone is away within the heartbeat, not when its kernel gives up', async () => {
    const name = room();
    const ada = await Client.connect(server.origin);
    await ada.join(name, 'Ada');
    const ghost = await Socket.open(server.origin);
    ghost.send(`421["join",{"room":"${name}","name":"Ghost"}]`);
    await ghost.packet((packet) => packet.startsWith?.('431'));
    ghost.answers = false;
    ghost.ws.pause();
    // A heartbeat takes ten seconds at most; the kernel would take minutes.
    await until(() => ada.pushes.some(({ body }) => JSON.stringify(body).includes('reconnecting')));
    ghost.close();
    ada.close();
  });

  test('6: a member alone is reached by its own id', async () => {
    const name = room();
    const [ada, bob, eve] = await Promise.all(Array.from({ length: 3 }, () => Client.connect(server.origin)));
    await ada.join(name, 'Ada');
    const { member } = await bob.join(name, 'Bob');
    await eve.join(name, 'Eve');
    await ada.do('chat', { text: 'for Bob', to: member });
    assert.equal((await bob.push('chat')).text, 'for Bob');
    await ada.do('chat', { text: 'for all' });
    await eve.push('chat', ({ text }) => text === 'for all');
    assert.deepEqual(eve.pushes.filter(({ event }) => event === 'chat').map(({ body }) => body.text), ['for all']);
    for (const client of [ada, bob, eve]) client.close();
  });

  // The library's limit: Node's server ends such a session at once, ours at the next heartbeat.
  test('7: who gives up a poll is away at the next heartbeat and comes back as the same member', async () => {
    const name = room();
    const ada = await Client.connect(server.origin);
    await ada.join(name, 'Ada');
    const session = await Polling.open(server.origin);
    await session.connect();
    await session.post(`421["join",{"room":"${name}","name":"Bob"}]`);
    const { member, resume } = JSON.parse((await session.packet((packet) => packet.startsWith('431'))).slice(3))[0];
    await assert.rejects(session.poll({ signal: AbortSignal.timeout(100) }));
    await until(() => ada.pushes.some(({ body }) => JSON.stringify(body).includes('reconnecting')));
    const back = await Client.connect(server.origin, { auth: { protocol: 1, resume } });
    const joined = await back.join(name, 'Bob');
    assert.deepEqual([joined.member, joined.resumed], [member, true]);
    for (const client of [ada, back]) client.close();
  });
});

async function until(holds) {
  const deadline = Date.now() + 25_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'it never came to be');
    await pause(100);
  }
}

/** A masked text frame (RFC 6455 §5.2) of at most 65,535 bytes. */
function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, 0x80 | body.length]) : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255]);
  // A mask of zeros leaves the body as it is.
  return Buffer.concat([head, Buffer.alloc(4), body]);
}
