/**
 * Runs the end-to-end tests in Chromium and Firefox, inside a network namespace of their own.
 * `npm run e2e -- chat reload` runs only the files whose names contain one of these words.
 */
import { readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { closeAll } from './harness/browsers.mjs';
import { RESULTS, lightBehaviours } from './harness/behaviour.mjs';
import { enterOwnNetwork } from './harness/network.mjs';
import { serverBinary } from './harness/server.mjs';

if (await enterOwnNetwork(import.meta.filename)) await runTests();

async function runTests() {
  // Says at once, and once, when there is nothing to test.
  serverBinary();
  rmSync(RESULTS, { recursive: true, force: true });
  const folder = resolve(import.meta.dirname, 'tests');
  const words = process.argv.slice(2);
  const files = readdirSync(folder).filter((file) => file.endsWith('.mjs') && (words.length === 0 || words.some((word) => file.includes(word))));
  if (files.length === 0) throw new Error(`no test file is named like ${words.join(' or ')}`);
  for (const file of files.sort()) await import(resolve(folder, file));
  lightBehaviours();
  test('both browsers close', closeAll);
}
