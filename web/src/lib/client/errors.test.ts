import { describe, expect, it } from 'vitest';
import { DeviceError, NetworkError, PlenumError, RequestError, type DeviceFailure, type DeviceKind } from './errors';

describe('what a browser throws', () => {
  it.each<[string, string, DeviceKind, DeviceFailure]>([
    ['NotAllowedError', 'Permission denied', 'camera', 'denied'],
    ['NotAllowedError', 'Permission denied by system', 'camera', 'system'],
    ['NotAllowedError', 'Permission dismissed', 'microphone', 'dismissed'],
    ['NotAllowedError', 'Permission denied by user', 'screen', 'dismissed'],
    ['NotAllowedError', 'Permission denied by system', 'screen', 'system'],
    ['SecurityError', '', 'camera', 'denied'],
    ['NotReadableError', 'Could not start video source', 'camera', 'busy'],
    ['AbortError', 'Starting videoinput failed', 'camera', 'busy'],
    ['NotFoundError', 'Requested device not found', 'microphone', 'none'],
    ['OverconstrainedError', '', 'camera', 'none'],
    ['NotSupportedError', '', 'screen', 'unsupported'],
    ['TypeError', 'whatever', 'camera', 'unknown'],
  ])('%s “%s” for a %s is %s', (name, message, device, failure) => {
    const error = DeviceError.from(device, { name, message });
    expect([error.device, error.failure, error.code]).toEqual([device, failure, failure]);
  });

  it('may be nothing at all', () => {
    expect(DeviceError.from('camera', undefined).failure).toBe('unknown');
  });
});

it('every error says in a sentence what the person can do', () => {
  const errors: PlenumError[] = [
    ...(['denied', 'system', 'dismissed', 'busy', 'none', 'insecure', 'unsupported', 'unknown'] as const).map((failure) => new DeviceError('camera', failure)),
    ...(['signalling_blocked', 'media_blocked'] as const).map((code) => new NetworkError(code)),
    ...(['offline', 'room_full', 'bad_sdp', 'internal'] as const).map((code) => new RequestError(code, 'x')),
  ];
  for (const error of errors) {
    expect(error).toBeInstanceOf(PlenumError);
    expect(error.advice).toMatch(/^[A-Z].{10,}\.$/);
  }
});

it('an error that passes may be tried again as it is', () => {
  for (const code of ['rate_limited', 'not_joined'] as const) expect(new RequestError(code, '').passing).toBe(true);
  expect(new RequestError('bad_name', '').passing).toBe(false);
});
