/** Which codec to send: the wished one, as soon and as long as everybody who watches decodes it. */
import { chooseCodec, DEFAULT_CODEC, encodable, type VideoCodec } from './codecs';
import type { CodecName } from './protocol.gen';

/** Somebody who cannot decode it may be about to come back; each change costs all watchers a key frame. */
export const BACK_AFTER_MS = 5_000;

export class CodecChoice {
  #wanted: VideoCodec;
  #now: VideoCodec;
  #decodable: readonly CodecName[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `change` is told of each change of {@link now}. */
  constructor(
    wanted: VideoCodec | undefined,
    private readonly change: (codec: VideoCodec) => void,
    private readonly made: readonly VideoCodec[] = encodable(),
  ) {
    this.#wanted = wanted ?? DEFAULT_CODEC;
    this.#now = chooseCodec(this.#wanted, this.made, undefined);
  }

  get now(): VideoCodec {
    return this.#now;
  }

  get wanted(): VideoCodec {
    return this.#wanted;
  }

  /** Takes effect at once. */
  set wanted(codec: VideoCodec) {
    this.#wanted = codec;
    this.#settle();
  }

  /** What everybody who watches decodes. Away from what somebody does not decode goes at once, back after a while. */
  hear(decodable: readonly CodecName[]): void {
    this.#decodable = decodable;
    clearTimeout(this.#timer);
    const next = this.#next();
    if (next === this.#now) return;
    if (decodable.includes(this.#now)) this.#timer = setTimeout(() => this.#settle(), BACK_AFTER_MS);
    else this.#settle();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #next(): VideoCodec {
    return chooseCodec(this.#wanted, this.made, this.#decodable);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    const next = this.#next();
    if (next === this.#now) return;
    this.#now = next;
    this.change(next);
  }
}
