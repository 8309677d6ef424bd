/** Names of rooms and members as people type them, brought into the one form that is compared. */

export const NAME_LENGTH = 64;

/** NFC, trimmed, inner blanks single, at most 64 characters; empty when nothing is left. */
export function cleanName(text: string): string {
  const flat = text.normalize('NFC').replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return Array.from(flat).slice(0, NAME_LENGTH).join('').trim();
}

/** The room that was meant by a name, a link or a path. */
export function roomFrom(text: string): string {
  const path = /\/r\/([^/?#\s]+)/u.exec(text)?.[1];
  if (path === undefined) return cleanName(text);
  try {
    return cleanName(decodeURIComponent(path));
  } catch {
    return cleanName(path);
  }
}

export function roomPath(room: string): string {
  return `/r/${encodeURIComponent(room)}`;
}
