/** Namespace `/admin` in the words of the official Admin UI (`@socket.io/admin-ui` 0.5), spoken by the stock client. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { Client } from './client.mjs';
import { start } from './server.mjs';

const PASSWORD = 'open sesame';
/** bcrypt of it, at a cost that tests can afford. */
const HASH = '$2b$06$ATQ/LMtHVZQMxgllIzgcCeAXhWs.rq54wOF6Uc2A39uu96EY0qM5W';
const ADMIN = { username: 'admin', password: PASSWORD };
const WITHIN_MS = 10_000;

const servers = {};
before(async () => {
  servers.off = await start();
  servers.production = await start([`--admin-password-hash=${HASH}`]);
  servers.development = await start([`--admin-password-hash=${HASH}`, '--admin-mode=development']);
});
after(() => Promise.all(Object.values(servers).map((server) => server.stop())));

/** A page of the Admin UI, without its pictures: everything that it is told, in order. */
class Page {
  told = [];
  #waiting = [];

  constructor(origin, auth, headers) {
    this.socket = io(`${origin}/admin`, { auth, transports: ['websocket'], forceNew: true, reconnection: false, extraHeaders: headers });
    this.socket.onAny((event, ...args) => {
      this.told.push([event, ...args]);
      this.#waiting = this.#waiting.filter((look) => !look());
    });
  }

  /** Resolves to nothing, or to the message of the refusal. */
  connected() {
    return new Promise((settle) => {
      this.socket.once('connect', () => settle());
      this.socket.once('connect_error', (error) => settle(error.message));
    });
  }

  /** The arguments of the first event, past or future, of which `fits` holds. */
  hears(event, fits = () => true) {
    return new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`no ${event} among ${JSON.stringify(this.told).slice(0, 3000)}`)), WITHIN_MS);
      const look = () => {
        const one = this.told.find(([name, ...args]) => name === event && fits(...args));
        if (one) {
          clearTimeout(timer);
          found(one.slice(1));
        }
        return Boolean(one);
      };
      if (!look()) this.#waiting.push(look);
    });
  }

  close() {
    this.socket.disconnect();
  }
}

async function look(server, auth = ADMIN) {
  const page = new Page(server.origin, auth);
  assert.equal(await page.connected(), undefined);
  // From here on it is told what happens.
  await page.hears('config');
  return page;
}

describe('who may look', { concurrency: true }, () => {
  test('nobody while it is off, and its page is not there', async () => {
    assert.equal(await new Page(servers.off.origin, ADMIN).connected(), 'Invalid namespace');
    assert.equal((await fetch(`${servers.off.origin}/admin/ui/`)).status, 404);
  });

  test('only the right name and password count', async () => {
    for (const auth of [{}, { username: 'admin' }, { username: 'admin', password: 'wrong' }, { username: 'root', password: PASSWORD }, { sessionId: 'made up' }]) {
      assert.equal(await new Page(servers.production.origin, auth).connected(), 'invalid credentials', JSON.stringify(auth));
    }
  });

  test('a session comes back without its password', async () => {
    const page = await look(servers.production);
    const [sessionId] = await page.hears('session');
    assert.match(sessionId, /^[0-9a-f]{16}$/);
    (await look(servers.production, { sessionId })).close();
    page.close();
  });

  test('the hosted page may connect while it is on, other pages may not', async () => {
    const connects = async (server, origin) => {
      const page = new Page(server.origin, ADMIN, { origin });
      const refused = await page.connected();
      page.close();
      return refused === undefined;
    };
    assert.equal(await connects(servers.production, 'https://admin.socket.io'), true);
    assert.equal(await connects(servers.production, 'https://evil.example'), false);
    assert.equal(await connects(servers.off, 'https://admin.socket.io'), false);
  });
});

describe('what is shown', { concurrency: true }, () => {
  test('production shows figures and no socket', async () => {
    const page = await look(servers.production);
    const [{ supportedFeatures }] = await page.hears('config');
    assert.ok(supportedFeatures.includes('AGGREGATED_EVENTS') && !supportedFeatures.includes('ALL_EVENTS'));
    const one = await Client.connect(servers.production.origin);
    await one.join('figures', 'Ada');
    const [stats] = await page.hears('server_stats', (stats) => stats.namespaces.some(({ name, socketsCount }) => name === '/' && socketsCount === 1));
    assert.deepEqual(stats.namespaces.map(({ name }) => name), ['/', '/admin']);
    assert.ok(stats.pid > 0 && stats.uptime >= 0 && stats.hostname && stats.serverId && stats.clientsCount >= 2);
    await page.hears('server_stats', ({ aggregatedEvents }) => aggregatedEvents.some(({ type, count }) => type === 'packetsIn' && count > 0));
    assert.deepEqual(page.told.filter(([event]) => /^(all_sockets|socket_|room_|event_)/.test(event)), []);
    one.close();
    page.close();
  });

  test('development shows sockets, rooms and events, and no secret', async () => {
    const page = await look(servers.development);
    await page.hears('all_sockets');
    const one = await Client.connect(servers.development.origin, { headers: { cookie: 'session=secret' } });
    const [view] = await page.hears('socket_connected', ({ nsp }) => nsp === '/');
    await one.join('shown', 'Ada');
    const [, , id] = await page.hears('room_joined', (nsp, room) => room === 'room:shown');
    await page.hears('event_received', (nsp, who, [event, payload]) => who === id && event === 'join' && payload.name === 'Ada');
    await one.do('chat', { text: 'hello' });
    const [, , [, line], at] = await page.hears('event_sent', (nsp, who, [event]) => who === id && event === 'chat');
    assert.equal(line.text, 'hello');
    assert.ok(Math.abs(Date.now() - Date.parse(at)) < 60_000);
    const second = await look(servers.development);
    const [all] = await second.hears('all_sockets');
    const shown = all.find((socket) => socket.id === id);
    assert.deepEqual(shown.rooms.sort(), [id, 'room:shown'].sort());
    assert.equal(shown.transport, 'websocket');
    assert.ok(shown.handshake.headers['user-agent'] !== undefined || shown.handshake.headers.host);
    await one.do('leave');
    await page.hears('room_left', (nsp, room, who) => room === 'room:shown' && who === id);
    const sid = one.socket.id;
    one.close();
    await page.hears('socket_disconnected', (nsp, who, reason) => who === id && /namespace|transport/.test(reason));
    const everything = JSON.stringify([page.told, second.told, view]);
    assert.ok(!everything.includes(sid), 'an id of Socket.IO is the secret of its connection');
    assert.ok(!everything.includes('session=secret'));
    page.close();
    second.close();
  });

  test('a client that upgrades is seen to', async () => {
    const page = await look(servers.development);
    const one = await Client.connect(servers.development.origin, { transports: ['polling', 'websocket'] });
    await page.hears('socket_updated', ({ transport }) => transport === 'websocket');
    one.close();
    page.close();
  });
});

describe('commands', { concurrency: true }, () => {
  async function watched(room) {
    const page = await look(servers.development);
    const one = await Client.connect(servers.development.origin);
    await one.join(room, 'Ada');
    const [, , id] = await page.hears('room_joined', (nsp, name) => name === `room:${room}`);
    return { page, one, id };
  }

  test('emit reaches one, a room, and nobody else', async () => {
    const { page, one, id } = await watched('emit');
    const other = await Client.connect(servers.development.origin);
    const heard = (client) => new Promise((done) => client.socket.once('notice', (...args) => done(args)));
    const [first, strange] = [heard(one), heard(other)];
    page.socket.emit('emit', '/', id, 'notice', 1, { two: 2 });
    assert.deepEqual(await first, [1, { two: 2 }]);
    const again = heard(one);
    page.socket.emit('emit', '/', 'room:emit', 'notice', 'room');
    assert.deepEqual(await again, ['room']);
    page.socket.emit('emit', '/', undefined, 'notice', 'all');
    assert.deepEqual(await strange, ['all']);
    for (const client of [one, other]) client.close();
    page.close();
  });

  test('join and leave label sockets, which emit then finds', async () => {
    const { page, one, id } = await watched('labels');
    page.socket.emit('join', '/', 'vip', id);
    await page.hears('room_joined', (nsp, room, who) => room === 'vip' && who === id);
    // By a name of its own: what the test above tells everybody reaches this client, too.
    const heard = new Promise((done) => one.socket.once('greeting', done));
    page.socket.emit('emit', '/', 'vip', 'greeting', 'welcome');
    assert.equal(await heard, 'welcome');
    page.socket.emit('leave', '/', 'vip', id);
    await page.hears('room_left', (nsp, room, who) => room === 'vip' && who === id);
    one.close();
    page.close();
  });

  for (const close of [false, true]) {
    test(`disconnect ${close ? 'closes the connection' : 'leaves the namespace'}`, async () => {
      const { page, one, id } = await watched(`end-${close}`);
      page.socket.emit('_disconnect', '/', close, id);
      const [, , reason] = await page.hears('socket_disconnected', (nsp, who) => who === id);
      assert.match(reason, /server namespace disconnect|transport/);
      for (let waited = 0; one.disconnects.length === 0 && waited < WITHIN_MS; waited += 50) await new Promise((go) => setTimeout(go, 50));
      assert.match(one.disconnects[0], /io server disconnect|transport (close|error)/);
      page.close();
    });
  }
});
