import { expect, it } from 'vitest';
import { cleanName, roomFrom, roomPath } from './names';

it('names are composed, trimmed and cut at 64 characters', () => {
  expect(cleanName('  한\tb  ')).toBe('한 b');
  expect(Array.from(cleanName('😀'.repeat(80)))).toHaveLength(64);
});

it.each([
  ['https://calls.example/r/abcd-efgh?x=1', 'abcd-efgh'],
  ['/r/%ED%9A%8C%EC%9D%98', '회의'],
  ['team call', 'team call'],
  ['/r/%zz', '%zz'],
])('%j means the room %j', (text, room) => {
  expect(roomFrom(text)).toBe(room);
});

it('a room finds back from its path', () => {
  expect(roomFrom(roomPath('회의 1/2'))).toBe('회의 1/2');
});
