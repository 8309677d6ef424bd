/** Someone at a browser: opens pages, presses what a person would press, and tells what is seen and heard. */
import assert from 'node:assert/strict';
import { browserNamed } from './browsers.mjs';
import { installDevices } from './devices.mjs';
import { installPainter, installReader } from './picture.mjs';
import { PATIENCE_MS, until } from './until.mjs';
import { installDiary, installWatch } from './watch.mjs';

/** Codecs shift colours by a few degrees; bots stand at least 40 apart. */
const HUE_ERROR = 15;
/** One bin of the page's analysis is 6 Hz wide. */
const TONE_ERROR_HZ = 18;
/** A frame of the next source may be on the screen for a moment before the page hears of it. */
const WRONG_SAMPLES = 1;
/** What is to be pressed may be drawn anew between being found and being pressed; then it is looked for again. */
const GONE = /detached|not clickable|no such (element|node)|stale/i;
const LOOKS = 5;

const DEVICES = ['camera', 'microphone'];

export const CAMERA = { width: 640, height: 360, fps: 15 };

export class Bot {
  #page;
  #context;
  #told = [];

  /**
   * `browser` is a name that `browserNamed` knows, or a browser that runs already. `hue` is the camera's and `screen` the
   * shared screen's, both of `size`; `tone` is the microphone's in Hz. Without
   * `devices` the browser's own remain. `allowed`: Chromium was told earlier that the page may use devices, or that it may
   * not; only where it may does it bind to each address. `init` holds more [function, ...arguments] for the page.
   */
  constructor({ name, browser = 'chromium', hue, tone, screen, screenTone, size = CAMERA, devices = true, allowed, init = [], viewport }) {
    Object.assign(this, { name, browser, hue, tone, screen, screenTone, size, devices, allowed, init });
    this.viewport = viewport ?? { width: 960, height: 640 };
  }

  get page() {
    return this.#page;
  }

  get context() {
    return this.#context;
  }

  /** What the page wrote to its console, for the failure's report. */
  get console() {
    return this.#told.join('\n');
  }

  /** Of these the ones that are errors: thrown and caught by nobody, or told as such. */
  get errors() {
    return this.#told.filter((line) => /^(page )?error: /.test(line));
  }

  async open(url) {
    const browser = typeof this.browser === 'string' ? await browserNamed(this.browser) : this.browser;
    this.#context ??= await browser.createBrowserContext();
    if (this.allowed !== undefined) await this.#context.overridePermissions(new URL(url).origin, this.allowed ? DEVICES : []);
    // Windows: a tab behind another draws nothing in Firefox.
    this.#page ??= await this.#newPage();
    await this.#page.goto(url, { waitUntil: 'domcontentloaded' });
  }

  async #newPage() {
    const page = await this.#context.newPage({ type: 'window' });
    page.on('console', (message) => this.#told.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.#told.push(`page error: ${error.stack ?? error}`));
    await page.setViewport(this.viewport);
    const painted = (hue) => hue !== undefined && { hue, ...this.size };
    const devices = { camera: painted(this.hue), screen: painted(this.screen), tone: this.tone, screenTone: this.screenTone };
    const all = [[installPainter], [installReader], ...(this.devices ? [[installDevices, devices]] : []), [installWatch], [installDiary], ...this.init];
    for (const [install, ...args] of all) await page.evaluateOnNewDocument(install, ...args);
    return page;
  }

  /** Opens the room's page and goes through the green room, with every device the bot has. */
  async join(origin, room) {
    await this.open(`${origin}/r/${room}`);
    await this.enterName();
    if (this.devices && (this.hue !== undefined || this.tone !== undefined)) {
      if (!this.allowed) await this.press('Use camera and microphone');
      await this.press('Join now');
    } else {
      await this.press('Join without devices');
    }
    await this.joined();
  }

  async enterName() {
    await this.#page.waitForSelector('input[autocomplete=name]', { timeout: PATIENCE_MS });
    await this.#page.click('input[autocomplete=name]');
    await this.#page.type('input[autocomplete=name]', this.name);
  }

  async joined() {
    const state = () => this.#page.evaluate(() => ({ ...window.__plenum?.room.state, error: window.__plenum?.room.state.error?.code }));
    const there = async () => {
      const { phase, media } = await state();
      return phase === 'joined' && media === 'connected';
    };
    await until(`${this.name} is in the call, media connected`, there, { lastSeen: state });
  }

  run(what, ...args) {
    return this.#page.evaluate(what, ...args);
  }

  /** Presses the button that is called `label`, as soon as there is one that can be pressed. Some show only when pointed at. */
  async press(label, within = PATIENCE_MS) {
    const find = (wanted) =>
      [...document.querySelectorAll('button')].find((button) => {
        const called = button.getAttribute('aria-label') ?? button.textContent.trim();
        return called === wanted && !button.disabled && button.getClientRects().length > 0;
      });
    for (let look = 1; ; look++) {
      const button = await until(
        `a button “${label}” for ${this.name}`,
        async () => (await this.#page.evaluateHandle(find, label)).asElement(),
        { within, lastSeen: () => this.words() },
      );
      try {
        await standsStill(button);
        await button.hover();
        return await button.click();
      } catch (error) {
        if (look === LOOKS || !GONE.test(error.message)) throw error;
      }
    }
  }

  /** Chooses from the menu that is open. */
  async chooses(label) {
    const find = (wanted) => [...document.querySelectorAll('[role^=menuitem]')].find((item) => item.querySelector('.words').firstChild.textContent.trim() === wanted);
    const item = await until(
      `a choice “${label}” for ${this.name}`,
      async () => (await this.#page.evaluateHandle(find, label)).asElement(),
      { lastSeen: () => this.words() },
    );
    await item.click();
  }

  /** Presses a key while nothing has the focus. */
  async presses(key) {
    await this.run(() => document.activeElement?.blur());
    await this.#page.keyboard.press(key);
  }

  /** Everything that is to be read on the page. */
  words() {
    return this.run(() => document.body.innerText);
  }

  async reads(text) {
    await until(`${this.name} reads “${text}”`, async () => (await this.words()).includes(text), { lastSeen: () => this.words() });
  }

  async readsNoMore(text) {
    await until(`“${text}” to be gone from ${this.name}'s page`, async () => !(await this.words()).includes(text), { lastSeen: () => this.words() });
  }

  /** The names on the tiles are exactly these and our own, in any order. */
  async seesTilesOf(...others) {
    const wanted = [...others.map((other) => (typeof other === 'string' ? other : other.name)), 'You'].sort();
    const look = async () => JSON.stringify((await this.run(() => window.__watch.names())).sort()) === JSON.stringify(wanted);
    await until(`${this.name} sees tiles of ${wanted.join(', ')}`, look, { lastSeen: () => this.run(() => window.__watch.names()) });
  }

  /** Under this name there is the picture of this hue, and it moves. */
  async seesPicture(name, hue, within = PATIENCE_MS) {
    await this.seesPictures([{ name, hue }], within);
  }

  async seesPictures(wanted, within = PATIENCE_MS) {
    const counters = new Map(wanted.map(({ name }) => [name, new Set()]));
    const look = async () => {
      const pictures = await this.run(() => window.__watch.pictures());
      for (const { name, hue } of wanted) {
        const seen = pictures[name];
        if (seen && near(seen.hue, hue, 360, HUE_ERROR)) counters.get(name).add(seen.counter);
      }
      return [...counters.values()].every(({ size }) => size >= 3);
    };
    const words = wanted.map(({ name, hue }) => `hue ${hue} under “${name}”`).join(', ');
    await until(`${this.name} sees ${words}`, look, { within, lastSeen: () => this.run(() => window.__watch.pictures()) });
  }

  /** Under this name there is a picture that no bot painted, and it goes on. */
  async seesSomethingMove(name) {
    const glimpses = new Set();
    const look = async () => {
      const seen = (await this.run(() => window.__watch.glimpses()))[name];
      if (typeof seen === 'number') glimpses.add(seen);
      return glimpses.size >= 3;
    };
    await until(`${this.name} sees a moving picture under “${name}”`, look, { lastSeen: () => this.run(() => window.__watch.glimpses()) });
  }

  /** With this name there sounds this tone; `null` is silence. */
  async hearsTone(name, tone, within = PATIENCE_MS) {
    await this.hearsTones([{ name, tone }], within);
  }

  async hearsTones(wanted, within = PATIENCE_MS) {
    const missing = new Set(wanted);
    const look = async () => {
      const tones = await this.run(() => window.__watch.tones());
      for (const one of missing) if (sameTone(tones[one.name], one.tone)) missing.delete(one);
      return missing.size === 0;
    };
    const words = wanted.map(({ name, tone }) => `${tone ?? 'nothing'} from “${name}”`).join(', ');
    await until(`${this.name} hears ${words}`, look, { within, lastSeen: () => this.run(() => window.__watch.tones()) });
  }

  async sees(other, within) {
    await this.seesPictures([other], within);
  }

  async seesAll(...others) {
    await this.seesPictures(others);
  }

  async hears(other, within) {
    await this.hearsTones([other], within);
  }

  async hearsAll(...others) {
    await this.hearsTones(others);
  }

  /** There is no picture under this name, but a tile. */
  async seesNoPicture(name) {
    const look = async () => (await this.run(() => window.__watch.pictures()))[name] === null;
    await until(`${this.name} sees no picture under “${name}”`, look, { lastSeen: () => this.run(() => window.__watch.pictures()) });
  }

  /** From now on every tile is looked at ten times a second. */
  async follow() {
    await this.run(() => window.__watch.follow());
  }

  followed() {
    return this.run(() => window.__watch.followed());
  }

  /** No video element was torn down or fed anew since {@link follow}. */
  async sawNoInterruption() {
    assert.equal(await this.run(() => window.__watch.interruptions()), 0, `${this.name}'s pictures were interrupted`);
  }

  /** Nobody's picture stood under another's name since {@link follow}. */
  async sawNobodyUnderAnotherName(...others) {
    const followed = await this.followed();
    for (const { name, hue } of others) {
      const wrong = Object.entries(followed[name]?.hues ?? {}).filter(([seen]) => !near(Number(seen), hue, 360, HUE_ERROR));
      const samples = wrong.reduce((sum, [, count]) => sum + count, 0);
      assert.ok(samples <= WRONG_SAMPLES, `${this.name} saw hues ${JSON.stringify(wrong)} under “${name}”, whose own is ${hue}`);
    }
  }

  /** Types a line into the open chat and sends it. */
  async writes(text) {
    await this.#page.waitForSelector('textarea', { timeout: PATIENCE_MS });
    await this.#page.type('textarea', text);
    await this.#page.keyboard.press('Enter');
  }

  diary() {
    return this.run(() => window.__diary);
  }

  /** Offers made by this page so far. */
  offers() {
    return this.run(() => window.__plenum.room.link.offers);
  }

  memberId() {
    return this.run(() => window.__plenum.room.me);
  }

  async leave() {
    await this.press('Leave call');
    await this.reads('You left the call');
  }

  async close() {
    await this.#context?.close();
    this.#context = this.#page = undefined;
  }
}

/** Tiles travel for a moment, and their buttons with them. On a busy machine one frame lasts long, so that a box that stays says nothing. */
async function standsStill(element) {
  const travels = (button) =>
    document.getAnimations().some(({ effect, playState, transitionProperty }) => playState === 'running' && /transform|width|height|left|top/.test(transitionProperty ?? '') && effect?.target?.contains(button));
  let before;
  const look = async () => {
    if (await element.evaluate(travels)) return false;
    const now = JSON.stringify(await element.boundingBox());
    const same = now === before;
    before = now;
    return same;
  };
  await until('a button to stand still', look, { lastSeen: () => before });
}

function sameTone(heard, tone) {
  return tone === null || typeof heard !== 'number' ? heard === tone : Math.abs(heard - tone) <= TONE_ERROR_HZ;
}

function near(a, b, round, error) {
  const apart = Math.abs(a - b) % round;
  return Math.min(apart, round - apart) <= error;
}
