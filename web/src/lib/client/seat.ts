/** One seat: a pair of lines whose source the server may change at any packet, and whose picture is on screen now. */
import { sourceOfFrame } from './contributing';
import type { SeatLines } from './lines';
import type { Playback } from './playback';
import type { SourceId } from './protocol.gen';

/** For browsers without `requestVideoFrameCallback`. */
const LOOK_MS = 250;

type Receiver = Pick<RTCRtpReceiver, 'track' | 'getContributingSources'>;

export class Seat {
  /** Whom the server seated here; what the frames carry may lag behind or run ahead. */
  expected: SourceId | null = null;
  /** Whose picture the last presented frame was. */
  shown: SourceId | null = null;
  /** Who sat here last, when nobody does. */
  #left: SourceId | null = null;
  #receiver: Receiver | undefined;
  #elements = new Set<HTMLVideoElement>();

  constructor(
    readonly index: number,
    private readonly onShown: (seat: Seat) => void,
    private readonly playback?: Pick<Playback, 'play' | 'forget'>,
  ) {}

  /** The picture may be shown under the name of its source. */
  get ready(): boolean {
    return this.expected !== null && this.expected === this.shown;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#receiver?.track;
  }

  /** @internal */
  bind(lines: SeatLines): void {
    this.use(lines.video.receiver);
  }

  /** @internal */
  use(receiver: Receiver): void {
    if (receiver === this.#receiver) return;
    this.#receiver = receiver;
    this.#show(null);
    for (const element of this.#elements) this.#feed(element);
  }

  /** @internal */
  seat(source: SourceId | null): void {
    if (source === this.expected) return;
    this.#left = source === null ? this.expected : null;
    this.expected = source;
    // The last frame of an earlier stay must not come back under the name.
    if (source === null) this.shown = null;
    this.onShown(this);
  }

  /** Plays the seat in `element` and reads every frame's source from there, until the returned function is called. */
  watch(element: HTMLVideoElement): () => void {
    this.#elements.add(element);
    this.#feed(element);
    let handle = 0;
    let timer: ReturnType<typeof setInterval> | undefined;
    if ('requestVideoFrameCallback' in element) {
      const presented = (_now: number, frame: VideoFrameCallbackMetadata): void => {
        this.#look(frame.rtpTimestamp);
        handle = element.requestVideoFrameCallback(presented);
      };
      handle = element.requestVideoFrameCallback(presented);
    } else {
      timer = setInterval(() => this.#look(undefined), LOOK_MS);
    }
    return () => {
      this.#elements.delete(element);
      if (handle) element.cancelVideoFrameCallback(handle);
      clearInterval(timer);
      this.playback?.forget(element);
      element.srcObject = null;
    };
  }

  #feed(element: HTMLVideoElement): void {
    if (!this.#receiver) return;
    element.srcObject = new MediaStream([this.#receiver.track]);
    // Without sound a video may play almost everywhere; a phone that saves power wants a click for it, too.
    if (this.playback) void this.playback.play(element);
    else void element.play().catch(() => undefined);
  }

  #look(rtpTimestamp: number | undefined): void {
    const entries = this.#receiver?.getContributingSources() ?? [];
    this.#show(sourceOfFrame(entries, rtpTimestamp));
  }

  #show(source: SourceId | null): void {
    // What was on its way when its source left comes behind; a picture that runs ahead of its name is another's.
    if (source === this.shown || (source !== null && source === this.#left)) return;
    this.shown = source;
    this.onShown(this);
  }
}
