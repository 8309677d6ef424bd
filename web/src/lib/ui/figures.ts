/** Figures of a call in the words that people read: rounded to what can be told apart. Pure. */
import { POOR_SCORE, type SourceStatistics, type VideoStatistics } from '$client/index';
import type { Words } from './words.en';

export type Row = [label: string, value: string];

/** Bits a second. */
export function rate(bits: number): string {
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(bits >= 1e7 ? 0 : 1)} Mb/s`;
  return `${Math.round(bits / 1e3)} kb/s`;
}

/** A share from 0 to 1. */
export function share(part: number): string {
  const percent = part * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

export function milliseconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${Math.round(ms)} ms`;
}

export function size({ width, height, fps }: { width?: number; height?: number; fps?: number }): string {
  if (!width || !height) return '–';
  return `${width}×${height}${fps ? ` · ${Math.round(fps)}/s` : ''}`;
}

export function grade(score: number | undefined): 'good' | 'fair' | 'poor' | undefined {
  if (score === undefined) return undefined;
  return score < POOR_SCORE ? 'poor' : score < 3.8 ? 'fair' : 'good';
}

export function pictureRows(video: VideoStatistics, w: Words['figures']): Row[] {
  const rows: Row[] = [
    [w.size, size(video)],
    [w.rate, video.paused ? w.paused : rate(video.bitrate)],
    [w.codec, [video.codec, video.coder].filter(Boolean).join(' · ') || '–'],
    [w.loss, share(video.loss)],
    [w.jitter, milliseconds(video.jitterMs)],
  ];
  const layers = video.layers?.filter(({ active, bitrate }) => active && bitrate > 0) ?? [];
  if (video.layers && video.layers.length > 1) rows.push([w.layers, layers.map((layer) => `${layer.rid} ${layer.width ?? ''}×${layer.height ?? ''}`).join(', ') || '–']);
  if (!video.layers) rows.push([w.freezes, video.freezes > 0 ? `${video.freezes} · ${(video.frozenMs / 1000).toFixed(1)} s` : '0']);
  if (video.layer) rows.splice(1, 0, [w.layer, w.layerOf(video.layer)]);
  if (video.limitedBy) rows.push([w.limited, w.limitedBy[video.limitedBy]]);
  return rows;
}

export function soundRows({ audio }: SourceStatistics, w: Words['figures']): Row[] {
  if (!audio) return [];
  return [
    [w.rate, rate(audio.bitrate)],
    [w.codec, audio.codec ?? '–'],
    [w.loss, share(audio.loss)],
    [w.jitter, milliseconds(audio.jitterMs)],
    ...(audio.concealed === undefined ? [] : [[w.concealed, share(audio.concealed)] satisfies Row]),
  ];
}
