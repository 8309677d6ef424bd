/** The public room list, live while it is being watched. */
import { Emitter } from './emitter';
import type { PublicRoom, RoomsDiff } from './protocol.gen';
import { Signalling } from './signalling';

export interface LobbyEvents {
  /** The whole list, the fullest rooms first. `undefined`: not known (any more). */
  rooms: readonly PublicRoom[] | undefined;
}

export class Lobby extends Emitter<LobbyEvents> {
  readonly #signalling: Signalling;
  #rooms = new Map<string, number>();

  constructor(url?: string) {
    super();
    this.#signalling = new Signalling({ url });
    this.#signalling.on('up', () => void this.#watch());
    this.#signalling.on('down', () => this.emit('rooms', undefined));
    this.#signalling.onPush('rooms', (diff) => this.#apply(diff));
    this.#signalling.open();
  }

  close(): void {
    this.silence();
    this.#signalling.close();
  }

  async #watch(): Promise<void> {
    try {
      const { rooms } = await this.#signalling.request('lobby', { watch: true });
      this.#rooms = new Map(rooms.map(({ id, members }) => [id, members]));
      this.#tell();
    } catch {
      setTimeout(() => {
        if (this.#signalling.up) void this.#watch();
      }, 2_000);
    }
  }

  #apply(diff: RoomsDiff): void {
    for (const id of diff.removed) this.#rooms.delete(id);
    for (const { id, members } of diff.changed) this.#rooms.set(id, members);
    this.#tell();
  }

  #tell(): void {
    const rooms = [...this.#rooms].map(([id, members]) => ({ id, members }));
    rooms.sort((a, b) => b.members - a.members || a.id.localeCompare(b.id));
    this.emit('rooms', rooms);
  }
}
