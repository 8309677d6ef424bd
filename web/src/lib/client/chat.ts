/** Lines to the room or to one member: sent until they are heard, and each told once, in the server's order. */
import { RequestError } from './errors';
import type { ChatLine, MemberId } from './protocol.gen';
import { randomId } from './random';
import type { Signalling } from './signalling';

const TRIES = 4;
const PAUSE_MS = 400;

export class Chat {
  readonly #seen = new Set<string>();

  constructor(
    private readonly signalling: Pick<Signalling, 'request'>,
    private readonly tell: (line: ChatLine) => void,
  ) {}

  /** Sends a line; a retry is never delivered twice. */
  async send(text: string, from: { id: MemberId; name: string }, to?: MemberId): Promise<void> {
    const body = { text, request: randomId(16), ...(to !== undefined && { to }) };
    for (let attempt = 1; ; attempt++) {
      try {
        const { id, at } = await this.signalling.request('chat', body);
        return this.hear({ id, from: from.id, name: from.name, text, at, ...(to !== undefined && { to }) });
      } catch (error) {
        if (!(error instanceof RequestError) || !error.passing || attempt === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      }
    }
  }

  /** The sender hears of its own line by acknowledgement and by push, who comes back of all: once is enough. */
  hear(line: ChatLine): void {
    // Lines are counted in their room: behind a server that was started anew, from the beginning.
    const which = `${line.id}/${line.at}`;
    if (this.#seen.has(which)) return;
    this.#seen.add(which);
    this.tell(line);
  }
}
