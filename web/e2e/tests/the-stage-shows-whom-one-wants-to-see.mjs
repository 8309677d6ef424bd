import assert from 'node:assert/strict';
import { behaviour, lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { PATIENCE_MS, until } from '../harness/until.mjs';

/** In the page: the boxes of the tiles by their names, as shares of the window's area. */
const areas = () => {
  const all = [...document.querySelectorAll('[data-tile]')];
  const area = (face) => {
    const { width, height } = face.getBoundingClientRect();
    return (width * height) / (innerWidth * innerHeight);
  };
  return Object.fromEntries(all.map((face) => [face.querySelector('.name .text').textContent, area(face)]));
};

/** In the page: the corner that our own floating picture lies in, or that it is on its way. */
const whereOwn = () => {
  const [face, video] = [document.querySelector('[data-tile].floats'), document.querySelector('video.own.floats')].map((element) => element?.getBoundingClientRect());
  if (!face || !video) return 'nowhere';
  const stage = document.querySelector('.stage .stage').getBoundingClientRect();
  const [left, right, top, bottom] = [face.left - stage.left, stage.right - face.right, face.top - stage.top, stage.bottom - face.bottom];
  const near = (gap) => gap > 0 && gap < 24;
  const together = Math.abs(face.left - video.left) < 2 && Math.abs(face.top - video.top) < 2;
  const corner = together && (near(top) || near(bottom)) && (near(left) || near(right));
  return corner ? `${near(top) ? 'top' : 'bottom'}-${near(left) ? 'left' : 'right'}` : `carried to ${Math.round(left)}, ${Math.round(top)}`;
};

for (const browser of ['chromium', 'firefox']) {
  lightBehaviour(`in ${browser} a tile can be pinned, fill the stage and be hidden, and no picture is torn`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    const linus = stage.bot({ name: 'Linus', browser: 'chromium', hue: 120, screen: 300 });
    await joinAll([ada, grace, linus], origin, 'stage');
    for (const other of [grace, linus]) await ada.sees(other);
    await ada.follow();
    const large = async (name, least = 0.4) => {
      await until(`${name} to be large`, async () => (await ada.run(areas))[name] > least, { lastSeen: () => ada.run(areas) });
    };
    const alike = async () => {
      const even = async () => {
        const all = Object.values(await ada.run(areas));
        return Math.max(...all) - Math.min(...all) < 0.01;
      };
      await until('the tiles to be alike', even, { lastSeen: () => ada.run(areas) });
    };

    await ada.press('Pin: Grace');
    await large('Grace');
    await ada.sees(grace);
    await ada.sees(linus);
    await ada.press('Unpin: Grace');
    await alike();

    await ada.presses('l');
    await until('one to be larger than the others', async () => Math.max(...Object.values(await ada.run(areas))) > 0.4, { lastSeen: () => ada.run(areas) });
    await ada.presses('l');
    await alike();
    await ada.sawNoInterruption();

    await linus.press('Share screen');
    await large('Linus’s screen', 0.3);
    await ada.seesPicture('Linus’s screen', linus.screen);
    for (const other of [grace, linus]) await ada.sees(other);
    await ada.sawNoInterruption();
    await linus.press('Stop sharing');
    // A menu does not stay open over tiles that change their places.
    await ada.seesTilesOf(grace, linus);
    await alike();

    await ada.press('More: You');
    await ada.chooses('Hide my tile');
    await until('our own tile to be gone', async () => !('You' in (await ada.run(areas))));
    await ada.press('More: Grace');
    await ada.chooses('Full screen');
    await until('Grace to be alone on the stage', async () => Object.keys(await ada.run(areas)).join() === 'Grace', { lastSeen: () => ada.run(areas) });
    await ada.sees(grace);
    await ada.press('Exit full screen');
    await ada.sees(linus);
    await ada.press('More');
    await ada.chooses('Show my tile');
    await closeMenu(ada);
    await ada.seesTilesOf(grace, linus);
    assert.equal(await ada.offers(), 1);
  });
}

for (const browser of ['chromium', 'firefox']) {
  lightBehaviour(`in ${browser} our own picture is dragged to a corner, moves by arrow keys and by clicks, and is there again after a reload`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    await joinAll([ada, grace], origin, 'corner');
    await ada.sees(grace);
    await ada.follow();
    const rests = (corner) => until(`our own picture to rest ${corner}`, async () => (await ada.run(whereOwn)) === corner, { lastSeen: () => ada.run(whereOwn) });
    await rests('bottom-right');
    const { mouse } = ada.page;
    const { x, y } = await ada.run(() => document.querySelector('[data-tile].floats').getBoundingClientRect().toJSON());
    await mouse.move(x + 20, y + 12);
    await mouse.down();
    await mouse.move(x - 200, y - 100, { steps: 5 });
    const where = () => ada.run(whereOwn);
    await until('our own picture to be carried', async () => (await where()).startsWith('carried'), { lastSeen: where });
    await mouse.move(140, 120, { steps: 5 });
    await mouse.up();
    await rests('top-left');
    await ada.run(() => document.querySelector('.floats button[aria-label^="Move my tile"]').focus());
    await ada.page.keyboard.press('ArrowDown');
    await rests('bottom-left');
    await ada.page.keyboard.press('ArrowRight');
    await rests('bottom-right');
    await ada.press('Move my tile (click or arrow keys)');
    await rests('bottom-left');
    await ada.sees(grace);
    await ada.sawNoInterruption();
    await ada.page.reload();
    await ada.joined();
    await rests('bottom-left');
  });
}

lightBehaviour('nothing jumps on the page while tiles come, change and go', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const others = ['Grace', 'Linus', 'Barbara'].map((name, index) => stage.bot({ name, browser: 'chromium', hue: 90 * (index + 1), screen: 200 }));
  await ada.join(origin, 'calm');
  await ada.follow();
  await ada.run(() => {
    window.__shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        // Notices come and go above the tiles, and move up when an older one is gone.
        if (entry.sources.every(({ node }) => !node?.isConnected || (node.closest ? node : node.parentElement).closest('.notice'))) continue;
        const what = entry.sources.map(({ node, previousRect, currentRect }) => [node?.outerHTML?.slice(0, 80) ?? node?.textContent, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(' '));
        window.__shifts.push({ value: entry.value, what });
      }
    }).observe({ type: 'layout-shift' });
  });
  for (const bot of others) await bot.join(origin, 'calm');
  await ada.seesTilesOf(...others);
  for (const bot of others) await ada.sees(bot);
  const [grace] = others;
  await grace.press('Raise hand');
  await ada.reads('Grace raised a hand');
  await grace.press('Turn camera off');
  await ada.seesNoPicture('Grace');
  await grace.press('Share screen');
  await ada.seesPicture('Grace’s screen', grace.screen);
  await ada.sawNoInterruption();
  await grace.press('Stop sharing');
  await ada.seesTilesOf(...others);
  await ada.presses('l');
  await ada.presses('l');
  await ada.presses('c');
  await ada.presses('c');
  await grace.leave();
  await ada.seesTilesOf(...others.slice(1));
  for (const bot of others.slice(1)) await ada.sees(bot);
  await ada.sawNoInterruption();
  const shifts = await ada.run(() => window.__shifts);
  assert.equal(shifts.length, 0, JSON.stringify(shifts, null, 1));
});

// Firefox does not tell of layout shifts: where things are is looked at in every frame.
lightBehaviour('in firefox nothing but tiles that make room moves, and names stand where they stood in them', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'firefox', hue: 0, tone: 440 });
  const [grace, linus] = ['Grace', 'Linus'].map((name, index) => stage.bot({ name, browser: 'chromium', hue: 90 * (index + 1), tone: 880 }));
  await joinAll([ada, grace, linus], origin, 'calm');
  for (const bot of [grace, linus]) await ada.sees(bot);
  await ada.run(followPlaces);
  const moved = () => ada.run(() => window.__places.moved());
  const anew = () => ada.run(() => window.__places.anew());
  await until('everything to stand still', async () => {
    await anew();
    await new Promise((done) => setTimeout(done, 500));
    return (await moved()).length === 0;
  }, { lastSeen: moved });
  await grace.press('Raise hand');
  await ada.reads('Grace raised a hand');
  await grace.press('Mute');
  await grace.press('Turn camera off');
  await ada.seesNoPicture('Grace');
  await grace.press('Turn camera on');
  await ada.sees(grace);
  await linus.press('Chat');
  await linus.writes('here is a line');
  await ada.reads('here is a line');
  assert.deepEqual(await moved(), []);
  const barbara = stage.bot({ name: 'Barbara', browser: 'chromium', hue: 300 });
  await barbara.join(origin, 'calm');
  await ada.sees(barbara);
  await linus.leave();
  await ada.seesTilesOf(grace, barbara);
  await ada.presses('l');
  await ada.presses('l');
  await ada.sees(grace);
  const all = await moved();
  assert.ok(all.some(({ what }) => what.startsWith('tile')), 'nothing was seen to move');
  assert.deepEqual(all.filter(({ what }) => !what.startsWith('tile')), []);
  assert.ok((await ada.run(() => window.__places.frames())) > 100);
});

/** In the page: looks in every frame where the buttons of the bar, the tiles, and the names within these are. */
function followPlaces() {
  /** Half a pixel on either side is rounding. */
  const still = 1.5;
  /** For so many frames a tile stands before its name is looked at: on a busy machine it arrives some frames after it. */
  const rest = 15;
  let [places, frames] = [new Map(), 0];
  const standing = new Map();
  const stands = (tile, { left, top, width, height }) => {
    const at = [left, top, width, height].map(Math.round).join();
    const known = standing.get(tile);
    const count = known?.at === at ? known.count + 1 : 0;
    standing.set(tile, { at, count });
    return count >= rest;
  };
  const put = (what, { left, top, width = 0, height = 0 }) => {
    const now = [left, top, width, height];
    const before = places.get(what) ?? now.map((value) => [value, value]);
    places.set(what, now.map((value, index) => [Math.min(before[index][0], value), Math.max(before[index][1], value)]));
  };
  const look = () => {
    frames += 1;
    [...document.querySelectorAll('footer button')].forEach((button, index) => put(`button ${index}`, button.getBoundingClientRect()));
    for (const tile of document.querySelectorAll('[data-tile]')) {
      const [outer, inner] = [tile, tile.querySelector('.name')].map((element) => element.getBoundingClientRect());
      put(`tile ${tile.dataset.tile}`, outer);
      if (stands(tile, outer)) put(`name in ${tile.dataset.tile}`, { left: inner.left - outer.left, top: outer.bottom - inner.bottom });
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.__places = {
    anew: () => void (places = new Map()),
    frames: () => frames,
    moved: () => [...places].filter(([, ranges]) => ranges.some(([least, most]) => most - least > still)).map(([what, ranges]) => ({ what, ranges: JSON.stringify(ranges) })),
  };
}

// Firefox gives keys to one window at a time: these have it alone.
behaviour('keys do what buttons do, and a held space bar opens a muted microphone', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'keys');
  await keysDo(ada, grace);
  await keysDo(grace, ada);
});

async function keysDo(one, other) {
  await other.hears(one);
  await one.presses('m');
  await other.hearsTone(one.name, null);
  await one.page.keyboard.down(' ');
  await other.hears(one);
  await one.page.keyboard.up(' ');
  await other.hearsTone(one.name, null);
  await one.presses('v');
  await other.seesNoPicture(one.name);
  await one.presses('h');
  const announced = () => other.run(() => document.querySelector('[role=status]').textContent.trim());
  await until(`${other.name} to hear of the hand`, async () => (await announced()) === `${one.name} raised a hand`, { lastSeen: announced });
  await one.presses('c');
  await one.writes('m, v and h are letters here');
  await other.reads(`${one.name}: m, v and h are letters here`);
  await other.seesNoPicture(one.name);
  await one.page.keyboard.press('Escape');
  await one.presses('?');
  await one.reads('Keyboard shortcuts');
  await one.run(() => document.querySelector('dialog input').click());
  await one.page.keyboard.press('Escape');
  await one.presses('v');
  await one.presses('m');
  // Keys act at once: what they do at others comes later.
  const on = await one.run(() => ({ voice: !window.__plenum.local.muted, opening: window.__plenum.local.camera.opening, camera: window.__plenum.local.camera.track !== null }));
  assert.deepEqual(on, { voice: false, opening: false, camera: false });
  await other.hearsTone(one.name, null);
  await other.seesNoPicture(one.name);
}

for (const browser of ['chromium', 'firefox']) {
  behaviour(`in ${browser} a menu is opened, walked through and closed by keys alone, and offers only what the browser can do`, async (stage) => {
    const { origin } = await stage.server();
    // As on phones.
    const ada = stage.bot({ name: 'Ada', browser, devices: false, init: [[() => delete MediaDevices.prototype.getDisplayMedia]] });
    await ada.join(origin, 'menus');
    const { keyboard } = ada.page;
    const focus = () => ada.run(() => document.activeElement?.querySelector('.words')?.firstChild.textContent.trim() ?? document.activeElement?.ariaLabel);
    const isOn = (label) => until(`the focus to be on “${label}”`, async () => (await focus()) === label, { lastSeen: focus });
    await ada.run(() => document.querySelector('footer button[aria-label=More]').focus());
    for (let round = 0; round < 2; round++) {
      await keyboard.press('Enter');
      await isOn('Grid');
      await keyboard.press('ArrowDown');
      await isOn('Speaker view');
      await keyboard.press('ArrowUp');
      await keyboard.press('ArrowUp');
      await isOn('Copy link');
      const choices = await ada.run(() => [...document.querySelectorAll('[role^=menuitem] .words')].map((words) => words.firstChild.textContent.trim()));
      assert.equal(choices.includes('Picture-in-picture'), await ada.run(() => 'documentPictureInPicture' in window || document.pictureInPictureEnabled === true), choices.join());
      assert.ok(choices.includes('Statistics'), choices.join());
      await keyboard.press('Escape');
      await isOn('More');
    }
    const buttons = await ada.run(() => [...document.querySelectorAll('footer button')].map(({ ariaLabel }) => ariaLabel));
    assert.ok(buttons.includes('Raise hand') && !buttons.includes('Share screen'), String(buttons));
  });
}

lightBehaviour('notices cover no control', async (stage) => {
  const { origin } = await stage.server();
  const [phone, desk] = [{ width: 390, height: 844 }, { width: 1280, height: 800 }];
  const coversNothing = async (browser, viewport) => {
    const room = `notices-${browser}-${viewport.width}`;
    const ada = stage.bot({ name: `Ada ${viewport.width}`, browser, hue: 0, viewport });
    await ada.join(origin, room);
    await ada.reads('You are the only one here');
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240 });
    // The notice lasts for some seconds, and comes before her media are connected.
    const [covered] = await Promise.all([coveredBy(ada, 'Grace joined'), grace.join(origin, room)]);
    assert.deepEqual(covered, []);
  };
  await Promise.all([coversNothing('chromium', phone), coversNothing('chromium', desk), coversNothing('firefox', desk)]);
});

/** The controls that a notice covers, once this one has come and moves no more. */
async function coveredBy(bot, words) {
  const look = (wanted) => {
    const box = (element) => element.getBoundingClientRect();
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const notices = [...document.querySelectorAll('.notice')];
    if (!notices.some(({ innerText }) => innerText.includes(wanted)) || notices.some((notice) => notice.getAnimations().length > 0)) return undefined;
    const controls = [...document.querySelectorAll('button')].filter((button) => button.checkVisibility({ opacityProperty: true }) && !button.closest('.notice, .controls.small'));
    return controls.filter((button) => notices.some((notice) => meet(box(notice), box(button)))).map((button) => button.ariaLabel);
  };
  return until(`${bot.name} to be shown “${words}”`, () => bot.run(look, words), { within: 2 * PATIENCE_MS, lastSeen: () => bot.words() });
}

const closeMenu = (bot) => bot.page.keyboard.press('Escape');
