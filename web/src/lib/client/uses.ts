/** Whose media an m-line carries now, for the statistics. */
import type { LineName } from './monitor';
import type { Room } from './room';
import type { LineUse } from './statistics';

/** `undefined` for lines that are silent or empty. */
export function useOf(room: Room, line: LineName): LineUse | undefined {
  return 'up' in line ? ours(room, line.up) : theirs(room, line);
}

function ours({ self, media }: Room, up: Extract<LineName, { up: unknown }>['up']): LineUse | undefined {
  const kind = up === 'microphone' || up === 'camera' ? 'camera' : 'screen';
  return self && media[up] ? { source: self[kind].id, member: self.id, kind, way: 'sent' } : undefined;
}

function theirs(room: Room, line: Exclude<LineName, { up: unknown }>): LineUse | undefined {
  const source = 'seat' in line ? room.seats[line.seat]?.expected : room.loud[line.loud];
  const owner = source ? room.owner(source) : undefined;
  if (!source || !owner) return undefined;
  const { member, kind } = owner;
  const picture = 'seat' in line && line.kind === 'video';
  // A screen that nobody touches brings no frames and stands as it should.
  const moving = picture && kind === 'camera' && member.camera.video;
  const layer = picture ? room.quality.get(source)?.layer : undefined;
  return { source, member: member.id, kind, way: 'received', paused: picture && room.paused.includes(source), moving, ...(layer && { layer }) };
}
