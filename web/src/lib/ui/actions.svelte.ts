/** What can be done in a call by button, key or menu: one place for all three. */
import { LocalMedia, RequestError, type MemberId, type TrackKind } from '$client/index';
import type { CallModel } from './call.svelte';
import { i18n } from './i18n.svelte';
import type { LocalModel } from './local.svelte';
import { roomPath } from './names';
import { Pip } from './pip.svelte';
import { prefs } from './prefs.svelte';
import { View } from './view.svelte';

export type PanelName = 'people' | 'chat' | 'devices' | 'stats' | 'host';

export class CallActions {
  readonly view = new View();
  readonly pip: Pip;
  panel = $state<PanelName>();
  /** To whom the chat writes; everybody when empty. */
  writingTo = $state<MemberId>('');
  /** The emoji are laid out. */
  reacting = $state(false);
  /** The sheet that tells the keys. */
  help = $state(false);
  /** The microphone is open only as long as a key or the button is held. */
  talking = $state(false);

  constructor(
    readonly call: CallModel,
    readonly local: LocalModel,
  ) {
    this.pip = new Pip();
  }

  get muted(): boolean {
    return !this.local.microphone.track || this.local.muted;
  }

  get sharing(): boolean {
    return this.local.screen.track !== null;
  }

  get hand(): boolean {
    return this.call.self?.hand === true;
  }

  get link(): string {
    return location.origin + roomPath(this.call.room.id);
  }

  togglePanel(name: PanelName): void {
    this.panel = this.panel === name ? undefined : name;
  }

  toggleMicrophone(): void {
    if (this.muted && !this.#may('microphone')) return;
    this.talking = false;
    this.local.toggleMicrophone();
  }

  toggleCamera(): void {
    if (!this.local.camera.track && !this.#may('camera')) return;
    this.local.toggleCamera();
  }

  share(): void {
    if (this.sharing) this.local.media.stopScreen();
    else if (LocalMedia.canShare && this.#may('screen')) void this.local.media.shareScreen();
  }

  raise(): void {
    this.ask(this.call.room.raiseHand(!this.hand));
  }

  react(emoji: string): void {
    this.ask(this.call.room.react(emoji));
  }

  /** Says so when the server does not do what was asked. */
  ask(request: Promise<unknown>): void {
    request.catch((error: unknown) => this.call.notify(error instanceof RequestError ? i18n.words.error[error.code] : i18n.words.error.internal));
  }

  writeTo(member: MemberId): void {
    this.writingTo = member;
    this.panel = 'chat';
  }

  leave(): void {
    this.call.room.leave();
  }

  async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.link);
      this.call.notify(i18n.words.call.copied);
    } catch {
      this.call.notify(this.link);
    }
  }

  toggleMode(): void {
    prefs.mode = prefs.mode === 'grid' ? 'speaker' : 'grid';
    this.view.pinned = undefined;
    this.view.page = 0;
  }

  pushToTalk(on: boolean): void {
    prefs.pushToTalk = on;
    if (on) this.local.media.setMuted(true);
  }

  /** Says so when a host or the room's rules do not allow it. */
  #may(kind: TrackKind): boolean {
    const may = this.call.permissions?.publish.includes(kind) ?? true;
    if (!may) this.call.notify(i18n.words.host.mayNot[kind]);
    return may;
  }

  /** Opens a muted microphone for as long as something is held. */
  hold(held: boolean): void {
    if (held && this.muted && !this.local.microphone.opening && this.#may('microphone')) {
      this.talking = true;
      this.local.media.setMuted(false);
      if (!this.local.microphone.track) void this.local.media.openMicrophone();
    } else if (!held && this.talking) {
      this.talking = false;
      this.local.media.setMuted(true);
    }
  }
}
