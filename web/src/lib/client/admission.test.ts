import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Admission } from './admission';
import { RequestError } from './errors';
import type { Joined, Waiting } from './protocol.gen';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const at = (state: Waiting['state']): Waiting => ({ state, host: true, ahead: 0 });

/** A server that answers with these codes, one join after the other; `ok` lets in. */
function door(...codes: (RequestError['code'] | 'ok')[]): { admission: Admission; told: string[] } {
  const told: string[] = [];
  const request = async (): Promise<Joined> => {
    const code = codes.shift() ?? 'ok';
    told.push('join');
    if (code !== 'ok') throw new RequestError(code, '');
    return {} as Joined;
  };
  const admission = new Admission({ request, up: true } as never, () => ({ room: 'r', name: 'n' }), {
    entered: () => told.push('entered'),
    delayed: ({ code }) => told.push(`delayed ${code}`),
    waiting: (waiting) => waiting && told.push(`waiting ${waiting.state}`),
    refused: ({ code }) => told.push(`refused ${code}`),
  });
  return { admission, told };
}

it('what passes is tried again, what does not is refused', async () => {
  const { admission, told } = door('rate_limited', 'draining', 'wrong_password');
  void admission.join();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told).toEqual(['join', 'delayed rate_limited', 'join', 'delayed draining', 'join', 'refused wrong_password']);
});

it('whoever has to wait is told how it stands, and joins when somebody admits', async () => {
  const { admission, told } = door('waiting');
  void admission.join();
  await vi.advanceTimersByTimeAsync(0);
  admission.hear(at('waiting'));
  admission.hear(at('admitted'));
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['join', 'waiting waiting', 'join', 'entered']);
});

it('whoever is not admitted is refused', async () => {
  const { admission, told } = door('waiting');
  void admission.join();
  await vi.advanceTimersByTimeAsync(0);
  admission.hear(at('denied'));
  expect(told).toEqual(['join', 'refused denied']);
});

it('an answer to an earlier join is thrown away, and a closed door stays shut', async () => {
  const { admission, told } = door();
  void admission.join();
  void admission.join();
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['join', 'join', 'entered']);
  admission.close();
  admission.hear(at('denied'));
  expect(told).toHaveLength(3);
});

it('whose room is gone joins again, later each time while that does not last', async () => {
  const { admission, told } = door();
  void admission.join();
  await vi.advanceTimersByTimeAsync(0);
  const joins = (): number => told.filter((what) => what === 'join').length;
  const waits = async (ms: number): Promise<void> => {
    const before = joins();
    admission.joinAgain();
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(joins()).toBe(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(joins()).toBe(before + 1);
  };
  for (const ms of [500, 1_000, 2_000]) await waits(ms);
  await vi.advanceTimersByTimeAsync(60_000);
  await waits(500);
});

it('an answer from a room that is gone meanwhile does not let in', async () => {
  const { admission, told } = door();
  void admission.join();
  admission.joinAgain();
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['join']);
  await vi.advanceTimersByTimeAsync(500);
  expect(told).toEqual(['join', 'join', 'entered']);
});
