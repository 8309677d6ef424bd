/** A client as anybody could write it from docs/signalling.md: the stock socket.io-client and nothing of ours. */
import { io } from 'socket.io-client';

/** The server's heartbeats tell a dead connection after ten seconds; nothing here should take nearly as long. */
const WITHIN_MS = 10_000;
const PUSHES = [
  'room',
  'seats',
  'quality',
  'trouble',
  'speakers',
  'chat',
  'reactions',
  'rooms',
  'connection',
  'permissions',
  'muted',
  'waiting',
  'knocks',
  'farewell',
];

export class Client {
  #waiting = [];
  /** Every push so far, oldest first: `{event, body, at}`. */
  pushes = [];
  disconnects = [];

  constructor(origin, { transports = ['websocket'], auth = { protocol: 1 }, headers } = {}) {
    this.socket = io(origin, {
      transports,
      upgrade: transports.length > 1,
      auth,
      forceNew: true,
      reconnection: false,
      ...(headers && { extraHeaders: headers }),
    });
    for (const event of PUSHES) this.socket.on(event, (body) => this.#take({ event, body, at: Date.now() }));
    this.socket.on('disconnect', (reason) => this.disconnects.push(reason));
  }

  static async connect(origin, options) {
    const client = new Client(origin, options);
    const refused = await client.connected();
    if (refused) {
      client.close();
      throw refused;
    }
    return client;
  }

  /** Resolves to nothing, or to the error that refused the connection. */
  connected() {
    return new Promise((settle, failed) => {
      const timer = setTimeout(() => failed(new Error('neither connected nor refused')), WITHIN_MS);
      const end = (error) => {
        clearTimeout(timer);
        settle(error);
      };
      this.socket.once('connect', () => end());
      this.socket.once('connect_error', end);
    });
  }

  /** The acknowledgement of one request, whatever it says. */
  ask(event, ...args) {
    return this.socket.timeout(WITHIN_MS).emitWithAck(event, ...args);
  }

  /** The acknowledgement of a request that must succeed. */
  async do(event, ...args) {
    const reply = await this.ask(event, ...args);
    if (reply.ok !== true) throw new Error(`${event}: ${JSON.stringify(reply)}`);
    return reply;
  }

  /** The error code of a request that must fail. */
  async refusal(event, ...args) {
    const reply = await this.ask(event, ...args);
    if (reply.ok !== false || !reply.error.message) throw new Error(`${event} was not refused: ${JSON.stringify(reply)}`);
    return reply.error.code;
  }

  join(room, name, more = {}) {
    return this.do('join', { room, name, ...more });
  }

  /** The body of the first push, past or future, of which `matches` holds. */
  push(event, matches = () => true) {
    const fits = (push) => push.event === event && matches(push.body);
    const past = this.pushes.find(fits);
    if (past) return Promise.resolve(past.body);
    return new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`no ${event} among ${JSON.stringify(this.pushes)}`)), WITHIN_MS);
      this.#waiting.push({ fits, timer, found });
    });
  }

  /** The first change of the room, past or future, of which `matches` holds, with the revision of its diff. */
  async change(matches) {
    const { revision, changes } = await this.push('room', (diff) => diff.changes.some(matches));
    return { revision, change: changes.find(matches) };
  }

  close() {
    for (const { timer } of this.#waiting) clearTimeout(timer);
    this.socket.disconnect();
  }

  #take(push) {
    this.pushes.push(push);
    this.#waiting = this.#waiting.filter(({ fits, timer, found }) => {
      if (!fits(push)) return true;
      clearTimeout(timer);
      found(push.body);
      return false;
    });
  }
}
