/** One behaviour of Plenum as one test, with a stage of its own: servers, proxies and bots, which end with it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { Bot } from './bot.mjs';
import { startServer } from './server.mjs';

/** What failures leave behind to be looked at. */
export const RESULTS = resolve(import.meta.dirname, '../../test-results/e2e');
const WITHIN_MS = 180_000;

/** How many light ones run beside each other. With two they take 0.6 of the time, and on two cores some see the other's load. */
const LIGHT_AT_ONCE = 1;
/** Their cameras: enough to tell one from another. */
const LIGHT_CAMERA = { width: 320, height: 180, fps: 10 };
const light = [];

/** Registers a test. `options.skip` as in `node:test`. */
export function behaviour(sentence, play, options = {}) {
  test(sentence, { timeout: WITHIN_MS, ...options }, () => playOn(new Stage(sentence), play));
}

/**
 * Registers a test that runs beside another such test, after all others: one that asks for no smoothness of picture or sound, and
 * changes nothing of the network that others use.
 */
export function lightBehaviour(sentence, play, options = {}) {
  light.push(() => test(sentence, { timeout: WITHIN_MS, ...options }, () => playOn(new Stage(sentence, LIGHT_CAMERA), play)));
}

/** Registers the light ones, when every file has told its own. */
export function lightBehaviours() {
  if (light.length === 0) return;
  describe('beside one another', { concurrency: LIGHT_AT_ONCE }, () => light.forEach((register) => register()));
}

async function playOn(stage, play) {
  try {
    await play(stage);
  } catch (error) {
    await stage.keepEvidence();
    throw error;
  } finally {
    await stage.end();
  }
}

class Stage {
  #bots = [];
  #servers = [];
  #endings = [];
  #size;

  constructor(sentence, size) {
    this.#size = size;
    this.slug = sentence.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 60);
  }

  async server(flags, far) {
    const server = await startServer(flags, far);
    this.#servers.push(server);
    return server;
  }

  bot(options) {
    const bot = new Bot({ size: this.#size, ...options });
    this.#bots.push(bot);
    return bot;
  }

  /** Something else that is to end with the test, before the servers do. */
  atEnd(ending) {
    this.#endings.push(ending);
  }

  /** A picture and the console of every page, what the servers logged, and their metrics. */
  async keepEvidence() {
    mkdirSync(RESULTS, { recursive: true });
    for (const bot of this.#bots.filter(({ page }) => page)) {
      const path = resolve(RESULTS, `${this.slug}.${bot.name}`);
      await bot.page.screenshot({ path: `${path}.png` }).catch(() => undefined);
      const seen = await bot.run(tellAll).catch(String);
      writeFileSync(`${path}.txt`, `${seen}\n${bot.console}\n`);
    }
    for (const [index, server] of this.#servers.entries()) {
      const metrics = await fetch(`http://${server.host}:${server.port}/metrics`).then((reply) => reply.text(), String);
      writeFileSync(resolve(RESULTS, `${this.slug}.server-${index}.log`), `${server.log()}\n${metrics}`);
    }
  }

  async end() {
    await Promise.allSettled(this.#bots.map((bot) => bot.close()));
    await Promise.allSettled(this.#endings.map((ending) => ending()));
    await Promise.allSettled(this.#servers.map((server) => server.end()));
  }
}

/** In the page: how the call stands, down to the packets of each line. */
async function tellAll() {
  const room = window.__plenum?.room;
  const stats = [...((await window.__plenum?.pc()?.getStats())?.values() ?? [])];
  const flows = stats
    .filter(({ type, packetsSent, packetsReceived }) => /^(in|out)bound-rtp$/.test(type) && (packetsSent ?? packetsReceived) > 0)
    .map(({ type, kind, mid, rid, ssrc, packetsSent, packetsReceived, framesDecoded }) => ({ type, kind, mid, rid, ssrc, packetsSent, packetsReceived, framesDecoded }));
  const seats = room?.seats.map(({ expected, shown }) => [expected, shown]);
  const told = { state: room?.state, media: room?.media, seats, loud: room?.loud, members: room?.members, diary: window.__diary };
  return [JSON.stringify(told), ...flows.map((flow) => JSON.stringify(flow))].join('\n');
}
