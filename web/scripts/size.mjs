/** Says how much compressed JavaScript a first visit loads, and fails when it is too much. Run by `npm run size`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A phone on a slow network shows the page within a second or two. */
const MOST_BYTES = 150 * 1024;

const dist = resolve(import.meta.dirname, '../dist');
const loaded = new Map();

/** A script and whatever it imports at once; what it imports later is no part of the first load. */
function load(path) {
  if (loaded.has(path)) return;
  const text = readFileSync(resolve(dist, `.${path}`), 'utf8');
  loaded.set(path, gzipSync(text).length);
  for (const [, name] of text.matchAll(/(?:^|[;}\s])(?:import|export)(?:[\w$\s{},*]+from)?\s*["'](\.?\/[^"']+)["']/g)) load(new URL(name, `http://page${path}`).pathname);
}

const page = readFileSync(resolve(dist, 'index.html'), 'utf8');
for (const [, path] of page.matchAll(/<(?:script|link)\b[^>]*(?:src|href)="([^"]+\.js)"/g)) load(path);
if (loaded.size === 0) throw new Error('web/dist/index.html loads no script: run `npm run build` first');
const total = [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0);
for (const [path, bytes] of loaded) console.log(`${(bytes / 1024).toFixed(1).padStart(7)} KB  ${path}`);
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB  first load, of at most ${MOST_BYTES / 1024} KB`);
if (total > MOST_BYTES) {
  console.error('The first load is too large: import later what a first visit does not show.');
  process.exit(1);
}
