/** An attachment that plays one track in a video element, without tearing the element down when the track changes. */
import type { Attachment } from 'svelte/attachments';

export function stream(track: MediaStreamTrack | null): Attachment<HTMLVideoElement> {
  return (element) => {
    // Whatever else changed: a picture that is fed anew goes black for a moment.
    const playing = element.srcObject instanceof MediaStream ? element.srcObject.getTracks()[0] : undefined;
    if ((playing ?? null) === track) return;
    element.srcObject = track ? new MediaStream([track]) : null;
    if (track) void element.play().catch(() => undefined);
  };
}
