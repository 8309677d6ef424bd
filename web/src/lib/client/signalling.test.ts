import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Signalling } from './signalling';

/** As much of a Socket.IO socket as signalling uses; what it is asked is answered by `answers`. */
class FakeSocket {
  connected = true;
  active = false;
  connects = 0;
  answers: (() => unknown)[] = [];
  readonly #listeners = new Map<string, (what?: unknown) => void>();

  on(event: string, listener: (what?: unknown) => void): void {
    this.#listeners.set(event, listener);
  }

  hears(event: string, what?: unknown): void {
    this.#listeners.get(event)?.(what);
  }

  timeout(): { emitWithAck: () => Promise<unknown> } {
    return { emitWithAck: async () => this.answers.shift()?.() };
  }

  connect(): void {
    this.connects += 1;
  }

  disconnect(): void {
    this.connected = false;
  }
}

const socket = vi.hoisted(() => ({ made: undefined as unknown }));
vi.mock('socket.io-client', () => ({ io: () => socket.made }));

let fake: FakeSocket;
let signalling: Signalling;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  socket.made = fake = new FakeSocket();
  signalling = new Signalling({ url: 'https://calls.example' });
  told = [];
  for (const event of ['up', 'down', 'forgotten'] as const) signalling.on(event, () => told.push(event));
  signalling.on('refused', ({ code }) => told.push(`refused: ${code}`));
});
afterEach(() => {
  signalling.close();
  vi.useRealTimers();
});

const refuse = (code: string) => () => ({ ok: false, error: { code, message: '' } });

it('a request ends with its answer, or with an error that says why there is none', async () => {
  fake.answers = [
    () => ({ ok: true, id: 7 }),
    refuse('too_large'),
    () => {
      throw new Error('timeout');
    },
    () => {
      fake.connected = false;
      throw new Error('timeout');
    },
  ];
  await expect(signalling.request('chat', { text: 'x' })).resolves.toMatchObject({ id: 7 });
  for (const code of ['too_large', 'no_answer', 'offline', 'offline']) await expect(signalling.request('hand', { raised: true })).rejects.toMatchObject({ code });
  expect(told).toEqual([]);
});

it('whom the server does not know as a member any more is told so', async () => {
  fake.answers = [refuse('forbidden'), refuse('not_joined')];
  for (const code of ['forbidden', 'not_joined']) await expect(signalling.request('hand', { raised: true })).rejects.toMatchObject({ code });
  expect(told).toEqual(['forgotten']);
});

it('what the server closed is opened again after a moment, what the network closed by Socket.IO', async () => {
  fake.hears('disconnect', 'transport close');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fake.connects).toBe(0);
  fake.hears('disconnect', 'io server disconnect');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fake.connects).toBe(1);
  expect(told).toEqual(['down', 'down']);
});

it('a refusal that would come again is final, one that passes is not', async () => {
  for (const body of ['no JSON', '{"code":"draining","message":""}', '{"code":"bad_token","message":"token: expired"}']) fake.hears('connect_error', new Error(body));
  expect(told).toEqual(['refused: bad_token']);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fake.connects).toBe(1);
  // Socket.IO tries by itself.
  fake.active = true;
  fake.hears('connect_error', new Error('{"code":"bad_token","message":""}'));
  expect(told).toHaveLength(1);
});
