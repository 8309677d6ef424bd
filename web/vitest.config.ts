import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { $client: resolve(import.meta.dirname, 'src/lib/client'), $ui: resolve(import.meta.dirname, 'src/lib/ui') } },
  test: { include: ['src/**/*.test.ts', 'e2e/soak/*.test.mjs'], environment: 'node' },
});
