/**
 * How a data-channel message names its recipient and its sender (`docs/signalling.md`, data channels).
 *
 * To the server: `0`, payload (to all others), or `1`, length, that many bytes of a member's id, payload (to one).
 * From the server: length, that many bytes of the sender's id, payload.
 */
import type { MemberId } from './protocol.gen';

const TO_ALL = 0;
const TO_ONE = 1;
/** An id's length is said in one byte. */
const MOST_ID_BYTES = 255;

export interface DataMessage {
  from: MemberId;
  payload: Uint8Array;
}

/** A message as the server reads it. Throws a `RangeError` for an id that no member can have. */
export function frameData(payload: Uint8Array, to?: MemberId): Uint8Array<ArrayBuffer> {
  if (to === undefined) return joined([TO_ALL], payload);
  const id = new TextEncoder().encode(to);
  if (id.length > MOST_ID_BYTES) throw new RangeError('a member id has at most 255 bytes');
  return joined([TO_ONE, id.length, ...id], payload);
}

/** Reads what the server sent; `undefined` when it is malformed. */
export function readData(message: ArrayBuffer): DataMessage | undefined {
  const bytes = new Uint8Array(message);
  const length = bytes[0];
  if (length === undefined || bytes.length < 1 + length) return undefined;
  return { from: new TextDecoder().decode(bytes.subarray(1, 1 + length)), payload: bytes.slice(1 + length) };
}

function joined(head: number[], payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(head.length + payload.length);
  message.set(head);
  message.set(payload, head.length);
  return message;
}
