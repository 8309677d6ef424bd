/** How a member looks without a picture: initials, and a colour of one's own. */

/** Twelve hues of equal lightness and chroma: white text has at least 4.5:1 on each of them. */
const HUES = 12;

export function avatarColour(id: string): string {
  let hash = 0;
  for (const char of id) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return `oklch(0.47 0.105 ${(hash % HUES) * (360 / HUES) + 15})`;
}

const HANGUL = /^[\p{Script=Hangul}]+$/u;

/** Two letters at most: of the first and last word, or the given name of a Korean one. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const [first = '', last] = [words[0], words.length > 1 ? words[words.length - 1] : undefined];
  if (last === undefined && HANGUL.test(first)) {
    const syllables = graphemes(first);
    return syllables.slice(syllables.length >= 3 ? -2 : 0).slice(0, 2).join('');
  }
  return [first, last].map((word) => graphemes(word ?? '')[0] ?? '').join('').toLocaleUpperCase();
}

function graphemes(text: string): string[] {
  if (!('Segmenter' in Intl)) return Array.from(text);
  return Array.from(new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text), ({ segment }) => segment);
}
