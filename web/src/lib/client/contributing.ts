/** Reads from a frame whose picture it is: every forwarded packet carries its source's number as CSRC. */
import type { SourceId } from './protocol.gen';

export interface Contribution {
  source: number;
  timestamp: number;
  rtpTimestamp: number;
}

/**
 * The source of the frame with this RTP timestamp. Old entries linger for 10 s, and the newest may belong to a frame
 * that is not on the screen yet; without an exact match the newest counts.
 */
export function sourceOfFrame(entries: readonly Contribution[], rtpTimestamp?: number): SourceId | null {
  let newest: Contribution | undefined;
  for (const entry of entries) {
    if (rtpTimestamp !== undefined && entry.rtpTimestamp === rtpTimestamp) return entry.source;
    if (!newest || entry.timestamp > newest.timestamp) newest = entry;
  }
  return newest?.source ?? null;
}
