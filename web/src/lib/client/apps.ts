/** Events of the application's own, relayed by the server: told to everybody, or asked of one member who answers. */
import type { AppPush, MemberId } from './protocol.gen';
import type { Signalling } from './signalling';

/** The server gives up on the other member before we give up on the server. */
const MARGIN_MS = 3_000;
const ANSWER_WITHIN_MS = 5_000;

export type AppAnswer = (args: readonly unknown[], from: MemberId) => unknown;

export class Apps {
  readonly #answers = new Map<string, AppAnswer>();

  constructor(
    private readonly signalling: Pick<Signalling, 'request'>,
    private readonly heard: (push: AppPush) => void,
  ) {}

  /** To all others; how many were told. */
  async tell(event: string, args: readonly unknown[]): Promise<number> {
    const reply = await this.signalling.request('app', { event, args: [...args] });
    return 'delivered' in reply ? reply.delivered : 0;
  }

  /** To one; what that member answered. */
  async ask(to: MemberId, event: string, args: readonly unknown[], withinMs: number = ANSWER_WITHIN_MS): Promise<unknown> {
    const reply = await this.signalling.request('app', { to, event, args: [...args], timeoutMs: withinMs }, withinMs + MARGIN_MS);
    return 'reply' in reply ? reply.reply : null;
  }

  answer(event: string, answer: AppAnswer): () => void {
    this.#answers.set(event, answer);
    return () => {
      if (this.#answers.get(event) === answer) this.#answers.delete(event);
    };
  }

  /** Takes what came. Whoever asks hears back at once when nobody here has an answer. */
  async hear(push: AppPush, acknowledge: (reply?: unknown) => void): Promise<void> {
    this.heard(push);
    const answer = this.#answers.get(push.event);
    if (!answer) return acknowledge();
    try {
      acknowledge(await answer(push.args, push.from));
    } catch (error) {
      // An answer that throws is none: the other side waits in vain, and this page's console says why.
      globalThis.reportError?.(error);
    }
  }
}
