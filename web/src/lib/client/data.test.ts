import { expect, it } from 'vitest';
import { frameData, readData } from './data';

const bytes = (text: string) => new TextEncoder().encode(text);
const buffer = (text: string) => bytes(text).buffer;

it('a message names all or one', () => {
  expect(frameData(bytes('hi'))).toEqual(bytes('\0hi'));
  expect(frameData(bytes('hi'), 'ab')).toEqual(bytes('\x01\x02abhi'));
  expect(frameData(bytes(''))).toEqual(bytes('\0'));
});

it('a received message names its sender', () => {
  expect(readData(buffer('\x02abhi'))).toEqual({ from: 'ab', payload: bytes('hi') });
  expect(readData(buffer('\x02ab'))).toEqual({ from: 'ab', payload: bytes('') });
});

it('what is malformed is not read', () => {
  expect(readData(buffer(''))).toBeUndefined();
  expect(readData(buffer('\x05ab'))).toBeUndefined();
});

it('an id that is too long for its length byte is refused', () => {
  expect(() => frameData(bytes('hi'), 'x'.repeat(256))).toThrow(RangeError);
});
