import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

lightBehaviour('what a host switches off goes off at the devices too, and what is forbidden does not go on again', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.join(origin, 'hosts');
  await ada.sees(grace);
  await ada.hears(grace);
  assert.equal(await ada.run(() => window.__plenum.room.permissions.moderate), true);
  assert.equal(await grace.run(() => window.__plenum.room.permissions.moderate), false);
  const member = await grace.memberId();
  await grace.run(() => window.__plenum.room.on('muted', ({ kinds, by }) => (window.__muted = [...(window.__muted ?? []), { kinds, by }])));

  await ada.run((id) => window.__plenum.room.moderation.mute(id), member);
  await until('Grace to show her microphone as muted', () => grace.run(() => window.__plenum.local.muted));
  await ada.hearsTone('Grace', null);
  assert.deepEqual(await grace.run(() => window.__muted), [{ kinds: ['microphone'], by: await ada.memberId() }]);
  await grace.press('Unmute');
  await ada.hears(grace);

  await ada.run((id) => window.__plenum.room.moderation.mute(id, ['camera'], { forbid: true }), member);
  await until('Grace’s camera to be closed', () => grace.run(() => window.__plenum.local.camera.track === null));
  // The page does not even try; whoever calls the library is told by the server, and the camera closes again.
  await grace.run(() => void window.__plenum.local.openCamera());
  await until('Grace’s camera to be closed again', () => grace.run(() => window.__muted.length >= 3 && window.__plenum.local.camera.track === null));
  await ada.seesNoPicture('Grace');
  await ada.run((id) => window.__plenum.room.moderation.allow(id, ['camera']), member);
  await until('Grace to be allowed', () => grace.run(() => window.__plenum.room.permissions.publish.includes('camera')));
  await grace.press('Turn camera on');
  await ada.sees(grace);
});

lightBehaviour('whoever is new waits until a host admits, may be refused, and is sent away for good', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false });
  await ada.join(origin, 'door');
  await ada.run(() => window.__plenum.room.moderation.setWaitingRoom(true));
  await until('the room to have a waiting room', () => ada.run(() => window.__plenum.room.facts.waitingRoom));
  await ada.run(async (url) => {
    const { Room } = await import('/client/plenum.js');
    window.__guests = ['Bea', 'Cal'].map((name) => Room.connect(url, { room: 'door', name }));
  }, origin);
  const guests = () => ada.run(() => window.__guests.map(({ state }) => [state.phase, state.waiting?.state, state.error?.code, state.farewell?.reason]));
  await until('both to wait', async () => (await guests()).every(([phase, waiting]) => phase === 'joining' && waiting === 'waiting'), { lastSeen: guests });
  const knocks = () => ada.run(() => window.__plenum.room.knocks.map(({ name }) => name));
  await until('Ada to hear both knock', async () => (await knocks()).length === 2, { lastSeen: knocks });
  await ada.run(async () => {
    const { knocks, moderation } = window.__plenum.room;
    await moderation.admit(knocks.find(({ name }) => name === 'Bea').id);
    await moderation.deny(knocks.find(({ name }) => name === 'Cal').id);
  });
  await until('Bea to be in and Cal to be told', async () => {
    const [[bea], [cal, , error]] = await guests();
    return bea === 'joined' && cal === 'ended' && error === 'denied';
  }, { lastSeen: guests });
  await ada.run(() => window.__guests[0].on('reaction', ({ emoji }) => (window.__seen = emoji)));
  await ada.run(() => window.__plenum.room.react('👏'));
  await until('Bea to see the applause', () => ada.run(() => window.__seen === '👏'));
  await ada.run(() => window.__plenum.room.moderation.ban(window.__guests[0].me));
  await until('Bea to be told to be banned', async () => (await guests())[0][3] === 'banned', { lastSeen: guests });
});
