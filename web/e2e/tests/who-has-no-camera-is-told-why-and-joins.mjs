import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { installFailingDevices } from '../harness/devices.mjs';
import { SERVER_ADDRESS, ownNetwork } from '../harness/network.mjs';
import { startCuttableProxy } from '../harness/proxy.mjs';

const DENIED = (it) => `This page may not use your ${it}. Allow it in the browser’s settings for this page, then try again.`;
const BOTH_DENIED = 'This page may not use your camera and microphone. Allow both in the browser’s settings for this page, then try again.';
const BUSY = (it) => `Another program is using your ${it}. Close it there, then try again.`;
const ABSENT = (it) => `No ${it} was found. Connect one, or join without it.`;

const failing = (name) => ({ init: [[installFailingDevices, name]] });
/** On a machine with a camera the browsers must be told that there is none. */
const absent = existsSync('/dev/video0') || existsSync('/dev/snd') ? failing('NotFoundError') : {};

/** Firefox's own refusal cannot be scripted, and nobody's device can be kept busy: there the page's devices fail. */
const CASES = [
  { what: 'denied', browser: 'chromium with devices', allowed: false, words: DENIED, together: BOTH_DENIED },
  { what: 'denied', browser: 'firefox', ...failing('NotAllowedError'), words: DENIED, together: BOTH_DENIED },
  { what: 'busy', browser: 'chromium', ...failing('NotReadableError'), words: BUSY },
  { what: 'busy', browser: 'firefox', ...failing('NotReadableError'), words: BUSY },
  { what: 'absent', browser: 'chromium', ...absent, words: ABSENT },
  // Its sound card that leads nowhere counts as a microphone.
  { what: 'absent', browser: 'firefox', ...absent, words: ABSENT, hasMicrophone: ownNetwork() && absent.init === undefined },
];

for (const { what, words, together, hasMicrophone = false, ...options } of CASES) {
  lightBehaviour(`in ${options.browser}, with devices ${what}, the page says so and one joins without them`, async (stage) => {
    const { origin } = await stage.server();
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    await grace.join(origin, 'devices');
    const ada = stage.bot({ name: 'Ada', devices: false, ...options });
    await ada.open(`${origin}/r/devices`);
    await ada.enterName();
    await ada.press('Use camera and microphone');
    if (together) await ada.reads(together);
    else {
      await ada.reads(words('camera'));
      if (!hasMicrophone) await ada.reads(words('microphone'));
    }
    await ada.press('Join without devices');
    await ada.joined();
    await ada.sees(grace);
    await ada.hears(grace);
    await grace.seesTilesOf(ada);
    await grace.seesNoPicture('Ada');

    await ada.press('Turn camera on');
    await ada.reads(words('camera'));
    await grace.seesNoPicture('Ada');
    await ada.press('Close');
    await ada.readsNoMore(words('camera'));
  });
}

lightBehaviour(
  'over plain http, where browsers hand out no devices, the page says so, and one joins, sees and hears',
  async (stage) => {
    const server = await stage.server();
    const insecure = await startCuttableProxy(server, SERVER_ADDRESS);
    stage.atEnd(() => insecure.close());
    const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
    await grace.join(server.origin, 'plain');
    for (const browser of ['chromium', 'firefox']) {
      const ada = stage.bot({ name: `Ada in ${browser}`, browser, devices: false });
      await ada.open(`${insecure.origin}/r/plain`);
      assert.equal(await ada.run(() => isSecureContext), false);
      await ada.enterName();
      await ada.reads('This page was opened insecurely');
      await ada.press('Join without devices');
      await ada.joined();
      await ada.sees(grace);
      await ada.hears(grace);
      await grace.seesNoPicture(ada.name);
    }
  },
  { skip: !ownNetwork() && 'needs an address that is not localhost' },
);

lightBehaviour('who allowed devices before is not asked again, and is seen with the browser’s own camera', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium with devices', devices: false, allowed: true });
  await ada.open(`${origin}/r/devices`);
  await ada.enterName();
  await ada.press('Join now');
  await ada.joined();
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await grace.join(origin, 'devices');
  await grace.seesSomethingMove('Ada');
});
