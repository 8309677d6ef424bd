/** What hosts may do: silence, remove, admit, and change the room. Everybody else is refused with `forbidden`. */
import type { MemberId, Role, RoomFacts, Rules, Settings, TrackKind } from './protocol.gen';
import type { Signalling } from './signalling';

const EVERYTHING: readonly TrackKind[] = ['microphone', 'camera', 'screen', 'screenAudio'];

export interface MuteOptions {
  /** Not to be switched on again, until it is allowed. */
  forbid?: boolean;
}

export class Moderation {
  /** @internal */
  constructor(private readonly signalling: Pick<Signalling, 'request'>) {}

  /** Switches off what a member sends, by default its microphone. */
  async mute(member: MemberId, kinds: readonly TrackKind[] = ['microphone'], { forbid = false }: MuteOptions = {}): Promise<void> {
    await this.signalling.request('mute', { member, kinds: [...kinds], forbid });
  }

  /** The same for everybody but hosts; forbidding changes the room's rules. */
  async muteAll(kinds: readonly TrackKind[] = ['microphone'], { forbid = false }: MuteOptions = {}): Promise<void> {
    await this.signalling.request('mute', { kinds: [...kinds], forbid });
  }

  /** Lifts what was forbidden to a member. Nothing goes on by itself. */
  async allow(member: MemberId, kinds: readonly TrackKind[] = EVERYTHING): Promise<void> {
    await this.signalling.request('allow', { member, kinds: [...kinds] });
  }

  /** Lifts what the room's rules forbid. */
  async allowAll(kinds: readonly TrackKind[] = EVERYTHING): Promise<void> {
    await this.signalling.request('allow', { kinds: [...kinds] });
  }

  /** Sends a member away; it may come back. */
  async remove(member: MemberId): Promise<void> {
    await this.signalling.request('remove', { member });
  }

  /** Sends a member away for as long as the room lives. */
  async ban(member: MemberId): Promise<void> {
    await this.signalling.request('remove', { member, ban: true });
  }

  async setRole(member: MemberId, role: Role): Promise<void> {
    await this.signalling.request('role', { member, role });
  }

  async lowerHand(member: MemberId): Promise<void> {
    await this.signalling.request('hand', { raised: false, member });
  }

  /** A locked room takes nobody new. */
  async lock(locked: boolean): Promise<void> {
    await this.set({ locked });
  }

  /** Whoever is new waits to be admitted; those who wait when it is switched off come in. */
  async setWaitingRoom(waitingRoom: boolean): Promise<void> {
    await this.set({ waitingRoom });
  }

  /** `''`: no password any more. */
  async setPassword(password: string): Promise<void> {
    await this.set({ password });
  }

  /** What those may do who are not hosts. Whoever sends what is no longer allowed is stopped. */
  async setRules(rules: Rules): Promise<void> {
    await this.set({ rules });
  }

  /** Several at once; what is left out stays. */
  async set(settings: Settings): Promise<void> {
    await this.signalling.request('settings', settings);
  }

  /** Lets in one of those who wait, by the id in `knocks`. */
  async admit(id: MemberId): Promise<void> {
    await this.signalling.request('admit', { id });
  }

  /** Lets in everybody who waits but the banned. */
  async admitAll(): Promise<void> {
    await this.signalling.request('admit', {});
  }

  async deny(id: MemberId): Promise<void> {
    await this.signalling.request('deny', { id });
  }

  /** Ends the room for all. */
  async end(): Promise<void> {
    await this.signalling.request('end', {});
  }
}

/** What holds in a room of which nothing is known yet. */
export const OPEN_ROOM: RoomFacts = {
  listed: false,
  locked: false,
  password: false,
  waitingRoom: false,
  rules: { microphone: true, camera: true, screen: true, screenAudio: true, chat: true },
};
