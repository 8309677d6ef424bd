/** Engine.IO 4 and Socket.IO 5 packet by packet, without a client library: long polling by fetch, websockets by `ws`. */
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';

/** The server's heartbeats tell a dead connection after ten seconds; nothing but a heartbeat takes as long. */
const WITHIN_MS = 20_000;
/** Between packets of one payload. */
const SEPARATOR = '\x1e';

const url = (origin, query) => `${origin}/socket.io/?${new URLSearchParams(query)}`;

/** One session over long polling. */
export class Polling {
  /** Packets that arrived and were not yet asked for. */
  #packets = [];

  constructor(origin, sid, opened) {
    Object.assign(this, { origin, sid, opened });
  }

  static async open(origin) {
    const response = await request(origin, { EIO: '4', transport: 'polling' });
    const text = await response.text();
    if (response.status !== 200 || text[0] !== '0') throw new Error(`${response.status} ${text}`);
    const opened = JSON.parse(text.slice(1));
    return new Polling(origin, opened.sid, opened);
  }

  #ask(init) {
    return request(this.origin, { EIO: '4', transport: 'polling', sid: this.sid }, init);
  }

  post(...packets) {
    return this.#ask({ method: 'POST', body: packets.join(SEPARATOR), headers: { 'content-type': 'text/plain;charset=UTF-8' } });
  }

  /** The response to one poll. */
  poll(init) {
    return this.#ask(init);
  }

  /** The next packet that `matches`; pings are answered. */
  async packet(matches = () => true) {
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const packet = this.#packets.shift();
      if (packet === undefined) {
        if (Date.now() > deadline) throw new Error('no such packet');
        const response = await this.poll();
        const text = await response.text();
        if (response.status !== 200) throw new Error(`${response.status} ${text}`);
        this.#packets.push(...text.split(SEPARATOR));
      } else if (packet === '2') {
        await this.post('3');
        if (matches(packet)) return packet;
      } else if (matches(packet)) {
        return packet;
      }
    }
  }

  /** Joins a namespace; the body of the answer. */
  async connect(namespace = '/', auth = { protocol: 1 }) {
    const prefix = namespace === '/' ? '' : `${namespace},`;
    await this.post(`40${prefix}${auth ? JSON.stringify(auth) : ''}`);
    return this.packet((packet) => /^4[04]/.test(packet));
  }

  /** Whether the server still knows the session. */
  async lives() {
    return (await this.post('3')).status === 200;
  }

  /** Resolves when the session is gone. */
  async gone() {
    const deadline = Date.now() + WITHIN_MS;
    while (await this.lives()) {
      if (Date.now() > deadline) throw new Error('the session lives on');
      await pause(200);
    }
  }
}

/** Any request to the engine. */
export function request(origin, query, init = {}) {
  return fetch(url(origin, query), { signal: AbortSignal.timeout(WITHIN_MS), ...init });
}

/** One websocket, with or without a session that was opened by polling. */
export class Socket {
  #packets = [];
  #waiting = [];

  constructor(origin, query = { EIO: '4', transport: 'websocket' }, options = {}) {
    /** Answer pings. */
    this.answers = true;
    this.ws = new WebSocket(url(origin, query).replace(/^http/, 'ws'), options);
    this.opened = new Promise((done, failed) => {
      this.ws.once('open', done);
      this.ws.once('error', failed);
    });
    this.opened.catch(() => undefined);
    /** Resolves when it is closed or was refused. */
    this.closed = new Promise((done) => this.ws.once('close', done));
    this.ws.on('error', () => undefined);
    this.ws.on('message', (data, binary) => this.#take(binary ? data : data.toString()));
  }

  static async open(origin, auth = { protocol: 1 }) {
    const socket = new Socket(origin);
    await socket.packet((packet) => packet[0] === '0');
    if (auth) await socket.connect('/', auth);
    return socket;
  }

  send(packet) {
    this.ws.send(packet);
  }

  async connect(namespace = '/', auth = { protocol: 1 }) {
    const prefix = namespace === '/' ? '' : `${namespace},`;
    this.send(`40${prefix}${auth ? JSON.stringify(auth) : ''}`);
    return this.packet((packet) => /^4[04]/.test(packet));
  }

  /** The next packet, past or future, that `matches`. */
  packet(matches = () => true) {
    const index = this.#packets.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#packets.splice(index, 1)[0]);
    return new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`none among ${JSON.stringify(this.#packets)}`)), WITHIN_MS);
      this.#waiting.push({ matches, found, timer });
    });
  }

  #take(packet) {
    if (packet === '2' && this.answers) this.send('3');
    const index = this.#waiting.findIndex(({ matches }) => matches(packet));
    if (index < 0) return void this.#packets.push(packet);
    const [{ found, timer }] = this.#waiting.splice(index, 1);
    clearTimeout(timer);
    found(packet);
  }

  close() {
    this.#waiting.forEach(({ timer }) => clearTimeout(timer));
    this.ws.terminate();
  }
}
