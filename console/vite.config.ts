import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const HUB = process.env['SAFETYNET_HUB'] ?? 'http://127.0.0.1:8600';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../src/safetynet/web/static',
    emptyOutDir: true,
    target: 'es2022',
    // The hub's content security policy allows files of its own only, so nothing is inlined.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
  },
  server: { proxy: { '/api': { target: HUB, ws: true } } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});
