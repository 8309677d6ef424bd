import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';
import { BROWSER_ADDRESS, changeBrowserAddress, ownNetwork, restoreBrowserAddress } from '../harness/network.mjs';
import { until } from '../harness/until.mjs';

/** A restart takes some 20 ms and media goes on meanwhile. On a busy machine frames may come late. */
const LONGEST_GAP_MS = 3_000;

behaviour('an ICE restart in mid-call keeps the pictures going, and others notice nothing', async (stage) => {
  const { origin } = await stage.server();
  const [ada, grace] = await pair(stage, origin);
  for (const bot of [ada, grace]) await bot.follow();
  for (const bot of [ada, grace]) {
    const before = await bot.run(() => window.__plenum.pc().localDescription.sdp.match(/a=ice-ufrag:(\S+)/)[1]);
    await bot.run(() => window.__plenum.room.link.restartIce());
    const renewed = (old) => {
      const pc = window.__plenum.pc();
      return pc.signalingState === 'stable' && pc.currentLocalDescription.sdp.match(/a=ice-ufrag:(\S+)/)[1] !== old && pc.connectionState === 'connected';
    };
    await until(`${bot.name} to have new credentials`, () => bot.run(renewed, before));
    assert.equal(await bot.offers(), 2);
  }
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    await one.sees(other);
    await one.hears(other);
    const { longestGap } = (await one.followed())[other.name];
    assert.ok(longestGap < LONGEST_GAP_MS, `${one.name} saw ${other.name} stand still for ${Math.round(longestGap)} ms`);
  }
  await nobodyNoticed(ada, grace);
});

behaviour(
  'when the address of the browsers changes, both find the new way by themselves',
  async (stage) => {
    stage.atEnd(restoreBrowserAddress);
    const { origin } = await stage.server();
    const bots = await pair(stage, origin);
    const [ada, grace] = bots;
    for (const bot of bots) {
      const used = () => bot.run(localAddresses);
      await until(`${bot.name} to send from where the change would reach it`, async () => (await used()).join() === BROWSER_ADDRESS, { lastSeen: used });
    }
    changeBrowserAddress();
    for (const bot of bots) {
      const offered = () => window.__plenum.room.link.offers;
      await until(`${bot.name} to look for a new way`, async () => (await bot.run(offered)) >= 2);
    }
    for (const [one, other] of [[ada, grace], [grace, ada]]) {
      await one.sees(other);
      await one.hears(other);
      const used = () => one.run(localAddresses);
      const moved = async () => (await used()).length > 0 && !(await used()).includes(BROWSER_ADDRESS);
      await until(`${one.name} to send from the new address alone`, moved, { lastSeen: used });
      await one.readsNoMore('Sound and picture were interrupted');
    }
    await nobodyLeft(ada, grace);
  },
  { skip: !ownNetwork() && 'addresses can be changed in a network of our own only' },
);

async function pair(stage, origin) {
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440, allowed: true });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  await joinAll([ada, grace], origin, 'network');
  await seeAndHearEachOther(ada, grace);
  return [ada, grace];
}

async function nobodyLeft(ada, grace) {
  assert.deepEqual((await grace.diary()).left, []);
  assert.deepEqual((await ada.diary()).left, []);
}

async function nobodyNoticed(ada, grace) {
  await nobodyLeft(ada, grace);
  for (const bot of [ada, grace]) {
    const away = (await bot.diary()).presences.filter((line) => line.endsWith('reconnecting'));
    assert.deepEqual(away, [], `${bot.name} saw someone reconnect`);
  }
}

/** Addresses of the candidates that carry media now. */
async function localAddresses() {
  const stats = await window.__plenum.pc().getStats();
  const pairs = [...stats.values()].filter(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
  return pairs.map(({ localCandidateId }) => stats.get(localCandidateId)?.address);
}
