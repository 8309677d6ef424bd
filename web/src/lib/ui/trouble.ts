/** Says of a network's trouble only what lasts: one bad sample is no news, and a banner must not flicker. Pure. */
import type { NetworkTrouble } from '$client/index';

/** Samples come every two seconds: trouble is told after six, and taken back after eight. */
const TOLD_AFTER = 3;
const OVER_AFTER = 4;

export class SteadyTrouble {
  #told: NetworkTrouble | undefined;
  #whose: string | undefined;
  #same = 0;

  /** Takes what a sample says; returns what is to be said to people. */
  sample(trouble: NetworkTrouble | undefined): NetworkTrouble | undefined {
    const whose = trouble && (trouble.whose === 'ours' ? `ours ${trouble.way}` : 'theirs');
    this.#same = whose === this.#whose ? this.#same + 1 : 1;
    this.#whose = whose;
    if (trouble ? this.#same >= TOLD_AFTER : this.#same >= OVER_AFTER) this.#told = trouble;
    return this.#told;
  }
}
