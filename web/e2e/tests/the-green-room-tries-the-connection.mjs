import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { ownNetwork } from '../harness/network.mjs';
import { startPollingProxy } from '../harness/proxy.mjs';
import { until } from '../harness/until.mjs';

/** Nobody is there. */
const NOWHERE = '10.99.0.1';

for (const browser of ['chromium', 'firefox']) {
  lightBehaviour(`in ${browser} the green room says that UDP gets through, and leaves nothing behind`, async (stage) => {
    const server = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 });
    await ada.open(`${server.origin}/r/check`);
    await ada.reads('UDP reachable');
    const members = async () => {
      const metrics = await fetch(`http://${server.host}:${server.port}/metrics`).then((reply) => reply.text());
      return Number(/^plenum_members (\d+)/m.exec(metrics)?.[1]);
    };
    await until('the room of the check to be empty', async () => (await members()) === 0, { lastSeen: members });
  });
}

lightBehaviour('behind a proxy that refuses WebSockets the green room says so', async (stage) => {
  const proxy = await startPollingProxy(await stage.server());
  stage.atEnd(() => proxy.close());
  await inBoth(stage, async (ada) => {
    await ada.open(`${proxy.origin}/r/check`);
    await ada.reads('UDP reachable · signalling by polling');
  });
});

lightBehaviour(
  'where no media gets through the green room says so',
  async (stage) => {
    const { origin } = await stage.server(['--announced-addresses', NOWHERE]);
    await inBoth(stage, async (ada) => {
      await ada.open(`${origin}/r/check`);
      await ada.reads('Sound and picture do not get through this network');
      await ada.reads('Check again');
    });
  },
  { skip: ownNetwork() ? false : 'needs a network of its own' },
);

lightBehaviour('home knows the rooms that one was in, until they are forgotten, and the end tells of the call', async (stage) => {
  const { origin } = await stage.server();
  await inBoth(stage, async (ada) => {
    const room = `주간 회의 ${ada.browser}`;
    await ada.join(origin, room);
    await ada.run(() => (window.__devices = ['microphone', 'camera'].map((device) => window.__plenum.local[device].track)));
    await ada.press('Leave call');
    await ada.reads('It lasted less than a minute.');
    await until('camera and microphone to be let go', () => ada.run(() => window.__devices.every(({ readyState }) => readyState === 'ended')));
    assert.equal(await ada.run(() => decodeURIComponent(document.querySelector('.link input').value.split('/r/')[1])), room);
    await ada.press('Join again');
    await ada.joined();
    const sent = () => ada.run(() => window.__plenum.room.media);
    await until('what was on to be on again', async () => (await sent()).camera && (await sent()).microphone, { lastSeen: sent });
    await ada.leave();
    await ada.press('Back to home');
    await ada.reads('Recent rooms');
    await ada.reads(room);
    await ada.press(`Forget ${room}`);
    await ada.readsNoMore(room);
    await ada.page.reload();
    await ada.reads('Start a call');
    await ada.readsNoMore('Recent rooms');
  });
});

/** At once in each browser. */
function inBoth(stage, play) {
  return Promise.all(['chromium', 'firefox'].map((browser) => play(stage.bot({ name: 'Ada', browser, hue: 0, tone: 440 }))));
}
