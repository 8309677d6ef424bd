/** One seat: a pair of lines whose source the server may change at any packet, and whose picture is on screen now. */
import { sourceOfFrame } from './contributing';
import type { SeatLines } from './lines';
import type { SourceId } from './protocol.gen';

/** For browsers without `requestVideoFrameCallback`. */
const LOOK_MS = 250;

type Receiver = Pick<RTCRtpReceiver, 'track' | 'getContributingSources'>;

export class Seat {
  /** Whom the server seated here; what the frames carry may lag behind or run ahead. */
  expected: SourceId | null = null;
  /** Whose picture the last presented frame was. */
  shown: SourceId | null = null;
  #receiver: Receiver | undefined;
  #elements = new Set<HTMLVideoElement>();

  constructor(
    readonly index: number,
    private readonly onShown: (seat: Seat) => void,
  ) {}

  /** The picture may be shown under the name of its source. */
  get ready(): boolean {
    return this.expected !== null && this.expected === this.shown;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#receiver?.track;
  }

  bind(lines: SeatLines): void {
    this.use(lines.video.receiver);
  }

  use(receiver: Receiver): void {
    if (receiver === this.#receiver) return;
    this.#receiver = receiver;
    this.#show(null);
    for (const element of this.#elements) this.#feed(element);
  }

  seat(source: SourceId | null): void {
    if (source === this.expected) return;
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
      element.srcObject = null;
    };
  }

  #feed(element: HTMLVideoElement): void {
    if (!this.#receiver) return;
    element.srcObject = new MediaStream([this.#receiver.track]);
    // Without sound a video may always play; where a browser refuses nevertheless, the next frame tries again.
    void element.play().catch(() => undefined);
  }

  #look(rtpTimestamp: number | undefined): void {
    const entries = this.#receiver?.getContributingSources() ?? [];
    this.#show(sourceOfFrame(entries, rtpTimestamp));
  }

  #show(source: SourceId | null): void {
    if (source === this.shown) return;
    this.shown = source;
    this.onShown(this);
  }
}
