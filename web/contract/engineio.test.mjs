/**
 * Engine.IO 4, packet by packet: every case that the protocol's public suite checks (25), spoken to the real binary. The
 * suite's echo is Socket.IO here, since that is what Plenum carries.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Polling, Socket, request } from './engine.mjs';
import { start } from './server.mjs';

let server;
before(async () => (server = await start()));
after(() => server?.stop());

const CONNECT = '40{"protocol":1}';
/** A session joined to a room, with which application events can be echoed. */
const JOIN = (id, room) => `42${id}["join",{"room":"${room}","name":"Ada"}]`;

describe('handshake', { concurrency: true }, () => {
  test('a session is opened by polling', async () => {
    const { opened } = await Polling.open(server.origin);
    assert.deepEqual(Object.keys(opened).sort(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
    assert.equal(typeof opened.sid, 'string');
    assert.deepEqual([opened.upgrades, opened.pingInterval, opened.pingTimeout], [['websocket'], 5000, 5000]);
  });

  test('polling with a wrong version, transport or method is refused', async () => {
    for (const query of [
      { transport: 'polling' },
      { EIO: 'abc', transport: 'polling' },
      { EIO: '4' },
      { EIO: '4', transport: 'abc' },
    ]) {
      assert.equal((await request(server.origin, query)).status, 400, JSON.stringify(query));
    }
    for (const method of ['POST', 'PUT']) {
      assert.equal((await request(server.origin, { EIO: '4', transport: 'polling' }, { method })).status, 400, method);
    }
  });

  test('a session is opened by websocket', async () => {
    const socket = new Socket(server.origin);
    const opened = JSON.parse((await socket.packet()).slice(1));
    assert.deepEqual([opened.upgrades, opened.pingInterval, opened.pingTimeout], [[], 5000, 5000]);
    socket.close();
  });

  test('a websocket with a wrong version or transport is refused', async () => {
    for (const query of [
      { transport: 'websocket' },
      { EIO: 'abc', transport: 'websocket' },
      { EIO: '4' },
      { EIO: '4', transport: 'abc' },
    ]) {
      await assert.rejects(new Socket(server.origin, query).opened, JSON.stringify(query));
    }
  });
});

describe('messages by polling', { concurrency: true }, () => {
  test('one packet in a payload', async () => {
    const session = await Polling.open(server.origin);
    assert.equal(await (await session.post(CONNECT)).text(), 'ok');
    assert.match(await session.packet((packet) => packet[0] === '4'), /^40\{"sid":"[^"]+"\}$/);
  });

  test('several packets in a payload keep their order', async () => {
    const session = await Polling.open(server.origin);
    await session.connect();
    const response = await session.post(JOIN(1, 'many'), '422["hand",{"raised":true}]', '423["snapshot",{}]');
    assert.equal(response.status, 200);
    const acks = [];
    while (acks.length < 3) acks.push(await session.packet((packet) => packet.startsWith('43')));
    assert.deepEqual(acks.map((ack) => ack.slice(0, 3)), ['431', '432', '433']);
    assert.match(acks[2], /"hand":true/);
  });

  test('text and binary packets', async () => {
    const [ada, bob] = [await Polling.open(server.origin), await Polling.open(server.origin)];
    for (const session of [ada, bob]) {
      await session.connect();
      await session.post(JOIN(1, 'bytes'));
      await session.packet((packet) => packet.startsWith('431'));
    }
    const bytes = Buffer.from([1, 2, 3, 4]).toString('base64');
    const event = '["app",{"event":"b","args":[{"_placeholder":true,"num":0}]}]';
    await ada.post(`451-2${event}`, `b${bytes}`);
    assert.match(await bob.packet((packet) => packet.startsWith('451-')), /"_placeholder":true/);
    assert.equal(await bob.packet((packet) => packet[0] === 'b'), `b${bytes}`);
    assert.match(await ada.packet((packet) => packet.startsWith('432')), /"delivered":1/);
  });

  test('an invalid packet closes the session', async () => {
    const session = await Polling.open(server.origin);
    assert.equal((await session.post('abc')).status, 400);
    await session.gone();
  });

  test('a second poll beside the first closes the session', async () => {
    const session = await Polling.open(server.origin);
    // The first ping goes out at once; after it a poll stays open.
    await session.packet((packet) => packet === '2');
    const both = await Promise.all([session.poll(), session.poll()]);
    assert.deepEqual(both.map((response) => response.status).sort(), [200, 400]);
    await session.gone();
  });

  // Node's own server ends the session at once. Ours does at the next heartbeat: engineioxide learns nothing of an aborted poll.
  test('a poll that was given up ends the session by the next heartbeat', async () => {
    const session = await Polling.open(server.origin);
    await session.connect();
    await assert.rejects(session.poll({ signal: AbortSignal.timeout(200) }));
    await pause(12_000);
    assert.equal(await session.lives(), false);
  });
});

describe('messages by websocket', { concurrency: true }, () => {
  test('a text packet', async () => {
    const socket = await Socket.open(server.origin, null);
    socket.send(CONNECT);
    assert.match(await socket.packet((packet) => packet[0] === '4'), /^40\{"sid"/);
    socket.close();
  });

  test('a binary packet', async () => {
    const [ada, bob] = [await Socket.open(server.origin), await Socket.open(server.origin)];
    for (const socket of [ada, bob]) {
      socket.send(JOIN(1, 'frames'));
      await socket.packet((packet) => packet.startsWith?.('431'));
    }
    ada.send('451-["app",{"event":"b","args":[{"_placeholder":true,"num":0}]}]');
    ada.send(Buffer.from([9, 8, 7]));
    assert.deepEqual(await bob.packet(Buffer.isBuffer), Buffer.from([9, 8, 7]));
    for (const socket of [ada, bob]) socket.close();
  });

  test('an invalid packet closes the session', async () => {
    const socket = await Socket.open(server.origin, null);
    socket.send('abc');
    await socket.closed;
  });
});

describe('heartbeat', { concurrency: true }, () => {
  test('a polling session that answers pings lives', async () => {
    const session = await Polling.open(server.origin);
    await session.connect();
    for (let pings = 0; pings < 3; pings += 1) await session.packet((packet) => packet === '2');
    assert.equal(await session.lives(), true);
  });

  test('a polling session that answers none is closed', async () => {
    const session = await Polling.open(server.origin);
    await session.connect();
    await pause(12_000);
    assert.equal((await session.poll()).status, 400);
  });

  test('a websocket that answers pings lives', async () => {
    const socket = await Socket.open(server.origin);
    for (let pings = 0; pings < 3; pings += 1) await socket.packet((packet) => packet === '2');
    assert.equal(socket.ws.readyState, socket.ws.OPEN);
    socket.close();
  });

  test('a websocket that answers none is closed', async () => {
    const socket = await Socket.open(server.origin);
    socket.answers = false;
    await socket.closed;
  });
});

describe('closing', { concurrency: true }, () => {
  test('a polling session is closed by its client', async () => {
    const session = await Polling.open(server.origin);
    await session.packet((packet) => packet === '2');
    const [poll] = await Promise.all([session.poll(), pause(200).then(() => session.post('1'))]);
    assert.ok(poll.status === 400 || (await poll.text()) === '6', 'the open poll ends');
    await session.gone();
  });

  test('a websocket is closed by its client', async () => {
    const socket = await Socket.open(server.origin);
    socket.send('1');
    await socket.closed;
  });
});

describe('upgrading', { concurrency: true }, () => {
  async function upgrade() {
    const session = await Polling.open(server.origin);
    const socket = new Socket(server.origin, { EIO: '4', transport: 'websocket', sid: session.sid });
    await socket.opened;
    socket.send('2probe');
    assert.equal(await socket.packet((packet) => packet.startsWith?.('3')), '3probe');
    socket.send('5');
    return { session, socket };
  }

  test('a session moves from polling to websocket and goes on there', async () => {
    const { socket } = await upgrade();
    assert.match(await socket.connect(), /^40\{"sid"/);
    socket.close();
  });

  test('polls of an upgraded session are refused', async () => {
    const { session, socket } = await upgrade();
    await socket.connect();
    assert.equal((await session.poll()).status, 400);
    assert.equal(socket.ws.readyState, socket.ws.OPEN);
    socket.close();
  });

  test('a second websocket of an upgraded session is refused', async () => {
    const { session, socket } = await upgrade();
    await socket.connect();
    const second = new Socket(server.origin, { EIO: '4', transport: 'websocket', sid: session.sid });
    await second.closed;
    socket.send('420["hand",{"raised":true}]');
    assert.match(await socket.packet((packet) => packet.startsWith?.('430')), /not_joined/);
    socket.close();
  });
});
