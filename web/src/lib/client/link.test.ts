import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Link } from './link';
import { FIRST_SEATS } from './lines';
import { Uplink } from './uplink';

/** As much of a connection as lines need; its offers are never made. */
class Connection extends EventTarget {
  addTransceiver(): unknown {
    return { setCodecPreferences: () => undefined, sender: { track: null } };
  }

  createDataChannel(): unknown {
    return {};
  }

  createOffer(): Promise<never> {
    return new Promise(() => undefined);
  }

  close(): void {
    // Nothing is open.
  }
}

describe('the seats of a connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('RTCPeerConnection', Connection);
    for (const name of ['RTCRtpSender', 'RTCRtpReceiver']) vi.stubGlobal(name, { getCapabilities: () => ({ codecs: [] }) });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const opened = (most?: number): Link => {
    const link = new Link(new Uplink(), () => new Promise(() => undefined), FIRST_SEATS);
    if (most !== undefined) link.allow(most);
    link.rebuild();
    return link;
  };

  it('are as many as a small room needs, and no more than the server has', () => {
    for (const [most, seats] of [[undefined, FIRST_SEATS], [49, FIRST_SEATS], [FIRST_SEATS, FIRST_SEATS], [2, 2]] as const) {
      const link = opened(most);
      expect(link.lines?.seats).toHaveLength(seats);
      expect(link.seats).toBe(seats);
      link.close();
    }
  });

  it('stay when the same connection goes on, whatever another server allowed', () => {
    const link = opened(49);
    link.grow(16);
    link.allow(2);
    expect(link.lines?.seats).toHaveLength(16);
    link.rebuild();
    expect(link.lines?.seats).toHaveLength(2);
    link.close();
  });
});
