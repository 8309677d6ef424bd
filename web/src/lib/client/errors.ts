/** What can go wrong, as types: requests that were refused or lost, and devices that cannot be had. */
import type { ErrorCode } from './protocol.gen';

/** Codes of the server, and those that only a client can see. */
export type RequestFailure = ErrorCode | 'offline' | 'no_answer';

/** A request that was refused (`code` of the server), could not be sent (`offline`) or was not acknowledged in time. */
export class RequestError extends Error {
  override readonly name = 'RequestError';

  constructor(
    readonly code: RequestFailure,
    message: string,
  ) {
    super(message);
  }

  /** True when the same request may succeed later without anything else changing. */
  get passing(): boolean {
    return ['offline', 'no_answer', 'rate_limited', 'timeout', 'draining'].includes(this.code);
  }
}

export type DeviceKind = 'microphone' | 'camera' | 'screen';

/**
 * - `denied`: the person or a policy said no; only the browser's settings change that
 * - `system`: the operating system keeps the device from this browser
 * - `dismissed`: the question was closed without an answer; it can be asked again
 * - `busy`: another program holds the device
 * - `none`: there is no such device
 * - `insecure`: the page came over plain http, where browsers hand out no devices
 */
export type DeviceFailure = 'denied' | 'system' | 'dismissed' | 'busy' | 'none' | 'insecure' | 'unknown';

export class DeviceError extends Error {
  override readonly name = 'DeviceError';

  constructor(
    readonly device: DeviceKind,
    readonly failure: DeviceFailure,
    options?: ErrorOptions,
  ) {
    super(`${device}: ${failure}`, options);
  }

  /** Sorts what `getUserMedia` or `getDisplayMedia` threw. */
  static from(device: DeviceKind, cause: unknown): DeviceError {
    if (cause instanceof DeviceError) return cause;
    return new DeviceError(device, sortFailure(device, cause), { cause });
  }
}

function sortFailure(device: DeviceKind, cause: unknown): DeviceFailure {
  const { name, message } = cause as { name?: string; message?: string };
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (/system/i.test(message ?? '')) return 'system';
      // Closing the picker of a screen share is a change of mind: Chromium calls that "denied by user" too.
      if (/dismissed/i.test(message ?? '') || device === 'screen') return 'dismissed';
      return 'denied';
    case 'NotReadableError':
    case 'AbortError':
    case 'TrackStartError':
      return 'busy';
    case 'NotFoundError':
    case 'OverconstrainedError':
    case 'DevicesNotFoundError':
      return 'none';
    default:
      return 'unknown';
  }
}
