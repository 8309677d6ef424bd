/** Chromium and Firefox: each started once a run, with a fresh context for every bot. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { ownNetwork } from './network.mjs';
import { startSoundCard } from './sound.mjs';
import { pause } from './until.mjs';

/** Firefox sometimes waits 5 s for what it has to say to nobody. */
const CLOSED_WITHIN_MS = 1_000;
const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';

const CHROMIUM = [
  // The tests run as root in containers, where the sandbox cannot start; they open no page but ours.
  '--no-sandbox',
  // Pages of many bots are all in front of somebody's eyes.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // A bot that reloads has clicked nothing yet, and must be heard nevertheless.
  AUTOPLAY,
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--disable-gpu',
  '--disable-dev-shm-usage',
];

/** A camera and a microphone that Chromium pretends to have; whether a page may use them is still asked. */
const PRETENDED_DEVICES = '--use-fake-device-for-media-stream';

const FIREFOX = {
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.navigator.permission.disabled': true,
  // Bots in windows behind others draw and listen too.
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  'widget.windows.window_occlusion_tracking.enabled': false,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  // Nothing is fetched that no test asked for.
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'media.gmp-manager.updateEnabled': false,
};

/** As people have it: no sound before a click. Besides, its system is dark. */
const STRICT_FIREFOX = { ...FIREFOX, 'media.autoplay.default': 1, 'ui.systemUsesDarkTheme': 1 };

const running = new Map();
let soundCard;

const STARTS = {
  chromium: () => startChromium(CHROMIUM),
  'chromium with devices': () => startChromium([...CHROMIUM, PRETENDED_DEVICES]),
  'chromium that waits for a click': () => startChromium(CHROMIUM.map((flag) => (flag === AUTOPLAY ? '--autoplay-policy=document-user-activation-required' : flag))),
  firefox: () => startFirefox(FIREFOX),
  'firefox in the dark that waits for a click': () => startFirefox(STRICT_FIREFOX),
};

/** Any `firefox` is played by Chromium where Firefox could not connect. */
export function browserNamed(name) {
  const played = name.startsWith('firefox') && !ownNetwork() ? (name === 'firefox' ? 'chromium' : 'chromium that waits for a click') : name;
  if (!running.has(played)) running.set(played, STARTS[played]());
  return running.get(played);
}

/** A Chromium of its own where {@link makeFarNetwork} made; whoever starts it closes it. */
export function startFarChromium({ enter }) {
  // Told over a pipe: its ports would be there, not here.
  return startChromium(CHROMIUM, { pipe: true, executablePath: wrapped(enter, chromium()) });
}

function wrapped(enter, program) {
  const path = join(mkdtempSync(join(tmpdir(), 'plenum-e2e-far-')), 'chromium');
  writeFileSync(path, `#!/bin/sh\nexec ${enter.join(' ')} ${program} "$@"\n`, { mode: 0o755 });
  return path;
}

/** Closes it, or ends it when it takes its time over that. */
export async function closeBrowser(browser) {
  await Promise.race([browser.close().catch(() => undefined), pause(CLOSED_WITHIN_MS)]);
  browser.process()?.kill('SIGKILL');
}

export async function closeAll() {
  await Promise.all([...running.values()].map(async (browser) => closeBrowser(await browser)));
  running.clear();
  await (await soundCard)?.close();
}

function startChromium(args, more = {}) {
  return puppeteer.launch({ browser: 'chrome', executablePath: chromium(), args, protocolTimeout: 60_000, ...more });
}

function chromium() {
  return process.env.CHROMIUM ?? found('chromium', 'chromium-browser', 'google-chrome');
}

async function startFirefox(preferences) {
  soundCard ??= startSoundCard();
  const { variables } = await soundCard;
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? found('firefox-esr', 'firefox'),
    extraPrefsFirefox: preferences,
    env: { ...process.env, ...variables },
    protocolTimeout: 60_000,
  });
}

function found(...names) {
  for (const name of names) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Under another name, perhaps.
    }
  }
  throw new Error(`none of ${names.join(', ')} is installed: scripts/test-tools.sh does that on Debian`);
}
