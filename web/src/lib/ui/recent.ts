/** The rooms that this browser was in, newest first. */
import { keep, kept } from './keep';

export interface RecentRoom {
  room: string;
  /** Unix time in milliseconds. */
  at: number;
}

/** As many as one looks through at a glance. */
const MOST = 5;

export function recentRooms(): RecentRoom[] {
  const list = kept<unknown>('local', 'recent');
  const whole = (one: unknown): one is RecentRoom => typeof (one as RecentRoom | null)?.room === 'string' && typeof (one as RecentRoom).at === 'number';
  return Array.isArray(list) ? list.filter(whole).slice(0, MOST) : [];
}

export function remember(room: string, at = Date.now()): void {
  keep('local', 'recent', [{ room, at }, ...recentRooms().filter((one) => one.room !== room)].slice(0, MOST));
}

export function forget(room: string): RecentRoom[] {
  keep('local', 'recent', recentRooms().filter((one) => one.room !== room));
  return recentRooms();
}
