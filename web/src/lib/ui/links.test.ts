import { describe, expect, it } from 'vitest';
import { linked } from './links';

const hrefs = (text: string): (string | undefined)[] => linked(text).flatMap(({ href }) => (href ? [href] : []));

describe('addresses in a message', () => {
  it('are found, and nothing of the text is lost', () => {
    const text = 'see https://example.org/a?b=1#c and http://10.0.0.1:4000/r/x, please';
    expect(hrefs(text)).toEqual(['https://example.org/a?b=1#c', 'http://10.0.0.1:4000/r/x']);
    expect(linked(text).map((part) => part.text).join('')).toBe(text);
  });

  it('end before the full stop, and before a bracket that was opened earlier', () => {
    expect(hrefs('(look at https://example.org/x).')).toEqual(['https://example.org/x']);
    expect(hrefs('https://en.wikipedia.org/wiki/Plenum_(disambiguation).')).toEqual(['https://en.wikipedia.org/wiki/Plenum_(disambiguation)']);
    expect(hrefs('링크: https://example.org/방。')).toEqual(['https://example.org/%EB%B0%A9']);
  });

  it('are of the web only', () => {
    expect(hrefs('javascript:alert(1) data:text/html,x ftp://example.org file:///etc/passwd')).toEqual([]);
    expect(hrefs('http:// https://')).toEqual([]);
  });

  it('of a message without any leave one part', () => {
    expect(linked('안녕하세요')).toEqual([{ text: '안녕하세요' }]);
    expect(linked('')).toEqual([]);
  });
});
