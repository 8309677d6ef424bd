import { cpSync, readFileSync, readdirSync, writeFileSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

const modules = resolve(import.meta.dirname, 'node_modules');
/** What the page's index loads from elsewhere, and what it gets instead. */
const ELSEWHERE = /<link rel="stylesheet" href="https:\/\/(fonts\.googleapis\.com|cdn\.jsdelivr\.net)[^>]*>/g;
const OWN = '<link rel="stylesheet" href="fonts/roboto.css"><link rel="stylesheet" href="fonts/css/materialdesignicons.min.css">';
const WEIGHTS = ['100', '300', '400', '500', '700', '900'];
/** The page asks for a server's address; the one that served it is the likely one. */
const PRESET = `if (!localStorage.getItem('server_url')) localStorage.setItem('server_url', location.origin);\n`;

/** The official Socket.IO Admin UI below `/admin/ui/`, with its fonts and icons beside it: it must work without the world. */
export function serveAdminUi(): Plugin {
  return {
    name: 'plenum-admin-ui',
    apply: 'build',
    closeBundle() {
      const from = resolve(modules, '@socket.io/admin-ui/ui/dist');
      const to = resolve(import.meta.dirname, 'dist/admin/ui');
      cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.map') });
      const index = readFileSync(resolve(from, 'index.html'), 'utf8');
      if (!ELSEWHERE.test(index)) throw new Error('the Admin UI loads its fonts otherwise now: look at its index.html');
      const page = index.replace(ELSEWHERE, '').replace('<head>', `<head><script src="preset.js"></script>${OWN}`);
      writeFileSync(resolve(to, 'index.html'), page);
      writeFileSync(resolve(to, 'preset.js'), PRESET);
      const fonts = resolve(to, 'fonts');
      mkdirSync(resolve(fonts, 'css'), { recursive: true });
      mkdirSync(resolve(fonts, 'fonts'), { recursive: true });
      const icons = resolve(modules, '@mdi/font');
      cpSync(resolve(icons, 'css/materialdesignicons.min.css'), resolve(fonts, 'css/materialdesignicons.min.css'));
      for (const file of readdirSync(resolve(icons, 'fonts')).filter((name) => name.endsWith('.woff2'))) {
        cpSync(resolve(icons, 'fonts', file), resolve(fonts, 'fonts', file));
      }
      const faces = WEIGHTS.map((weight) => {
        const file = `roboto-latin-${weight}-normal.woff2`;
        cpSync(resolve(modules, '@fontsource/roboto/files', file), resolve(fonts, file));
        return `@font-face{font-family:Roboto;font-weight:${weight};font-display:swap;src:url(${file}) format("woff2")}`;
      });
      writeFileSync(resolve(fonts, 'roboto.css'), faces.join('\n'));
    },
  };
}
