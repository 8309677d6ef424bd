/** The buttons of headsets, keyboards and lock screens, and what the system shows of the call (Media Session). */
import type { LocalMedia } from './local';
import type { Room } from './room';

/** Newer than the DOM's types. */
type Session = MediaSession & {
  setMicrophoneActive?(active: boolean): Promise<void> | void;
  setCameraActive?(active: boolean): Promise<void> | void;
  setActionHandler(action: string, handler: (() => void) | null): void;
};

/**
 * Lets the system's keys mute, turn the camera off and hang up, and tells the system what is on, until the room ends or
 * the returned function is called.
 */
export function connectMediaKeys(room: Room, local: LocalMedia): () => void {
  const session = globalThis.navigator?.mediaSession as Session | undefined;
  if (!session) return () => undefined;
  const actions: Record<string, () => void> = {
    togglemicrophone: () => (local.microphone.track ? local.setMuted(!local.muted) : void local.openMicrophone()),
    togglecamera: () => (local.camera.track ? local.closeCamera() : void local.openCamera()),
    hangup: () => room.leave(),
  };
  const handle = (action: string, handler: (() => void) | null): void => {
    try {
      session.setActionHandler(action, handler);
    } catch {
      // A browser that does not know the action.
    }
  };
  const tell = (): void => {
    void session.setMicrophoneActive?.(local.microphone.track !== null && !local.muted);
    void session.setCameraActive?.(local.camera.track !== null);
  };
  for (const [action, handler] of Object.entries(actions)) handle(action, handler);
  if ('MediaMetadata' in globalThis) session.metadata = new MediaMetadata({ title: room.id });
  tell();
  const stopTelling = local.on('changed', tell);
  const stop = (): void => {
    stopTelling();
    stopWatching();
    for (const action of Object.keys(actions)) handle(action, null);
    session.metadata = null;
  };
  const stopWatching = room.on('state', ({ phase }) => {
    if (phase === 'ended') stop();
  });
  return stop;
}
