import { copyFileSync, mkdirSync } from 'node:fs';
import { serveAdminUi } from './admin-ui.ts';
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** The server answers `/socket.io/socket.io.js` with the stock client, for pages and tutorials that expect it there. */
function serveSocketIoClient(): Plugin {
  return {
    name: 'plenum-socket-io-client',
    apply: 'build',
    closeBundle() {
      const from = resolve(import.meta.dirname, 'node_modules/socket.io-client/dist');
      const to = resolve(import.meta.dirname, 'dist/socket.io');
      mkdirSync(to, { recursive: true });
      for (const file of ['socket.io.min.js', 'socket.io.js']) copyFileSync(resolve(from, file), resolve(to, file));
    },
  };
}

/** The first that know `light-dark()`: the theme is told by it, and a translation would not reach into the stage. */
const CSS_TARGET = ['chrome123', 'firefox120', 'safari17.5'];

const backend = process.env['PLENUM_URL'] ?? 'http://localhost:4000';

export default defineConfig({
  plugins: [svelte(), serveSocketIoClient(), serveAdminUi()],
  resolve: { alias: { $client: resolve(import.meta.dirname, 'src/lib/client'), $ui: resolve(import.meta.dirname, 'src/lib/ui') } },
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022', cssTarget: CSS_TARGET, assetsInlineLimit: 0 },
  server: {
    proxy: {
      '/socket.io': { target: backend, ws: true },
      '/api': backend,
      '/metrics': backend,
      '/public': backend,
    },
  },
});
