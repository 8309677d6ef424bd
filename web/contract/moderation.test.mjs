/** Access, roles, moderation and the waiting room of docs/signalling.md, spoken by the stock client to the real binary. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { binary, start } from './server.mjs';

const SECRET = 'a secret of this test that has 32 bytes and more';
const NOTHING = { microphone: false, camera: false, screen: false, screenAudio: false };
let server;
let rooms = 0;
const open = [];

before(async () => (server = await start([`--access-secrets=${SECRET}`])));
after(async () => {
  open.forEach((client) => client.close());
  await server?.stop();
});

const room = () => `moderated-${++rooms}`;

async function client(options) {
  const one = await Client.connect(options?.origin ?? server.origin, options);
  open.push(one);
  return one;
}

/** A host and two members. */
async function three() {
  const name = room();
  const [ada, grace, alan] = [await client(), await client(), await client()];
  const host = await ada.join(name, 'Ada');
  const { member: graceId, resume } = await grace.join(name, 'Grace');
  const { member: alanId } = await alan.join(name, 'Alan');
  return { name, ada, grace, alan, host, graceId, resume, alanId };
}

/** A token as an issuer makes it who has nothing of ours. */
function token(claims, secret = SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const message = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`;
}

const withToken = (claims, secret) => ({ auth: { protocol: 1, token: token(claims, secret) } });

test('the first is host, roles change, and a viewer publishes nothing', async () => {
  const { ada, grace, host, graceId } = await three();
  assert.equal(host.permissions.role, 'host');
  assert.equal(host.room.members[0].role, 'host');
  assert.equal(await grace.refusal('role', { member: graceId, role: 'host' }), 'forbidden');
  await grace.do('media', { ...NOTHING, microphone: true, camera: true });
  await ada.do('role', { member: graceId, role: 'viewer' });
  const { kinds, forbidden, by } = await grace.push('muted');
  assert.deepEqual([kinds, forbidden, by], [['microphone', 'camera'], true, host.member]);
  const now = await grace.push('permissions');
  assert.deepEqual([now.role, now.publish, now.chat], ['viewer', [], true]);
  assert.equal(await grace.refusal('media', { ...NOTHING, microphone: true }), 'forbidden');
  assert.equal(await grace.refusal('app', { event: 'e', args: [] }), 'forbidden');
  await grace.do('chat', { text: 'still here' });
  assert.equal(await ada.refusal('role', { member: host.member, role: 'member' }), 'forbidden');
  await ada.do('role', { member: graceId, role: 'host' });
  await grace.do('role', { member: host.member, role: 'member' });
  await ada.push('permissions', ({ role, moderate }) => role === 'member' && !moderate);
});

test('one or all are muted, and unmute unless that is forbidden', async () => {
  const { ada, grace, alan, host, graceId } = await three();
  const on = { ...NOTHING, microphone: true, screen: true };
  for (const one of [ada, grace, alan]) await one.do('media', on);
  await ada.do('mute', { member: graceId, kinds: ['microphone'] });
  assert.deepEqual(await grace.push('muted'), { kinds: ['microphone'], by: host.member, forbidden: false });
  await alan.change(({ member }) => member?.id === graceId && !member.camera.audio && member.screen.video);
  await grace.do('media', on);
  await ada.do('mute', { kinds: ['microphone', 'screen'], forbid: true });
  await alan.push('muted', ({ kinds, forbidden }) => forbidden && kinds.length === 2);
  for (const one of [grace, alan]) assert.equal(await one.refusal('media', on), 'forbidden');
  assert.match((await alan.ask('media', on)).error.message, /^microphone: .*rules/);
  const { room } = await ada.do('snapshot', {});
  assert.deepEqual(room.rules, { microphone: false, camera: true, screen: false, screenAudio: true, chat: true });
  assert.deepEqual(room.members.map(({ camera }) => camera.audio), [true, false, false]);
  await ada.do('allow', { kinds: ['microphone', 'screen'] });
  await grace.do('media', on);
  assert.equal(await grace.refusal('mute', { kinds: ['microphone'] }), 'forbidden');
  assert.equal(await ada.refusal('mute', { kinds: [] }), 'bad_request');
  assert.equal(await ada.refusal('mute', { kinds: ['voice'] }), 'bad_request');
  assert.equal(await ada.refusal('mute', { member: 'nobody', kinds: ['camera'] }), 'no_such_member');
});

test('the removed may come again and the banned may not', async () => {
  const { name, ada, grace, alan, graceId, resume } = await three();
  await ada.do('remove', { member: graceId });
  assert.equal((await grace.push('farewell')).reason, 'removed');
  assert.equal((await alan.change(({ kind, member }) => kind === 'left' && member === graceId)).change.reason, 'removed');
  const again = await client({ auth: { protocol: 1, resume } });
  assert.equal((await again.join(name, 'Grace')).resumed, false);
  const mallory = await client(withToken({ room: name, sub: 'mallory' }));
  const { member } = await mallory.join(name, 'Mallory');
  await ada.do('remove', { member, ban: true });
  assert.equal((await mallory.push('farewell')).reason, 'banned');
  const back = await client(withToken({ room: name, sub: 'mallory' }));
  assert.equal(await back.refusal('join', { room: name, name: 'Mallory' }), 'banned');
});

test('a lock, a password, and the end for all', async () => {
  const name = room();
  const [ada, grace] = [await client(), await client()];
  const { room: state } = await ada.join(name, 'Ada', { password: '열려라' });
  assert.equal(state.password, true);
  assert.equal(await grace.refusal('join', { room: name, name: 'Grace' }), 'password_required');
  assert.equal(await grace.refusal('join', { room: name, name: 'Grace', password: 'sesame' }), 'wrong_password');
  await grace.join(name, 'Grace', { password: '열려라' });
  await ada.do('settings', { locked: true });
  await grace.change(({ kind, locked }) => kind === 'room' && locked);
  const alan = await client();
  assert.equal(await alan.refusal('join', { room: name, name: 'Alan', password: '열려라' }), 'locked');
  assert.equal(await grace.refusal('settings', { locked: false }), 'forbidden');
  assert.equal(await grace.refusal('end', {}), 'forbidden');
  await ada.do('end', {});
  for (const one of [ada, grace]) assert.equal((await one.push('farewell')).reason, 'ended');
  assert.equal((await alan.join(name, 'Alan')).room.locked, false);
});

test('who waits is admitted by a host, and told meanwhile', async () => {
  const name = room();
  const [ada, grace, alan] = [await client(), await client(), await client()];
  await ada.join(name, 'Ada', { waitingRoom: true });
  assert.equal(await grace.refusal('join', { room: name, name: 'Grace' }), 'waiting');
  assert.deepEqual(await grace.push('waiting'), { state: 'waiting', host: true, ahead: 0 });
  assert.equal(await alan.refusal('join', { room: name, name: 'Alan' }), 'waiting');
  const { waiting } = await ada.push('knocks', (knocks) => knocks.waiting.length === 2);
  assert.deepEqual(waiting.map((knock) => [knock.name, knock.banned]), [['Grace', false], ['Alan', false]]);
  assert.equal(await grace.refusal('snapshot', {}), 'not_joined');
  await ada.do('admit', { id: waiting[0].id });
  await ada.do('deny', { id: waiting[1].id });
  await grace.push('waiting', ({ state }) => state === 'admitted');
  await alan.push('waiting', ({ state }) => state === 'denied');
  assert.equal((await grace.join(name, 'Grace')).permissions.role, 'member');
  assert.equal(await alan.refusal('join', { room: name, name: 'Alan' }), 'denied');
  assert.equal(await ada.refusal('admit', { id: waiting[0].id }), 'no_such_member');
});

test('a waiting room without a host says so, and opens for the first who may be one', async () => {
  const closed = await start(['--waiting-room', '--require-token', `--access-secrets=${SECRET}`]);
  try {
    const name = room();
    const guest = await client({ origin: closed.origin, ...withToken({ room: 'moderated-*' }) });
    assert.equal(await guest.refusal('join', { room: name, name: 'Guest' }), 'waiting');
    assert.deepEqual(await guest.push('waiting'), { state: 'waiting', host: false, ahead: 0 });
    const host = await client({ origin: closed.origin, ...withToken({ room: name, role: 'host', name: 'Dr. Host' }) });
    const { room: state } = await host.join(name, 'whoever');
    assert.equal(state.members[0].name, 'Dr. Host');
    await guest.push('waiting', (told) => told.host);
    await host.push('knocks', ({ waiting }) => waiting.length === 1);
    await host.do('admit', {});
    await guest.push('waiting', ({ state }) => state === 'admitted');
    await guest.join(name, 'Guest');
    const stranger = await client({ origin: closed.origin });
    assert.equal(await stranger.refusal('join', { room: name, name: 'Stranger' }), 'token_required');
    assert.equal(await stranger.refusal('lobby', { watch: true }), 'token_required');
  } finally {
    await closed.stop();
  }
});

test('a token holds its bearer to what it grants', async () => {
  const name = room();
  const ada = await client();
  await ada.join(name, 'Ada');
  const minted = execFileSync(binary(), ['token', `--room=${name}`, '--publish=microphone', '--chat=false'], {
    env: { PLENUM_ACCESS_SECRETS: SECRET },
    encoding: 'utf8',
  }).trim();
  const grace = await client({ auth: { protocol: 1, token: minted } });
  const { permissions, member } = await grace.join(name, 'Grace');
  assert.deepEqual(permissions, {
    role: 'member',
    publish: ['microphone'],
    subscribe: true,
    chat: false,
    data: true,
    rename: true,
    moderate: false,
    record: false,
  });
  assert.equal(await grace.refusal('media', { ...NOTHING, camera: true }), 'forbidden');
  assert.equal(await grace.refusal('chat', { text: 'x' }), 'forbidden');
  await grace.do('media', { ...NOTHING, microphone: true });
  assert.equal(await ada.refusal('role', { member, role: 'host' }), 'forbidden');
  const metadata = { team: ['blue', 7] };
  const eve = await client(withToken({ room: name, hidden: true }));
  assert.equal((await eve.join(name, 'Eve')).room.members.length, 3);
  const alan = await client(withToken({ room: name, metadata }));
  const { room: state } = await alan.join(name, 'Alan');
  assert.deepEqual(state.members.map((one) => one.name), ['Ada', 'Grace', 'Alan']);
  assert.deepEqual(state.members[2].metadata, metadata);
});

test('a token that does not count is refused in words, but not to whom comes back', async () => {
  const name = room();
  const expired = token({ room: name, exp: 1 });
  for (const [bad, code, words] of [
    ['nonsense', 'bad_token', /Token/],
    [token({ room: name }, 'another secret of at least 32 bytes!'), 'bad_token', /access\.secrets/],
    [token({ room: name, role: 'king' }), 'bad_token', /king/],
    [expired, 'token_expired', /expired/],
  ]) {
    const stranger = new Client(server.origin, { auth: { protocol: 1, token: bad } });
    const refused = JSON.parse((await stranger.connected()).message);
    stranger.close();
    assert.equal(refused.code, code);
    assert.match(refused.message, words);
  }
  const other = await client();
  assert.equal(await other.refusal('join', { room: name, name: 'x', token: token({ room: 'elsewhere-*' }) }), 'bad_token');
  const ada = await client();
  const { member, resume } = await ada.join(name, 'Ada', { token: token({ room: name, role: 'host' }) });
  ada.close();
  const back = await client({ auth: { protocol: 1, resume, token: expired } });
  const again = await back.join(name, 'Ada');
  assert.deepEqual([again.member, again.permissions.role], [member, 'host']);
});

test('hands are in order, reactions come together, and newcomers read what was said', async () => {
  const { name, ada, grace, alan, graceId, alanId } = await three();
  await alan.do('hand', { raised: true });
  await grace.do('hand', { raised: true });
  const { room: state } = await ada.do('snapshot', {});
  const order = Object.fromEntries(state.members.map(({ id, handOrder }) => [id, handOrder]));
  assert.ok(order[alanId] < order[graceId]);
  assert.equal(await grace.refusal('hand', { raised: false, member: alanId }), 'forbidden');
  await ada.do('hand', { raised: false, member: alanId });
  await alan.change(({ member }) => member?.id === alanId && !member.hand);
  await grace.do('react', { emoji: '👏' });
  assert.equal(await grace.refusal('react', { emoji: 'too long for a reaction, by far and more' }), 'bad_request');
  const { reactions } = await ada.push('reactions');
  assert.deepEqual(reactions, [{ from: graceId, emoji: '👏' }]);
  await grace.do('chat', { text: 'to all' });
  await grace.do('chat', { text: 'to one', to: alanId });
  const late = await client();
  assert.deepEqual((await late.join(name, 'Late')).chat.map(({ text }) => text), ['to all']);
});

test('talk is limited in rate', async () => {
  const { grace } = await three();
  const replies = await Promise.all(Array.from({ length: 60 }, () => grace.ask('react', { emoji: '👏' })));
  const refused = replies.filter(({ ok }) => !ok);
  assert.ok(refused.length > 0 && refused.length <= 30, `${refused.length} refused`);
  assert.ok(refused.every(({ error }) => error.code === 'rate_limited'));
});

test('offers are limited in rate, and the rest of the room does not wait for them', async () => {
  const { ada, grace } = await three();
  const offer = { transport: 'abcdefgh12', revision: 1, sdp: 'v=0' };
  const replies = Promise.all(Array.from({ length: 40 }, () => grace.ask('offer', offer)));
  await ada.do('hand', { raised: true });
  const codes = (await replies).map(({ error }) => error.code);
  assert.ok(codes.filter((code) => code === 'bad_sdp').length >= 20, codes.join());
  assert.ok(codes.filter((code) => code === 'rate_limited').length >= 10, codes.join());
});
