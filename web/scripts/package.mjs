/**
 * Makes `web/package`, which `npm publish` takes as it stands: the library as one module, its types, its manual and its
 * licences. Run by `npm run package`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const web = resolve(import.meta.dirname, '..');
const out = resolve(web, 'package');
const run = (name, ...args) => execFileSync(resolve(web, 'node_modules/.bin', name), args, { cwd: web, stdio: 'inherit' });

run('vite', 'build', '--config', 'vite.client.config.ts', '--mode', 'package', '--logLevel', 'warn');
run('tsc', '-p', 'tsconfig.client.json');

// Node's own resolution, which some consumers follow, knows no module without its extension.
for (const file of readdirSync(out).filter((name) => name.endsWith('.d.ts'))) {
  const path = resolve(out, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/(from\s+|import\()'(\.\/[^']+?)(?:\.js)?'/g, "$1'$2.js'"));
}

const { version, license, dependencies } = JSON.parse(readFileSync(resolve(web, 'package.json'), 'utf8'));
const manifest = {
  name: 'plenum-client',
  version,
  description: 'Calls over a Plenum server, in any web page: rooms, cameras, screens, chat. Typed, and of no framework.',
  license,
  keywords: ['webrtc', 'sfu', 'video', 'call', 'conference'],
  type: 'module',
  sideEffects: false,
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  types: './index.d.ts',
  files: ['*.js', '*.js.map', '*.d.ts', 'README.md', 'LICENSE-*'],
  dependencies,
};
writeFileSync(resolve(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(resolve(web, '../docs/client.md'), resolve(out, 'README.md'));
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(resolve(web, '..', name), resolve(out, name));

// A consumer of the strictest kind: Node's resolution, every library checked.
const consumer = resolve(out, '.consumer');
mkdirSync(consumer);
try {
  const use = "import { LocalMedia, Room, type CallStatistics } from '../index.js';\nexport const room: Room = Room.connect('https://calls.example', { room: 'a', name: 'b', tracks: new LocalMedia() });\nroom.on('statistics', (statistics: CallStatistics) => statistics.trouble?.whose);\n";
  writeFileSync(resolve(consumer, 'use.ts'), use);
  run('tsc', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable', '--types', 'node', resolve(consumer, 'use.ts'));
} finally {
  rmSync(consumer, { recursive: true });
}
