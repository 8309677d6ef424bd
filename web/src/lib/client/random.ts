/** Random ids, unguessable where that matters. */

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** `length` random letters and digits without look-alikes; 5 bits each. */
export function randomId(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** A room name that nobody guesses and a person can read out: 12 letters in three groups, 60 bits. */
export function randomRoom(): string {
  return (randomId(12).match(/.{4}/g) ?? []).join('-');
}
