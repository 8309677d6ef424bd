/**
 * Screenshots of every page and state at three sizes in both themes, against a stand-in for the server, to be looked at.
 * `npm run shots -- call-4 phone` takes only those whose names contain every one of these words, `npm run shots -- docs`
 * those that README and docs show, into docs/images.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { startFakeServer } from './fake-server.mjs';
import { fillSeats, installPeople } from './harness/people.mjs';

const out = resolve(import.meta.dirname, '../test-results/shots');
const dist = resolve(import.meta.dirname, '../dist');
mkdirSync(out, { recursive: true });

const forDocs = process.argv[2] === 'docs';
const words = forDocs ? [] : process.argv.slice(2);
const DOCS = { 'call-talk-desk-dark': 'call', 'call-present-desk-dark': 'screen', 'call-4-phone-dark': 'phone' };
/** Of 100: flat colours and letters show no loss at this. */
const DOCS_QUALITY = 88;
/** Pages that are open at once. */
const AT_ONCE = 5;
const SIZES = {
  phone: { width: 390, height: 844 },
  desk: { width: 1280, height: 800 },
  wide: { width: 1920, height: 1080 },
  small: { width: 320, height: 568 },
  lying: { width: 844, height: 390 },
  huge: { width: 3840, height: 2160 },
};
/** A name that is not `localhost`: over plain HTTP browsers give its pages no devices. */
const INSECURE_HOST = 'plenum.example';
const SECURE_URL = `https://${INSECURE_HOST}/`;
const EACH = ['phone', 'desk', 'wide'];
const SCHEMES = ['light', 'dark'];
const TOUCH = ['phone', 'small', 'lying'];
const names = ['김민준', 'Ada Lovelace', 'Grace Hopper', 'Linus', '이서연', 'Margaret Hamilton', 'Alan Turing', 'Radia Perlman', '박지후', 'Barbara Liskov', 'Edsger Dijkstra', 'Katherine Johnson'];

const people = (count, change = () => ({})) =>
  Array.from({ length: count }, (_, index) => ({
    name: names[index % names.length],
    hand: index === 2,
    presence: index === 7 ? 'reconnecting' : 'here',
    camera: { audio: index % 3 !== 1, video: index % 4 !== 3 },
    ...change(index),
  }));
const presenting = (count) => people(count, (index) => (index === 1 ? { screen: { audio: false, video: true } } : {}));
const rooms = [{ id: 'weekly-design', members: 7 }, { id: '한국어 스터디', members: 4 }, { id: 'open-office', members: 1 }];

const room = '/r/weekly-design';
const press = (label) => (page) => page.getByRole('button', { name: label }).first().click();
const more = (label) => async (page) => {
  await press(/^(More|더보기)$/)(page);
  if (label) await page.getByRole('menuitem', { name: label }).or(page.getByRole('menuitemcheckbox', { name: label })).first().click();
};
const isPhone = (page) => page.viewportSize().width < 760;
const panel = (label) => async (page) => (isPhone(page) && !/Chat|채팅/.test(label) ? more(label)(page) : press(label)(page));

async function chat(page, { io }) {
  const line = (id, from, name, text, at, to) => io.emit('chat', { id, from, name, text, at, ...(to && { to }) });
  const now = Date.now();
  line(1, 'm0', '김민준', '안녕하세요! 화면 잘 보이시나요?', now - 400_000);
  line(2, 'm1', 'Ada Lovelace', 'Yes, sharp and clear.', now - 300_000);
  line(3, 'm1', 'Ada Lovelace', 'The numbers for this quarter are at https://example.org/plans/2026?page=3, look at the second column first.', now - 290_000);
  line(4, 'm2', 'Grace Hopper', 'Shall we stay for a moment afterwards?', now - 60_000, 'me');
  line(5, 'me', 'Ada', 'Gladly.', now - 20_000);
}

async function joins(page) {
  await press(/Join now/)(page);
  await page.waitForTimeout(500);
}

/** In the page: what it would find where the media gets through, over this protocol. */
function reachable(protocol = 'udp') {
  const report = [
    { id: 'pair', type: 'candidate-pair', nominated: true, state: 'succeeded', localCandidateId: 'local', currentRoundTripTime: 0.024 },
    { id: 'local', type: 'local-candidate', protocol },
  ];
  Object.defineProperty(RTCPeerConnection.prototype, 'connectionState', { get: () => 'connected' });
  RTCPeerConnection.prototype.getStats = async () => new Map(report.map((entry) => [entry.id, entry]));
}

/** The small window over everything else, which is a page of its own. */
async function float(page) {
  const opens = page.context().waitForEvent('page');
  await more('Picture-in-picture')(page);
  const small = await opens;
  // What the browser gives it; otherwise it would be drawn as large as its page.
  await small.setViewportSize({ width: 360, height: 240 });
  return small;
}

const knocks = (_page, { io }) => void io.emit('knocks', { waiting: [{ id: 'k1', name: 'Bea Müller', since: Date.now(), banned: false }, { id: 'k2', name: '최지우', since: Date.now(), banned: true }] });

/** In the page: what the library would measure, again and again: it measures too, and nothing comes. */
function figures(trouble) {
  const { room } = window.__plenum;
  const sources = room.members.flatMap((member, index) => [{
    source: member.camera.id, member: member.id, kind: 'camera', way: index === 0 ? 'sent' : 'received', score: [4.6, 4.4, 2.1, 3.4, 4.8][index],
    audio: { bitrate: 32_000 + index * 900, codec: 'opus', loss: 0.002 * index, jitterMs: 3 + index, concealed: 0.001 * index },
    video: { bitrate: 640_000 + index * 91_000, codec: 'VP8', loss: 0.004 * index, jitterMs: 5, width: 640, height: 360, fps: 30, freezes: index, frozenMs: index * 400, paused: false },
  }]);
  setInterval(() => {
    room.emit('statistics', { at: Date.now(), connection: { protocol: 'udp', roundTripMs: 24, availableUp: 2_600_000, sent: 1_140_000, received: 3_480_000 }, sources, ...(trouble && { trouble }) });
  }, 20);
}

/** Name, and what to see: where, who else is there, and what is pressed first. */
const SHOTS = {
  home: { rooms },
  'home-recent': { rooms, init: () => localStorage.setItem('plenum.recent', JSON.stringify([{ room: 'weekly-design', at: Date.now() - 4e6 }, { room: '한국어 스터디', at: Date.now() - 9e7 }])) },
  'home-empty-ko': { locale: 'ko-KR' },
  green: { path: room, wait: 1500 },
  'green-ko': { path: room, locale: 'ko-KR', wait: 1500 },
  'green-checked': { path: room, init: reachable, wait: 2500 },
  'green-tcp': { path: room, init: reachable, given: 'tcp', wait: 2500 },
  'green-polling': { path: room, init: reachable, polling: true, wait: 2500 },
  'green-insecure': { path: room, host: INSECURE_HOST, wait: 900 },
  'home-insecure': { rooms, host: INSECURE_HOST },
  'green-devices': { path: room, init: reachable, wait: 2500, sizes: ['phone'], then: (page) => page.getByRole('button', { name: 'Test speaker' }).scrollIntoViewIfNeeded() },
  'green-blocked': { path: room, wait: 12_000 },
  'green-copied': { path: room, permissions: ['camera', 'microphone', 'clipboard-write'], wait: 900, then: press('Copy link') },
  'green-fresh': { path: room, permissions: [] },
  'call-alone': { path: '/r/abcd-efgh-jkmn', others: [] },
  'call-1': { others: people(1) },
  'call-1-corner': { others: people(1), init: () => localStorage.setItem('plenum.prefs', '{"corner":"top-right"}'), then: chat },
  'call-2': { others: people(2) },
  'call-4': { others: people(4) },
  'call-8': { others: people(8) },
  'call-24': { others: people(24) },
  'call-60': { others: people(60) },
  'call-speaker': { others: people(6), init: () => localStorage.setItem('plenum.prefs', '{"mode":"speaker"}') },
  'call-pinned': { others: people(4), then: (page) => page.locator('[data-tile="m0/camera"]').dblclick({ position: { x: 20, y: 20 } }) },
  'call-solo': { others: people(4), then: async (page) => {
    await page.locator('[data-tile="m0/camera"]').hover();
    await page.locator('[data-tile="m0/camera"] button[aria-haspopup]').click();
    await page.getByRole('menuitem', { name: 'Full screen' }).click();
    await page.mouse.move(2, 2);
  } },
  'call-self-hidden': { others: people(4), init: () => localStorage.setItem('plenum.prefs', '{"selfView":false}') },
  'call-page-2': { others: people(60), then: press('Next page') },
  'call-tile': { others: people(4), then: (page) => page.locator('[data-tile="m0/camera"]').hover() },
  'call-tile-menu': { others: people(4), then: async (page) => {
    await page.locator('[data-tile="m0/camera"]').hover();
    await page.locator('[data-tile="m0/camera"] button[aria-haspopup]').click();
  } },
  'call-present': { others: presenting(5) },
  'call-present-many': { others: presenting(30) },
  'call-chat': { others: people(4), then: async (page, server) => {
    await panel('Chat')(page);
    await chat(page, server);
  } },
  'call-talk': { others: people(8), sizes: ['desk'], then: async (page, server) => {
    await panel('Chat')(page);
    await chat(page, server);
  } },
  'call-chat-empty': { others: people(4), then: panel('Chat') },
  'call-chat-private': { others: people(4), then: async (page, server) => {
    await panel('Chat')(page);
    await chat(page, server);
    await page.locator('.to select').selectOption('Grace Hopper');
  } },
  'call-unread': { others: people(4), then: chat },
  'call-people': { others: people(12), then: panel(/^People/) },
  'call-people-search': { others: people(12), then: async (page) => {
    await panel(/^People/)(page);
    await page.getByPlaceholder('Search people').fill('ra');
  } },
  'call-more': { others: people(4), then: more() },
  'call-microphones': { others: people(4), sizes: ['desk', 'wide', 'lying'], then: press('Choose microphone and speaker') },
  'call-cameras': { others: people(4), sizes: ['desk', 'wide', 'lying'], then: press('Choose camera') },
  'call-hand': { others: people(4), then: async (page) => {
    await (isPhone(page) ? more('Raise hand') : press('Raise hand'))(page);
    await page.mouse.move(2, 2);
  } },
  'call-floats': { others: people(4), sizes: ['desk'], alone: true, then: float },
  'call-floats-off': { others: people(1, () => ({ camera: { audio: true, video: false } })), sizes: ['desk'], alone: true, then: float },
  'call-keys': { others: people(4), then: more('Keyboard shortcuts') },
  'call-devices-ko': { others: people(4), locale: 'ko-KR', then: more('장치') },
  'call-host': { others: people(4), then: more('Host controls') },
  'call-member-menu': { others: people(4), then: async (page) => {
    await panel(/^People/)(page);
    await page.getByRole('complementary').getByRole('button', { name: 'More: Ada Lovelace' }).click();
  } },
  'call-knocks': { others: people(4), then: knocks },
  'call-waiting-list': { others: people(4), then: async (page, server) => {
    await panel(/^People/)(page);
    await knocks(page, server);
  } },
  'call-reactions': { others: people(4), then: async (page, { io }) => {
    await (isPhone(page) ? more('React') : press('React'))(page);
    io.emit('reactions', { reactions: [{ from: 'm0', emoji: '👏' }, { from: 'm2', emoji: '🎉' }, { from: 'me', emoji: '❤️' }] });
  } },
  'call-stats': { others: people(4), then: async (page) => {
    await more('Statistics')(page);
    await page.evaluate(figures);
  } },
  'call-stats-open': { others: people(4), then: async (page) => {
    await more('Statistics')(page);
    await page.evaluate(figures);
    await page.locator('summary').nth(2).click();
    // What the library measures meanwhile, nothing, would close it again.
    await page.evaluate(() => {
      const { room } = window.__plenum;
      const told = room.emit.bind(room);
      room.emit = (event, what) => (event === 'statistics' && what.sources.length === 0 ? undefined : told(event, what));
    });
    await page.locator('details[open]').waitFor({ timeout: 3_000 }).catch(() => page.locator('summary').nth(2).click());
  } },
  'call-figures': { others: people(4), then: async (page) => {
    await page.evaluate(figures);
    await page.locator('[data-tile="m0/camera"]').hover();
    await page.locator('[data-tile="m0/camera"] button[aria-haspopup]').click();
    await page.getByRole('menuitemcheckbox', { name: 'Figures on the tiles' }).click();
    await page.mouse.move(2, 2);
  } },
  'call-devices': { others: people(4), then: more('Devices') },
  'call-silent': { others: people(4), then: (page) => page.evaluate(() => window.__plenum.room.emit('blocked', true)) },
  'call-reconnecting': { others: people(4), then: async (page, { io }) => {
    io.engine.opts.allowRequest = (_request, answer) => answer('gone', false);
    io.disconnectSockets(true);
    await page.getByText('Connection lost').first().waitFor();
  } },
  'call-denied': { others: people(4), permissions: ['microphone'], init: () => (navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }), then: press('Turn camera on') },
  'green-denied': { path: room, permissions: [], init: () => (navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }), wait: 900, then: press('Use camera and microphone') },
  refused: { path: room, refusal: 'room_full', wait: 900, then: joins },
  'call-trouble': { others: people(4), then: async (page) => {
    await page.evaluate(figures, { whose: 'ours', way: 'down' });
    await page.getByRole('button', { name: 'Use less data' }).waitFor();
  } },
  waiting: { path: room, refusal: 'waiting', wait: 900, then: joins },
  password: { path: room, refusal: 'password_required', wait: 900, then: joins },
  ended: { others: people(2), then: (page) => page.evaluate(() => window.__plenum.room.leave()) },
  'home-small': { rooms, sizes: ['small'] },
  'green-small': { path: room, sizes: ['small'], wait: 1500 },
  'call-edge': { others: people(4), sizes: ['small', 'lying', 'huge'] },
  'call-many-edge': { others: people(60), sizes: ['small', 'lying', 'huge'] },
  'call-present-edge': { others: presenting(5), sizes: ['small', 'lying', 'huge'] },
  'call-more-edge': { others: people(4), sizes: ['small', 'lying'], then: more() },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--no-sandbox', `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`],
});

async function enterCall(page, server, then) {
  await page.waitForTimeout(700);
  await page.getByRole('button', { name: /^(Join now|지금 참여|Join without devices)$/ }).first().click();
  await page.waitForFunction(() => window.__plenum?.room.state.phase === 'joined');
  await page.waitForTimeout(300);
  await page.evaluate(fillSeats, 16);
  await page.evaluate(() => window.__plenum.room.link.emit?.('state', 'connected'));
  server.io.emit('speakers', { speaking: [{ source: 12, level: 0.7 }], dominant: 12 });
  await page.mouse.move(2, 2);
  await page.waitForTimeout(300);
  return then?.(page, server);
}

async function keepShot(page, context, name) {
  if (!forDocs) return page.screenshot({ path: `${out}/${name}.png` });
  const client = await context.newCDPSession(page);
  const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: DOCS_QUALITY });
  writeFileSync(resolve(import.meta.dirname, `../../docs/images/${DOCS[name]}.webp`), Buffer.from(data, 'base64'));
}

async function shoot(name, size, scheme, { path, others, rooms: listed, locale = 'en-US', permissions = ['camera', 'microphone'], init, given, host = 'localhost', wait = 0, refusal, polling, then }) {
  const server = await startFakeServer({ dist, others: others ?? [], rooms: listed ?? [], refusal, polling, secureUrl: host === 'localhost' ? undefined : SECURE_URL });
  const touch = TOUCH.includes(size);
  const context = await browser.newContext({ viewport: SIZES[size], deviceScaleFactor: size === 'phone' ? 2 : 1, colorScheme: scheme, locale, permissions, hasTouch: touch, isMobile: touch });
  try {
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(`${name}: ${error.stack}`));
    page.on('console', (message) => message.type() === 'error' && console.error(`${name}: ${message.text()}`));
    await page.addInitScript(() => localStorage.setItem('plenum.name', JSON.stringify('Ada')));
    await page.addInitScript(installPeople);
    if (init) await page.addInitScript(init, given);
    await page.goto(`http://${host}:${server.port}` + (path ?? (others ? room : '/')));
    await page.waitForTimeout(600 + wait);
    // What is to be seen may be in a window of its own.
    const other = await (others ? enterCall(page, server, then) : then?.(page, server));
    await page.waitForTimeout(600);
    await keepShot(typeof other?.screenshot === 'function' ? other : page, context, `${name}-${size}-${scheme}`);
  } catch (error) {
    console.error(`${name}-${size}-${scheme}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await context.close();
    await server.close();
  }
}

const jobs = Object.entries(SHOTS).flatMap(([name, shot]) =>
  (shot.sizes ?? EACH).flatMap((size) => SCHEMES.map((scheme) => ({ name, size, scheme, shot }))),
);
const wanted = jobs.filter(({ name, size, scheme }) => (forDocs ? `${name}-${size}-${scheme}` in DOCS : words.every((word) => `${name}-${size}-${scheme}`.includes(word))));
const take = async (list) => {
  for (let job = list.shift(); job; job = list.shift()) await shoot(job.name, job.size, job.scheme, job.shot);
};
const together = wanted.filter(({ shot }) => !shot.alone);
await Promise.all(Array.from({ length: AT_ONCE }, () => take(together)));
// A browser has one small window over everything else.
await take(wanted.filter(({ shot }) => shot.alone));
await browser.close();
