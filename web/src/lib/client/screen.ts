/** How a screen is asked for and what it shares. Pure but for the asking. */

/** Text stays sharp and slow, a film stays smooth. */
export type ScreenPurpose = 'text' | 'film';

export interface Screen {
  track: MediaStreamTrack;
  audio: MediaStreamTrack | null;
  /** The shared sound holds the voices of the call itself, which come back to those who spoke. */
  mayEcho: boolean;
}

/** Not in the DOM's types yet. */
interface Supported extends MediaTrackSupportedConstraints {
  restrictOwnAudio?: boolean;
}

/** 1080p is legible; beyond it VP8 has no bits left for sharp letters. */
const MOST: MediaTrackConstraints = { width: { max: 1920 }, height: { max: 1080 } };
const FRAMES: Record<ScreenPurpose, MediaTrackConstraints> = {
  text: { frameRate: { ideal: 15, max: 30 } },
  film: { frameRate: { ideal: 30, max: 30 } },
};

export function screenRequest(purpose: ScreenPurpose, supported: Supported): DisplayMediaStreamOptions {
  // Sound of programs is music to an echo canceller: it would eat it.
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return {
    video: { ...MOST, ...FRAMES[purpose] },
    audio: supported.restrictOwnAudio ? { ...audio, restrictOwnAudio: true } : audio,
    systemAudio: 'include',
    surfaceSwitching: 'include',
    // A picture of the call in the call is a hall of mirrors.
    selfBrowserSurface: 'exclude',
  } as DisplayMediaStreamOptions;
}

/** Asks the person for a screen. Nothing is awaited before: browsers ask only within a click. */
export function askForScreen(purpose: ScreenPurpose): Promise<Screen> {
  const { mediaDevices } = navigator;
  return mediaDevices.getDisplayMedia(screenRequest(purpose, mediaDevices.getSupportedConstraints?.() ?? {})).then((stream) => readScreen(stream, purpose));
}

export function readScreen(stream: MediaStream, purpose: ScreenPurpose): Screen {
  const [track, audio = null] = [stream.getVideoTracks()[0], stream.getAudioTracks()[0]];
  if (!track) throw new DOMException('the share has no picture', 'NotFoundError');
  track.contentHint = purpose === 'text' ? 'detail' : 'motion';
  if (audio) audio.contentHint = 'music';
  return { track, audio, mayEcho: audio !== null && mayEcho(track, audio) };
}

function mayEcho(track: MediaStreamTrack, audio: MediaStreamTrack): boolean {
  const { restrictOwnAudio } = audio.getSettings() as MediaTrackSettings & { restrictOwnAudio?: boolean };
  // Another tab's sound does not hold ours; that of the whole system does.
  return restrictOwnAudio !== true && track.getSettings().displaySurface !== 'browser';
}
