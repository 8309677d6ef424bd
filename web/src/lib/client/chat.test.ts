import { expect, it, vi } from 'vitest';
import { Chat } from './chat';
import { RequestError } from './errors';
import type { ChatLine } from './protocol.gen';

const ADA = { id: 'ada', name: 'Ada' };
const line = (id: number): ChatLine => ({ id, from: 'grace', name: 'Grace', text: 'hi', at: id });

it('a line that got no answer is sent again as the same request, and told once', async () => {
  vi.useFakeTimers();
  const asked: { request?: string }[] = [];
  const told: ChatLine[] = [];
  const request = async (_event: string, body: { request?: string }) => {
    asked.push(body);
    if (asked.length < 3) throw new RequestError('no_answer', '');
    return { id: 4, at: 9 };
  };
  const chat = new Chat({ request } as never, (heard) => told.push(heard));
  const sending = chat.send('hello', ADA);
  await vi.advanceTimersByTimeAsync(5_000);
  await sending;
  vi.useRealTimers();
  expect(new Set(asked.map((body) => body.request)).size).toBe(1);
  chat.hear({ ...line(4), from: 'ada', at: 9 });
  expect(told).toEqual([{ id: 4, from: 'ada', name: 'Ada', text: 'hello', at: 9 }]);
});

it('a line that is refused is not tried again', async () => {
  const request = vi.fn(async () => {
    throw new RequestError('too_large', '');
  });
  const chat = new Chat({ request } as never, () => undefined);
  await expect(chat.send('x', ADA)).rejects.toMatchObject({ code: 'too_large' });
  expect(request).toHaveBeenCalledTimes(1);
});

it('who comes back is told of each old line once', () => {
  const told: number[] = [];
  const chat = new Chat({ request: vi.fn() } as never, ({ id }) => told.push(id));
  for (const id of [1, 2, 2, 3, 1]) chat.hear(line(id));
  expect(told).toEqual([1, 2, 3]);
  // The room is another one: the server was started anew.
  chat.hear({ ...line(1), at: 100 });
  expect(told).toEqual([1, 2, 3, 1]);
});
