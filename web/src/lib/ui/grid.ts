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
/** A tile lower than this has room for an avatar and a name, and for no more words. */
export const LOW = 96;
export const WIDE = 16 / 9;
export const TALL = 4 / 5;
/** The highest, where three stand side by side on a phone: the shape that phones film in. */
export const HIGH = 9 / 16;
/** The flattest tile: on the smallest phone nine of them stand on one page. */
export const FLAT = 2;
/** A tile that has a row of a phone for itself may be a little flatter before it leaves the row's ends free. */
const ROW_FLAT = 2.2;
/** More tiles than these are turned over by pages; it is also the most seats there are. */
export const PAGE = 49;
/** On a phone nine faces are still faces: three rows of three, or two rows where it lies. */
export const PHONE_PAGE = 9;
/** Another number of columns must be worth the move: at least this much more area. */
const WORTH = 1.05;
/** Two rows of two and one alone look less calm than three and two, whose tiles may be this much smaller. */
const LONE = 0.75;
/** A phone in portrait: narrower than a tablet. */
const PHONE_WIDTH = 600;

/** The stage of a phone that lies is lower than this, and that of any other window higher. */
const LYING_HEIGHT = 400;

export function isTallPhone(width: number, height: number): boolean {
  return width < PHONE_WIDTH && height > width;
}

export function pageSize(width: number, height: number): number {
  return isTallPhone(width, height) || height < LYING_HEIGHT ? PHONE_PAGE : PAGE;
}

/**
 * Places `count` tiles of one size in join order, the last row centred, and all rows alike where it would be of one tile
 * alone. `before` is the number of columns on the screen: it stays unless another one gives at least 5 % more area. On a
 * phone in portrait the tiles stand in two columns and give up height, from 4:5 to 2:1, before anything has to scroll; two
 * and three stand below each other, and a last one that would stand alone takes the whole row where it is not too flat for
 * that; else three stand side by side, if that leaves nobody alone.
 */
export function grid(width: number, height: number, count: number, before = 0): Grid {
  if (count <= 0 || width <= 0 || height <= 0) return { columns: 0, tiles: [], height: Math.max(0, height) };
  if (isTallPhone(width, height)) return phoneGrid(width, height, count);
  let columns = 0;
  let area = 0;
  // From wide to high: of two arrangements alike in size, the wider one looks calmer on a wide screen.
  for (let candidate = count; candidate >= 1; candidate--) {
    const size = areaOf(width, height, count, candidate);
    if (size > area * (columns ? WORTH : 1)) [columns, area] = [candidate, size];
  }
  if (before >= 1 && before <= count && area < areaOf(width, height, count, before) * WORTH) columns = before;
  const tile = tileWidth(width, height, count, columns);
  return place(width, height, count, columns, tile, tile / WIDE);
}

function phoneGrid(width: number, height: number, count: number): Grid {
  if (count === 1) return { columns: 1, tiles: [{ x: 0, y: 0, width, height }], height };
  if (count === 2 || (count === 3 && holds(width, height, count))) return phoneRows(width, height, count, 1);
  const grid = phoneRows(width, height, count, 2);
  const last = grid.tiles[count - 1];
  if (count % 2 === 0 || !last) return grid;
  if (width / last.height > ROW_FLAT) return count % 3 === 0 ? phoneRows(width, height, count, 3) : grid;
  Object.assign(last, { x: 0, width });
  return grid;
}

function phoneRows(width: number, height: number, count: number, columns: number): Grid {
  const w = (width - GAP * (columns - 1)) / columns;
  return place(width, height, count, columns, w, flexibleHeight(w, height, Math.ceil(count / columns), columns === 3 ? HIGH : TALL));
}

/** Whether tiles of the whole width, none of them flatter than 2:1, find room below each other. */
function holds(width: number, height: number, count: number): boolean {
  return count * (width / FLAT) + (count - 1) * GAP <= height;
}

/** As high as the rows let it be, between 2:1 and 4:5, or what else is the highest. */
function flexibleHeight(width: number, height: number, rows: number, highest = TALL): number {
  const even = (height - GAP * (rows - 1)) / rows;
  return Math.min(width / highest, Math.max(width / FLAT, even));
}

function tileWidth(width: number, height: number, count: number, columns: number): number {
  const rows = Math.ceil(count / columns);
  const byWidth = (width - GAP * (columns - 1)) / columns;
  const byHeight = ((height - GAP * (rows - 1)) / rows) * WIDE;
  return Math.max(0, Math.min(byWidth, byHeight));
}

/** What a tile's area is worth: less where nothing gives the last one company. */
function areaOf(width: number, height: number, count: number, columns: number): number {
  const lone = columns === 2 && count > 3 && count % 2 === 1;
  return (tileWidth(width, height, count, columns) ** 2 / WIDE) * (lone ? LONE : 1);
}

function place(width: number, height: number, count: number, columns: number, w: number, h: number): Grid {
  const rows = Math.ceil(count / columns);
  const used = rows * h + (rows - 1) * GAP;
  const top = Math.max(0, (height - used) / 2);
  const tiles = rowsOf(count, columns).flatMap((inRow, row) => {
    const left = (width - inRow * w - (inRow - 1) * GAP) / 2;
    return Array.from({ length: inRow }, (_, at): Rect => ({ x: left + at * (w + GAP), y: top + row * (h + GAP), width: w, height: h }));
  });
  return { columns, tiles, height: Math.max(height, used) };
}

/** How many tiles each row has: all that it holds, or equally many where the last one would be of a single tile. */
function rowsOf(count: number, columns: number): number[] {
  const rows = Math.ceil(count / columns);
  const alone = rows > 1 && count % columns === 1;
  const [each, over] = alone ? [Math.floor(count / rows), count % rows] : [columns, 0];
  return Array.from({ length: rows }, (_, row) => (alone ? each + (row < over ? 1 : 0) : Math.min(each, count - row * each)));
}

export interface Focus {
  mains: Rect[];
  /** At most as many as asked for: the rest is on further pages. */
  strip: Rect[];
}

/**
 * Large tiles with the others beside them, or below in portrait. `mains` are aspect ratios of pictures that must be seen
 * whole (a screen), or 0 for those that may fill their place (a face).
 */
export function focus(width: number, height: number, mains: readonly number[], others: number): Focus {
  if (width <= 0 || height <= 0) return { mains: [], strip: [] };
  if (others === 0) return { mains: share({ x: 0, y: 0, width, height }, mains), strip: [] };
  return height > width ? focusAbove(width, height, mains, others) : focusBeside(width, height, mains, others);
}

/** A strip narrower than this shows nobody. */
const STRIP_LEAST = 148;
const STRIP_MOST = 300;
/** On very large screens they are seen from farther away. */
const STRIP_LEAST_SHARE = 0.13;
const STRIP_SHARE = 0.19;
/** Two columns where one does not hold everybody. */
const STRIP_TWICE = 1.5;

function focusBeside(width: number, height: number, mains: readonly number[], others: number): Focus {
  const most = Math.max(STRIP_MOST, width * STRIP_LEAST_SHARE);
  const usual = Math.min(most, Math.max(STRIP_LEAST, width * STRIP_SHARE));
  // One column that just holds everybody, as long as faces stay faces.
  const fits = ((height + GAP) / others - GAP) * WIDE;
  const single = Math.round(fits >= STRIP_LEAST ? Math.min(usual, fits) : usual);
  const rows = (tile: number): number => Math.max(1, Math.floor((height + GAP) / (tile / WIDE + GAP)));
  const twice = others > rows(single) && width * STRIP_SHARE > STRIP_LEAST;
  const beside = twice ? Math.round(single * STRIP_TWICE) : single;
  const columns = twice ? 2 : 1;
  const tile = (beside - GAP * (columns - 1)) / columns;
  const count = Math.min(others, columns * rows(tile));
  const strip = place(beside, height, count, Math.min(columns, count), tile, tile / WIDE);
  const main = width - beside - GAP;
  return { mains: share({ x: 0, y: 0, width: main, height }, mains), strip: shifted(strip, main + GAP, 0) };
}

/** In portrait the main picture leaves at least this much of the height to the others. */
const BELOW_SHARE = 0.36;

function focusAbove(width: number, height: number, mains: readonly number[], others: number): Focus {
  const wanted = mains.reduce((sum, aspect) => sum + width / (aspect || TALL), GAP * (mains.length - 1));
  const main = Math.min(wanted, Math.round(height * (1 - BELOW_SHARE)));
  const below = height - main - GAP;
  const strip = flexible(width, below, others);
  // What the strip leaves free is air above and below the whole, not a hole in it.
  const bottom = Math.max(0, ...strip.tiles.map((tile) => tile.y + tile.height));
  const air = Math.max(0, (below - bottom) / 2);
  return {
    mains: share({ x: 0, y: air, width, height: main }, mains),
    strip: shifted(strip, 0, main + GAP + air),
  };
}

/** Tiles between 4:5 and 2:1 that fill a place, from its top; as many as it holds, at most a phone's page. */
function flexible(width: number, height: number, most: number): Grid {
  const columns = width >= PHONE_WIDTH ? [3, 4, 5] : [2, 3];
  for (let count = Math.min(most, width >= PHONE_WIDTH ? PAGE : PHONE_PAGE); count > 1; count--) {
    let best: Grid | undefined;
    let area = 0;
    for (const candidate of columns) {
      const used = Math.min(candidate, Math.max(2, count));
      const w = (width - GAP * (used - 1)) / used;
      const rows = Math.ceil(count / used);
      const h = flexibleHeight(w, height, rows);
      if (rows * h + (rows - 1) * GAP > height + 0.5 || w * h <= area) continue;
      area = w * h;
      best = place(width, rows * h + (rows - 1) * GAP, count, used, w, h);
    }
    if (best) return best;
  }
  const w = Math.min(width, Math.max(height, 48) * WIDE);
  return place(width, w / WIDE, 1, 1, w, w / WIDE);
}

/** Several pictures share a place along its longer side; those with an aspect ratio keep it. */
function share({ x, y, width, height }: Rect, mains: readonly number[]): Rect[] {
  const across = width >= height;
  const size = ((across ? width : height) - GAP * (mains.length - 1)) / Math.max(1, mains.length);
  return mains.map((aspect, index) => {
    const at = index * (size + GAP);
    const place = across ? { x: x + at, y, width: size, height } : { x, y: y + at, width, height: size };
    return aspect > 0 ? within(place, aspect) : place;
  });
}

function within({ x, y, width, height }: Rect, aspect: number): Rect {
  const w = Math.min(width, height * aspect);
  const h = w / aspect;
  return { x: x + (width - w) / 2, y: y + (height - h) / 2, width: w, height: h };
}

function shifted(strip: Grid, x: number, y: number): Rect[] {
  return strip.tiles.map((tile) => ({ ...tile, x: tile.x + x, y: tile.y + y }));
}

export type Corner = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right';
/** In the order of a clock. */
export const CORNERS: readonly Corner[] = ['top-left', 'top-right', 'bottom-right', 'bottom-left'];

/** The self-view that floats over the other person when two are in the room. */
export function floating(width: number, height: number, corner: Corner = 'bottom-right'): Rect {
  const tall = isTallPhone(width, height);
  const w = tall ? Math.min(112, width * 0.28) : Math.min(256, Math.max(144, width * 0.2));
  const h = w / (tall ? TALL : WIDE);
  const x = corner.endsWith('left') ? GAP * 2 : width - w - GAP * 2;
  const y = corner.startsWith('top') ? GAP * 2 : height - h - GAP * 2;
  return { x, y, width: w, height: h };
}

/** The corner of a stage that a tile lies nearest to. */
export function nearest({ x, y, width, height }: Rect, stage: { width: number; height: number }): Corner {
  const across = x + width / 2 < stage.width / 2 ? 'left' : 'right';
  return `${y + height / 2 < stage.height / 2 ? 'top' : 'bottom'}-${across}`;
}
