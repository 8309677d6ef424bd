import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

/** A button that was there a moment ago is not waited for as long as one that has to come. */
const GONE_WITHIN_MS = 5_000;

// Firefox delivers no `ended` that a page makes up itself; what follows from it is the same code.
lightBehaviour('a camera and a microphone that are pulled out are taken again, and the call goes on', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'plugs');
  await grace.sees(ada);
  await grace.hears(ada);
  for (const device of ['camera', 'microphone']) {
    await ada.run((name) => {
      const { track } = window.__plenum.local[name];
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }, device);
  }
  await grace.sees(ada);
  await grace.hears(ada);
  assert.equal(await ada.offers(), 1);
});

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  lightBehaviour(`in ${browser}, whoever speaks into a muted microphone is told, and heard by nobody`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    const grace = stage.bot({ name: 'Grace', browser: other, hue: 240, tone: 880 });
    await joinAll([ada, grace], origin, 'muted');
    await grace.hears(ada);
    await ada.run(() => window.__plenum.local.on('mutedSpeech', () => (window.__told = (window.__told ?? 0) + 1)));
    await ada.press('Mute');
    await until('Ada to be told', () => ada.run(() => window.__told >= 1));
    await grace.hearsTone('Ada', null);
    await ada.press('Unmute');
    await grace.hears(ada);
  });
}

for (const browser of ['chromium that waits for a click', 'firefox in the dark that waits for a click']) {
  lightBehaviour(`in ${browser}, who comes back is offered one to hear, and hears then`, (stage) => hearsAfterClick(stage, browser));
}

async function hearsAfterClick(stage, browser) {
  const { origin } = await stage.server();
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  await grace.join(origin, 'silent');
  // As after a reload: the page joins by itself, and no device is open.
  const setup = { name: 'Ada', microphone: false, camera: false, muted: false };
  const comeBack = (kept) => sessionStorage.setItem('plenum.call.silent', JSON.stringify(kept));
  const ada = stage.bot({ name: 'Ada', browser, devices: false, init: [[comeBack, setup], [sayWhatIsRefused]] });
  await ada.open(`${origin}/r/silent`);
  // To ask the page anything would count as a click.
  for (const said of ['refused to play', 'offers sound']) await until(`Ada’s page to say: ${said}`, () => ada.console.includes(said), { lastSeen: () => ada.console });
  // To look for the button counts as a click, too: then it is gone before it can be pressed.
  await ada.press('Turn sound on', GONE_WITHIN_MS).catch(async (error) => {
    if (await ada.run(() => window.__plenum.room.playback.blocked)) throw error;
  });
  const playing = () => ada.run(() => [...document.querySelectorAll('audio')].map(({ paused }) => !paused));
  await until('every element to play', async () => (await playing()).length > 0 && (await playing()).every(Boolean), { lastSeen: playing });
  await ada.hears(grace);
  await until('the page to say no more that sound is off', () => ada.run(() => !window.__plenum.room.playback.blocked));
}

function sayWhatIsRefused() {
  const { play } = HTMLAudioElement.prototype;
  HTMLAudioElement.prototype.play = async function () {
    try {
      await play.call(this);
    } catch (error) {
      console.log('refused to play', error.name);
      throw error;
    }
  };
  const looking = setInterval(() => {
    if (![...document.querySelectorAll('button')].some(({ innerText }) => innerText === 'Turn sound on')) return;
    clearInterval(looking);
    console.log('offers sound');
  }, 20);
}
