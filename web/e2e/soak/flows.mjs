/** What became of the frames between a publisher and who watches, out of the readings of both. Pure. */

/** Readings of two pages of one machine are compared at one moment by interpolation: this much is its error. */
const ERROR_FRAMES = 2;
/** A publisher that sends fewer of its frames than this was stopped itself. */
const SENT_LEAST = 0.8;
/** What is behind in each of the last readings is not on its way: it is missing. */
const LAST_READINGS = 3;

/** Why a picture stood still: the server had paused it, its publisher sent nothing, it was under way, or it was shown late. */
export const CAUSES = ['paused', 'unsent', 'underway', 'late'];

/**
 * One picture from `sent` (a publisher's readings) to `all` (those of one who watches), at `fps` frames a second: frames sent
 * and arrived while one layer flowed, the most that were behind at a reading, those that never came, changes of layer and
 * pauses, and the seconds that it stood still, by {@link CAUSES}.
 */
export function flow(sent, all, fps) {
  // Beyond what both have read there is nothing to compare.
  const got = all.filter(({ at }) => at >= sent[0]?.at && at <= sent.at(-1)?.at);
  const found = { sent: 0, arrived: 0, shown: 0, dropped: 0, lost: 0, behind: 0, missing: 0, pauses: 0, layers: 0, freezes: 0, still: Object.fromEntries(CAUSES.map((cause) => [cause, 0])) };
  const [first, last] = [got[0], got.at(-1)];
  if (!first || first === last) return found;
  let run = [];
  for (const [index, now] of got.entries()) {
    const before = got[index - 1];
    if (!before) continue;
    if (now.layer === null && before.layer !== null) found.pauses += 1;
    else if (now.layer !== null && before.layer !== null && !alike(now, before)) found.layers += 1;
    // The layer is told up to a second late: a reading beside a change belongs to neither.
    const steady = [got[index - 2], before, got[index + 1]].every((other) => !other || alike(other, now)) && now.layer !== null;
    const made = sentBetween(sent, before, now);
    const behind = steady ? Math.max(0, (run.at(-1) ?? 0) + made - (now.received - before.received)) : 0;
    if (steady) {
      run.push(behind);
      found.sent += made;
      found.arrived += now.received - before.received;
      found.behind = Math.max(found.behind, behind - ERROR_FRAMES);
    } else run = ended(run, found);
    const still = now.frozen - before.frozen;
    // A freeze is told at its end: the second before counts too.
    if (still > 0) found.still[causeOf(sent, got[index - 2] ?? before, now, { paused: !steady, behind, fps })] += still;
  }
  ended(run, found);
  found.shown = last.decoded - first.decoded;
  for (const key of ['dropped', 'lost', 'freezes']) found[key] = last[key] - first[key];
  return found;
}

function alike(one, other) {
  return one.layer === other.layer && one.height === other.height;
}

/** A layer flows no more: what was behind until its end never came. */
function ended(run, found) {
  if (run.length > LAST_READINGS) found.missing += Math.max(0, Math.round(Math.min(...run.slice(-LAST_READINGS)) - ERROR_FRAMES));
  return [];
}

function causeOf(sent, from, now, { paused, behind, fps }) {
  if (paused) return 'paused';
  const share = sentBetween(sent, from, now) / (((now.at - from.at) / 1_000) * fps);
  if (share < SENT_LEAST) return 'unsent';
  return behind > ERROR_FRAMES ? 'underway' : 'late';
}

/** Frames that were sent of the layer which `now` shows, between two readings of who watches. */
function sentBetween(sent, before, now) {
  return sentUntil(sent, now.at, now.height) - sentUntil(sent, before.at, now.height);
}

function sentUntil(readings, at, height) {
  const of = ({ layers }) => layers.find((layer) => layer.height === height)?.sent ?? 0;
  const next = readings.findIndex((reading) => reading.at >= at);
  if (next <= 0) return of(readings.at(next));
  const [a, b] = [readings[next - 1], readings[next]];
  return of(a) + ((of(b) - of(a)) * (at - a.at)) / Math.max(1, b.at - a.at);
}
