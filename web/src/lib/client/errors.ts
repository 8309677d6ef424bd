/** What can go wrong, as types that say what the person can do: requests, devices, and the network. */
import type { ErrorCode } from './protocol.gen';

/** Every error of this library: a `code` to decide by and to translate, and in English what the person can do. */
export abstract class PlenumError extends Error {
  abstract readonly code: string;
  /** A sentence for the person at the page. */
  abstract readonly advice: string;
}

/** Codes of the server, and those that only a client can see. */
export type RequestFailure = ErrorCode | 'offline' | 'no_answer';

const PASSING: readonly RequestFailure[] = ['offline', 'no_answer', 'not_joined', 'rate_limited', 'timeout', 'overloaded', 'draining'];
const WAIT = 'Wait a moment; it is tried again.';
const RELOAD = 'Load the page again.';
const REQUEST_ADVICE: Partial<Record<RequestFailure, string>> = {
  offline: 'The connection is lost and comes back by itself; check your network if it does not.',
  no_answer: WAIT,
  not_joined: 'The room is opened anew and joined again by itself: try again in a moment.',
  rate_limited: 'That was too much at once: wait a second, then try again.',
  timeout: 'The other member did not answer: try again.',
  draining: 'The server is going down for a moment: try again soon.',
  overloaded: 'The server works at its limit: try again later.',
  protocol_mismatch: 'This page is older than its server: load it again.',
  bad_name: 'Choose another name, of 1 to 64 characters.',
  token_required: 'Ask whoever invited you for a link with a token.',
  bad_token: 'Ask whoever invited you for a new link.',
  token_expired: 'The link has expired: ask for a new one.',
  forbidden: 'Ask a host of the room to allow it.',
  password_required: 'Enter the room’s password.',
  wrong_password: 'Enter the room’s password once more.',
  locked: 'Ask somebody inside to unlock the room.',
  waiting: 'Wait until a host lets you in.',
  denied: 'Ask a host of the room to let you in.',
  banned: 'A host has sent you away for good: choose another room.',
  room_full: 'The room is full: ask somebody to leave, or try again later.',
  too_large: 'That is too long: send less.',
  no_such_member: 'That member has left.',
};

/** A request that was refused (`code` of the server), could not be sent (`offline`) or was not acknowledged in time. */
export class RequestError extends PlenumError {
  override readonly name = 'RequestError';

  constructor(
    readonly code: RequestFailure,
    message: string,
  ) {
    super(message);
  }

  get advice(): string {
    return REQUEST_ADVICE[this.code] ?? RELOAD;
  }

  /** True when the same request may succeed later without anything else changing. */
  get passing(): boolean {
    return PASSING.includes(this.code);
  }
}

/**
 * - `signalling_blocked`: the server cannot be reached at all, neither by websocket nor by polling
 * - `media_blocked`: it can, but sound and pictures get through neither over UDP nor over TCP
 */
export type NetworkFailure = 'signalling_blocked' | 'media_blocked';

const NETWORK_MESSAGE: Record<NetworkFailure, string> = {
  signalling_blocked: 'the server does not answer',
  media_blocked: 'no media reaches the server, neither over UDP nor over TCP',
};
const NETWORK_ADVICE: Record<NetworkFailure, string> = {
  signalling_blocked: 'Check your network. If other pages load, the server is down or blocked: try again later or from another network.',
  media_blocked: 'A firewall or VPN blocks calls: try another network, a phone’s for example, or ask who runs yours to let it through.',
};

/** The network stands in the way. It is tried again all the same: when it gets through, the error is gone. */
export class NetworkError extends PlenumError {
  override readonly name = 'NetworkError';

  constructor(readonly code: NetworkFailure) {
    super(NETWORK_MESSAGE[code]);
  }

  get advice(): string {
    return NETWORK_ADVICE[this.code];
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
 * - `unsupported`: this browser cannot do that at all, as phones cannot share their screens
 */
export type DeviceFailure = 'denied' | 'system' | 'dismissed' | 'busy' | 'none' | 'insecure' | 'unsupported' | 'unknown';

const DEVICE_ADVICE: Record<DeviceFailure, (device: DeviceKind) => string> = {
  denied: (device) => `Allow the ${device} in the browser’s settings for this page, then try again.`,
  system: (device) => `Allow this browser to use the ${device} in the settings of the operating system, then try again.`,
  dismissed: () => 'Try again, and answer the browser’s question.',
  busy: (device) => `Close the other program that uses the ${device}, then try again.`,
  none: (device) => `Connect a ${device}, or go on without one.`,
  insecure: () => 'Open the page over https: browsers hand out devices nowhere else.',
  unsupported: () => 'Use another browser, on a computer.',
  unknown: () => 'Try again; unplug the device and plug it in, or restart the browser, if that does not help.',
};

export class DeviceError extends PlenumError {
  override readonly name = 'DeviceError';

  constructor(
    readonly device: DeviceKind,
    readonly failure: DeviceFailure,
    options?: ErrorOptions,
  ) {
    super(`${device}: ${failure}`, options);
  }

  get code(): DeviceFailure {
    return this.failure;
  }

  get advice(): string {
    return DEVICE_ADVICE[this.failure](this.device);
  }

  /** Sorts what `getUserMedia` or `getDisplayMedia` threw. */
  static from(device: DeviceKind, cause: unknown): DeviceError {
    if (cause instanceof DeviceError) return cause;
    return new DeviceError(device, sortFailure(device, cause), { cause });
  }
}

function sortFailure(device: DeviceKind, cause: unknown): DeviceFailure {
  const { name, message } = (cause ?? {}) as { name?: string; message?: string };
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
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
    case 'NotSupportedError':
      return 'unsupported';
    default:
      return 'unknown';
  }
}
