/**
 * Makes `web/package`, which `npm publish` takes as it stands: the library as one module, its types, its manual and its
 * licences. Run by `npm run package`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const BUNDLE_LEAST = 80_000;
/** What the library's manual leads to. */
const MANUALS = ['access.md', 'browsers.md', 'signalling.md'];

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
  files: ['*.js', '*.js.map', '*.d.ts', '*.md', 'LICENSE-*'],
  dependencies,
};
writeFileSync(resolve(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
const { readme, example } = readManual();
writeFileSync(resolve(out, 'README.md'), readme);
for (const name of MANUALS) copyFileSync(resolve(web, '../docs', name), resolve(out, name));
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(resolve(web, '..', name), resolve(out, name));

// What npm would publish, in a project that has nothing of ours but it: its types by Node's resolution with every library
// checked, its module in Node itself, and in a bundle for browsers.
const project = mkdtempSync(join(tmpdir(), 'plenum-client-'));
try {
  const [{ filename, files }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', project], { cwd: out, encoding: 'utf8' }));
  const missing = ['index.js', 'index.d.ts', 'README.md', ...MANUALS, 'LICENSE-MIT', 'LICENSE-APACHE'].filter((name) => !files.some(({ path }) => path === name));
  if (missing.length > 0) throw new Error(`the package lacks ${missing.join(', ')}`);
  const installed = resolve(project, 'node_modules', manifest.name);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', resolve(project, filename), '--strip-components=1', '-C', installed]);
  // Its dependencies as they are in our lock file: nothing is fetched.
  for (const name of [...Object.keys(dependencies), '@types']) symlinkSync(resolve(web, 'node_modules', name), resolve(project, 'node_modules', name));
  writeFileSync(resolve(project, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(resolve(project, 'example.ts'), example);
  const use = `import { DeviceError, LocalMedia, Room, type CallStatistics } from '${manifest.name}';
export const room: Room = Room.connect('https://calls.example', { room: 'a', name: 'b', tracks: new LocalMedia() });
room.on('statistics', (statistics: CallStatistics) => statistics.trouble?.whose);
export const why: string = new DeviceError('camera', 'busy').advice;
`;
  writeFileSync(resolve(project, 'use.ts'), use);
  writeFileSync(resolve(project, 'use.js'), use.replace(/, type CallStatistics/, '').replace(/: (Room|CallStatistics|string)/g, ''));
  run('tsc', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable', '--types', 'node', resolve(project, 'use.ts'), resolve(project, 'example.ts'));
  const script = `const { Room, checkConnection, DeviceError } = await import('${manifest.name}'); if (!Room.connect || !checkConnection || !new DeviceError('camera', 'busy').advice) process.exit(1);`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: project, stdio: 'inherit' });
  const [{ output }] = await build({ root: project, configFile: false, logLevel: 'warn', build: { write: false, lib: { entry: resolve(project, 'use.js'), formats: ['es'], fileName: 'bundle' } } });
  // With Socket.IO's client inside it is as large as this.
  if (output[0].code.length < BUNDLE_LEAST) throw new Error(`a bundle of the package has ${output[0].code.length} characters: something was left out`);
} finally {
  rmSync(project, { recursive: true });
}

/** The library's manual as it is read beside the package: without pictures, and with an example that imports the package. */
function readManual() {
  let readme = readFileSync(resolve(web, '../docs/client.md'), 'utf8');
  const change = (what, into) => {
    if (!what.test(readme)) throw new Error(`docs/client.md has nothing like ${what}`);
    readme = readme.replace(what, into);
  };
  change(/^(<img [^>]*>\s*)+\n/m, '');
  change(/^Two files, [\s\S]*?\n\n/m, 'Two files of a project with a bundler, as a fresh one of Vite, while a Plenum serves on port 4000:\n\n');
  change(/^In a project with a bundler [\s\S]*?'plenum-client'`\.\s/m, '');
  change(/from '\/client\/plenum\.js';$/m, `from '${manifest.name}';`);
  const example = /^```js\n([\s\S]*?)^```$/m.exec(readme)[1];
  return { readme, example };
}
