import { behaviour } from '../harness/behaviour.mjs';
import { isAccessible } from '../harness/axe.mjs';

const STATES = [
  ['the call', async () => undefined],
  ['the menu', (bot) => bot.press('More')],
  ['the device menu', (bot) => bot.press('Choose microphone and speaker')],
  ['the chat', async (bot) => {
    await closeMenu(bot);
    await bot.press('Chat');
    await bot.writes('See https://example.org');
  }],
  ['the members', (bot) => bot.press('People (2)')],
  ['what can be done with a member', (bot) => bot.press('More: Grace')],
  ['the host controls', async (bot) => {
    await bot.press('More');
    await bot.chooses('Host controls');
  }],
  ['the reactions', (bot) => bot.press('React')],
  ['the statistics', async (bot) => {
    await bot.press('More');
    await bot.chooses('Statistics');
    await bot.reads('Round trip');
  }],
  ['the devices', async (bot) => {
    await bot.press('More');
    await bot.chooses('Devices');
  }],
  ['the keys', async (bot) => {
    await bot.press('More');
    await bot.chooses('Keyboard shortcuts');
  }],
];

const closeMenu = (bot) => bot.page.keyboard.press('Escape');

for (const scheme of ['light', 'dark']) {
  behaviour(`in the ${scheme} theme no page and no state of the call has anything that WCAG 2.2 AA forbids`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, scheme });
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    await ada.open(origin);
    await ada.reads('No public rooms right now');
    await isAccessible(ada, 'home');
    await ada.open(`${origin}/r/open`);
    await ada.enterName();
    await isAccessible(ada, 'the green room before any device');
    await ada.press('Use camera and microphone');
    await ada.press('Turn camera off');
    await isAccessible(ada, 'the green room');
    await ada.press('Join now');
    await ada.joined();
    await isAccessible(ada, 'the call alone');
    await grace.join(origin, 'open');
    await ada.seesTilesOf(grace);
    for (const [what, open] of STATES) {
      await open(ada);
      await isAccessible(ada, what);
      await closeMenu(ada);
    }
    await ada.leave();
    await isAccessible(ada, 'the end');
  });
}
