import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/**
 * The client library by itself. `--mode served`: one file with all it needs, which the server hands out at
 * `/client/plenum.js`. `--mode package`: for npm, where Socket.IO is a dependency.
 */
export default defineConfig(({ mode }) => ({
  publicDir: false,
  build: {
    outDir: mode === 'package' ? 'package' : 'dist/client',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: mode === 'package',
    minify: mode !== 'package',
    lib: { entry: resolve(import.meta.dirname, 'src/lib/client/index.ts'), formats: ['es'], fileName: () => (mode === 'package' ? 'index.js' : 'plenum.js') },
    rolldownOptions: { external: mode === 'package' ? ['socket.io-client'] : [] },
  },
}));
