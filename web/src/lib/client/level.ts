/** How loud a track is right now. */
import { borrowAudio, returnAudio } from './audio';

/** Quieter than this is a quiet room. */
const FLOOR_DB = -60;

export class LevelMeter {
  readonly #analyser: AnalyserNode;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #samples: Float32Array<ArrayBuffer>;
  #closed = false;

  constructor(track: MediaStreamTrack) {
    const context = borrowAudio();
    try {
      this.#analyser = context.createAnalyser();
      this.#analyser.fftSize = 1024;
      this.#samples = new Float32Array(this.#analyser.fftSize);
      this.#source = context.createMediaStreamSource(new MediaStream([track]));
      this.#source.connect(this.#analyser);
    } catch (error) {
      // Of a track that has just ended there is nothing to measure, and nobody to close this.
      returnAudio();
      throw error;
    }
  }

  /** 0 (silent) to 1 (as loud as it goes), evenly by decibels. */
  get level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return levelOf(this.#samples);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.disconnect();
    returnAudio();
  }
}

export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
