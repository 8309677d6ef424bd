import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';
import { installSpeakers } from '../harness/devices.mjs';
import { until } from '../harness/until.mjs';

lightBehaviour('the keys of a headset mute, turn the camera off and hang up, and the system is told what is on', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, init: [[listenToSession]] });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880, init: [[listenToSession]] });
  await joinAll([ada, grace], origin, 'keys');
  await seeAndHearEachOther(ada, grace);
  const presses = (bot, action) => bot.run((name) => window.__session.actions[name](), action);
  for (const [one, other] of [[grace, ada], [ada, grace]]) {
    const on = () => one.run(() => window.__session.on.join());
    const told = (wanted) => until(`the system to be told ${wanted}`, async () => (await on()) === wanted, { lastSeen: on });
    assert.equal(await one.run(() => navigator.mediaSession.metadata.title), 'keys');
    await told('true,true');
    await presses(one, 'togglemicrophone');
    await other.hearsTone(one.name, null);
    await told('false,true');
    await presses(one, 'togglemicrophone');
    await other.hears(one);
    await presses(one, 'togglecamera');
    await other.seesNoPicture(one.name);
    await told('true,false');
    await presses(one, 'togglecamera');
    await other.sees(one);
  }
  for (const bot of [ada, grace]) {
    const told = bot === ada ? grace.reads('Ada left') : undefined;
    await Promise.all([presses(bot, 'hangup'), bot.reads('You left the call'), told]);
    const kept = () => bot.run(() => [...Object.values(window.__session.actions), navigator.mediaSession.metadata].filter((one) => one !== null).length);
    await until('the system to have nothing of the call any more', async () => (await kept()) === 0, { lastSeen: kept });
  }
});

lightBehaviour('the screen stays on during a call, also after another window was looked at, and may go dark at its end', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false, init: [[countLocks]] });
  await ada.open(`${origin}/r/awake`);
  await ada.enterName();
  assert.equal(await ada.run(() => window.__locks.length), 0);
  await ada.press('Join without devices');
  await ada.joined();
  const held = async (count) => {
    const look = () => ada.run(() => window.__locks.map(({ released }) => released));
    await until(`${count} locks to have been taken, the last of them held`, async () => (await look()).length === count && (await look()).at(-1) === false, { lastSeen: look });
  };
  await held(1);
  const client = await ada.page.createCDPSession();
  const { windowId } = await client.send('Browser.getWindowForTarget');
  const windowIs = (windowState) => client.send('Browser.setWindowBounds', { windowId, bounds: { windowState } });
  await windowIs('minimized');
  await until('the browser to take the lock away', () => ada.run(() => document.visibilityState === 'hidden' && window.__locks[0].released));
  await windowIs('normal');
  await held(2);
  await ada.leave();
  await until('the lock to be given back', () => ada.run(() => window.__locks.every(({ released }) => released)));
});

lightBehaviour('in Firefox too the screen stays on during a call alone', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'firefox', devices: false, init: [[countLocks]] });
  await ada.join(origin, 'awake');
  const locks = () => ada.run(() => window.__locks.map(({ released }) => released));
  await until('a lock to be held', async () => (await locks()).join() === 'false', { lastSeen: locks });
  await ada.leave();
  await until('the lock to be given back', async () => (await locks()).join() === 'true', { lastSeen: locks });
});

lightBehaviour('whom one hears sounds from the speaker that was chosen, whoever comes later too, and again when it is plugged in', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium with devices', devices: false, allowed: true });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  const linus = stage.bot({ name: 'Linus', browser: 'firefox', hue: 120, tone: 660, init: [[installSpeakers]] });
  await grace.join(origin, 'speakers');
  await ada.open(`${origin}/r/speakers`);
  await ada.enterName();
  await ada.press('Join now');
  await ada.joined();
  await ada.hears(grace);
  await ada.press('Choose microphone and speaker');
  await ada.chooses('Fake Audio Output 2');
  const chosen = await ada.run(async () => (await navigator.mediaDevices.enumerateDevices()).find(({ label }) => label === 'Fake Audio Output 2').deviceId);
  const sinks = () => ada.run(() => [...document.querySelectorAll('audio')].map(({ sinkId }) => sinkId));
  const all = (wanted) => until(`every voice to go to ${wanted}`, async () => (await sinks()).length > 0 && (await sinks()).every((sink) => sink === wanted), { lastSeen: sinks });
  await all(chosen);
  const before = (await sinks()).length;
  await linus.join(origin, 'speakers');
  await ada.hears(linus);
  await until('a voice more to be played', async () => (await sinks()).length > before, { lastSeen: sinks });
  await all(chosen);
  // What Chromium does to elements whose device is pulled out, and then says that the devices changed.
  await ada.run(() => Promise.all([...document.querySelectorAll('audio')].map((element) => element.setSinkId(''))));
  await all('');
  await ada.run(() => navigator.mediaDevices.dispatchEvent(new Event('devicechange')));
  await all(chosen);

  await linus.press('Choose microphone and speaker');
  await linus.chooses('Speaker 2');
  const told = () => linus.run(() => [...document.querySelectorAll('audio')].map((element) => window.__sinks.get(element)));
  await until('Firefox to be told of the speaker for every voice', async () => (await told()).length > 0 && (await told()).every((sink) => sink === 'speaker-2'), { lastSeen: told });
});

/** In the page: keeps what the page gives to the system, which no test can press. */
function listenToSession() {
  window.__session = { actions: {}, on: [] };
  const session = navigator.mediaSession;
  session.setActionHandler = (action, handler) => (window.__session.actions[action] = handler);
  session.setMicrophoneActive = (on) => (window.__session.on[0] = on);
  session.setCameraActive = (on) => (window.__session.on[1] = on);
}

/** In the page: keeps every lock that the browser gives. */
function countLocks() {
  window.__locks = [];
  const request = navigator.wakeLock.request.bind(navigator.wakeLock);
  navigator.wakeLock.request = async (type) => {
    const lock = await request(type);
    window.__locks.push(lock);
    return lock;
  };
}
