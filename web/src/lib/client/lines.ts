/** The m-lines of the one connection: four for sending, two data channels, then seats and audio-only lines. */
import { preferAudio, preferVideo, type VideoCodec } from './codecs';
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

/**
 * The lines of the first offer. Everything later is `replaceTrack`, or more seats at the end. Pictures are sent in `codec`, and
 * the others are there to change to.
 */
export function openLines(pc: RTCPeerConnection, seats: number = FIRST_SEATS, codec?: VideoCodec, redundant = false): Lines {
  const send = (kind: 'audio' | 'video', sendEncodings?: RTCRtpEncodingParameters[]): RTCRtpTransceiver => {
    const line = pc.addTransceiver(kind, { direction: 'sendonly', ...(sendEncodings && { sendEncodings }) });
    if (kind === 'video') preferVideo(line, codec);
    else preferAudio(line);
    return line;
  };
  const up = {
    microphone: send('audio'),
    camera: send('video', cameraLayers(1280, 720)),
    screen: send('video', [{ maxBitrate: SCREEN_BITRATE, maxFramerate: SCREEN_FRAMES }]),
    screenAudio: send('audio'),
  };
  if (redundant) preferAudio(up.microphone, 'first');
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
  if (kind === 'video') preferVideo(line);
  else preferAudio(line, 'taken');
  return line;
}

export const CAMERA_RIDS = RIDS;
