/** The Socket.IO contract of docs/signalling.md, spoken by the stock client to the real binary. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import vm from 'node:vm';
import { Client } from './client.mjs';
import { start } from './server.mjs';

let server;
let rooms = 0;
const open = [];

before(async () => (server = await start()));
after(async () => {
  open.forEach((client) => client.close());
  await server?.stop();
});

const room = () => `room-${++rooms}`;

async function client(options) {
  const one = await Client.connect(server.origin, options);
  open.push(one);
  return one;
}

/** Two members of one room. */
async function pair(options) {
  const name = room();
  const [ada, grace] = [await client(options), await client(options)];
  const first = await ada.join(name, 'Ada');
  const second = await grace.join(name, 'Grace');
  return { name, ada, grace, adaId: first.member, graceId: second.member, first, second };
}

test('another version of the protocol is refused in words', async () => {
  for (const [auth, code] of [
    [{ protocol: 999 }, 'protocol_mismatch'],
    [{}, 'bad_request'],
    [{ protocol: 1, colour: 'red' }, 'bad_request'],
  ]) {
    const stranger = new Client(server.origin, { auth });
    const refused = await stranger.connected();
    stranger.close();
    assert.equal(JSON.parse(refused.message).code, code);
  }
});

test('a snapshot on joining and gapless changes after it', async () => {
  const { ada, grace, first, second, graceId, name } = await pair();
  assert.deepEqual(first.room.members.map((member) => member.name), ['Ada']);
  assert.deepEqual(second.room.members.map((member) => member.name), ['Ada', 'Grace']);
  assert.equal(first.resumed, false);
  assert.equal(first.limits.messageBytes, 512 * 1024);
  const joined = await ada.change(({ kind }) => kind === 'joined');
  assert.equal(joined.revision, first.room.revision + 1);
  assert.equal(joined.change.member.id, graceId);
  await grace.do('hand', { raised: true });
  await grace.do('rename', { name: 'Grace Hopper' });
  await grace.do('media', { microphone: true, camera: true, screen: false, screenAudio: false });
  const last = await ada.change(({ member }) => member?.camera?.video === true);
  assert.equal(last.revision, first.room.revision + 4);
  assert.equal(last.change.member.name, 'Grace Hopper');
  assert.equal(last.change.member.hand, true);
  const snapshot = await ada.do('snapshot', {});
  assert.equal(snapshot.room.id, name);
  assert.deepEqual(snapshot.room.members.find((member) => member.id === graceId), last.change.member);
});

test('names are normalised to NFC and bad ones refused', async () => {
  const korean = await client();
  const reply = await korean.join('회의실'.normalize('NFD') + rooms++, '이서연'.normalize('NFD'));
  assert.equal(reply.room.members[0].name, '이서연'.normalize('NFC'));
  assert.match(reply.room.id, /^회의실/);
  const other = await client();
  for (const body of [{ room: 'a/b', name: 'A' }, { room: 'a', name: '  ' }, { room: 'a', name: 'x'.repeat(65) }]) {
    assert.equal(await other.refusal('join', body), 'bad_name');
  }
});

test('chat reaches the room or one member alone, and a retry is delivered once', async () => {
  const { name, ada, grace, graceId } = await pair();
  const alan = await client();
  await alan.join(name, 'Alan');
  const body = { text: 'to all', request: 'r1' };
  const sent = await ada.do('chat', body);
  assert.deepEqual(await ada.do('chat', body), sent);
  await ada.do('chat', { text: 'psst', to: graceId });
  await ada.do('chat', { text: 'the end' });
  for (const member of [ada, grace, alan]) await member.push('chat', ({ text }) => text === 'the end');
  const heard = (member) => member.pushes.filter(({ event }) => event === 'chat').map(({ body: line }) => line.text);
  assert.deepEqual(heard(grace), ['to all', 'psst', 'the end']);
  assert.deepEqual(heard(ada), ['to all', 'psst', 'the end']);
  assert.deepEqual(heard(alan), ['to all', 'the end']);
  const line = await grace.push('chat', ({ to }) => to === graceId);
  assert.equal(line.name, 'Ada');
  assert.equal(await ada.refusal('chat', { text: 'x', to: 'nobody' }), 'no_such_member');
  assert.equal(await ada.refusal('chat', { text: 'x'.repeat(4001) }), 'too_large');
});

for (const transports of [['websocket'], ['polling']]) {
  test(`app carries any event, with bytes and acknowledgement both ways, over ${transports}`, async () => {
    const { ada, grace, adaId, graceId } = await pair({ transports });
    grace.socket.on('app', ({ from, event, args }, acknowledge) => {
      assert.equal(from, adaId);
      assert.ok(Buffer.isBuffer(args[1].bytes));
      acknowledge?.({ event, doubled: Buffer.concat([args[1].bytes, args[1].bytes]), back: args[0] });
    });
    const bytes = Buffer.from([0, 1, 254, 255]);
    const args = ['텍스트', { bytes, deep: [null, 1.5, true] }];
    const { reply } = await ada.do('app', { to: graceId, event: 'cursor.moved', args });
    assert.equal(reply.event, 'cursor.moved');
    assert.equal(reply.back, '텍스트');
    assert.deepEqual(Buffer.from(reply.doubled), Buffer.concat([bytes, bytes]));
    assert.deepEqual(await ada.do('app', { event: 'to.all', args }), { ok: true, delivered: 1 });
  });
}

test('an app without a listener to acknowledge it times out, and its name has a limit', async () => {
  const { ada, graceId } = await pair();
  assert.equal(await ada.refusal('app', { to: graceId, event: 'e', args: [], timeoutMs: 100 }), 'timeout');
  assert.equal(await ada.refusal('app', { to: 'nobody', event: 'e', args: [] }), 'no_such_member');
  assert.equal(await ada.refusal('app', { event: 'x'.repeat(65), args: [] }), 'bad_request');
  // Characters, not bytes: 64 of three bytes each.
  await ada.do('app', { event: '가'.repeat(64), args: [] });
});

test('an acknowledgement without an argument is a null', async () => {
  const { ada, graceId, grace } = await pair();
  grace.socket.on('app', (_push, acknowledge) => acknowledge());
  assert.deepEqual(await ada.do('app', { to: graceId, event: 'e' }), { ok: true, reply: null });
});

test('a message has at most ten attachments, as many as the stock client takes', async () => {
  const { ada, grace, graceId } = await pair();
  const attachments = (count) => Array.from({ length: count }, (_, index) => Buffer.from([index]));
  grace.socket.on('app', ({ event, args }, acknowledge) => acknowledge(event === 'back' ? attachments(11) : args));
  const send = (event, count) => ['app', { to: graceId, event, args: attachments(count) }];
  assert.deepEqual((await ada.do(...send('there', 10))).reply.map((one) => one[0]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(await ada.refusal(...send('there', 11)), 'too_large');
  assert.equal(await ada.refusal(...send('back', 1)), 'too_large');
  assert.deepEqual([ada.disconnects, grace.disconnects], [[], []]);
});

test('app is limited in rate', async () => {
  const { ada } = await pair();
  const replies = await Promise.all(Array.from({ length: 60 }, () => ada.ask('app', { event: 'e', args: [] })));
  const refused = replies.filter((reply) => !reply.ok);
  assert.ok(refused.length > 0 && refused.length <= 40, `${refused.length} refused`);
  assert.ok(refused.every(({ error }) => error.code === 'rate_limited'));
  assert.deepEqual(ada.disconnects, []);
});

test('whatever is malformed is an error that says why, and never a disconnect', async () => {
  const { ada } = await pair();
  assert.equal(await ada.refusal('no-such-event', {}), 'unknown_event');
  for (const [event, ...args] of [
    ['hand', { raised: 'yes' }],
    ['hand'],
    ['hand', { raised: true }, 'second'],
    ['hand', { raised: true, colour: 'red' }],
    ['hand', null],
    ['hand', [1, 2]],
    ['chat', 'text'],
    ['chat', Buffer.from('bytes')],
    ['wishes', { sources: [{ source: 1, width: -1, height: 1, priority: 1 }] }],
    ['offer', { transport: 'short', revision: 1, sdp: '' }],
    ['app', { event: 'e', args: [{ _placeholder: true, num: 7 }] }],
    ['lobby', { watch: 1 }],
    ['viewing', { freezes: 1, frozenMs: -1, shownMs: 1 }],
    ['viewing', { freezes: 100_001, frozenMs: 1, shownMs: 1 }],
  ]) {
    assert.equal(await ada.refusal(event, ...args), 'bad_request', event);
  }
  assert.equal(await ada.refusal('offer', { transport: 'abcdefgh1', revision: 1, sdp: 'v=0' }), 'bad_sdp');
  assert.match((await ada.ask('wishes', { sources: [{ source: 'x' }] })).error.message, /sources\[0\]\.source/);
  // Without an acknowledgement there is nobody to tell.
  ada.socket.emit('hand', { raised: 'yes' });
  await ada.do('snapshot', {});
  assert.deepEqual(ada.disconnects, []);
});

test('requests need a room, and only one', async () => {
  const { ada, name } = await pair();
  const stranger = await client();
  for (const [event, body] of [
    ['snapshot', {}],
    ['leave', {}],
    ['media', { microphone: false, camera: false, screen: false, screenAudio: false }],
    ['wishes', { sources: [] }],
    ['viewing', { freezes: 0, frozenMs: 0, shownMs: 10_000 }],
    ['chat', { text: 'x' }],
    ['app', { event: 'e', args: [] }],
    ['offer', { transport: 'abcdefgh', revision: 1, sdp: '' }],
  ]) {
    assert.equal(await stranger.refusal(event, body), 'not_joined', event);
  }
  assert.equal(await ada.refusal('join', { room: `${name}-2`, name: 'Ada' }), 'already_joined');
});

test('what browsers tell of their pictures is summed up for operators', async () => {
  const { ada, grace } = await pair();
  await ada.do('viewing', { freezes: 2, frozenMs: 500, shownMs: 20_000 });
  await grace.do('viewing', { freezes: 1, frozenMs: 250, shownMs: 10_000 });
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  for (const line of ['freezes_total 3', 'frozen_seconds_total 0.75', 'shown_seconds_total 30']) assert.ok(text.includes(`\nplenum_viewing_${line}\n`), line);
});

test('an offer of seats is answered once, and its seats follow the pictures that are on', async () => {
  const { ada, grace, first } = await pair({ transports: ['polling'] });
  const sdp = readFileSync(resolve(import.meta.dirname, '../../tests/fixtures/sdp/chromium_call.sdp'), 'utf8');
  const offer = { transport: 'graces0transport', revision: 2, sdp };
  const answer = await grace.do('offer', offer);
  assert.equal(answer.revision, 2);
  assert.match(answer.sdp, /a=ice-lite/);
  const lines = (text) => text.match(/^m=/gm).length;
  assert.equal(lines(answer.sdp), lines(sdp));
  assert.deepEqual(await grace.do('offer', offer), answer);
  assert.equal(await grace.refusal('offer', { ...offer, revision: 1 }), 'bad_request');
  const empty = await grace.push('seats');
  assert.ok(empty.seats.length > 0 && empty.seats.every((seat) => seat === null));
  await ada.do('offer', { transport: 'adas0transport', revision: 1, sdp });
  await ada.do('media', { microphone: true, camera: true, screen: true, screenAudio: false });
  const [{ camera, screen }] = first.room.members;
  await grace.push('seats', ({ seats }) => seats[0] === screen.id && seats[1] === camera.id);
  await grace.do('wishes', { sources: [{ source: camera.id, width: 640, height: 360, priority: 1 }] });
  await grace.push('seats', ({ seats }) => seats[0] === null && seats[1] === camera.id);
  assert.ok(ada.pushes.every(({ event, body }) => event !== 'seats' || body.seats.every((seat) => seat === null)));
});

for (const transports of [['websocket'], ['polling']]) {
  test(`512 KiB pass and more is refused in words over ${transports}`, async () => {
    const { ada, grace, graceId } = await pair({ transports });
    grace.socket.on('app', ({ args }, acknowledge) => acknowledge(args[0].length));
    const most = 'x'.repeat(512 * 1024 - 200);
    assert.equal((await ada.do('app', { to: graceId, event: 'large', args: [most] })).reply, most.length);
    assert.equal(await ada.refusal('app', { to: graceId, event: 'large', args: ['x'.repeat(600 * 1024)] }), 'too_large');
    assert.deepEqual(ada.disconnects, []);
  });
}

test('the public list follows listed rooms, at most once a second', async () => {
  const [watcher, host, guest] = [await client(), await client(), await client()];
  const [shown, hidden] = [room(), room()];
  await watcher.do('lobby', { watch: true });
  await host.join(shown, 'Host', { listed: true });
  const secret = await client();
  await secret.join(hidden, 'Secret');
  const has = (members) => ({ changed }) => changed.some((one) => one.id === shown && one.members === members);
  await watcher.push('rooms', has(1));
  await guest.join(shown, 'Guest');
  await watcher.push('rooms', has(2));
  // Many changes within a second are one message.
  for (let turn = 0; turn < 5; turn++) {
    await guest.do('leave', {});
    await guest.join(shown, 'Guest');
  }
  await guest.do('leave', {});
  await host.do('leave', {});
  await watcher.push('rooms', ({ removed }) => removed.includes(shown));
  const told = watcher.pushes.filter(({ event }) => event === 'rooms');
  assert.ok(!JSON.stringify(told).includes(hidden));
  // Arrival times waver with the machine; a second less a generous part of it still tells one from five.
  told.slice(1).forEach(({ at }, index) => assert.ok(at - told[index].at > 500, `${at - told[index].at} ms apart`));
  assert.deepEqual((await watcher.do('lobby', { watch: false })).rooms, []);
});

test('who leaves is gone at once, who leaves soon after three seconds unless it comes back', async () => {
  const { name, ada, grace, graceId, second } = await pair();
  await grace.do('leave', { soon: true });
  grace.close();
  const again = await client({ auth: { protocol: 1, resume: second.resume } });
  const back = await again.join(name, 'Grace');
  assert.equal(back.member, graceId);
  assert.equal(back.resumed, true);
  const left = ({ kind, member }) => kind === 'left' && member === graceId;
  assert.equal(ada.pushes.filter(({ event, body }) => event === 'room' && body.changes.some(left)).length, 0);
  const from = Date.now();
  await again.do('leave', { soon: true });
  again.close();
  assert.equal((await ada.change(left)).change.reason, 'left');
  assert.ok(Date.now() - from > 2_500);
  const third = await client();
  const { member } = await third.join(name, 'Third');
  await third.do('leave', {});
  assert.equal((await ada.change((change) => change.kind === 'left' && change.member === member)).change.reason, 'left');
  assert.equal(await third.refusal('snapshot', {}), 'not_joined');
});

test('a second connection with the same token replaces the first', async () => {
  const { name, grace, second } = await pair();
  const other = await client({ auth: { protocol: 1, resume: second.resume } });
  assert.equal((await other.join(name, 'Grace')).resumed, true);
  assert.equal((await grace.push('farewell')).reason, 'replaced');
});

test('a lost connection is shown as reconnecting and its chat told when it is back', async () => {
  const { name, ada, grace, graceId, second } = await pair();
  grace.close();
  await ada.change(({ member }) => member?.presence === 'reconnecting');
  await ada.do('chat', { text: 'missed' });
  const again = await client({ auth: { protocol: 1, resume: second.resume } });
  const back = await again.join(name, 'Grace');
  assert.equal(back.member, graceId);
  assert.deepEqual(back.chat.map((line) => line.text), ['missed']);
});

test('the client library is served, and runs in a plain script', async () => {
  for (const file of ['socket.io.js', 'socket.io.min.js']) {
    const response = await fetch(`${server.origin}/socket.io/${file}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /javascript/);
    const globals = vm.createContext({ setTimeout, clearTimeout, console });
    globals.self = globals.window = globals.globalThis = globals;
    vm.runInContext(await response.text(), globals);
    assert.equal(typeof globals.io, 'function');
  }
});

test('pages of other origins may not connect', async () => {
  const polling = (origin) =>
    fetch(`${server.origin}/socket.io/?EIO=4&transport=polling`, { headers: origin ? { origin } : {} });
  assert.equal((await polling('https://evil.example')).status, 403);
  assert.equal((await polling(server.origin)).status, 200);
  assert.equal((await polling()).status, 200);
  const stranger = new Client(server.origin, { headers: { origin: 'https://evil.example' } });
  assert.ok(await stranger.connected());
  stranger.close();
});

test('a server that stops says farewell, takes nobody new and ends with code 0', async () => {
  const stopping = await start();
  const [ada, alan] = [await Client.connect(stopping.origin), await Client.connect(stopping.origin)];
  await ada.join('last', 'Ada');
  const code = stopping.stop('SIGINT');
  assert.equal((await ada.push('farewell')).reason, 'draining');
  // The connection lives some moments longer; on a loaded machine it may be gone already.
  const refused = await alan.refusal('join', { room: 'last', name: 'Alan' }).catch(() => 'gone');
  assert.ok(['draining', 'gone'].includes(refused), refused);
  assert.equal(await code, 0);
  ada.close();
  alan.close();
});
