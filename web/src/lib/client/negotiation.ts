/** Offers and answers of one `RTCPeerConnection`: one at a time, and an offer without an answer is sent again as it is. */
import type { Answer, Offer } from './protocol.gen';
import { randomId } from './random';

export class Negotiation {
  readonly transport = randomId(20);
  #revision = 0;
  #pending: Offer | undefined;
  #wanted = false;
  #running = false;
  #closed = false;

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly ask: (offer: Offer) => Promise<Answer>,
    private readonly onFailure: (error: unknown) => void,
    private readonly onAnswered: () => void = () => undefined,
  ) {}

  /** Offers made so far. */
  get revision(): number {
    return this.#revision;
  }

  /** An offer waits for its answer. */
  get waiting(): boolean {
    return this.#pending !== undefined;
  }

  /** The lines or the credentials changed: offer when the round under way is done. */
  want(): void {
    this.#wanted = true;
    void this.#run();
  }

  /** Goes on after a failure; the pending offer first. */
  retry(): void {
    if (this.#pending || this.#wanted) void this.#run();
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    if (this.#running || this.#closed) return;
    this.#running = true;
    try {
      while (!this.#closed && (this.#wanted || this.#pending)) await this.#round();
    } catch (error) {
      if (!this.#closed) this.onFailure(error);
    } finally {
      this.#running = false;
    }
  }

  async #round(): Promise<void> {
    this.#pending ??= await this.#offer();
    if (this.#closed) return;
    const answer = await this.ask(this.#pending);
    if (this.#closed) return;
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    this.#pending = undefined;
    this.onAnswered();
  }

  async #offer(): Promise<Offer> {
    this.#wanted = false;
    await this.pc.setLocalDescription(await this.pc.createOffer());
    const sdp = this.pc.localDescription?.sdp ?? '';
    this.#revision += 1;
    return { transport: this.transport, revision: this.#revision, sdp };
  }
}
