import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { isAccessible } from '../harness/axe.mjs';

/** What is read and pressed on the way through the page. */
const EN = {
  room: 'open',
  empty: 'No public rooms right now',
  allow: 'Use camera and microphone',
  cameraOff: 'Turn camera off',
  join: 'Join now',
  more: 'More',
  sound: 'Choose microphone and speaker',
  chat: 'Chat',
  people: 'People (2)',
  moreOf: (name) => `More: ${name}`,
  host: 'Host controls',
  react: 'React',
  statistics: 'Statistics',
  roundTrip: 'Round trip',
  figures: 'Figures on the tiles',
  score: 'Score',
  devices: 'Devices',
  keys: 'Keyboard shortcuts',
  leave: 'Leave call',
  left: 'You left the call',
};

const KO = {
  room: '열린-방',
  empty: '지금은 공개된 방이 없습니다',
  allow: '카메라와 마이크 사용',
  cameraOff: '카메라 끄기',
  join: '지금 참여',
  more: '더보기',
  sound: '마이크와 스피커 선택',
  chat: '채팅',
  people: '참여자 (2)',
  moreOf: (name) => `더보기: ${name}`,
  host: '진행자 도구',
  react: '반응',
  statistics: '통계',
  roundTrip: '왕복 시간',
  figures: '화면에 수치 보기',
  score: '점수',
  devices: '장치',
  keys: '키보드 단축키',
  leave: '통화 나가기',
  left: '통화에서 나왔습니다',
};

/** Every state of a call with `other`: what it is called, and how one comes there. */
const states = (w, other) => [
  ['the call', async () => undefined],
  ['the menu', (bot) => bot.press(w.more)],
  ['the device menu', (bot) => bot.press(w.sound)],
  ['the chat', async (bot) => {
    await bot.press(w.chat);
    await bot.writes('https://example.org');
    await bot.reads('https://example.org');
  }],
  ['the members', (bot) => bot.press(w.people)],
  ['what can be done with a member', (bot) => bot.press(w.moreOf(other.name))],
  ['the host controls', (bot) => chooses(bot, w, w.host)],
  ['the reactions', (bot) => bot.press(w.react)],
  ['the statistics', async (bot) => {
    await chooses(bot, w, w.statistics);
    await bot.reads(w.roundTrip);
  }],
  ['the figures on the tiles', async (bot) => {
    await bot.press(w.moreOf(other.name));
    await bot.chooses(w.figures);
    await bot.reads(w.score);
  }],
  ['the devices', (bot) => chooses(bot, w, w.devices)],
  ['the keys', (bot) => chooses(bot, w, w.keys)],
];

async function chooses(bot, w, item) {
  await bot.press(w.more);
  await bot.chooses(item);
}

/** Goes from home to the end of a call with `other`, and asks `look` about every page and state. */
async function walk(bot, other, origin, w, look) {
  await bot.open(origin);
  await bot.reads(w.empty);
  await look('home');
  await bot.open(`${origin}/r/${w.room}`);
  await bot.enterName();
  await look('the green room before any device');
  await bot.press(w.allow);
  await bot.press(w.cameraOff);
  await look('the green room');
  await bot.press(w.join);
  await bot.joined();
  await look('the call alone');
  await other.join(origin, w.room);
  await bot.reads(other.name);
  for (const [what, open] of states(w, other)) {
    await open(bot);
    await look(what);
    await bot.page.keyboard.press('Escape');
  }
  await bot.press(w.leave);
  await bot.reads(w.left);
  await look('the end');
  assert.deepEqual([...bot.errors, ...other.errors], []);
}

const SCHEMES = ['light', 'dark'];

async function isAccessibleInBothThemes(bot, what) {
  for (const scheme of SCHEMES) {
    // All colours of the page follow this; what the system wishes could be played in Chromium alone.
    await bot.run((wanted) => (document.documentElement.style.colorScheme = wanted), scheme);
    await isAccessible(bot, `${what}, ${scheme}`);
  }
}

for (const browser of ['chromium', 'firefox']) {
  lightBehaviour(`in ${browser} no page and no state of the call has anything that WCAG 2.2 AA forbids, light or dark`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    await walk(ada, grace, origin, EN, (what) => isAccessibleInBothThemes(ada, what));
  });

  lightBehaviour(`in ${browser} and Korean nothing is forbidden, and no word is left in English`, async (stage) => {
    const { origin } = await stage.server();
    // The empty page before the first one has no storage.
    const korean = [() => location.protocol.startsWith('http') && localStorage.setItem('plenum.language', '"ko"')];
    const ada = stage.bot({ name: '에이다', browser, hue: 0, tone: 440, init: [korean] });
    const grace = stage.bot({ name: '그레이스', browser: 'chromium', hue: 240, tone: 880 });
    await walk(ada, grace, origin, KO, async (what) => {
      await isAccessible(ada, what);
      assert.equal(await ada.run(() => document.documentElement.lang), 'ko');
      assert.deepEqual(await ada.run(strangeWords, KNOWN_EVERYWHERE), [], what);
    });
  });
}

/** Names, addresses, units and what every language calls alike. */
const KNOWN_EVERYWHERE = ['Plenum', 'Language', 'English', 'Bot', 'UDP', 'TCP', 'VP8', 'VP9', 'H264', 'AV1', 'opus', 'Opus', 'Esc', 'AM', 'PM', 'kb', 'Mb', 's', 'ms', 'fps'];

/** In the page: the Latin words that can be read or heard, but for `known` ones, single keys and links. */
function strangeWords(known) {
  const labels = [...document.querySelectorAll('[aria-label], [title], [placeholder]')].flatMap((element) => ['aria-label', 'title', 'placeholder'].map((name) => element.getAttribute(name) ?? ''));
  const text = [document.body.innerText, ...labels].join('\n').replace(/https?:\S*/g, '');
  const words = text.match(/[A-Za-z][A-Za-z0-9]*/g) ?? [];
  return [...new Set(words)].filter((word) => !known.includes(word) && !/^[A-Z]$/.test(word) && !/^(audio|video)(in|out)put$/.test(word));
}
