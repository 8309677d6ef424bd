import { behaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

for (const [browser, other] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  behaviour(`in ${browser}, a camera that is shown small is sent small, and large again when somebody looks`, async (stage) => {
    const { origin } = await stage.server();
    const ada = stage.bot({ name: 'Ada', browser, hue: 0, tone: 440, size: { width: 1280, height: 720, fps: 15 } });
    const grace = stage.bot({ name: 'Grace', browser: other, hue: 240, tone: 880 });
    for (const bot of [ada, grace]) await bot.join(origin, 'sizes');
    await grace.sees(ada);
    const sent = () => ada.run(() => window.__plenum.room.link.lines.up.camera.sender.getParameters().encodings.map(({ rid, active }) => active && rid).filter(Boolean));
    const wish = (height) => grace.run(wishOnly, height);
    await wish(90);
    await until('Ada to send the smallest alone', async () => (await sent()).join() === 'q', { lastSeen: sent });
    await grace.sees(ada);
    await wish(720);
    await until('Ada to send a larger one again', async () => (await sent()).some((rid) => rid !== 'q'), { lastSeen: sent });
    await grace.sees(ada);
  });
}

/** Of the one other member, this size and no other, whatever the page says. */
function wishOnly(height) {
  const { room } = window.__plenum;
  const wish = window.__wish ?? room.wish.bind(room);
  window.__wish = wish;
  room.wish = () => undefined;
  const other = room.members.find(({ id }) => id !== room.me);
  wish([{ source: other.camera.id, width: (height * 16) / 9, height, priority: 100 }]);
}
