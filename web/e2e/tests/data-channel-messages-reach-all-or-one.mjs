import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

lightBehaviour('data-channel messages reach all others or one, on the channel they were sent on', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 120 });
  const linus = stage.bot({ name: 'Linus', browser: 'chromium', hue: 240 });
  const all = [ada, grace, linus];
  await joinAll(all, origin, 'data');
  // A message that comes before its receiver's channel is open is nobody's.
  for (const bot of all) for (const channel of ['reliable', 'lossy']) await sends(bot, channel, 'open');

  for (const [sender, ...others] of [[ada, grace, linus], [grace, ada, linus]]) {
    for (const channel of ['reliable', 'lossy']) {
      await sends(sender, channel, `${sender.name} to all`);
      for (const other of others) await got(other, { channel, from: sender, text: `${sender.name} to all` });
    }
    const [chosen, left] = others;
    await sends(sender, 'reliable', 'for you', await chosen.memberId());
    await got(chosen, { channel: 'reliable', from: sender, text: 'for you' });
    // Reliable messages come in order: what follows is here, so what went to another member did not come.
    await sends(sender, 'reliable', 'and for all');
    await got(left, { channel: 'reliable', from: sender, text: 'and for all' });
    assert.ok(!(await messages(left)).some(({ text }) => text === 'for you'), 'a message to one member reached another');
  }
  for (const bot of all) {
    const own = await bot.memberId();
    assert.ok(!(await messages(bot)).some(({ from }) => from === own), `${bot.name} heard its own message`);
  }
});

/** False until the channel is open, which is a moment after the connection is. */
async function sends(bot, channel, text, to) {
  const send = (...args) => window.__plenum.room.send(...args);
  await until(`${bot.name}'s channel ${channel} to open`, () => bot.run(send, channel, text, to));
}

async function got(bot, { channel, from, text }) {
  const sender = await from.memberId();
  const match = (message) => message.channel === channel && message.from === sender && message.text === text;
  await until(`${bot.name} to get “${text}” on ${channel}`, async () => (await messages(bot)).some(match), { lastSeen: () => messages(bot) });
}

async function messages(bot) {
  const { data } = await bot.diary();
  return data.map(({ channel, from, bytes }) => ({ channel, from, text: new TextDecoder().decode(new Uint8Array(bytes)) }));
}
