import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { ownNetwork } from '../harness/network.mjs';
import { until } from '../harness/until.mjs';
import { startFakeServer } from '../fake-server.mjs';

// Against a stand-in for the server: what is asked here is where things are, in rooms of any size.
const dist = resolve(import.meta.dirname, '../../dist');

/** Windows from the smallest phone to 4K; `tiles` is what a page of the grid holds. */
const WINDOWS = [
  { width: 320, height: 568, touch: true, tiles: 9 },
  { width: 390, height: 844, touch: true, tiles: 9 },
  { width: 844, height: 390, touch: true, tiles: 9 },
  { width: 1280, height: 800, touch: false, tiles: 49 },
  { width: 3840, height: 2160, touch: false, tiles: 49 },
  { width: 1280, height: 800, touch: false, tiles: 49, browser: 'firefox' },
];
/** What fingers hit without looking twice, and what WCAG 2.2 AA asks of a mouse (2.5.8). */
const LEAST = { touch: 44, mouse: 24 };
const FITS_WITHIN_MS = 5_000;
const OTHERS = 59;

const others = Array.from({ length: OTHERS }, (_, index) => ({ name: index === 40 ? 'Radia Perlman' : `Member ${index + 1}`, camera: { audio: index % 3 !== 0, video: false } }));

async function enter(stage, window) {
  const server = await startFakeServer({ dist, others, rooms: [{ id: 'weekly-design', members: 7 }] });
  stage.atEnd(() => server.close());
  const { width, height, touch, browser = 'chromium' } = window;
  const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440, viewport: { width, height, ...(touch && { hasTouch: true, isMobile: true }) } });
  await ada.open(server.origin);
  await ada.reads('Public rooms');
  return { ada, origin: server.origin };
}

async function join(ada, origin) {
  await ada.open(`${origin}/r/large`);
  await ada.enterName();
  await ada.press('Use camera and microphone');
  await ada.press('Join now');
  await until('Ada to be in the room', () => ada.run(() => window.__plenum?.room.state.phase === 'joined'));
  // There is no media server to connect to.
  await ada.run(() => window.__plenum.room.link.emit('state', 'connected'));
}

for (const window of WINDOWS) {
  const { width, height, touch, tiles, browser = 'chromium' } = window;
  lightBehaviour(`in ${browser} at ${width}×${height} everything fits, can be hit, and turns pages of ${tiles}`, async (stage) => {
    const { ada, origin } = await enter(stage, window);
    const fits = async (what) => {
      const least = touch ? LEAST.touch : LEAST.mouse;
      assert.equal(await ada.run(() => matchMedia('(pointer: coarse)').matches), touch);
      // What comes in moves for a moment.
      const found = () => ada.run(misfits, least);
      await until(`everything of ${what} to fit`, async () => (await found()).length === 0, { within: FITS_WITHIN_MS, lastSeen: found });
    };
    await fits('home');
    await ada.open(`${origin}/r/large`);
    await ada.enterName();
    await fits('the green room before any device');
    await join(ada, origin);
    const shown = () => ada.run(() => document.querySelectorAll('[data-tile]').length);
    await until(`${tiles} tiles`, async () => (await shown()) === tiles, { lastSeen: shown });
    await fits('the call');
    const pages = Math.ceil((OTHERS + 1) / tiles);
    await ada.reads(`1 of ${pages}`);
    await ada.press('Next page');
    await ada.reads(`2 of ${pages}`);
    await until('the next tiles', async () => (await shown()) === Math.min(tiles, OTHERS + 1 - tiles), { lastSeen: shown });
    for (const panel of ['Statistics', 'Devices', 'Host controls']) {
      await ada.press('More');
      await ada.chooses(panel);
      await fits(panel);
      await ada.press('Close');
    }
    if (browser === 'firefox') await holdsInFirefox(ada, fits);
  });
}

/** What Chromium is asked in windows of their own. */
async function holdsInFirefox(ada, fits) {
  await findsRadia(ada);
  await ada.press('Close');
  await saysWhoseNetwork(ada);
  for (const viewport of [{ width: 390, height: 844 }, { width: 320, height: 568 }, { width: 844, height: 390 }]) {
    await ada.page.setViewport(viewport);
    await until('the window to have its size', () => ada.run((width) => innerWidth === width, viewport.width));
    await fits(`${viewport.width}×${viewport.height}`);
  }
}

lightBehaviour('whoever is sought is found among sixty, by a part of the name', async (stage) => {
  const { ada, origin } = await enter(stage, WINDOWS[3]);
  await join(ada, origin);
  await findsRadia(ada);
});

async function findsRadia(ada) {
  await ada.press(`People (${OTHERS + 1})`);
  const listed = () => ada.run(() => [...document.querySelectorAll('aside li .name > span:first-child')].map(({ textContent }) => textContent));
  await until('everybody to be listed', async () => (await listed()).length === OTHERS + 1, { lastSeen: listed });
  await ada.page.type('input[type=search]', 'perl');
  await until('Radia alone to be listed', async () => JSON.stringify(await listed()) === '["Radia Perlman"]', { lastSeen: listed });
  await ada.page.type('input[type=search]', 'y');
  await ada.reads('Nobody by that name');
}

lightBehaviour('the page says whose network is the problem, and uses less data when it is asked to', async (stage) => {
  const { ada, origin } = await enter(stage, WINDOWS[3]);
  await join(ada, origin);
  await saysWhoseNetwork(ada);
});

async function saysWhoseNetwork(ada) {
  const network = (trouble) =>
    ada.run((told) => {
      const { room } = window.__plenum;
      clearInterval(window.__measuring);
      const connection = { protocol: 'udp', roundTripMs: 24, sent: 1e6, received: 3e6 };
      window.__measuring = setInterval(() => room.emit('statistics', { at: Date.now(), connection, sources: [], ...(told && { trouble: told.members ? { ...told, members: [room.members.at(-1).id] } : told }) }), 50);
    }, trouble);
  await network({ whose: 'theirs', members: [] });
  await ada.reads(`Member ${OTHERS} has a bad connection.`);
  await network({ whose: 'ours', way: 'up' });
  await ada.reads('Your network loses what you send.');
  await network({ whose: 'ours', way: 'down' });
  await ada.reads('Your network is slow.');
  await ada.press('Use less data');
  await until('less data to be used', () => ada.run(() => window.__plenum.room.lowData));
  await ada.readsNoMore('Use less data');
  await network(undefined);
  await ada.readsNoMore('Your network is slow.');
}

/** In the page: its ground, and what a phone's own bars are to have. */
const grounds = () => {
  const colour = (text) => Object.assign(document.createElement('i').style, { color: text }).color;
  const bars = [...document.querySelectorAll('meta[name=theme-color]')].map(({ content, media }) => [media.includes('dark') ? 'dark' : 'light', colour(content)]);
  return { page: getComputedStyle(document.body).backgroundColor, ...Object.fromEntries(bars) };
};
const LIGHT = 'rgb(246, 247, 248)';
const DARK = 'rgb(16, 18, 20)';

for (const browser of ['chromium', 'firefox in the dark that waits for a click']) {
  lightBehaviour(`in ${browser} the page is light or dark as the system likes it, or as one chooses, also after a reload`, async (stage) => {
    const { ada } = await enter(stage, { ...WINDOWS[3], browser });
    const is = (page, light, dark) => {
      const wanted = JSON.stringify({ page, dark, light });
      return until(`the page to be ${page}`, async () => JSON.stringify(await ada.run(grounds)) === wanted, { lastSeen: () => ada.run(grounds) });
    };
    // The other one's system is dark from the beginning: there it cannot be played.
    if (browser === 'chromium' || !ownNetwork()) {
      await ada.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
      await is(LIGHT, LIGHT, DARK);
      await ada.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    }
    await is(DARK, LIGHT, DARK);
    for (const [chosen, ground] of [['dark', DARK], ['light', LIGHT]]) {
      await ada.page.select('header .theme select', chosen);
      await is(ground, ground, ground);
    }
    // Nobody in a dark room is to be flashed at: the theme is known before the first module runs, and so before the first paint.
    await ada.page.evaluateOnNewDocument(() => document.addEventListener('readystatechange', () => (window.__firstTheme ??= getComputedStyle(document.documentElement).colorScheme)));
    await ada.page.reload();
    await ada.reads('Public rooms');
    assert.equal(await ada.run(() => window.__firstTheme), 'light');
    await is(LIGHT, LIGHT, LIGHT);
    await ada.page.select('header .theme select', 'system');
    await is(DARK, LIGHT, DARK);
  });
}

lightBehaviour('a phone’s own bars are of the stage’s colour during a call, and of the page’s before and after', async (stage) => {
  const { ada, origin } = await enter(stage, WINDOWS[1]);
  const bars = () => ada.run(() => [...document.querySelectorAll('meta[name=theme-color]')].map(({ content }) => content));
  const before = await bars();
  assert.equal(new Set(before).size, 2);
  await join(ada, origin);
  const colours = () =>
    ada.run(() => {
      const said = [...document.querySelectorAll('meta[name=theme-color]')].map(({ content }) => Object.assign(document.createElement('i').style, { color: content }).color);
      const call = document.querySelector('.call');
      return { said, ground: call && getComputedStyle(call).backgroundColor };
    });
  const alike = async () => {
    const { said, ground } = await colours();
    return said.length === 2 && said.every((one) => one === ground);
  };
  await until('the bars to be of the stage’s colour', alike, { lastSeen: colours });
  await ada.leave();
  await until('the page’s colours to be back', async () => JSON.stringify(await bars()) === JSON.stringify(before), { lastSeen: bars });
});

lightBehaviour('who wants no motion gets none', async (stage) => {
  const { ada, origin } = await enter(stage, WINDOWS[3]);
  await ada.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  await join(ada, origin);
  await ada.press('More');
  const slow = () => {
    const seconds = (text) => Math.max(...text.split(',').map((one) => parseFloat(one) * (one.trim().endsWith('ms') ? 0.001 : 1)));
    const moving = (style) => Math.max(seconds(style.transitionDuration), seconds(style.animationDuration));
    return [...document.querySelectorAll('body *')].filter((element) => moving(getComputedStyle(element)) > 0.002).map(({ outerHTML }) => outerHTML.slice(0, 80));
  };
  assert.deepEqual(await ada.run(slow), []);
});

/** In the page: what sticks out of it sideways, and what can be seen and pressed and is too small for that, or outside of the window in a call. */
function misfits(least) {
  const found = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} px wide in a window of ${clientWidth}`);
  const theme = document.querySelector('header .theme')?.getBoundingClientRect();
  // A list that cannot be seen lies over a sign.
  if (theme && Math.min(theme.width, theme.height) < least - 0.5) found.push(`the choice of light or dark is ${theme.width}×${theme.height}`);
  let looked = 0;
  const called = (element) => element.ariaLabel ?? element.textContent.trim();
  for (const element of document.querySelectorAll('button, a[href], select, summary, input:not([type=checkbox]), label:has(input)')) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.tabIndex < 0 || element.closest('[aria-hidden=true]')) continue;
    looked += 1;
    const { width, height, left, right } = element.getBoundingClientRect();
    // Half a pixel is rounding.
    if (Math.min(width, height) < least - 0.5 && element.tagName !== 'LABEL') found.push(`“${called(element)}” is ${Math.round(width)}×${Math.round(height)}`);
    if (left < -0.5 || right > clientWidth + 0.5) found.push(`“${called(element)}” sticks out of the window`);
  }
  if (looked < 3) found.push('there is nothing to press');
  return found;
}
