/** Waits for what must come true. Limits are generous: a busy machine is slow, and that is no failure. */

export const PATIENCE_MS = 30_000;
/** Most things come at once: looked at again after so long, then after twice that, and so on up to the second. */
const [SOON_MS, LOOK_EVERY_MS] = [25, 150];

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks `look` until it returns something true, and returns that. `what` says in the failure what was waited for. */
export async function until(what, look, { within = PATIENCE_MS, lastSeen = () => undefined } = {}) {
  const end = Date.now() + within;
  for (let wait = SOON_MS; ; wait = Math.min(2 * wait, LOOK_EVERY_MS)) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) {
      const seen = await lastSeen();
      throw new Error(`waited ${within / 1000} s in vain for: ${what}${seen === undefined ? '' : `; seen: ${JSON.stringify(seen)}`}`);
    }
    await pause(wait);
  }
}
