/** The m-lines of the one connection: four for sending, two data channels, then seats and audio-only lines. */
import { RIDS, SCREEN_BITRATE, SCREEN_FRAMES, cameraLayers } from './encodings';
import type { TrackKind } from './protocol.gen';

export type { TrackKind };

export interface SeatLines {
  audio: RTCRtpTransceiver;
  video: RTCRtpTransceiver;
}

export interface Lines {
  up: Record<TrackKind, RTCRtpTransceiver>;
  reliable: RTCDataChannel;
  lossy: RTCDataChannel;
  seats: SeatLines[];
  /** For loud members without a seat. */
  loud: RTCRtpTransceiver[];
}

/** A small room never re-offers; nine is also the largest grid that most screens show well. */
export const FIRST_SEATS = 9;
export const LOUD_LINES = 3;
/** What a client grows to, one step at a time. Firefox connects at most 128 m-lines; 49 seats need 106. */
export const SEAT_STEPS = [9, 16, 25, 49] as const;

/** The lines of the first offer. Everything later is `replaceTrack`, or more seats at the end. */
export function openLines(pc: RTCPeerConnection, seats: number = FIRST_SEATS): Lines {
  const send = (kind: 'audio' | 'video', sendEncodings?: RTCRtpEncodingParameters[]): RTCRtpTransceiver => {
    const line = pc.addTransceiver(kind, { direction: 'sendonly', ...(sendEncodings && { sendEncodings }) });
    prefer(line, kind, SENT);
    return line;
  };
  const up = {
    microphone: send('audio'),
    camera: send('video', cameraLayers(1280, 720)),
    screen: send('video', [{ maxBitrate: SCREEN_BITRATE, maxFramerate: SCREEN_FRAMES }]),
    screenAudio: send('audio'),
  };
  const reliable = pc.createDataChannel('reliable', { ordered: true });
  const lossy = pc.createDataChannel('lossy', { ordered: false, maxRetransmits: 0 });
  reliable.binaryType = lossy.binaryType = 'arraybuffer';
  const lines: Lines = { up, reliable, lossy, seats: [], loud: [] };
  addSeats(pc, lines, seats);
  for (let i = 0; i < LOUD_LINES; i++) lines.loud.push(receive(pc, 'audio'));
  return lines;
}

/** Adds seats at the end until there are `total`. The caller offers afterwards. */
export function addSeats(pc: RTCPeerConnection, lines: Lines, total: number): void {
  while (lines.seats.length < total) {
    lines.seats.push({ audio: receive(pc, 'audio'), video: receive(pc, 'video') });
  }
}

/** The next larger number of seats for `wanted` pictures, at most `limit`; `have` when it suffices. */
export function seatStep(have: number, wanted: number, limit: number): number {
  const step = SEAT_STEPS.find((size) => size >= wanted) ?? SEAT_STEPS[SEAT_STEPS.length - 1] ?? have;
  return Math.max(have, Math.min(step, limit));
}

function receive(pc: RTCPeerConnection, kind: 'audio' | 'video'): RTCRtpTransceiver {
  const line = pc.addTransceiver(kind, { direction: 'recvonly' });
  prefer(line, kind, RECEIVED);
  return line;
}

/** VP8 is what every browser decodes; the room's codec until every member takes better. */
const SENT = [/^video\/vp8$/i, /^audio\/opus$/i];
const RECEIVED = [/^video\/vp8$/i, /^video\/h264$/i, /^video\/vp9$/i, /^video\/av1$/i, /^audio\/opus$/i];
const REPAIR = /^video\/rtx$/i;

/** Names the codecs of a line, best first: without it an offer of 49 seats is more than twice as large. */
function prefer(line: RTCRtpTransceiver, kind: 'audio' | 'video', wanted: RegExp[]): void {
  const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const chosen = [...wanted, REPAIR].flatMap((name) =>
    codecs.filter((codec) => name.test(codec.mimeType) && isCommonProfile(codec)),
  );
  try {
    if (chosen.length > 0) line.setCodecPreferences(chosen);
  } catch {
    // A browser that refuses the list offers its defaults: larger, but it works.
  }
}

/** Of the many profiles, the one that every encoder makes: constrained baseline H.264, VP9 profile 0, AV1 main. */
function isCommonProfile(codec: RTCRtpCodec): boolean {
  const format = codec.sdpFmtpLine ?? '';
  if (/h264/i.test(codec.mimeType)) return /packetization-mode=1/.test(format) && /profile-level-id=42e0/i.test(format);
  if (/vp9/i.test(codec.mimeType)) return !/profile-id=[1-9]/.test(format);
  if (/av1/i.test(codec.mimeType)) return !/profile=[1-9]/.test(format);
  return true;
}

export const CAMERA_RIDS = RIDS;
