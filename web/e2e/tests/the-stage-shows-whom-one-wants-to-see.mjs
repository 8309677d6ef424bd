import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

/** In the page: the boxes of the tiles by their names, as shares of the window's area. */
const areas = () => {
  const all = [...document.querySelectorAll('[data-tile]')];
  const area = (face) => {
    const { width, height } = face.getBoundingClientRect();
    return (width * height) / (innerWidth * innerHeight);
  };
  return Object.fromEntries(all.map((face) => [face.querySelector('.name .text').textContent, area(face)]));
};

for (const browser of ['chromium', 'firefox']) {
  behaviour(`in ${browser} a tile can be pinned, fill the stage and be hidden, and no picture is torn`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    const linus = stage.bot({ name: 'Linus', browser: 'chromium', hue: 120, screen: 300 });
    for (const bot of [ada, grace, linus]) await bot.join(origin, 'stage');
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

    await linus.press('Share screen');
    await large('Linus’s screen', 0.3);
    await ada.seesPicture('Linus’s screen', linus.screen);
    for (const other of [grace, linus]) await ada.sees(other);
    await linus.press('Stop sharing');

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

behaviour('keys do what buttons do, and a held space bar opens a muted microphone', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.join(origin, 'keys');
  await grace.hears(ada);
  await ada.presses('m');
  await grace.hearsTone('Ada', null);
  await ada.page.keyboard.down('Space');
  await grace.hears(ada);
  await ada.page.keyboard.up('Space');
  await grace.hearsTone('Ada', null);
  await ada.presses('v');
  await grace.seesNoPicture('Ada');
  await ada.presses('h');
  await grace.reads('Ada raised a hand');
  assert.equal(await grace.run(() => document.querySelector('[role=status]').textContent.trim()), 'Ada raised a hand');
  await ada.presses('c');
  await ada.writes('m, v and h are letters here');
  await grace.reads('Ada: m, v and h are letters here');
  await grace.seesNoPicture('Ada');
  await ada.page.keyboard.press('Escape');
  await ada.presses('?');
  await ada.reads('Keyboard shortcuts');
  await ada.run(() => document.querySelector('dialog input').click());
  await ada.page.keyboard.press('Escape');
  await ada.presses('v');
  await ada.presses('m');
  await grace.hearsTone('Ada', null);
  await grace.seesNoPicture('Ada');
});

behaviour('notices cover no control', async (stage) => {
  const { origin } = await stage.server();
  for (const viewport of [{ width: 390, height: 844 }, { width: 1280, height: 800 }]) {
    const ada = stage.bot({ name: `Ada ${viewport.width}`, browser: 'chromium', hue: 0, viewport });
    await ada.join(origin, `notices-${viewport.width}`);
    await ada.reads('You are the only one here');
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240 });
    await grace.join(origin, `notices-${viewport.width}`);
    await ada.reads('Grace joined');
    const covered = await ada.run(() => {
      const box = (element) => element.getBoundingClientRect();
      const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      const notices = [...document.querySelectorAll('.notice')].map(box);
      const controls = [...document.querySelectorAll('button')].filter((button) => button.checkVisibility({ opacityProperty: true }) && !button.closest('.notice, .controls.small'));
      return controls.filter((button) => notices.some((notice) => meet(notice, box(button)))).map((button) => button.ariaLabel);
    });
    assert.deepEqual(covered, []);
  }
});

const closeMenu = (bot) => bot.page.keyboard.press('Escape');
