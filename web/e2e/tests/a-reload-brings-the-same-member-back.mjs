import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll, seeAndHearEachOther } from '../harness/calls.mjs';

for (const [browser, witness] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  lightBehaviour(`a reload in ${browser} brings the same member back, and the others saw nobody come or go`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440, init: [[waitForClick]] });
    const grace = stage.bot({ name: 'Grace', browser: witness, hue: 240, tone: 880 });
    await joinAll([grace, ada], origin, 'reload');
    await grace.sees(ada);
    await ada.sees(grace);
    const [before, diary] = [await ada.memberId(), await grace.diary()];

    await ada.page.reload({ waitUntil: 'domcontentloaded' });
    await ada.joined();
    await ada.press('Turn sound on');
    assert.equal(await ada.memberId(), before);
    await seeAndHearEachOther(grace, ada);

    const { joined, left } = await grace.diary();
    assert.deepEqual({ joined, left }, { joined: diary.joined, left: diary.left });
    assert.equal(await grace.offers(), 1);
  });
}

/** In the page: refuses sound before the first click on it, as browsers do. They take what a test asks the page for a click. */
function waitForClick() {
  let clicked = false;
  addEventListener('pointerdown', () => (clicked = true), true);
  const { play } = HTMLAudioElement.prototype;
  HTMLAudioElement.prototype.play = async function () {
    if (!clicked) throw new DOMException('The play method is not allowed by the user agent', 'NotAllowedError');
    await play.call(this);
  };
}
