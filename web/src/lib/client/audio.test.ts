import { afterEach, beforeEach, expect, it, vi } from 'vitest';

let clicked = false;
let contexts: FakeContext[] = [];

/** What browsers do: it does not run before a click. */
class FakeContext {
  state = 'suspended';

  constructor() {
    contexts.push(this);
  }

  async resume(): Promise<void> {
    if (!clicked) throw new DOMException('', 'NotAllowedError');
    this.state = 'running';
  }

  async suspend(): Promise<void> {
    this.state = 'suspended';
  }
}

beforeEach(() => {
  [clicked, contexts] = [false, []];
  vi.resetModules();
  vi.stubGlobal('AudioContext', FakeContext);
});
afterEach(() => void vi.unstubAllGlobals());

it('the click that starts the voices starts the one context that meters share, and no meter keeps it running', async () => {
  const { borrowAudio, returnAudio, wakeAudio } = await import('./audio');
  const { Playback } = await import('./playback');
  vi.stubGlobal('HTMLAudioElement', class {});
  expect(borrowAudio()).toBe(borrowAudio());
  await wakeAudio();
  expect(contexts.map(({ state }) => state)).toEqual(['suspended']);
  clicked = true;
  await new Playback().unblock();
  expect(contexts.map(({ state }) => state)).toEqual(['running']);
  returnAudio();
  expect(contexts[0]?.state).toBe('running');
  returnAudio();
  expect(contexts[0]?.state).toBe('suspended');
  // Nobody measures: a click has nothing to wake.
  await wakeAudio();
  expect(contexts[0]?.state).toBe('suspended');
});
