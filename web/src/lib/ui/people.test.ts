import { expect, it } from 'vitest';
import { avatarColour, initials } from './people';

it.each([
  ['Ada Lovelace', 'AL'],
  ['ada', 'A'],
  ['Jean Claude van Damme', 'JD'],
  ['김민준', '민준'],
  ['민준', '민준'],
  ['남궁민수', '민수'],
  ['김 민준', '김민'],
  ['  ', ''],
])('the initials of %j are %j', (name, expected) => {
  expect(initials(name)).toBe(expected);
});

it('a member keeps the colour, and there are twelve of them', () => {
  const colours = new Set(Array.from({ length: 500 }, (_, i) => avatarColour(`member-${i}`)));
  expect(colours.size).toBe(12);
  expect(avatarColour('x')).toBe(avatarColour('x'));
});
