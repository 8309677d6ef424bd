import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { expect, it } from 'vitest';

/** What a phone on a slow network waits for before it sees anything, in bytes of compressed JavaScript. */
const FIRST_LOAD_MOST = 150_000;

it('loads less than 150 kB of compressed JavaScript, and nothing from elsewhere', { timeout: 240_000 }, async () => {
  const built = await build({ logLevel: 'silent', build: { write: false, emptyOutDir: false } });
  const { output } = [built].flat()[0] as { output: { type: string; fileName: string; code?: string; source?: string | Uint8Array }[] };
  const scripts = output.filter(({ type }) => type === 'chunk');
  expect(scripts.length).toBeGreaterThan(0);
  const bytes = scripts.reduce((sum, { code }) => sum + gzipSync(code ?? '').length, 0);
  expect(bytes).toBeLessThan(FIRST_LOAD_MOST);
  const page = String(output.find(({ fileName }) => fileName === 'index.html')?.source);
  const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(loaded.length).toBeGreaterThan(2);
  for (const address of loaded) expect(address).toMatch(/^\//);
});
