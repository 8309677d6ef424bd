/** Which event takes what and is acknowledged with what: read from the generated contract, so that it cannot differ. */
import type { ClientToServerEvents, ServerToClientEvents } from './protocol.gen';

/** What a success carries. */
type Granted<Acknowledge> = Acknowledge extends (reply: infer R) => void ? Extract<R, { ok: true }> : never;

/** Every request: its payload and what a success carries. */
export type Requests = {
  [E in keyof ClientToServerEvents]: [Parameters<ClientToServerEvents[E]>[0], Granted<Parameters<ClientToServerEvents[E]>[1]>];
};

/** Every push and its payload. */
export type Pushes = { [E in keyof ServerToClientEvents]: Parameters<ServerToClientEvents[E]>[0] };

export type { ClientToServerEvents, ServerToClientEvents };
