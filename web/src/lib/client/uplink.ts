/** The four tracks a member sends. Publishing is `replaceTrack`; what a sender may send follows the track's size. */
import { CAMERA_FRAMES, SCREEN_SOUND_BITRATE, cameraPlan, screenPlan } from './encodings';
import type { TrackKind } from './lines';

type Senders = Record<TrackKind, RTCRtpTransceiver>;
type Tracks = Record<TrackKind, MediaStreamTrack | null>;

const KINDS: readonly TrackKind[] = ['microphone', 'camera', 'screen', 'screenAudio'];

export class Uplink {
  readonly tracks: Tracks = { microphone: null, camera: null, screen: null, screenAudio: null };
  #senders: Senders | undefined;
  #work: Promise<void> = Promise.resolve();
  #cameraSize = '';
  #thrifty = false;
  /** Which streams anybody takes, as far as the server has said; all until then. */
  readonly #demand: Partial<Record<TrackKind, readonly boolean[]>> = {};

  /** Uses the senders of a new connection: the tracks move over. */
  bind(senders: Senders): void {
    this.#senders = senders;
    this.#cameraSize = '';
    delete this.#demand.camera;
    delete this.#demand.screen;
    for (const kind of KINDS) if (this.tracks[kind]) this.#apply(kind);
  }

  set(kind: TrackKind, track: MediaStreamTrack | null): Promise<void> {
    if (this.tracks[kind] === track) return this.#work;
    this.tracks[kind] = track;
    return this.#apply(kind);
  }

  /** Sends only the streams that are taken, by their order in the offer. */
  demand(kind: 'camera' | 'screen', active: readonly boolean[]): void {
    this.#demand[kind] = active;
    if (this.tracks[kind]) void this.#apply(kind);
  }

  /** Sends little from now on, or as much as is taken. */
  economise(thrifty: boolean): void {
    this.#thrifty = thrifty;
    for (const kind of ['camera', 'screen'] as const) if (this.tracks[kind]) void this.#apply(kind);
  }

  /** A phone that turns changes the size of its camera: to be called now and then. */
  adapt(): void {
    const track = this.tracks.camera;
    if (track && sizeOf(track) !== this.#cameraSize) this.#apply('camera');
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

  async #sizeCamera(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const { width = 1280, height = 720 } = track.getSettings();
    const layers = cameraPlan(width, height, this.#demand.camera, this.#thrifty);
    await change(sender, (encoding, index) => {
      const layer = layers.find(({ rid }) => rid === encoding.rid) ?? layers[index];
      if (!layer) return;
      encoding.active = layer.active;
      encoding.scaleResolutionDownBy = layer.scaleResolutionDownBy;
      encoding.maxBitrate = layer.maxBitrate;
      encoding.maxFramerate = layer.maxFramerate ?? CAMERA_FRAMES;
    });
  }

  async #limitScreen(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const film = track.contentHint === 'motion';
    const active = this.#demand.screen?.[0] ?? true;
    await change(sender, (encoding) => Object.assign(encoding, screenPlan(film, this.#thrifty), { active }), (parameters) => {
      // Letters that are blurred for the sake of frames cannot be read.
      parameters.degradationPreference = film ? 'balanced' : 'maintain-resolution';
    });
  }
}

/** Changes what each stream of a sender may send. */
async function change(
  sender: RTCRtpSender,
  each: (encoding: RTCRtpEncodingParameters, index: number) => void,
  whole: (parameters: RTCRtpSendParameters) => void = () => undefined,
): Promise<void> {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return;
  parameters.encodings.forEach(each);
  whole(parameters);
  await sender.setParameters(parameters);
}

function sizeOf(track: MediaStreamTrack): string {
  const { width, height } = track.getSettings();
  return `${width}x${height}`;
}
