/** The four tracks a member sends. Publishing is `replaceTrack`; what a sender may send follows the track's size and the codec. */
import { codecOf, DEFAULT_CODEC, type Encoding, type VideoCodec } from './codecs';
import { CAMERA_FRAMES, SCREEN_SOUND_BITRATE, cameraPlan, isOneStream, screenPlan, type Coding, type Scalability } from './encodings';
import type { TrackKind } from './lines';

type Senders = Record<TrackKind, Pick<RTCRtpTransceiver, 'sender'>>;
type Tracks = Record<TrackKind, MediaStreamTrack | null>;

const KINDS: readonly TrackKind[] = ['microphone', 'camera', 'screen', 'screenAudio'];
const PICTURES = ['camera', 'screen'] as const;

export class Uplink {
  readonly tracks: Tracks = { microphone: null, camera: null, screen: null, screenAudio: null };
  #senders: Senders | undefined;
  #work: Promise<void> = Promise.resolve();
  #cameraSize = '';
  #thrifty = false;
  #codec: VideoCodec;
  /** What the lines' offer prefers: sent where nothing else is said. */
  #offered: VideoCodec;
  #reoffer: (codec: VideoCodec) => void = () => undefined;
  /** What this browser has shown not to make is not asked for again. */
  readonly #within: Partial<Record<VideoCodec, Scalability>> = {};
  /** Which streams anybody takes, as far as the server has said; all until then. */
  readonly #demand: Partial<Record<TrackKind, readonly boolean[]>> = {};
  readonly #versions: Partial<Record<TrackKind, number>> = {};

  constructor(codec: VideoCodec = DEFAULT_CODEC) {
    this.#codec = this.#offered = codec;
  }

  /** The codec of pictures. */
  get codec(): VideoCodec {
    return this.#codec;
  }

  /**
   * Uses the senders of a new connection, whose offer prefers our {@link codec}: the tracks move over. `reoffer` changes what it
   * prefers, for browsers that change codecs no other way.
   */
  bind(senders: Senders, reoffer: (codec: VideoCodec) => void = () => undefined): void {
    this.#senders = senders;
    this.#reoffer = reoffer;
    this.#offered = this.#codec;
    this.#cameraSize = '';
    this.#forgetDemand();
    for (const kind of KINDS) if (this.tracks[kind]) this.#apply(kind);
  }

  set(kind: TrackKind, track: MediaStreamTrack | null): Promise<void> {
    if (this.tracks[kind] === track) return this.#work;
    this.tracks[kind] = track;
    return this.#apply(kind);
  }

  /** Sends pictures in `codec` from now on; it begins with a key frame. */
  use(codec: VideoCodec): void {
    if (codec === this.#codec) return;
    this.#codec = codec;
    this.#applyPictures();
  }

  /** An offer was answered: senders may know codecs now that they did not before. */
  negotiated(): void {
    if (this.#codec !== this.#offered) this.#applyPictures();
  }

  /** The server has this connection now: what it asked for until then was meant for the one before. */
  begun(): void {
    if (this.#forgetDemand()) this.#applyPictures();
  }

  /** Sends only the streams that are taken, by their order in the offer; of two messages the one with the higher version counts. */
  demand(kind: 'camera' | 'screen', active: readonly boolean[], version: number): void {
    if (version < (this.#versions[kind] ?? 0)) return;
    this.#versions[kind] = version;
    this.#demand[kind] = active;
    if (this.tracks[kind]) void this.#apply(kind);
  }

  /** Sends little from now on, or as much as is taken. */
  economise(thrifty: boolean): void {
    this.#thrifty = thrifty;
    this.#applyPictures();
  }

  /** A phone that turns changes the size of its camera: to be called now and then. */
  adapt(): void {
    const track = this.tracks.camera;
    if (track && sizeOf(track) !== this.#cameraSize) this.#apply('camera');
  }

  /** True when there was any. */
  #forgetDemand(): boolean {
    const any = PICTURES.some((kind) => this.#demand[kind]);
    for (const kind of PICTURES) {
      delete this.#demand[kind];
      delete this.#versions[kind];
    }
    return any;
  }

  #applyPictures(): void {
    for (const kind of PICTURES) if (this.tracks[kind]) void this.#apply(kind);
  }

  /** One change after another: senders refuse `setParameters` while another call is under way. */
  #apply(kind: TrackKind): Promise<void> {
    const senders = this.#senders;
    this.#work = this.#work.then(async () => {
      const sender = senders?.[kind].sender;
      if (!sender || senders !== this.#senders) return;
      const track = this.tracks[kind];
      try {
        if (kind === 'camera' && track) this.#cameraSize = sizeOf(track);
        if (sender.track !== track) await sender.replaceTrack(track);
        if (track && kind === 'camera') await this.#sizeCamera(sender, track);
        if (track && kind === 'screen') await this.#limitScreen(sender, track);
        if (track && kind === 'screenAudio') await change(sender, (encoding) => (encoding.maxBitrate = SCREEN_SOUND_BITRATE));
      } catch {
        // The connection was closed meanwhile; the next one takes the tracks anew.
      }
    });
    return this.#work;
  }

  /** With the layers within streams that this browser makes: what it refuses or ignores is tried without. */
  async #sizeCamera(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const codec = this.#codec;
    for (;;) {
      const coding = { codec, within: this.#within[codec] ?? 'spatial' };
      const refused = await this.#encodeCamera(sender, track, coding).then(
        () => isOneStream(coding) && !isLayered(sender),
        (error: unknown) => {
          if (coding.within === 'none' || (error as DOMException).name === 'InvalidStateError') throw error;
          return true;
        },
      );
      if (!refused) return;
      this.#within[codec] = coding.within === 'spatial' && isOneStream(coding) ? 'temporal' : 'none';
    }
  }

  async #encodeCamera(sender: RTCRtpSender, track: MediaStreamTrack, coding: Coding): Promise<void> {
    const { width = 1280, height = 720 } = track.getSettings();
    const layers = cameraPlan(width, height, this.#demand.camera, this.#thrifty, coding);
    const codec = this.#coder(sender);
    await change(sender, (encoding, index) => {
      const layer = layers.find(({ rid }) => rid === encoding.rid) ?? layers[index];
      if (!layer) return;
      encoding.active = layer.active;
      encoding.scaleResolutionDownBy = layer.scaleResolutionDownBy;
      encoding.maxBitrate = layer.maxBitrate;
      encoding.maxFramerate = layer.maxFramerate ?? CAMERA_FRAMES;
      if (layer.scalabilityMode) encoding.scalabilityMode = layer.scalabilityMode;
      else delete encoding.scalabilityMode;
      if (codec) encoding.codec = codec;
    });
    this.#check(sender);
  }

  async #limitScreen(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const film = track.contentHint === 'motion';
    const active = this.#demand.screen?.[0] ?? true;
    const codec = this.#coder(sender);
    await change(sender, (encoding) => Object.assign(encoding, screenPlan(film, this.#thrifty), { active }, codec && { codec }), (parameters) => {
      // Letters that are blurred for the sake of frames cannot be read.
      parameters.degradationPreference = film ? 'balanced' : 'maintain-resolution';
    });
    this.#check(sender);
  }

  /** What a sender has to be told so that it sends our codec; nothing where it does by itself, or cannot yet. */
  #coder(sender: RTCRtpSender): RTCRtpCodec | undefined {
    const { codecs = [], encodings } = sender.getParameters();
    const changed = encodings.some((encoding: Encoding) => encoding.codec);
    if (this.#codec === this.#offered && !changed) return undefined;
    return codecs.find((codec) => codecOf(codec) === this.#codec);
  }

  /** A browser that changes no codec by itself has to be offered it anew. */
  #check(sender: RTCRtpSender): void {
    if (this.#codec === this.#offered) return;
    const { codecs = [], encodings } = sender.getParameters();
    // Before the first answer there is nothing to change to; `negotiated` comes after it.
    if (codecs.length === 0 || encodings.some((encoding: Encoding) => encoding.codec && codecOf(encoding.codec) === this.#codec)) return;
    this.#offered = this.#codec;
    this.#reoffer(this.#codec);
  }
}

/** Changes what each stream of a sender may send. */
async function change(
  sender: RTCRtpSender,
  each: (encoding: Encoding, index: number) => void,
  whole: (parameters: RTCRtpSendParameters) => void = () => undefined,
): Promise<void> {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return;
  parameters.encodings.forEach(each);
  whole(parameters);
  await sender.setParameters(parameters);
}

/** Whether the browser took note of layers within the streams; one that knows none forgets them. */
function isLayered(sender: RTCRtpSender): boolean {
  return sender.getParameters().encodings.some((encoding: Encoding) => encoding.scalabilityMode);
}

function sizeOf(track: MediaStreamTrack): string {
  const { width, height } = track.getSettings();
  return `${width}x${height}`;
}
