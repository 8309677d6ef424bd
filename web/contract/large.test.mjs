/** A room so large that nobody is told of all members at once (docs/signalling.md), kept by the stock client as is written there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from './client.mjs';
import { start } from './server.mjs';

/** More than the 256 that a snapshot names. */
const MEMBERS = 280;

let server;
const open = [];

before(async () => (server = await start()));
after(async () => {
  open.forEach((client) => client.close());
  await server?.stop();
});

async function enter(name) {
  const one = await Client.connect(server.origin);
  open.push(one);
  return { one, joined: await one.join('crowd', name) };
}

/** What somebody knows who was told `snapshot` and heard all pushes since. */
function known({ joined, one }) {
  const members = new Map(joined.room.members.map((member) => [member.id, member]));
  let { revision } = joined.room;
  for (const { body } of one.pushes.filter(({ event }) => event === 'room')) {
    if (body.revision <= revision) continue;
    assert.ok(body.since <= revision, `a gap from ${revision} to ${body.since}`);
    ({ revision } = body);
    for (const change of body.changes) {
      if (change.kind === 'left') members.delete(change.member);
      else if (change.member) members.set(change.member.id, change.member);
    }
  }
  return members;
}

test('who joins a large room is told of those who send something, and soon of everybody', async () => {
  const host = await enter('host');
  for (let number = 1; number < MEMBERS; number += 20) {
    await Promise.all(Array.from({ length: Math.min(20, MEMBERS - number) }, (_, of) => enter(`guest ${number + of}`)));
  }
  const speaker = open[100];
  await speaker.do('media', { microphone: true, camera: false, screen: false, screenAudio: false });
  await host.one.push('room', () => [...known(host).values()].some(({ camera }) => camera.audio) && known(host).size === MEMBERS);
  const late = await enter('late');
  const named = late.joined.room.members;
  assert.equal(late.joined.room.memberCount, MEMBERS + 1);
  assert.equal(named.length, 3);
  assert.ok(named.some(({ id }) => id === host.joined.member) && named.some(({ id }) => id === late.joined.member));
  assert.ok(named.some(({ camera }) => camera.audio));

  await late.one.push('room', () => known(late).size === MEMBERS + 1);
  const told = late.one.pushes.filter(({ event }) => event === 'room').flatMap(({ body }) => body.changes);
  const announced = told.filter(({ kind }) => kind === 'joined').map(({ member }) => member.id);
  assert.ok(announced.every((id) => id === late.joined.member), 'nobody is announced who was there before');
  // From now on changes are told as in any room.
  open[5].close();
  await late.one.push('room', ({ changes }) => changes.some(({ member }) => member?.presence === 'reconnecting'));
});
