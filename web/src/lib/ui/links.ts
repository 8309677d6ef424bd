/** Finds the addresses in a message, so that they can be followed. Only http and https: nothing else is safe to press. */

export interface Part {
  text: string;
  href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/giu;
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?…。、！？]+$/u;
const PAIRS: readonly [open: string, close: string][] = [['(', ')'], ['[', ']'], ['{', '}']];

export function linked(text: string): Part[] {
  const parts: Part[] = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push({ text: address, href: new URL(address).href });
    done = match.index + address.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

/** Without the full stop after it, and without the bracket that was opened before it. */
function trimmed(address: string): string {
  for (let before = ''; before !== address; ) {
    before = address;
    address = address.replace(TRAILING, '');
    for (const [open, close] of PAIRS) {
      const [opened, closed] = [address.split(open).length, address.split(close).length];
      if (address.endsWith(close) && closed > opened) address = address.slice(0, -1);
    }
  }
  return address;
}
