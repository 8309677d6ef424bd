import assert from 'node:assert/strict';
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

behaviour('in Firefox nothing is forbidden either', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'firefox', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  await ada.open(origin);
  await ada.reads('No public rooms right now');
  await isAccessible(ada, 'home');
  await ada.open(`${origin}/r/open`);
  await ada.enterName();
  await ada.press('Use camera and microphone');
  await isAccessible(ada, 'the green room');
  await ada.press('Join now');
  await ada.joined();
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

behaviour('in Korean nothing is forbidden, and no word is left in English', async (stage) => {
  const { origin } = await stage.server();
  const korean = [() => localStorage.setItem('plenum.language', '"ko"')];
  const ada = stage.bot({ name: '에이다', browser: 'chromium', hue: 0, tone: 440, scheme: 'light', init: [korean] });
  const grace = stage.bot({ name: '그레이스', browser: 'chromium', hue: 240, tone: 880 });
  const isKorean = async (what) => {
    await isAccessible(ada, what);
    assert.equal(await ada.run(() => document.documentElement.lang), 'ko');
    assert.deepEqual(await ada.run(strangeWords, KNOWN_EVERYWHERE), [], what);
  };
  await ada.open(origin);
  await ada.reads('지금은 공개된 방이 없습니다');
  await isKorean('home');
  await ada.open(`${origin}/r/열린-방`);
  await ada.enterName();
  await ada.press('카메라와 마이크 사용');
  await isKorean('the green room');
  await ada.press('지금 참여');
  await ada.joined();
  await grace.join(origin, '열린-방');
  await ada.reads('그레이스');
  await isKorean('the call');
  for (const item of [undefined, '진행자 도구', '통계', '장치', '키보드 단축키']) {
    await ada.press('더보기');
    if (item) await ada.chooses(item);
    await isKorean(item ?? 'the menu');
    await closeMenu(ada);
  }
  for (const panel of ['채팅', '참여자 (2)']) {
    await ada.press(panel);
    await isKorean(panel);
  }
  await ada.press('더보기: 그레이스');
  await isKorean('what can be done with a member');
  await closeMenu(ada);
  await ada.press('통화 나가기');
  await ada.reads('통화에서 나왔습니다');
  await isKorean('the end');
});

/** Names, addresses, units and what every language calls alike. */
const KNOWN_EVERYWHERE = ['Plenum', 'Language', 'English', 'Bot', 'UDP', 'TCP', 'VP8', 'VP9', 'H264', 'AV1', 'opus', 'Opus', 'Esc', 'AM', 'PM', 'kb', 'Mb', 's', 'ms', 'fps'];

/** In the page: the Latin words that can be read or heard, but for `known` ones, single keys and links. */
function strangeWords(known) {
  const labels = [...document.querySelectorAll('[aria-label], [title], [placeholder]')].flatMap((element) => ['aria-label', 'title', 'placeholder'].map((name) => element.getAttribute(name) ?? ''));
  const text = [document.body.innerText, ...labels].join('\n').replace(/https?:\S*/g, '');
  const words = text.match(/[A-Za-z][A-Za-z0-9]*/g) ?? [];
  return [...new Set(words)].filter((word) => !known.includes(word) && !/^[A-Z]$/.test(word) && !/^(audio|video)(in|out)put$/.test(word));
}
