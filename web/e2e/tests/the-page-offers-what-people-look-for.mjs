import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { installSpeakers } from '../harness/devices.mjs';
import { ownNetwork } from '../harness/network.mjs';
import { OTHER_MICROPHONE } from '../harness/sound.mjs';
import { PATIENCE_MS, until } from '../harness/until.mjs';

const announced = (bot) => bot.run(() => document.querySelector('[role=status].visually-hidden').textContent.trim());

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  lightBehaviour(`in ${browser} a line that is not read yet is counted and told in the title, and its link leads out of the page`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, devices: false });
    const grace = stage.bot({ name: 'Grace', browser: other, devices: false });
    await joinAll([ada, grace], origin, 'lines');
    await grace.press('Chat');
    await grace.writes('See https://example.org/a?b=1.');
    await grace.writes('and this');
    const chat = () => ada.run(() => [...document.querySelectorAll('footer .panels button')].at(-1).ariaLabel);
    await until('both lines to be counted', async () => (await chat()) === 'Chat: 2 new messages', { lastSeen: chat });
    const title = () => ada.page.title();
    await until('the title to tell them', async () => (await title()).startsWith('(2) lines'), { lastSeen: title });
    await ada.press('Chat: 2 new messages');
    await ada.reads('and this');
    await until('nothing to be left unread', async () => (await chat()) === 'Chat' && (await title()).startsWith('lines'), { lastSeen: chat });
    const link = await ada.run(() => {
      const { href, target, rel } = document.querySelector('[role=log] a');
      return { href, target, rel };
    });
    assert.deepEqual(link, { href: 'https://example.org/a?b=1', target: '_blank', rel: 'noopener noreferrer nofollow' });
    await grace.writes('seen at once');
    await ada.reads('seen at once');
    assert.equal(await chat(), 'Chat');
  });
}

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  lightBehaviour(`in ${browser}, with push to talk, the microphone is open only while its button is held`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: other, hue: 240, tone: 880 });
    await joinAll([ada, grace], origin, 'held');
    await grace.hears(ada);
    await ada.press('Choose microphone and speaker');
    await ada.chooses('Push to talk');
    await ada.page.keyboard.press('Escape');
    await grace.hearsTone('Ada', null);
    const { x, y } = await ada.run(() => document.querySelector('footer button[aria-label="Hold to talk"]').getBoundingClientRect().toJSON());
    await ada.page.mouse.move(x + 20, y + 20);
    await ada.page.mouse.down();
    await grace.hears(ada);
    await ada.page.mouse.up();
    await grace.hearsTone('Ada', null);
    // The other place of the switch, which a phone has too.
    await ada.press('More');
    await ada.chooses('Devices');
    await ada.reads('Mirror my video');
    assert.equal(await ada.run(() => document.querySelector('aside input[role=switch]').checked), true);
    await ada.run(() => document.querySelector('aside input[role=switch]').click());
    await ada.press('Unmute');
    await grace.hears(ada);
  });
}

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  lightBehaviour(`in ${browser} who comes and goes is told to those who cannot see it`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, devices: false });
    const grace = stage.bot({ name: 'Grace', browser: other, devices: false });
    await ada.join(origin, 'told');
    const tells = (words) => until(`“${words}” to be told`, async () => (await announced(ada)) === words, { within: 2 * PATIENCE_MS, lastSeen: () => announced(ada) });
    // It is told for some seconds only, and said before her media are connected.
    await Promise.all([grace.join(origin, 'told'), tells('Grace joined')]);
    await grace.press('Raise hand');
    await tells('Grace raised a hand');
    await grace.leave();
    await tells('Grace left');
  });
}

lightBehaviour('devices are opened once for green room and call, and another one is chosen during the call without an offer', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium with devices', devices: false, allowed: true, init: [[countOpenings]] });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880, init: [[countOpenings], [installSpeakers]] });
  await Promise.all([ada, grace].map((bot) => goesThroughGreenRoom(bot, `${origin}/r/devices`)));
  await grace.seesSomethingMove('Ada');
  await ada.sees(grace);
  for (const bot of [ada, grace]) assert.equal(await bot.run(() => window.__opened), 1);
  const label = () => ada.run(() => window.__plenum.room.link.lines.up.microphone.sender.track?.label);
  await ada.press('Choose microphone and speaker');
  await ada.chooses('Fake Audio Input 2');
  await until('the second microphone to be sent', async () => (await label()) === 'Fake Audio Input 2', { lastSeen: label });
  assert.equal(await ada.offers(), 1);
  // Our own picture is still as others see it.
  assert.equal(await ada.run(() => document.querySelector('video.own').style.transform.includes('scaleX(-1)')), false);
});

lightBehaviour(
  'in firefox, too, another microphone is chosen during the call without an offer',
  async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser: 'firefox', devices: false });
    await ada.open(`${origin}/r/devices`);
    await ada.enterName();
    await ada.press('Use camera and microphone');
    await ada.press('Join now');
    await ada.joined();
    const label = () => ada.run(() => window.__plenum.room.link.lines.up.microphone.sender.track?.label);
    assert.notEqual(await label(), OTHER_MICROPHONE);
    await ada.press('Choose microphone and speaker');
    await ada.chooses(OTHER_MICROPHONE);
    await until('the other microphone to be sent', async () => (await label()) === OTHER_MICROPHONE, { lastSeen: label });
    assert.equal(await ada.offers(), 1);
  },
  { skip: !ownNetwork() && 'Firefox is played by Chromium' },
);

lightBehaviour('the link to the room is copied by one press, before the call and in it', async (stage) => {
  const { origin } = await stage.server();
  await Promise.all(['chromium', 'firefox'].map((browser) => copiesTheLink(stage.bot({ name: 'Ada', browser, devices: false, init: [[keepWhatIsCopied]] }), origin)));
});

async function copiesTheLink(bot, origin) {
  const link = `${origin}/r/invite`;
  await bot.open(link);
  const copied = () => bot.run(() => window.__copied);
  await bot.enterName();
  await bot.press('Copy link');
  await bot.reads('Copied');
  assert.deepEqual(await copied(), [link]);
  await bot.press('Join without devices');
  await bot.joined();
  await bot.press('More');
  await bot.chooses('Copy link');
  await bot.reads('Link copied');
  assert.deepEqual(await copied(), [link, link]);
}

/** In the page: what the browser took to its clipboard, which both windows share. */
function keepWhatIsCopied() {
  window.__copied = [];
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  navigator.clipboard.writeText = async (text) => {
    await write(text);
    window.__copied.push(text);
  };
}

/** Tries everything there, and joins. */
async function goesThroughGreenRoom(bot, url) {
  await bot.open(url);
  await bot.enterName();
  if (!bot.allowed) await bot.press('Use camera and microphone');
  await bot.press('Mirror my video');
  const transform = () => bot.run(() => getComputedStyle(document.querySelector('.preview video')).transform);
  await until('our own picture to be as others see it', async () => (await transform()) === 'none', { lastSeen: transform });
  // The notes are short: they are listened for before they begin.
  await Promise.all([bot.reads('You should hear two notes…'), bot.press('Test speaker')]);
  await bot.reads('Test speaker');
  await bot.press('Join now');
  await bot.joined();
}

/** In the page: counts how often devices are asked for. */
function countOpenings() {
  window.__opened = 0;
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (constraints) => {
    window.__opened += 1;
    return open(constraints);
  };
}
