/** Keeps the secret that brings the same member back after a reload, for this tab alone. */

/** A page that is being reloaded gives its lock up within that time; a duplicated tab's original never does. */
const LOCK_WITHIN_MS = 600;

interface Kept {
  token: string;
  /** Names the lock; the token itself stays out of it. */
  lock: string;
}

/**
 * A duplicated tab copies `sessionStorage` and would come back as the same member. The tab that holds the Web Lock
 * owns the token; a copy does not get the lock and starts as somebody new.
 */
export class ResumeToken {
  #token: string | undefined;
  #loaded: Promise<void> | undefined;
  #release: (() => void) | undefined;
  readonly #key: string;

  constructor(room: string) {
    this.#key = `plenum.resume.${room}`;
  }

  async get(): Promise<string | undefined> {
    await (this.#loaded ??= this.#load());
    return this.#token;
  }

  async set(token: string): Promise<void> {
    await (this.#loaded ??= Promise.resolve());
    if (token === this.#token) return;
    this.#token = token;
    const lock = `plenum.${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
    this.#release?.();
    if (await this.#hold(lock)) write(this.#key, { token, lock });
  }

  /** The member has left for good. */
  drop(): void {
    this.#token = undefined;
    this.#release?.();
    write(this.#key, undefined);
  }

  async #load(): Promise<void> {
    const kept = read(this.#key);
    if (kept && (await this.#hold(kept.lock))) this.#token = kept.token;
  }

  /** Takes the lock and keeps it while the page lives. */
  #hold(name: string): Promise<boolean> {
    // Plain http has no locks, and no devices either: no such page needs to come back.
    if (!globalThis.navigator?.locks) return Promise.resolve(false);
    return new Promise((resolve) => {
      const held = new Promise<void>((release) => (this.#release = release));
      navigator.locks
        .request(name, { signal: AbortSignal.timeout(LOCK_WITHIN_MS) }, () => {
          resolve(true);
          return held;
        })
        .catch(() => resolve(false));
    });
  }
}

function read(key: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null');
    if (kept && typeof kept === 'object' && 'token' in kept && 'lock' in kept) return kept as Kept;
  } catch {
    // Storage is off or holds something else: start as somebody new.
  }
  return undefined;
}

function write(key: string, kept: Kept | undefined): void {
  try {
    if (kept) sessionStorage.setItem(key, JSON.stringify(kept));
    else sessionStorage.removeItem(key);
  } catch {
    // Storage is off: a reload is a new member.
  }
}
