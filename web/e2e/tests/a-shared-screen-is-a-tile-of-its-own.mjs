import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

behaviour('a shared screen is a tile of its own beside the camera, and goes when it is stopped', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, screen: 180 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880, screen: 60 });
  await joinAll([ada, grace], origin, 'screens');
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    await one.press('Share screen');
    await other.seesPicture(`${one.name}’s screen`, one.screen);
    await other.sees(one);
  }
  await ada.seesTilesOf(grace, 'Your screen', 'Grace’s screen');
  // The browser's own button ends it, not the page's.
  await ada.run(() => window.__plenum.local.screen.track.dispatchEvent(new Event('ended')));
  await grace.seesTilesOf(ada, 'Your screen');
  await grace.press('Stop sharing');
  await ada.seesTilesOf(grace);
  for (const bot of [ada, grace]) assert.equal(await bot.offers(), 1);
});

behaviour('the sound of a shared screen is heard beside the voice, and ends with it', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, screen: 180, screenTone: 1320, init: [[keepWhatIsAsked]] });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880, screen: 60, screenTone: 1760, init: [[keepWhatIsAsked]] });
  await joinAll([ada, grace], origin, 'films');
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    await one.press('Share screen');
    await other.seesPicture(`${one.name}’s screen`, one.screen);
    await other.hearsTone(`${one.name}’s screen`, one.screenTone);
    await other.hears(one);
    // Within the click itself, before anything is waited for; and without the call's own voices where the browser knows how.
    const { during, audio, canRestrict } = await one.run(() => ({ ...window.__asked, canRestrict: navigator.mediaDevices.getSupportedConstraints().restrictOwnAudio === true }));
    assert.equal(during, 'click');
    assert.deepEqual(audio, { echoCancellation: false, noiseSuppression: false, autoGainControl: false, ...(canRestrict && { restrictOwnAudio: true }) });
  }
  // What comes from a program is music to an echo canceller; the page says so where the voices would come back.
  assert.equal(await ada.run(() => window.__plenum.local.screen.audio.contentHint), 'music');
  await ada.reads('The sound that you share includes this call: others may hear themselves.');
  await ada.press('Stop sharing');
  await until('Ada’s screen to be silent', () => ada.run(() => !window.__plenum.room.media.screenAudio));
  await grace.hears(ada);
});

behaviour('a page that is shared in 1080p arrives in 1080p, in one stream', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', screen: 180, hue: 0, size: { width: 1920, height: 1080, fps: 5 } });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880, viewport: { width: 1280, height: 800 } });
  await joinAll([ada, grace], origin, 'letters');
  await ada.press('Turn camera off');
  await ada.press('Share screen');
  await grace.seesPicture('Ada’s screen', 180);
  const size = async () => (await grace.run(() => window.__watch.pictures()))['Ada’s screen'];
  await until('Grace to see every line of it', async () => (await size())?.height === 1080, { within: 60_000, lastSeen: size });
  const encodings = await ada.run(() => window.__plenum.room.link.lines.up.screen.sender.getParameters().encodings.length);
  assert.equal(encodings, 1);
});

/** In the page: what is asked for when a screen is, and what the page was doing then. */
function keepWhatIsAsked() {
  const ask = navigator.mediaDevices.getDisplayMedia;
  navigator.mediaDevices.getDisplayMedia = (options) => {
    window.__asked = { during: window.event?.type, audio: options.audio };
    return ask(options);
  };
}
