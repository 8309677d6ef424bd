import { behaviour } from '../harness/behaviour.mjs';
import { joinAll, sendsWhatIsLookedAt } from '../harness/calls.mjs';

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  behaviour(`in ${browser}, a camera that is shown small is sent small, and large again when somebody looks`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440, size: { width: 1280, height: 720, fps: 15 } });
    const grace = stage.bot({ name: 'Grace', browser: other, hue: 240, tone: 880 });
    await joinAll([ada, grace], origin, 'sizes');
    await grace.sees(ada);
    await sendsWhatIsLookedAt(ada, grace);
  });
}
