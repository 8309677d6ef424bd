/** An attachment that plays one track in a video element, without tearing the element down when the track changes. */
import type { Attachment } from 'svelte/attachments';

export function stream(track: MediaStreamTrack | null): Attachment<HTMLVideoElement> {
  return (element) => {
    element.srcObject = track ? new MediaStream([track]) : null;
    if (track) void element.play().catch(() => undefined);
  };
}
