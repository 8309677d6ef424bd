/** Notices that somebody speaks into a muted microphone. */
import { LevelMeter } from './level';

const LISTEN_MS = 200;
/** −33 dB: a voice near the microphone, not a room. */
const SPEECH_LEVEL = 0.45;
/** So many of the last samples are loud: a word, not a cough or a key. */
const LOUD_SAMPLES = 4;
const SAMPLES = 6;
/** Whoever stays muted on purpose is not to be told again and again. */
const QUIET_AFTER_MS = 20_000;

/** Tells speech from noise by a few samples of the level. Pure. */
export class SpeechGate {
  #loud: boolean[] = [];
  #quietUntil = 0;

  /** True at the sample that makes it speech. */
  sample(level: number, now: number): boolean {
    this.#loud = [...this.#loud, level >= SPEECH_LEVEL].slice(-SAMPLES);
    if (now < this.#quietUntil || this.#loud.filter(Boolean).length < LOUD_SAMPLES) return false;
    this.#quietUntil = now + QUIET_AFTER_MS;
    this.#loud = [];
    return true;
  }
}

/** Listens to a clone, since the track itself is silent while muted. Nothing of it leaves the page. */
export class MutedSpeech {
  #stop: (() => void) | undefined;

  constructor(private readonly heard: () => void) {}

  /** Listens behind this muted track; `null` stops. */
  listen(track: MediaStreamTrack | null): void {
    this.#stop?.();
    this.#stop = undefined;
    if (!track || track.readyState !== 'live') return;
    const clone = track.clone();
    clone.enabled = true;
    const gate = new SpeechGate();
    let meter: LevelMeter;
    try {
      meter = new LevelMeter(clone);
    } catch {
      // A browser without AudioContext, or with too many: the hint is left out.
      return clone.stop();
    }
    const timer = setInterval(() => {
      if (gate.sample(meter.level, Date.now())) this.heard();
    }, LISTEN_MS);
    this.#stop = () => {
      clearInterval(timer);
      meter.close();
      clone.stop();
    };
  }
}
