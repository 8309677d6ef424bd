/** Codecs: what this browser makes, what everybody who watches can decode, and which of them to send. */
import type { CodecName } from './protocol.gen';

export type VideoCodec = Exclude<CodecName, 'opus'>;

/**
 * By how many browsers decode them, the most first. VP8 is what every browser makes and decodes in software at the least cost,
 * and comes in several sizes in every browser: it stays the default.
 */
export const VIDEO_CODECS: readonly VideoCodec[] = ['vp8', 'h264', 'vp9', 'av1'];
export const DEFAULT_CODEC: VideoCodec = 'vp8';

/** Codecs whose streams hold their smaller pictures themselves, where the browser can make that. */
const SCALABLE: readonly VideoCodec[] = ['vp9', 'av1'];

const REPAIR = /^video\/rtx$/i;
const OPUS = /^audio\/opus$/i;
const RED = /^audio\/red$/i;

/** What a sender of these browsers says of a codec; older type libraries lack it. */
export type Encoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string };

export function isVideoCodec(name: unknown): name is VideoCodec {
  return VIDEO_CODECS.includes(name as VideoCodec);
}

export function isScalable(codec: VideoCodec): boolean {
  return SCALABLE.includes(codec);
}

/** The codec of a `video/…` type, if it is one of ours. */
export function codecOf({ mimeType }: Pick<RTCRtpCodec, 'mimeType'>): VideoCodec | undefined {
  const name = mimeType.toLowerCase().replace(/^video\//, '');
  return isVideoCodec(name) ? name : undefined;
}

/** What this browser makes. */
export function encodable(): VideoCodec[] {
  const codecs = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  return VIDEO_CODECS.filter((name) => codecs.some((codec) => codecOf(codec) === name && isCommonProfile(codec)));
}

/**
 * What to send: `wanted`, if we make it and everybody who watches decodes it; else what they have in common, VP8 first.
 * `decodable` is `undefined` before anybody said what they decode. Where nothing is common, most see VP8.
 */
export function chooseCodec(wanted: VideoCodec, made: readonly VideoCodec[], decodable: readonly CodecName[] | undefined): VideoCodec {
  const fits = (codec: VideoCodec): boolean => made.includes(codec) && (decodable?.includes(codec) ?? true);
  return [wanted, ...VIDEO_CODECS].find(fits) ?? DEFAULT_CODEC;
}

/**
 * Names the codecs of a line, `first` before the others, in the one profile that every encoder makes. Without it an offer of 49
 * seats is more than twice as large.
 */
export function preferVideo(line: Preferring, first: VideoCodec = DEFAULT_CODEC): void {
  const offered = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const named = (name: VideoCodec): RTCRtpCodec[] => offered.filter((codec) => codecOf(codec) === name && isCommonProfile(codec));
  const wanted = [...new Set([first, ...VIDEO_CODECS])].flatMap(named);
  if (wanted.length > 0) prefer(line, [...wanted, ...offered.filter(({ mimeType }) => REPAIR.test(mimeType))]);
}

/** Opus; where `redundant` is said, with RED (RFC 2198): `first` is sent, `taken` only received. */
export function preferAudio(line: Preferring, redundant?: 'first' | 'taken'): void {
  const offered = RTCRtpReceiver.getCapabilities('audio')?.codecs ?? [];
  const [opus, red] = [OPUS, RED].map((name) => offered.filter(({ mimeType }) => name.test(mimeType)));
  if (!opus?.length || !red) return;
  prefer(line, redundant === 'first' ? [...red, ...opus] : redundant === 'taken' ? [...opus, ...red] : opus);
}

type Preferring = Pick<RTCRtpTransceiver, 'setCodecPreferences'>;

function prefer(line: Preferring, codecs: RTCRtpCodec[]): void {
  try {
    line.setCodecPreferences(codecs);
  } catch {
    // A browser that refuses the list offers its defaults: larger, but it works.
  }
}

/** Of the many profiles, the one that every encoder makes: constrained baseline H.264, VP9 profile 0, AV1 main. */
function isCommonProfile(codec: RTCRtpCodec): boolean {
  const format = codec.sdpFmtpLine ?? '';
  if (/h264/i.test(codec.mimeType)) return /packetization-mode=1/.test(format) && /profile-level-id=42e0/i.test(format);
  if (/vp9/i.test(codec.mimeType)) return !/profile-id=[1-9]/.test(format);
  if (/av1/i.test(codec.mimeType)) return !/profile=[1-9]/.test(format);
  return true;
}
