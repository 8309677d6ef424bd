import { describe, expect, it } from 'vitest';
import type { Member, RoomDiff, RoomSnapshot } from './protocol.gen';
import { Roster } from './roster';

const member = (id: string, source: number): Member => ({
  id,
  name: id,
  presence: 'here',
  role: 'member',
  hand: false,
  joinedAt: 0,
  camera: { id: source, audio: false, video: false },
  screen: { id: source + 1, audio: false, video: false },
});

const facts = {
  listed: false,
  locked: false,
  password: false,
  waitingRoom: false,
  rules: { microphone: true, camera: true, screen: true, screenAudio: true, chat: true },
};
const snapshot = (revision: number, members: Member[]): RoomSnapshot => ({ id: 'r', revision, ...facts, members });

describe('the roster', () => {
  it('follows diffs in the order of joining', () => {
    const roster = new Roster();
    roster.replace(snapshot(3, [member('a', 10)]));
    expect(roster.apply({ since: 3, revision: 4, changes: [{ kind: 'joined', member: member('b', 20) }] })).toBe('applied');
    const raised: Member = { ...member('a', 10), hand: true };
    expect(roster.apply({ since: 4, revision: 5, changes: [{ kind: 'changed', member: raised }] })).toBe('applied');
    expect(roster.members.map(({ id, hand }) => [id, hand])).toEqual([['a', true], ['b', false]]);
    expect(roster.owner(21)?.kind).toBe('screen');
    expect(roster.apply({ since: 5, revision: 6, changes: [{ kind: 'left', member: 'a', reason: 'left' }] })).toBe('applied');
    expect(roster.owner(10)).toBeUndefined();
  });

  it('refuses a diff after a gap and ignores one that it knows', () => {
    const roster = new Roster();
    roster.replace(snapshot(3, []));
    const change = { kind: 'room', ...facts, listed: true } as const;
    expect(roster.apply({ since: 4, revision: 5, changes: [change] })).toBe('gap');
    expect(roster.apply({ since: 2, revision: 3, changes: [change] })).toBe('stale');
    expect(roster.facts.listed).toBe(false);
  });

  it('takes several changes together, also those that it knows in part', () => {
    const roster = new Roster();
    roster.replace(snapshot(5, [member('a', 10), member('b', 20)]));
    const [b, c] = [{ ...member('b', 20), hand: true }, member('c', 30)];
    const changes: RoomDiff['changes'] = [{ kind: 'joined', member: b }, { kind: 'joined', member: c }];
    expect(roster.apply({ since: 2, revision: 9, changes: [...changes, { kind: 'left', member: 'x', reason: 'lost' }] })).toBe('applied');
    expect(roster.members.map(({ id, hand }) => [id, hand])).toEqual([['a', false], ['b', true], ['c', false]]);
  });
});
