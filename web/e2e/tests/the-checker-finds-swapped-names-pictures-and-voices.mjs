import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';

/** The other tests wait half a minute before they give up on what must come; what must not come is given this long. */
const LOOK_FOR_MS = 1_000;

const SWAPS = {
  'the names on two tiles': () => {
    const [one, other] = [...document.querySelectorAll('[data-tile]')].filter((face) => face.querySelector('.text').textContent !== 'You');
    const [a, b] = [one, other].map((face) => face.querySelector('.text'));
    [a.textContent, b.textContent] = [b.textContent, a.textContent];
  },
  'two members in the roster': () => {
    const { room } = window.__plenum;
    const roster = room.roster;
    const [one, other] = room.members.filter(({ id }) => id !== room.me);
    const member = (who, sources) => ({ ...who, camera: sources.camera, screen: sources.screen });
    roster.replace({ revision: roster.revision, listed: false, members: [room.self, member(one, other), member(other, one)] });
    room.emit('members', room.members);
  },
  'the sources of two seats': () => {
    const { seats } = window.__plenum.room;
    const [one, other] = seats.filter(({ ready }) => ready);
    const [a, b] = [one.expected, other.expected];
    for (const [seat, source] of [[one, b], [other, a]]) {
      Object.defineProperty(seat, 'shown', { get: () => source, set() {} });
      seat.seat(source);
    }
  },
  'the pictures of two seats': () => {
    const [one, other] = [...document.querySelectorAll('video[data-shown]')];
    [one.srcObject, other.srcObject] = [other.srcObject, one.srcObject];
  },
};

lightBehaviour('the checker refuses a page that swaps names, sources, pictures or voices', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  const watcher = stage.bot({ name: 'Watcher', browser: 'chromium' });
  const others = [ada, grace];
  await joinAll([...others, watcher], origin, 'swapped');
  const nothingIsWrong = async () => {
    await watcher.seesAll(...others);
    await watcher.hearsAll(...others);
  };
  const refused = (looks, why) => Promise.all(looks.map((look) => assert.rejects(look, why)));

  for (const [what, swap] of Object.entries(SWAPS)) {
    await nothingIsWrong();
    await watcher.follow();
    await watcher.run(swap);
    await refused(others.map((other) => watcher.sees(other, LOOK_FOR_MS)), /in vain for: Watcher sees hue/);
    await assert.rejects(watcher.sawNobodyUnderAnotherName(...others), /whose own is/, what);
    await watcher.page.reload({ waitUntil: 'domcontentloaded' });
    await watcher.joined();
  }
  await nothingIsWrong();
  await watcher.run(swapVoices);
  await refused(others.map((other) => watcher.hears(other, LOOK_FOR_MS)), /in vain for: Watcher hears/);
});

function swapVoices() {
  const { link, seats } = window.__plenum.room;
  const [one, other] = seats.filter(({ ready }) => ready).map(({ index }) => link.lines.seats[index]);
  [one.audio, other.audio] = [other.audio, one.audio];
}
