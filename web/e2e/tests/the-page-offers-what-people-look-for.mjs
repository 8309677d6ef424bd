import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

const announced = (bot) => bot.run(() => document.querySelector('[role=status].visually-hidden').textContent.trim());

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  behaviour(`in ${browser} a line that is not read yet is counted and told in the title, and its link leads out of the page`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, devices: false });
    const grace = stage.bot({ name: 'Grace', browser: other, devices: false });
    for (const bot of [ada, grace]) await bot.join(origin, 'lines');
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
  behaviour(`in ${browser}, with push to talk, the microphone is open only while its button is held`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: other, hue: 240, tone: 880 });
    for (const bot of [ada, grace]) await bot.join(origin, 'held');
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
  behaviour(`in ${browser} who comes and goes is told to those who cannot see it`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, devices: false });
    const grace = stage.bot({ name: 'Grace', browser: other, devices: false });
    await ada.join(origin, 'told');
    const tells = (words) => until(`“${words}” to be told`, async () => (await announced(ada)) === words, { lastSeen: () => announced(ada) });
    await grace.join(origin, 'told');
    await tells('Grace joined');
    await grace.press('Raise hand');
    await tells('Grace raised a hand');
    await grace.leave();
    await tells('Grace left');
  });
}

behaviour('devices are opened once for green room and call, and another one is chosen during the call without an offer', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium with devices', devices: false, allowed: true, init: [[countOpenings]] });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  await grace.join(origin, 'devices');
  await ada.open(`${origin}/r/devices`);
  await ada.enterName();
  await ada.press('Mirror my video');
  const mirrored = () => ada.run(() => getComputedStyle(document.querySelector('.preview video')).transform);
  assert.equal(await mirrored(), 'none');
  await ada.press('Test speaker');
  await ada.reads('You should hear two notes…');
  await ada.reads('Test speaker');
  await ada.press('Join now');
  await ada.joined();
  await grace.seesSomethingMove('Ada');
  assert.equal(await ada.run(() => window.__opened), 1);
  const label = () => ada.run(() => window.__plenum.room.link.lines.up.microphone.sender.track?.label);
  await ada.press('Choose microphone and speaker');
  await ada.chooses('Fake Audio Input 2');
  await until('the second microphone to be sent', async () => (await label()) === 'Fake Audio Input 2', { lastSeen: label });
  assert.equal(await ada.offers(), 1);
  // Our own picture is still as others see it.
  assert.equal(await ada.run(() => document.querySelector('video.own').style.transform.includes('scaleX(-1)')), false);
});

behaviour('where a screen cannot be shared there is no button for it, as on phones', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false, init: [[() => delete MediaDevices.prototype.getDisplayMedia]] });
  await ada.join(origin, 'phones');
  const buttons = await ada.run(() => [...document.querySelectorAll('footer button')].map(({ ariaLabel }) => ariaLabel));
  assert.ok(buttons.includes('Raise hand') && !buttons.includes('Share screen'), String(buttons));
});

behaviour('the link to the room is copied by one press, before the call and in it', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', devices: false });
  await ada.open(`${origin}/r/invite`);
  await ada.context.overridePermissions(origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
  const copied = () => ada.run(() => navigator.clipboard.readText());
  await ada.enterName();
  await ada.press('Copy link');
  await ada.reads('Copied');
  assert.equal(await copied(), `${origin}/r/invite`);
  await ada.run(() => navigator.clipboard.writeText('something else'));
  await ada.press('Join without devices');
  await ada.joined();
  await ada.press('More');
  await ada.chooses('Copy link');
  await ada.reads('Link copied');
  assert.equal(await copied(), `${origin}/r/invite`);
});

/** In the page: counts how often devices are asked for. */
function countOpenings() {
  window.__opened = 0;
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (constraints) => {
    window.__opened += 1;
    return open(constraints);
  };
}
