/** Tells when media that was flowing has stopped, although nobody said so: the network changed under the connection. */

/** A flow is silent for at most a few 100 ms in a call; TWCC and sender reports come several times a second. */
export const STALL_MS = 1_500;
/** A page that was busy for so long looks late, and may look before what came meanwhile has been read. */
const FEWEST_SAMPLES = 2;
/** Only what flowed steadily can stall: a member alone with everything off receives next to nothing. */
const STEADY_MS = 3_000;
/** A member who leaves takes its packets along; that is no stall. */
const CALM_AFTER_CHANGE_MS = 2_500;

export class StallDetector {
  #bytes = -1;
  #lastBytesAt = 0;
  #steadySince = 0;
  #calmUntil = 0;
  /** Samples in a row without a new byte. */
  #without = 0;

  /** Something else explains a silence from now on for a moment: seats changed, a track was stopped. */
  excuse(now: number): void {
    this.#calmUntil = now + CALM_AFTER_CHANGE_MS;
    this.#steadySince = now;
    this.#lastBytesAt = now;
  }

  /** Takes the count of received bytes; true when a steady flow has stopped for {@link STALL_MS}. */
  sample(bytes: number, now: number): boolean {
    if (bytes !== this.#bytes) {
      // A gap before these bytes: the flow was not steady, it starts again here.
      if (this.#bytes < 0 || now - this.#lastBytesAt > STALL_MS) this.#steadySince = now;
      this.#bytes = bytes;
      this.#lastBytesAt = now;
      this.#without = 0;
      return false;
    }
    this.#without += 1;
    const steady = this.#lastBytesAt - this.#steadySince >= STEADY_MS;
    return steady && now >= this.#calmUntil && now - this.#lastBytesAt >= STALL_MS && this.#without >= FEWEST_SAMPLES;
  }
}

/** Waits that grow from `first` to `most`, and shrink to `first` again once it works. */
export class BackOff {
  #next: number;

  constructor(
    readonly first: number,
    readonly most: number,
  ) {
    this.#next = first;
  }

  wait(): number {
    const wait = this.#next;
    this.#next = Math.min(this.most, Math.max(1, this.#next) * 2);
    return wait;
  }

  reset(): void {
    this.#next = this.first;
  }
}
