import { expect, it } from 'vitest';
import { Negotiation } from './negotiation';
import type { Answer, Offer } from './protocol.gen';

function fakeConnection(): RTCPeerConnection {
  let made = 0;
  return {
    localDescription: null,
    createOffer: async () => ({ type: 'offer', sdp: `offer ${++made}` }),
    async setLocalDescription(this: { localDescription: unknown }, description: unknown) {
      this.localDescription = description;
    },
    setRemoteDescription: async () => undefined,
  } as unknown as RTCPeerConnection;
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

it('an offer that found no answer is sent again as it was, with its revision', async () => {
  const asked: Offer[] = [];
  const failures: unknown[] = [];
  const ask = async (offer: Offer): Promise<Answer> => {
    asked.push(offer);
    if (asked.length === 1) throw new Error('lost');
    return { sdp: 'answer', revision: offer.revision };
  };
  const negotiation = new Negotiation(fakeConnection(), ask, (error) => failures.push(error));
  negotiation.want();
  await settled();
  expect(failures).toHaveLength(1);
  expect(negotiation.waiting).toBe(true);
  negotiation.retry();
  await settled();
  expect(asked[1]).toEqual(asked[0]);
  expect(negotiation.waiting).toBe(false);
});

it('wishes that come while an answer is awaited become one further offer', async () => {
  const asked: Offer[] = [];
  let release: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const ask = async (offer: Offer): Promise<Answer> => {
    asked.push(offer);
    await gate;
    return { sdp: 'answer', revision: offer.revision };
  };
  const negotiation = new Negotiation(fakeConnection(), ask, () => undefined);
  negotiation.want();
  await settled();
  negotiation.want();
  negotiation.want();
  release?.();
  await settled();
  expect(asked.map(({ revision }) => revision)).toEqual([1, 2]);
});
