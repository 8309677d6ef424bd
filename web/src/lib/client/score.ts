/** How good a flow was, from 1 (unusable) to 5 (nothing to complain of), and whose network is to blame. Pure. */
import type { MemberId } from './protocol.gen';
import type { CallStatistics, SourceStatistics } from './statistics';

/** What a person's ear and eye notice, over the window of the score. */
export interface Experience {
  kind: 'audio' | 'video';
  /** Share of packets that never came, 0–1. */
  loss: number;
  /** Share of the sound that was made up, 0–1; in its place loss counts where that is not known. */
  concealed?: number;
  /** Share of the time that the picture stood still, 0–1. */
  frozen: number;
  jitterMs: number;
  roundTripMs: number;
}

/** Below this people complain; a banner may say so. */
export const POOR_SCORE = 2.5;
/** Where a picture stands still for a fifth of the time nobody watches any more. */
const UNWATCHABLE = 0.2;
/** Losses on our own way explain bad pictures from this share on. */
const LOSSY = 0.03;
/** The best mean opinion score of ITU-T G.107 with its default values. */
const BEST_MOS = 4.41;

/** Sound after the E-model (ITU-T G.107), pictures by the time that they stood still and by what is missing. */
export function scoreOf(experience: Experience): number {
  return experience.kind === 'audio' ? soundScore(experience) : pictureScore(experience);
}

/**
 * R = 93.2 − delay impairment − 2.5 per percent of missing sound, as the mean opinion score, stretched to 1–5. Delay is
 * half a round trip and the jitter buffer, taken as twice the jitter.
 */
function soundScore({ loss, concealed, jitterMs, roundTripMs }: Experience): number {
  const delay = roundTripMs / 2 + 2 * jitterMs + 10;
  const tired = delay < 160 ? delay / 40 : (delay - 120) / 10;
  const r = Math.min(100, Math.max(0, 93.2 - tired - 250 * (concealed ?? loss)));
  const mos = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
  return clamp(1 + (4 * (mos - 1)) / (BEST_MOS - 1));
}

/** 5, less 4 when it stands still for a fifth of the time, less 2 at a tenth of unrepaired losses. */
function pictureScore({ loss, frozen }: Experience): number {
  return clamp(5 - 4 * Math.min(1, frozen / UNWATCHABLE) - 20 * Math.min(0.1, loss));
}

function clamp(score: number): number {
  return Math.round(Math.min(5, Math.max(1, score)) * 10) / 10;
}

/**
 * Whose network hurts the call. `ours`: `down` is what we get, `up` what we send. `theirs`: the members whose sound or
 * picture is bad although ours is well and others' come through.
 */
export type NetworkTrouble = { whose: 'ours'; way: 'up' | 'down' } | { whose: 'theirs'; members: MemberId[] };

export function blame(call: Pick<CallStatistics, 'sources'>): NetworkTrouble | undefined {
  const received = call.sources.filter(({ way }) => way === 'received');
  const bad = received.filter(isPoor);
  // The server pauses a picture only when our way has no room for it.
  if (received.some(({ video }) => video?.paused)) return { whose: 'ours', way: 'down' };
  const lossy = bad.filter((source) => lossOf(source) >= LOSSY);
  if (lossy.length > 0 && lossy.length * 2 >= received.length) return { whose: 'ours', way: 'down' };
  const sent = call.sources.filter(({ way }) => way === 'sent');
  if (sent.some((source) => isPoor(source) || lossOf(source) >= 2 * LOSSY)) return { whose: 'ours', way: 'up' };
  if (bad.length === 0) return undefined;
  // Everybody at once is no coincidence, but two or more are needed to tell.
  if (bad.length === received.length && received.length > 1) return { whose: 'ours', way: 'down' };
  return { whose: 'theirs', members: [...new Set(bad.map(({ member }) => member))] };
}

function isPoor({ score }: SourceStatistics): boolean {
  return score !== undefined && score < POOR_SCORE;
}

function lossOf({ audio, video }: SourceStatistics): number {
  return Math.max(audio?.loss ?? 0, video?.loss ?? 0);
}
