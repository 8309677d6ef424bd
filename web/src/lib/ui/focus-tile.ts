/** The one tile that counts, where there is room for one. */
import type { CallModel, TileView } from './call.svelte';
import type { LocalModel } from './local.svelte';

export interface OnTop {
  tile: TileView;
  /** Nothing while the picture is off, or not yet that of this member. */
  track: MediaStreamTrack | null;
}

/** The pinned one, else a screen of somebody, else whoever speaks, else the first of the others, else ourselves. */
export function onTop(call: CallModel, local: LocalModel, pinned: string | undefined): OnTop | undefined {
  const { cameras, screens } = call.tiles;
  const all = [...screens, ...cameras];
  const others = all.filter((tile) => !tile.self);
  const tile =
    all.find(({ key }) => key === pinned) ?? others.find(({ kind }) => kind === 'screen') ?? others.find(({ source }) => source === call.dominant) ?? others[0] ?? cameras[0];
  if (!tile) return undefined;
  if (tile.self) return { tile, track: tile.kind === 'camera' ? local.camera.track : local.screen.track };
  const seat = call.seats.find(({ source, ready }) => ready && source === tile.source)?.seat;
  return { tile, track: seat?.track ?? null };
}
