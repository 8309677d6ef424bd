import { describe, expect, it } from 'vitest';
import type { Member, RoomSnapshot } from './protocol.gen';
import { Roster } from './roster';

const member = (id: string, source: number): Member => ({
  id,
  name: id,
  presence: 'here',
  hand: false,
  joinedAt: 0,
  camera: { id: source, audio: false, video: false },
  screen: { id: source + 1, audio: false, video: false },
});

const snapshot = (revision: number, members: Member[]): RoomSnapshot => ({ id: 'r', revision, listed: false, members });

describe('the roster', () => {
  it('follows diffs in the order of joining', () => {
    const roster = new Roster();
    roster.replace(snapshot(3, [member('a', 10)]));
    expect(roster.apply({ revision: 4, change: { kind: 'joined', member: member('b', 20) } })).toBe('applied');
    expect(roster.apply({ revision: 5, change: { kind: 'changed', member: { ...member('a', 10), hand: true } } })).toBe('applied');
    expect(roster.members.map(({ id, hand }) => [id, hand])).toEqual([['a', true], ['b', false]]);
    expect(roster.owner(21)?.kind).toBe('screen');
    expect(roster.apply({ revision: 6, change: { kind: 'left', member: 'a', reason: 'left' } })).toBe('applied');
    expect(roster.owner(10)).toBeUndefined();
  });

  it('refuses a diff after a gap and ignores one that it knows', () => {
    const roster = new Roster();
    roster.replace(snapshot(3, []));
    expect(roster.apply({ revision: 5, change: { kind: 'room', listed: true } })).toBe('gap');
    expect(roster.apply({ revision: 3, change: { kind: 'room', listed: true } })).toBe('stale');
    expect(roster.listed).toBe(false);
  });
});
