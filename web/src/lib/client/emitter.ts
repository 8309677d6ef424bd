/** A typed event emitter: small, synchronous, in order. */

export type Listener<T> = (value: T) => void;

export class Emitter<Events extends object> {
  #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` on every `event` until the returned function is called. */
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener);
    if (set.size === 1) this.heard(event, true);
    return () => {
      if (set.delete(listener) && set.size === 0) this.heard(event, false);
    };
  }

  /** Somebody listens to `event` from now on, or nobody any more: for what costs something to find out. */
  protected heard(_event: keyof Events, _heard: boolean): void {}

  protected emit<E extends keyof Events>(event: E, value: Events[E]): void {
    const set = this.#listeners.get(event);
    if (!set) return;
    for (const listener of [...set]) {
      try {
        (listener as Listener<Events[E]>)(value);
      } catch (error) {
        // A page's mistake must not keep a call from going on, nor others from hearing.
        globalThis.reportError?.(error);
      }
    }
  }

  protected silence(): void {
    this.#listeners.clear();
  }
}
