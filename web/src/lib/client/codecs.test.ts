import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BACK_AFTER_MS, CodecChoice } from './codec-choice';
import { chooseCodec, encodable, preferAudio, preferVideo, VIDEO_CODECS } from './codecs';

const H264 = 'level-asymmetry-allowed=1;packetization-mode=';
const CHROMIUM = [
  { mimeType: 'video/VP8' },
  { mimeType: 'video/rtx' },
  { mimeType: 'video/H264', sdpFmtpLine: `${H264}1;profile-level-id=42001f` },
  { mimeType: 'video/H264', sdpFmtpLine: `${H264}1;profile-level-id=42e01f` },
  { mimeType: 'video/H264', sdpFmtpLine: `${H264}0;profile-level-id=42e01f` },
  { mimeType: 'video/AV1', sdpFmtpLine: 'level-idx=5;profile=0;tier=0' },
  { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=0' },
  { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=2' },
  { mimeType: 'video/red' },
];
const browser = (codecs: object[]): object => ({ getCapabilities: () => ({ codecs }) });
afterEach(() => vi.unstubAllGlobals());

describe('codecs', () => {
  it('are those that the browser makes in the common profile', () => {
    vi.stubGlobal('RTCRtpSender', browser(CHROMIUM));
    expect(encodable()).toEqual(['vp8', 'h264', 'vp9', 'av1']);
    vi.stubGlobal('RTCRtpSender', browser([{ mimeType: 'video/VP8' }, { mimeType: 'video/H264', sdpFmtpLine: `${H264}1;profile-level-id=640032` }]));
    expect(encodable()).toEqual(['vp8']);
  });

  it('are named on a line with the chosen one first and all of its repair last', () => {
    vi.stubGlobal('RTCRtpReceiver', browser(CHROMIUM));
    const set = vi.fn();
    preferVideo({ setCodecPreferences: set }, 'av1');
    expect((set.mock.calls[0]?.[0] as typeof CHROMIUM).map(({ mimeType }) => mimeType)).toEqual(['video/AV1', 'video/VP8', 'video/H264', 'video/VP9', 'video/rtx']);
  });

  it('are left as they are where the browser refuses the list', () => {
    vi.stubGlobal('RTCRtpReceiver', browser(CHROMIUM));
    const refuse = (): never => {
      throw new DOMException('', 'InvalidModificationError');
    };
    expect(() => preferVideo({ setCodecPreferences: refuse })).not.toThrow();
  });

  it('of sound are Opus, and RED where it is wished for', () => {
    vi.stubGlobal('RTCRtpReceiver', browser([{ mimeType: 'audio/opus' }, { mimeType: 'audio/red' }, { mimeType: 'audio/G722' }]));
    const named = (redundant?: 'first' | 'taken'): string[] => {
      const set = vi.fn();
      preferAudio({ setCodecPreferences: set }, redundant);
      return (set.mock.calls[0]?.[0] as { mimeType: string }[]).map(({ mimeType }) => mimeType);
    };
    expect([named(), named('taken'), named('first')]).toEqual([['audio/opus'], ['audio/opus', 'audio/red'], ['audio/red', 'audio/opus']]);
  });

  it.each([
    ['vp9', VIDEO_CODECS, undefined, 'vp9'],
    ['vp9', VIDEO_CODECS, ['vp8', 'vp9'], 'vp9'],
    ['h264', VIDEO_CODECS, ['vp8', 'vp9', 'av1'], 'vp8'],
    ['h264', ['vp8', 'vp9'], undefined, 'vp8'],
    ['vp8', VIDEO_CODECS, ['h264', 'vp9'], 'h264'],
    ['vp9', VIDEO_CODECS, [], 'vp8'],
  ] as const)('wished %s, made %j, decoded by all %j: %s', (wanted, made, decodable, chosen) => {
    expect(chooseCodec(wanted, made, decodable)).toBe(chosen);
  });
});

describe('the choice of a codec', () => {
  const changed: string[] = [];
  let choice: CodecChoice;
  beforeEach(() => {
    vi.useFakeTimers();
    changed.length = 0;
    choice = new CodecChoice('h264', (codec) => changed.push(codec), VIDEO_CODECS);
  });
  afterEach(() => {
    choice.close();
    vi.useRealTimers();
  });

  it('falls back at once when somebody does not decode it, and comes back when they are gone for a while', () => {
    expect(choice.now).toBe('h264');
    choice.hear(['vp8', 'vp9']);
    expect(changed).toEqual(['vp8']);
    choice.hear(['vp8', 'h264', 'vp9']);
    expect(choice.now).toBe('vp8');
    vi.advanceTimersByTime(BACK_AFTER_MS);
    expect(changed).toEqual(['vp8', 'h264']);
  });

  it('stays when who left comes back soon', () => {
    choice.hear(['vp8']);
    choice.hear(['vp8', 'h264']);
    vi.advanceTimersByTime(BACK_AFTER_MS - 1);
    choice.hear(['vp8']);
    vi.advanceTimersByTime(10 * BACK_AFTER_MS);
    expect(changed).toEqual(['vp8']);
  });

  it('follows another wish at once, as far as it can', () => {
    choice.hear(['vp8', 'vp9']);
    choice.wanted = 'vp9';
    choice.wanted = 'av1';
    expect(changed).toEqual(['vp8', 'vp9', 'vp8']);
  });
});
