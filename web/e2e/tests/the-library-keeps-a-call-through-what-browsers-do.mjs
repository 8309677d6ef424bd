import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

lightBehaviour('a hidden tab is sent no pictures and goes on to hear, unless a picture-in-picture is open', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'hidden');
  const taken = (bot) => bot.run(() => window.__plenum.room.seats.filter(({ expected }) => expected !== null).length);
  await seeAndHearEachOther(ada, grace);
  for (const bot of [ada, grace]) await bot.run(become, 'hidden');
  for (const bot of [ada, grace]) await until(`${bot.name} to be sent no picture`, async () => (await taken(bot)) === 0);
  await Promise.all([ada.hears(grace), grace.hears(ada)]);
  for (const bot of [ada, grace]) await bot.run(become, 'visible');
  await seeAndHearEachOther(ada, grace);
  await ada.run(become, 'hidden', true);
  await grace.run(become, 'hidden');
  await until('Grace, who hid later, to be sent no picture', async () => (await taken(grace)) === 0);
  assert.equal(await taken(ada), 1);
});

lightBehaviour('a page that comes back from the cache opens everything anew and is the same member', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'cache');
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    await one.sees(other);
    const before = [await one.memberId(), await one.offers()];
    await one.run(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await until(`${one.name} to have offered a new connection`, async () => (await one.offers()) > before[1]);
    await one.joined();
    await one.sees(other);
    await one.hears(other);
    await other.sees(one);
    assert.equal(await one.memberId(), before[0]);
  }
  assert.deepEqual((await grace.diary()).left, []);
  assert.deepEqual((await ada.diary()).left, []);
});

lightBehaviour('one member asks another something of the application’s own, tells everybody else, and bytes stay bytes', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', devices: false });
  await joinAll([ada, grace], origin, 'apps');
  const member = await grace.memberId();
  await grace.run(() => {
    window.__plenum.room.on('app', ({ event, args }) => (window.__told = [event, ...args]));
    window.__plenum.room.answer('sum', ([bytes]) => new Uint8Array(bytes).reduce((sum, byte) => sum + byte, 0));
  });
  await ada.run(() => window.__plenum.room.answer('echo', ([bytes]) => bytes));
  const answer = await ada.run((to) => window.__plenum.room.ask(to, 'sum', [new Uint8Array([1, 2, 39])]), member);
  assert.equal(answer, 42);
  const echo = await grace.run(async (to) => [...new Uint8Array(await window.__plenum.room.ask(to, 'echo', [new Uint8Array([7, 8])]))], await ada.memberId());
  assert.deepEqual(echo, [7, 8]);
  assert.equal(await ada.run((to) => window.__plenum.room.ask(to, 'unheard of'), member), null);
  assert.equal(await ada.run(() => window.__plenum.room.tell('slide', 7, 'now')), 1);
  await until('Grace to be told', async () => JSON.stringify(await grace.run(() => window.__told)) === '["slide",7,"now"]');
});

lightBehaviour('who comes back hears what was said before, once', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', devices: false });
  await joinAll([ada, grace], origin, 'lines');
  for (const text of ['first', 'second']) await grace.run((line) => window.__plenum.room.chat(line), text);
  for (const bot of [ada, grace]) {
    await bot.page.reload();
    await bot.joined();
    await until(`${bot.name} to have the lines`, async () => (await bot.diary()).chat.length >= 2);
  }
  await grace.run(() => window.__plenum.room.chat('third'));
  for (const bot of [ada, grace]) {
    await until(`${bot.name} to have the third`, async () => (await bot.diary()).chat.length >= 3);
    assert.deepEqual((await bot.diary()).chat, ['first', 'second', 'third']);
  }
});

lightBehaviour('a check says how a call would connect, without anybody seeing it', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', devices: false });
  for (const bot of [ada, grace]) {
    await bot.open(origin);
    const check = await bot.run(async () => (await import('/client/plenum.js')).checkConnection(location.origin));
    assert.deepEqual([check.signalling, check.media], ['websocket', 'udp']);
  }
});

lightBehaviour('when the server is gone the library says that the network is in the way', async (stage) => {
  const { origin } = await stage.server();
  const seesItGone = async (bot) => {
    await bot.open(origin);
    await bot.run(async () => {
      const { Room } = await import('/client/plenum.js');
      window.__lost = Room.connect('http://127.0.0.1:9', { room: 'nowhere', name: 'Ada' });
    });
    const network = () => bot.run(() => window.__lost.state.network && { code: window.__lost.state.network.code, advice: window.__lost.state.network.advice });
    await until('the failure to be told', async () => (await network())?.code === 'signalling_blocked', { lastSeen: network });
    assert.match((await network()).advice, /Check your network/);
    await bot.run(() => window.__lost.leave());
    assert.equal(await bot.run(() => window.__lost.state.phase), 'ended');
  };
  await Promise.all(['chromium', 'firefox'].map((browser) => seesItGone(stage.bot({ name: 'Ada', browser, devices: false }))));
});

for (const browser of ['chromium', 'firefox']) {
  lightBehaviour(`in ${browser}, wishes follow the size of an element and whether it is seen`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, devices: false, viewport: { width: 800, height: 600 } });
    await ada.open(origin);
    await ada.run(async () => {
      const { Viewport } = await import('/client/plenum.js');
      document.body.innerHTML = '<div id="tile" style="width: 320px; height: 180px"></div><div style="height: 5000px"></div>';
      window.__viewport = new Viewport((wishes) => (window.__wishes = wishes));
      window.__viewport.show(document.querySelector('#tile'), 7);
    });
    const wished = () => ada.run(() => JSON.stringify((window.__wishes ?? []).map(({ source, width, height }) => [source, width / devicePixelRatio, height / devicePixelRatio])));
    await until('the tile to be wished in its size', async () => (await wished()) === '[[7,320,180]]', { lastSeen: wished });
    await ada.run(() => (document.querySelector('#tile').style.width = '640px'));
    await until('the wish to grow with the tile', async () => (await wished()) === '[[7,640,180]]', { lastSeen: wished });
    await ada.run(() => scrollTo(0, 4000));
    await until('nothing to be wished when it is scrolled away', async () => (await wished()) === '[]', { lastSeen: wished });
    await ada.run(() => scrollTo(0, 0));
    await until('it to be wished again', async () => (await wished()) === '[[7,640,180]]', { lastSeen: wished });
  });
}

/** As if the person had turned to another tab: bots are always in front of somebody's eyes. */
function become(state, inPicture = false) {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
  Object.defineProperty(document, 'pictureInPictureElement', { configurable: true, get: () => (inPicture ? document.querySelector('video') : null) });
  document.dispatchEvent(new Event('visibilitychange'));
}
