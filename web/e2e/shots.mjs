/** Screenshots of every page in both themes and sizes, against a stand-in for the server, to be looked at. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { startFakeServer } from './fake-server.mjs';

const out = resolve(import.meta.dirname, '../test-results/shots');
const dist = resolve(import.meta.dirname, '../dist');
mkdirSync(out, { recursive: true });

const only = process.argv[2] ?? '';
const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };
const names = ['김민준', 'Ada Lovelace', 'Grace Hopper', 'Linus', '이서연', 'Margaret Hamilton', 'Alan Turing', 'Radia Perlman', '박지후', 'Barbara Liskov', 'Edsger Dijkstra', 'Katherine Johnson'];

const people = (count) =>
  Array.from({ length: count }, (_, index) => ({
    name: names[index % names.length],
    hand: index === 2,
    presence: index === 7 ? 'reconnecting' : 'here',
    camera: { audio: index % 3 !== 1, video: index % 4 !== 3 },
  }));

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({
  executablePath,
  args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--no-sandbox'],
});

/** Puts canvas pictures of a person into the seats, as frames of the members' sources. */
function fillSeats(count) {
  const { room } = window.__plenum;
  const hues = [20, 80, 140, 200, 260, 320];
  const sources = room.members.filter((m) => m.id !== room.me).flatMap((m) => [...(m.screen.video ? [m.screen] : []), ...(m.camera.video ? [m.camera] : [])]);
  sources.slice(0, count).forEach((source, index) => {
    const seat = room.seats[index];
    if (!seat) return;
    const canvas = document.createElement('canvas');
    const screen = room.owner(source.id).kind === 'screen';
    [canvas.width, canvas.height] = [1280, 720];
    const c = canvas.getContext('2d');
    const hue = hues[index % hues.length];
    const paint = () => {
      c.fillStyle = screen ? '#fff' : `hsl(${hue} 18% 34%)`;
      c.fillRect(0, 0, 1280, 720);
      if (screen) {
        c.fillStyle = '#14181b';
        c.font = '600 64px sans-serif';
        c.fillText('Quarterly plan', 90, 150);
        for (let line = 0; line < 8; line++) {
          c.fillStyle = '#c9d0d5';
          c.fillRect(90, 220 + line * 52, 500 + ((line * 211) % 480), 16);
        }
        return;
      }
      c.fillStyle = `hsl(${hue} 20% 26%)`;
      c.fillRect(0, 0, 420, 720);
      c.fillStyle = `hsl(${hue} 30% 58%)`;
      c.beginPath();
      c.ellipse(640, 720, 330, 300, 0, 0, 7);
      c.fill();
      c.fillStyle = 'hsl(28 45% 68%)';
      c.beginPath();
      c.ellipse(640, 330, 125, 160, 0, 0, 7);
      c.fill();
    };
    paint();
    setInterval(paint, 200);
    const track = canvas.captureStream(5).getVideoTracks()[0];
    seat.use({ track, getContributingSources: () => [{ source: source.id, timestamp: 1, rtpTimestamp: 1 }] });
    seat.seat(source.id);
  });
}

async function shot(name, { size, scheme = 'dark', locale = 'en-US', server, path = '/', permissions = [], act }) {
  if (only && !name.includes(only)) return;
  const context = await browser.newContext({
    viewport: sizes[size],
    deviceScaleFactor: size === 'phone' ? 2 : 1,
    colorScheme: scheme,
    locale,
    permissions,
    hasTouch: size === 'phone',
    isMobile: size === 'phone',
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`${name}: ${error.stack}`));
  page.on('console', (message) => message.type() === 'error' && console.error(`${name}: ${message.text()}`));
  await page.addInitScript(() => localStorage.setItem('plenum.name', JSON.stringify('Ada')));
  await page.goto(server.origin + path);
  await page.waitForTimeout(700);
  await act?.(page, server);
  await page.waitForTimeout(600);
  await page.screenshot({ path: `${out}/${name}-${size}-${scheme}.png` });
  await context.close();
  console.log(`${name}-${size}-${scheme}`);
}

const rooms = [{ id: 'weekly-design', members: 7 }, { id: '한국어 스터디', members: 4 }, { id: 'open-office', members: 1 }];
const empty = await startFakeServer({ dist });
const busy = await startFakeServer({ dist, rooms });
const start = async (page) => {
  await page.waitForTimeout(1200);
  await page.getByRole('button', { name: /Join now|지금 참여/ }).click();
  await page.waitForFunction(() => window.__plenum?.room.state.phase === 'joined');
  await page.waitForTimeout(400);
};
const inCall = (count, then) => async (page, server) => {
  await start(page);
  await page.evaluate(fillSeats, count);
  await page.evaluate(() => {
    const { room } = window.__plenum;
    room.link.emit?.('state', 'connected');
  });
  server.io.emit('speakers', { speaking: [{ source: 14, level: 0.7 }], dominant: 14 });
  await then?.(page, server);
};
const devices = ['camera', 'microphone'];

for (const size of ['phone', 'desk']) {
  for (const scheme of ['light', 'dark']) {
    await shot('home', { size, scheme, server: busy });
    await shot('green', { size, scheme, server: empty, path: '/r/weekly-design', permissions: devices });
  }
  await shot('home-empty-ko', { size, scheme: 'light', locale: 'ko-KR', server: empty });
  await shot('green-fresh', { size, scheme: 'light', server: empty, path: '/r/weekly-design' });
  await shot('call-alone', { size, server: empty, path: '/r/abcd-efgh-jkmn', permissions: devices, act: inCall(0) });
  for (const count of [1, 2, 4, 8, 24, 40]) {
    const server = await startFakeServer({ dist, others: people(count) });
    await shot(`call-${count}`, { size, server, path: '/r/weekly-design', permissions: devices, act: inCall(9) });
    if (count === 4) {
      const open = (label) => async (page) => {
        if (size === 'phone') {
          await page.getByRole('button', { name: 'More' }).click();
          await page.waitForTimeout(250);
        }
        if (label) await page.getByRole('button', { name: label }).last().click();
      };
      for (const scheme of ['light', 'dark']) {
        const chat = inCall(9, async (page, { io }) => {
          await open(/^Chat/)(page);
          const line = (id, from, name, text, at) => io.emit('chat', { id, from, name, text, at });
          const now = Date.now();
          line(1, 'm0', '김민준', '안녕하세요! 화면 잘 보이시나요?', now - 400_000);
          line(2, 'm1', 'Ada Lovelace', 'Yes, sharp and clear.', now - 300_000);
          line(3, 'm1', 'Ada Lovelace', 'The numbers for this quarter are on page 3, look at the second column first.', now - 290_000);
        });
        await shot('call-chat', { size, scheme, server, path: '/r/weekly-design', permissions: devices, act: chat });
        await shot('call-people', { size, scheme, server, path: '/r/weekly-design', permissions: devices, act: inCall(9, open(/^People/)) });
      }
      await shot('call-more', { size, server, path: '/r/weekly-design', permissions: devices, act: inCall(9, size === 'phone' ? open() : (page) => page.getByRole('button', { name: 'More' }).click()) });
      await shot('call-devices-ko', {
        size,
        locale: 'ko-KR',
        server,
        path: '/r/weekly-design',
        permissions: devices,
        act: inCall(9, async (page) => {
          await page.getByRole('button', { name: '더보기' }).click();
          await page.getByRole('button', { name: '장치' }).click();
        }),
      });
    }
    await server.close();
  }
  const presenting = people(5);
  presenting[1].screen = { audio: false, video: true };
  const server = await startFakeServer({ dist, others: presenting });
  await shot('call-present', { size, server, path: '/r/weekly-design', permissions: devices, act: inCall(9) });
  await server.close();
  await shot('ended', { size, scheme: 'light', server: empty, path: '/r/weekly-design', permissions: devices, act: inCall(0, (page) => page.evaluate(() => window.__plenum.room.leave())) });
}
await Promise.all([empty.close(), busy.close()]);
await browser.close();
