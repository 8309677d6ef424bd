/** Where every tile goes. Pure: sizes in, rectangles out. */

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Grid {
  columns: number;
  tiles: Rect[];
  /** Height of the content; more than the stage's only where a phone scrolls. */
  height: number;
}

export const GAP = 8;
export const WIDE = 16 / 9;
export const TALL = 4 / 5;
/** More tiles than these are turned over by pages; it is also the most seats there are. */
export const PAGE = 49;
/** Another number of columns must be worth the move: at least this much more area. */
const WORTH = 1.05;
/** A phone in portrait: narrower than a tablet. */
const PHONE_WIDTH = 600;
/** On a phone tiles shrink to this share of half the width before the page scrolls. */
const PHONE_SHRINK = 0.75;

export function isTallPhone(width: number, height: number): boolean {
  return width < PHONE_WIDTH && height > width;
}

/**
 * Places `count` tiles of one size in join order, the last row centred. `before` is the number of columns on the
 * screen: it stays unless another one gives at least 5 % more area.
 */
export function grid(width: number, height: number, count: number, before = 0): Grid {
  if (count <= 0 || width <= 0 || height <= 0) return { columns: 0, tiles: [], height: Math.max(0, height) };
  const tall = isTallPhone(width, height);
  const aspect = tall ? TALL : WIDE;
  const most = tall ? Math.min(2, count) : count;
  // Three on a phone already stand side by side: the eye learns one arrangement, whoever comes next.
  const least = tall && count > 2 ? 2 : 1;
  let columns = 0;
  let area = 0;
  for (let candidate = least; candidate <= most; candidate++) {
    const size = areaOf(width, height, count, candidate, aspect);
    if (size > area * (columns ? WORTH : 1)) [columns, area] = [candidate, size];
  }
  if (before >= least && before <= most && area < areaOf(width, height, count, before, aspect) * WORTH) columns = before;
  let tile = tileWidth(width, height, count, columns, aspect);
  const half = (width - GAP) / 2;
  if (tall && count > 2 && tile < half * PHONE_SHRINK) [columns, tile] = [2, half];
  return place(width, height, count, columns, tile, tile / aspect);
}

function tileWidth(width: number, height: number, count: number, columns: number, aspect: number): number {
  const rows = Math.ceil(count / columns);
  const byWidth = (width - GAP * (columns - 1)) / columns;
  const byHeight = ((height - GAP * (rows - 1)) / rows) * aspect;
  return Math.max(0, Math.min(byWidth, byHeight));
}

function areaOf(width: number, height: number, count: number, columns: number, aspect: number): number {
  return tileWidth(width, height, count, columns, aspect) ** 2 / aspect;
}

function place(width: number, height: number, count: number, columns: number, w: number, h: number): Grid {
  const rows = Math.ceil(count / columns);
  const used = rows * h + (rows - 1) * GAP;
  const top = Math.max(0, (height - used) / 2);
  const tiles: Rect[] = [];
  for (let index = 0; index < count; index++) {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (width - inRow * w - (inRow - 1) * GAP) / 2;
    tiles.push({ x: left + (index % columns) * (w + GAP), y: top + row * (h + GAP), width: w, height: h });
  }
  return { columns, tiles, height: Math.max(height, used) };
}

export interface Presentation {
  screens: Rect[];
  cameras: Grid;
}

/** Screens take the stage, cameras a strip beside them, or below in portrait. */
export function present(width: number, height: number, screens: number, cameras: number): Presentation {
  if (cameras === 0) return { screens: split(0, 0, width, height, screens), cameras: grid(0, 0, 0) };
  if (height > width) {
    const below = Math.round(height * 0.38);
    const strip = grid(width, below, cameras);
    const main = height - below - GAP;
    return { screens: split(0, 0, width, main, screens), cameras: shifted(strip, 0, main + GAP) };
  }
  const beside = Math.round(Math.min(320, Math.max(160, width * 0.2)));
  const strip = grid(beside, height, cameras);
  const main = width - beside - GAP;
  return { screens: split(0, 0, main, height, screens), cameras: shifted(strip, main + GAP, 0) };
}

/** Several screens share the place along its longer side. */
function split(x: number, y: number, width: number, height: number, count: number): Rect[] {
  const across = width >= height;
  const size = ((across ? width : height) - GAP * (count - 1)) / Math.max(1, count);
  return Array.from({ length: count }, (_, index) => {
    const at = index * (size + GAP);
    return across ? { x: x + at, y, width: size, height } : { x, y: y + at, width, height: size };
  });
}

function shifted(strip: Grid, x: number, y: number): Grid {
  return { ...strip, tiles: strip.tiles.map((tile) => ({ ...tile, x: tile.x + x, y: tile.y + y })) };
}

/** The self-view that floats over the other person when two are in the room. */
export function floating(width: number, height: number): Rect {
  const tall = isTallPhone(width, height);
  const w = tall ? Math.min(112, width * 0.28) : Math.min(256, Math.max(144, width * 0.2));
  const h = w / (tall ? TALL : WIDE);
  return { x: width - w - GAP * 2, y: height - h - GAP * 2, width: w, height: h };
}
