import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, createServer } from 'vite';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

const MOST_LINES = 20;
const WEB = resolve(import.meta.dirname, '../..');

/** The example as a reader pastes it: its page and its script, and what else stands beside them. */
function example(path) {
  const text = readFileSync(resolve(WEB, '..', path), 'utf8').split(/^## A call in twenty lines$/m)[1].split(/^## /m)[0];
  const blocks = (language) => [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code]) => code);
  const [[html], [js, ...others]] = [blocks('html'), blocks('js')];
  return { html, js, others };
}

function folder(stage, files) {
  const made = mkdtempSync(join(tmpdir(), 'plenum-example-'));
  stage.atEnd(() => rmSync(made, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
  return made;
}

lightBehaviour('the example of the README is a call when it is pasted, in both browsers', async (stage) => {
  const { html, js } = example('README.md');
  assert.ok(js.trim().split('\n').length <= MOST_LINES, 'the example has more lines than its title says');
  const manual = example('docs/client.md');
  assert.deepEqual([manual.html, manual.js], [html, js], 'the manual shows another example');
  const { origin } = await stage.server(['--public-dir', folder(stage, { 'call.html': html, 'call.js': js })]);
  await isCall(stage, `${origin}/public/call.html`);
});

lightBehaviour('the same example is a call in a fresh project of Vite, which has the library as a package', async (stage) => {
  const { html, js, others: [config] } = example('docs/client.md');
  const { origin } = await stage.server();
  const script = js.replace("from '/client/plenum.js'", "from 'plenum-client'");
  // As Vite's templates, it has an icon.
  const project = folder(stage, { 'favicon.ico': '', 'index.html': html, 'call.js': script, 'vite.config.js': config.replace('http://localhost:4000', origin), 'package.json': '{ "type": "module" }' });
  const modules = join(project, 'node_modules');
  mkdirSync(modules);
  await build({ root: WEB, configFile: join(WEB, 'vite.client.config.ts'), mode: 'package', logLevel: 'warn', build: { outDir: join(modules, 'plenum-client') } });
  writeFileSync(join(modules, 'plenum-client/package.json'), '{ "name": "plenum-client", "type": "module", "exports": "./index.js" }');
  symlinkSync(join(WEB, 'node_modules/socket.io-client'), join(modules, 'socket.io-client'));
  const vite = await createServer({ root: project, configFile: join(project, 'vite.config.js'), logLevel: 'warn', server: { host: 'localhost', port: 0 } });
  stage.atEnd(() => vite.close());
  await vite.listen();
  await isCall(stage, `http://localhost:${vite.httpServer.address().port}/`);
});

/** Ada and Grace open it, each in one browser, see and hear each other, and no error is logged. */
async function isCall(stage, address) {
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.open(`${address}#${bot.name}`);
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    const seen = () => one.run(() => [...document.querySelectorAll('video')].filter(({ style }) => style.opacity === '1').map((video) => [video.title, window.__read(video)?.hue]));
    const sees = async () => (await seen()).some(([name, hue]) => name === other.name && Math.min(Math.abs(hue - other.hue), 360 - Math.abs(hue - other.hue)) < 15);
    await until(`${one.name} to see ${other.name}`, sees, { lastSeen: async () => [await seen(), one.console] });
    const voices = () => one.run(() => [...document.querySelectorAll('audio')].filter(({ paused, srcObject }) => !paused && srcObject).length);
    await until(`${one.name} to play ${other.name}’s voice`, async () => (await voices()) > 0);
  }
  for (const bot of [ada, grace]) assert.deepEqual(bot.errors, []);
}
