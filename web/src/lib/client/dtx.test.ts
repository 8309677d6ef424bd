import { expect, it } from 'vitest';
import { withPauses } from './dtx';

const line = (mid: string, ...more: string[]): string => ['m=audio 9 UDP/TLS/RTP/SAVPF 111', `a=mid:${mid}`, 'a=rtpmap:111 opus/48000/2', ...more, ''].join('\r\n');
const head = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n';

it('pauses are asked for on the one line, beside what is there', () => {
  const answer = `${head}${line('0', 'a=fmtp:111 minptime=10;useinbandfec=1')}${line('10', 'a=fmtp:111 minptime=10')}`;
  const asked = withPauses(answer, '0');
  expect(asked).toContain('a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n');
  expect(asked.match(/usedtx/g)).toHaveLength(1);
  expect(withPauses(answer, '1')).toBe(answer);
});

it('pauses are asked for where there were no parameters, and not twice', () => {
  const asked = withPauses(`${head}${line('0')}`, '0');
  expect(asked).toContain('a=rtpmap:111 opus/48000/2\r\na=fmtp:111 usedtx=1\r\n');
  expect(withPauses(asked, '0')).toBe(asked);
});
