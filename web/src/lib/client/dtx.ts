/** How a voice is sent beyond what browsers do by themselves: nothing in its pauses, or twice against loss. */

export interface SoundOptions {
  /**
   * Send next to nothing while nobody speaks (Opus DTX): a muted or silent microphone costs some 1 kbit/s in place of 20. The
   * others hear comfort noise meanwhile, which music does not bear. Default: false.
   */
  discontinuous?: boolean;
  /**
   * Send each packet of the voice again with the next one (RED, RFC 2198), in browsers that make it: twice the bits, and single
   * losses are not heard. Opus has a cheaper repair of its own (FEC), which is always on. Default: false.
   */
  redundant?: boolean;
}

/** The answer as one that asks for discontinuous transmission on the line `mid` (RFC 7587 §6.1, `usedtx`). */
export function withPauses(answer: string, mid: string): string {
  const sections = answer.split(/(?=^m=)/m);
  return sections.map((section) => (new RegExp(`^a=mid:${mid}\\r?$`, 'm').test(section) ? withDtx(section) : section)).join('');
}

function withDtx(section: string): string {
  const opus = /^a=rtpmap:(\d+) opus\/48000/im.exec(section)?.[1];
  if (opus === undefined) return section;
  const parameters = new RegExp(`^a=fmtp:${opus} (?!.*usedtx=).*?(?=\\r?$)`, 'm');
  if (parameters.test(section)) return section.replace(parameters, (line) => `${line};usedtx=1`);
  if (new RegExp(`^a=fmtp:${opus} `, 'm').test(section)) return section;
  return section.replace(new RegExp(`^(a=rtpmap:${opus} .*?)(\\r?\\n)`, 'm'), `$1$2a=fmtp:${opus} usedtx=1$2`);
}
