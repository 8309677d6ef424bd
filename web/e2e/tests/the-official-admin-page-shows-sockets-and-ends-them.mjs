import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

const PASSWORD = 'open sesame';
/** bcrypt of it, at a cost that tests can afford. */
const HASH = '$2b$06$ATQ/LMtHVZQMxgllIzgcCeAXhWs.rq54wOF6Uc2A39uu96EY0qM5W';

lightBehaviour('the official Admin UI shows sockets, rooms and events, and ends a connection', async (stage) => {
  const server = await stage.server([`--admin-password-hash=${HASH}`, '--admin-mode=development']);
  const socket = io(`http://${server.host}:${server.port}`, { auth: { protocol: 1 }, transports: ['websocket'], reconnection: false });
  stage.atEnd(() => socket.disconnect());
  let ended;
  socket.once('disconnect', (reason) => (ended = reason));
  assert.equal((await socket.emitWithAck('join', { room: 'shown', name: 'Ada' })).ok, true);

  const ada = stage.bot({ name: 'Administrator', browser: 'chromium', devices: false });
  const asked = [];
  await ada.open('about:blank');
  ada.page.on('request', (request) => asked.push(request.url()));
  await ada.open(`${server.origin}/admin/ui`);
  const words = () => ada.page.evaluate(() => document.body.innerText);
  const says = (text) => until(`the page says ${text}`, async () => (await words()).includes(text));

  // The server's address is there already.
  await until('the form', () => ada.page.evaluate(() => document.querySelectorAll('.v-dialog input').length >= 3));
  await until('it to name the server', async () => (await fill('Server URL')) === server.origin, { lastSeen: () => fill('Server URL') });
  await fill('Username', 'admin');
  await fill('Password', PASSWORD);
  await press('Connect');

  await says('Dashboard');
  await says('Clients');
  await visit('#/sockets/');
  await until('its socket', async () => /[0-9a-f]{20}/.test(await words()));
  await visit('#/rooms/');
  await says('room:shown');
  await visit('#/events/');
  socket.emit('chat', { text: 'hello' });
  await says('chat');

  await visit('#/sockets/');
  await says('IP address');
  // Only sockets of namespace / are listed, and this is the only one; a click may come before its row is drawn.
  await until('its button', () =>
    ada.page.evaluate(() => {
      const rows = [...document.querySelectorAll('tbody tr')].filter((row) => /[0-9a-f]{20}/.test(row.innerText));
      const buttons = rows.flatMap((row) => [...row.querySelectorAll('button')]);
      const button = buttons.find((one) => one.querySelector('.mdi-logout'));
      button?.click();
      return Boolean(button);
    }),
  );
  assert.equal(await until('the end of the connection', () => ended), 'io server disconnect');

  await until('the icons to be there', () => ada.page.evaluate(() => document.fonts.check('24px "Material Design Icons"')));
  const strangers = asked.filter((url) => /^https?:/.test(url) && new URL(url).host !== `localhost:${server.port}`);
  assert.deepEqual(strangers, [], 'nothing is loaded from elsewhere');

  /** What a field of the form holds; with `text`, after that was put in. */
  function fill(label, text) {
    return ada.page.evaluate(
      (named, value) => {
        const input = [...document.querySelectorAll('.v-dialog input')].find((one) => one.labels?.[0]?.innerText.includes(named));
        if (value !== undefined) {
          input.value = value;
          input.dispatchEvent(new Event('input'));
        }
        return input.value;
      },
      label,
      text,
    );
  }

  async function press(text) {
    await ada.page.evaluate((label) => [...document.querySelectorAll('button')].find((button) => button.innerText.trim().toLowerCase() === label.toLowerCase()).click(), text);
  }

  async function visit(hash) {
    await ada.page.evaluate((to) => (location.hash = to), hash);
  }
});
