/**
 * Socket.IO 5, packet by packet: every case that the protocol's public suite checks beyond Engine.IO's (16 of 32; the rest
 * are in engineio.test.mjs), spoken to the real binary. What is Plenum's own to decide differs where docs/signalling.md says so.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Polling, Socket } from './engine.mjs';
import { start } from './server.mjs';

/** bcrypt of "open sesame": it opens the namespace of the Admin UI, the only one beside the main one. */
const HASH = '$2b$06$ATQ/LMtHVZQMxgllIzgcCeAXhWs.rq54wOF6Uc2A39uu96EY0qM5W';
const ADMIN = { username: 'admin', password: 'open sesame' };

let server;
let rooms = 0;
before(async () => (server = await start([`--admin-password-hash=${HASH}`])));
after(() => server?.stop());

/** Members of one room over websockets of their own. */
async function members(...names) {
  const room = `five-${++rooms}`;
  const sockets = [];
  for (const name of names) {
    const socket = await Socket.open(server.origin);
    socket.send(`421["join",${JSON.stringify({ room, name })}]`);
    const { member } = JSON.parse((await socket.packet((packet) => packet.startsWith?.('431'))).slice(3))[0];
    sockets.push(Object.assign(socket, { member }));
  }
  return sockets;
}

const close = (...sockets) => sockets.forEach((socket) => socket.close());

describe('connecting', { concurrency: true }, () => {
  test('the main namespace takes a client with the payload that the contract asks for', async () => {
    const socket = await Socket.open(server.origin, null);
    const answer = await socket.connect('/', { protocol: 1 });
    assert.deepEqual(Object.keys(JSON.parse(answer.slice(2))), ['sid']);
    close(socket);
  });

  test('a client without a payload is refused in words and may try again', async () => {
    const socket = await Socket.open(server.origin, null);
    const refused = JSON.parse((await socket.connect('/', null)).slice(2));
    assert.equal(JSON.parse(refused.message).code, 'bad_request');
    assert.match(await socket.connect(), /^40/);
    close(socket);
  });

  test('a custom namespace takes a client with its payload, on the same connection', async () => {
    const socket = await Socket.open(server.origin);
    assert.match(await socket.connect('/admin', ADMIN), /^40\/admin,\{"sid":"[^"]+"\}$/);
    close(socket);
  });

  test('a custom namespace refuses a client without one', async () => {
    const socket = await Socket.open(server.origin);
    assert.equal(await socket.connect('/admin', null), '44/admin,{"message":"invalid credentials"}');
    close(socket);
  });

  test('an unknown namespace is refused', async () => {
    const socket = await Socket.open(server.origin, null);
    assert.equal(await socket.connect('/random', null), '44/random,{"message":"Invalid namespace"}');
    close(socket);
  });

  test('an invalid handshake closes the connection', async () => {
    const socket = await Socket.open(server.origin, null);
    socket.send('4abc');
    await socket.closed;
  });

  test('a connection that joins no namespace is closed', async () => {
    const socket = await Socket.open(server.origin, null);
    await socket.closed;
  });
});

describe('disconnecting', { concurrency: true }, () => {
  test('a client leaves the main namespace and its member is away', async () => {
    const [ada, bob] = await members('Ada', 'Bob');
    bob.send('41');
    assert.match(await ada.packet((packet) => packet.includes?.('reconnecting')), new RegExp(bob.member));
    close(ada, bob);
  });

  test('a client leaves a custom namespace and stays in the main one', async () => {
    const socket = await Socket.open(server.origin);
    await socket.connect('/admin', ADMIN);
    socket.send('41/admin,');
    socket.send('428["snapshot",{}]');
    assert.match(await socket.packet((packet) => packet.startsWith?.('438')), /not_joined/);
    close(socket);
  });

  test('a client leaves a namespace and joins it again on the same connection', async () => {
    const [ada, bob] = await members('Ada', 'Bob');
    bob.send('41');
    // The library may lose a CONNECT that overtakes the end of the socket before it, so that has to be seen first.
    await ada.packet((packet) => packet.includes?.('reconnecting'));
    assert.match(await bob.connect(), /^40/);
    bob.send('427["snapshot",{}]');
    assert.match(await bob.packet((packet) => packet.startsWith?.('437')), /not_joined/);
    close(ada, bob);
  });
});

describe('messages', { concurrency: true }, () => {
  test('a text packet', async () => {
    const [ada, bob] = await members('Ada', 'Bob');
    ada.send('42["app",{"event":"note","args":[1,"2",{"3":[true]}]}]');
    const [event, push] = JSON.parse((await bob.packet((packet) => packet.startsWith?.('42["app"'))).slice(2));
    assert.deepEqual([event, push], ['app', { from: ada.member, event: 'note', args: [1, '2', { 3: [true] }] }]);
    close(ada, bob);
  });

  test('a packet with binary attachments', async () => {
    const [ada, bob] = await members('Ada', 'Bob');
    const args = '[{"_placeholder":true,"num":0},"test",{"_placeholder":true,"num":1}]';
    ada.send(`452-["app",{"event":"note","args":${args}}]`);
    ada.send(Buffer.from([1, 2, 3]));
    ada.send(Buffer.from([4, 5, 6]));
    assert.match(await bob.packet((packet) => packet.startsWith?.('452-')), /"num":0.*"test".*"num":1/);
    assert.deepEqual(await bob.packet(Buffer.isBuffer), Buffer.from([1, 2, 3]));
    assert.deepEqual(await bob.packet(Buffer.isBuffer), Buffer.from([4, 5, 6]));
    close(ada, bob);
  });

  test('a text packet with an acknowledgement', async () => {
    const [ada] = await members('Ada');
    ada.send('42456["hand",{"raised":true}]');
    assert.equal(await ada.packet((packet) => packet.startsWith?.('43456')), '43456[{"ok":true}]');
    close(ada);
  });

  test('binary attachments with an acknowledgement, both ways', async () => {
    const [ada, bob] = await members('Ada', 'Bob');
    const args = '[{"_placeholder":true,"num":0}]';
    ada.send(`451-789["app",{"to":"${bob.member}","event":"ask","args":${args}}]`);
    ada.send(Buffer.from([1]));
    const asked = await bob.packet((packet) => packet.startsWith?.('451-'));
    assert.deepEqual(await bob.packet(Buffer.isBuffer), Buffer.from([1]));
    const id = /^451-(\d+)\[/.exec(asked)[1];
    bob.send(`461-${id}[{"_placeholder":true,"num":0}]`);
    bob.send(Buffer.from([2]));
    assert.match(await ada.packet((packet) => packet.startsWith?.('461-789')), /"ok":true,"reply":\{"_placeholder":true,"num":0\}/);
    assert.deepEqual(await ada.packet(Buffer.isBuffer), Buffer.from([2]));
    close(ada, bob);
  });

  for (const [what, packet] of [
    ['an unknown packet type', '4abc'],
    ['a payload that is no array', '42{}'],
    ['JSON that is cut off', '42["hand"'],
  ]) {
    test(`${what} closes the connection or is ignored, and hurts nobody else`, async () => {
      const [ada, bob] = await members('Ada', 'Bob');
      ada.send(packet);
      ada.send('425["hand",{"raised":true}]');
      const answered = ada.packet((said) => said.startsWith?.('435'));
      answered.catch(() => undefined);
      await Promise.race([ada.closed, answered]);
      bob.send('426["hand",{"raised":true}]');
      assert.match(await bob.packet((said) => said.startsWith?.('436')), /"ok":true/);
      close(ada, bob);
    });
  }

  test('everything above works over polling, too', async () => {
    const session = await Polling.open(server.origin);
    assert.match(await session.connect(), /^40/);
    await session.post('421["join",{"room":"polled","name":"Ada"}]');
    assert.match(await session.packet((packet) => packet.startsWith('431')), /"ok":true/);
    await session.post('422["leave",{}]');
    assert.match(await session.packet((packet) => packet.startsWith('432')), /"ok":true/);
  });
});
