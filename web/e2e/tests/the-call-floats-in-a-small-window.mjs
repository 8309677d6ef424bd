import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

/** A page that nobody sees lets its pictures go after three seconds. */
const HIDDEN_AFTER_MS = 5_000;

lightBehaviour('a small window over everything else shows whoever counts, with the controls', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'pip');
  await ada.sees(grace);
  await ada.press('More');
  await ada.chooses('Picture-in-picture');
  const seen = () => {
    const small = window.documentPictureInPicture?.window?.document;
    const video = small?.querySelector('video.on');
    return { name: small?.querySelector('p')?.textContent, hue: video ? window.__read(video)?.hue : undefined };
  };
  const shows = async () => {
    const { name, hue } = await ada.run(seen);
    return name === 'Grace' && Math.abs(hue - grace.hue) < 15;
  };
  await until('Grace to be in the small window', shows, { lastSeen: () => ada.run(seen) });
  // Behind another tab the small window is all that is seen of the call: its picture goes on coming.
  const seated = () => ada.run(() => window.__plenum.room.seats.filter(({ expected }) => expected !== null).length);
  await ada.run(becomeHidden, true);
  await new Promise((done) => setTimeout(done, HIDDEN_AFTER_MS));
  assert.equal(await seated(), 1);
  await until('Grace to be in the small window still', shows, { lastSeen: () => ada.run(seen) });
  await ada.run(becomeHidden, false);
  await ada.run(() => window.documentPictureInPicture.window.document.querySelector('button[aria-label=Mute]').click());
  await grace.hearsTone('Ada', null);
  await ada.press('More');
  await ada.chooses('Close picture-in-picture');
  await until('the small window to be gone', () => ada.run(() => !window.documentPictureInPicture.window));
  await ada.sees(grace);
});

/** As if the person had turned to another tab, or back. */
function becomeHidden(hidden) {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
  document.dispatchEvent(new Event('visibilitychange'));
}
