/** The call in a small window over everything else: a window with controls where browsers have that, else a video. */
import { mount, unmount, type Component } from 'svelte';

interface DocumentPip {
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const SIZE = { width: 360, height: 240 };

function documentPip(): DocumentPip | undefined {
  return (window as unknown as { documentPictureInPicture?: DocumentPip }).documentPictureInPicture;
}

export class Pip {
  /** Something shows the call outside of the page. */
  open = $state(false);
  #window: Window | undefined;
  #video: HTMLVideoElement | undefined;

  static get possible(): boolean {
    return documentPip() !== undefined || document.pictureInPictureEnabled === true;
  }

  /** A video of the page is what floats: browsers without a window of their own. */
  static get needsVideo(): boolean {
    return documentPip() === undefined && document.pictureInPictureEnabled === true;
  }

  /** The video that plays whoever is to be seen, for browsers without a window of their own; as an attachment. */
  attach = (video: HTMLVideoElement): (() => void) => {
    this.#video = video;
    const [entered, left] = [(): void => void (this.open = true), (): void => void (this.open = false)];
    video.addEventListener('enterpictureinpicture', entered);
    video.addEventListener('leavepictureinpicture', left);
    return () => {
      this.close();
      this.#video = undefined;
      video.removeEventListener('enterpictureinpicture', entered);
      video.removeEventListener('leavepictureinpicture', left);
    };
  };

  /** To be called in a click. Throws what the browser says when it refuses. */
  async toggle<Props extends Record<string, unknown>>(view: Component<Props>, props: Props): Promise<void> {
    if (this.open) return this.close();
    const pip = documentPip();
    if (!pip) {
      await this.#video?.requestPictureInPicture();
      return;
    }
    const small = await pip.requestWindow(SIZE);
    this.#window = small;
    this.open = true;
    for (const sheet of document.querySelectorAll('style, link[rel=stylesheet]')) small.document.head.append(sheet.cloneNode(true));
    small.document.documentElement.lang = document.documentElement.lang;
    small.document.title = document.title;
    const shown = mount(view, { target: small.document.body, props });
    small.addEventListener('pagehide', () => {
      void unmount(shown);
      this.#window = undefined;
      this.open = false;
    });
  }

  close(): void {
    this.#window?.close();
    if (document.pictureInPictureElement) void document.exitPictureInPicture().catch(() => undefined);
  }
}
