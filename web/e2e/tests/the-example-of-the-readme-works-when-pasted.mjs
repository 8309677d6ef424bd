import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

const MOST_LINES = 20;

/** The example as a reader pastes it: its page and its script. */
function example(path) {
  const text = readFileSync(resolve(import.meta.dirname, '../../..', path), 'utf8').split(/^## A call in twenty lines$/m)[1];
  const block = (language) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(text)?.[1];
  return { html: block('html'), js: block('js') };
}

lightBehaviour('the example of the README is a call when it is pasted, in both browsers', async (stage) => {
  const { html, js } = example('README.md');
  assert.ok(js.trim().split('\n').length <= MOST_LINES, 'the example has more lines than its title says');
  assert.deepEqual(example('docs/client.md'), { html, js }, 'the manual shows another example');
  const folder = mkdtempSync(join(tmpdir(), 'plenum-example-'));
  stage.atEnd(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'call.html'), html);
  writeFileSync(join(folder, 'call.js'), js);
  const { origin } = await stage.server(['--public-dir', folder]);
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  for (const bot of [ada, grace]) await bot.open(`${origin}/public/call.html#${bot.name}`);
  for (const [one, other] of [[ada, grace], [grace, ada]]) {
    const seen = () => one.run(() => [...document.querySelectorAll('video')].filter(({ style }) => style.opacity === '1').map((video) => [video.title, window.__read(video)?.hue]));
    const sees = async () => (await seen()).some(([name, hue]) => name === other.name && Math.min(Math.abs(hue - other.hue), 360 - Math.abs(hue - other.hue)) < 15);
    await until(`${one.name} to see ${other.name}`, sees, { lastSeen: async () => [await seen(), one.console] });
    const voices = () => one.run(() => [...document.querySelectorAll('audio')].filter(({ paused, srcObject }) => !paused && srcObject).length);
    await until(`${one.name} to play ${other.name}’s voice`, async () => (await voices()) > 0);
  }
});
