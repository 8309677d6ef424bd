import { describe, expect, it } from 'vitest';
import type { MemberTrouble, SourceQuality } from './protocol.gen';
import { QualityBoard } from './quality';

const nothing: SourceQuality = { source: 1, sound: null, picture: null, soundTrouble: null, pictureTrouble: null, layer: null };
const trouble = (member: string, source: number): MemberTrouble => ({
  member,
  source,
  sound: null,
  picture: { kind: 'no_packets' },
});

describe('the quality board', () => {
  it('keeps the latest of each source until nothing is known of it', () => {
    const board = new QualityBoard();
    board.hear({ sources: [{ ...nothing, sound: 4.5 }, { ...nothing, source: 3, pictureTrouble: { kind: 'no_key_frame' } }] });
    board.hear({ sources: [{ ...nothing, sound: 2 }] });
    expect(board.received.get(1)?.sound).toBe(2);
    expect(board.received.get(3)?.pictureTrouble?.kind).toBe('no_key_frame');
    board.hear({ sources: [nothing] });
    expect([...board.received.keys()]).toEqual([3]);
  });

  it('holds who does not see us until they do, or leave', () => {
    const board = new QualityBoard();
    for (const member of ['a', 'b', 'b']) board.complain(trouble(member, 7));
    expect(board.troubles.map(({ member }) => member)).toEqual(['a', 'b']);
    board.complain({ ...trouble('a', 7), picture: null });
    expect(board.troubles.map(({ member }) => member)).toEqual(['b']);
    const source = (id: number) => ({ id, audio: false, video: false });
    board.forget({ id: 'b', name: 'b', presence: 'here', role: 'member', hand: false, joinedAt: 0, camera: source(1), screen: source(2) });
    expect(board.troubles).toEqual([]);
  });
});
