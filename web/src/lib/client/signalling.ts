/** The Socket.IO connection: typed requests that always end, typed pushes, and when it is up or down. */
import { io, type Socket } from 'socket.io-client';
import { Emitter } from './emitter';
import { RequestError } from './errors';
import type { ClientToServerEvents, Pushes, Requests, ServerToClientEvents } from './events';
import { PROTOCOL, type AppPush, type Auth, type ErrorBody } from './protocol.gen';

/** A request that has no answer by then is lost: the server answers within milliseconds or its socket is dead. */
const ANSWER_WITHIN_MS = 8_000;
/** After the server closed a socket Socket.IO does not retry by itself; this is our own first wait. */
const RETRY_AFTER_CLOSE_MS = 500;
const RETRY_AFTER_REFUSAL_MS = 2_000;

export interface SignallingEvents {
  /** A transport is open; nothing is joined yet. */
  up: undefined;
  /** The transport is lost; it comes back by itself. */
  down: { reason: string };
  /** The server will not have this client; trying again as it is would not help. */
  refused: RequestError;
  /** The server knows this client as no member of a room, although the connection stands. */
  forgotten: undefined;
}

export interface SignallingOptions {
  /** Origin of the server; the page's own when left out. */
  url?: string | undefined;
  /** Asked at every connection attempt: the token that brings the same member back. */
  resume?: () => Promise<string | undefined> | string | undefined;
  /** An access token. */
  token?: string | undefined;
}

export class Signalling extends Emitter<SignallingEvents> {
  readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  #closed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SignallingOptions = {}) {
    super();
    this.socket = io(options.url ?? '/', {
      autoConnect: false,
      forceNew: true,
      // Websocket opens in one round trip; where a proxy refuses it, polling carries the whole call.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: 200,
      reconnectionDelayMax: 2_000,
      randomizationFactor: 0.25,
      timeout: 6_000,
      auth: (send) => {
        void authFor(options).then((auth) => send(auth));
      },
    });
    this.socket.on('connect', () => this.emit('up', undefined));
    this.socket.on('disconnect', (reason) => {
      this.emit('down', { reason });
      if (reason === 'io server disconnect') this.#connectAfter(RETRY_AFTER_CLOSE_MS);
    });
    this.socket.on('connect_error', (error) => this.#refused(error));
  }

  get up(): boolean {
    return this.socket.connected;
  }

  /** `websocket` or `polling`, once it is up. */
  get transport(): string | undefined {
    return this.socket.connected ? this.socket.io.engine.transport.name : undefined;
  }

  open(): void {
    this.socket.connect();
  }

  /** Opens a new connection in the place of one that may be dead without knowing it. */
  reopen(): void {
    this.socket.disconnect();
    this.#connectAfter(0);
  }

  /** Sends a request and waits for its acknowledgement. Throws a {@link RequestError}; never hangs. */
  async request<E extends keyof Requests>(
    event: E,
    body: Requests[E][0],
    within: number = ANSWER_WITHIN_MS,
  ): Promise<Requests[E][1]> {
    // Socket.IO would keep the request and replay it into a later session, where it is stale.
    if (!this.socket.connected) throw new RequestError('offline', 'the signalling connection is down');
    let reply: { ok: true } | { ok: false; error: ErrorBody };
    try {
      const socket = this.socket.timeout(within) as unknown as {
        emitWithAck(event: string, body: unknown): Promise<typeof reply>;
      };
      reply = await socket.emitWithAck(event, body);
    } catch {
      throw new RequestError(this.socket.connected ? 'no_answer' : 'offline', `no answer to ${event}`);
    }
    if (!reply.ok) {
      if (reply.error.code === 'not_joined') this.emit('forgotten', undefined);
      throw new RequestError(reply.error.code, reply.error.message);
    }
    return reply as unknown as Requests[E][1];
  }

  /** Sends without waiting: for a page that is going away. */
  tell<E extends keyof Requests>(event: E, body: Requests[E][0]): void {
    if (!this.socket.connected) return;
    (this.socket as unknown as { emit(event: string, body: unknown): void }).emit(event, body);
  }

  onPush<E extends keyof Pushes>(event: E, listener: (body: Pushes[E]) => void): void {
    this.socket.on(event as string as never, listener as never);
  }

  /** An event of the application's own; whoever sent it to us alone waits for the acknowledgement. */
  onApp(listener: (push: AppPush, acknowledge: (reply?: unknown) => void) => void): void {
    this.socket.on('app', (push, acknowledge?: (reply?: unknown) => void) => listener(push, acknowledge ?? (() => undefined)));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.silence();
    this.socket.disconnect();
  }

  /** `connect_error` is either the network (Socket.IO retries) or a refusal of the server, whose message is JSON. */
  #refused(error: Error): void {
    if (this.socket.active) return;
    const body = parseRefusal(error.message);
    if (body && !['draining', 'rate_limited', 'internal', 'timeout'].includes(body.code)) {
      this.emit('refused', new RequestError(body.code, body.message));
    } else {
      this.#connectAfter(RETRY_AFTER_REFUSAL_MS);
    }
  }

  #connectAfter(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (!this.#closed) this.socket.connect();
    }, ms);
  }
}

async function authFor({ resume, token }: SignallingOptions): Promise<Auth> {
  const secret = await resume?.();
  return { protocol: PROTOCOL, ...(secret && { resume: secret }), ...(token && { token }) };
}

function parseRefusal(message: string): ErrorBody | undefined {
  try {
    const body: unknown = JSON.parse(message);
    if (body && typeof body === 'object' && 'code' in body) return body as ErrorBody;
  } catch {
    // Not ours: a proxy or the library words it.
  }
  return undefined;
}
