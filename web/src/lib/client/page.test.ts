import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Page } from './page';

class FakeDocument extends EventTarget {
  visibilityState = 'visible';
  pictureInPictureElement: object | null = null;

  become(visibilityState: string): void {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

class FakeLock {
  released = false;
  release = async (): Promise<void> => void (this.released = true);
}

let document: FakeDocument;
let globals: EventTarget;
let locks: FakeLock[];
let above: EventTarget & { window: (EventTarget & { closed: boolean }) | null };
let page: Page;
let told: (boolean | string)[];

beforeEach(() => {
  vi.useFakeTimers();
  [document, globals, locks, told] = [new FakeDocument(), new EventTarget(), [], []];
  above = Object.assign(new EventTarget(), { window: null });
  const request = async (): Promise<FakeLock> => {
    const lock = new FakeLock();
    locks.push(lock);
    return lock;
  };
  vi.stubGlobal('document', document);
  vi.stubGlobal('navigator', { wakeLock: { request } });
  vi.stubGlobal('documentPictureInPicture', above);
  vi.stubGlobal('addEventListener', globals.addEventListener.bind(globals));
  vi.stubGlobal('removeEventListener', globals.removeEventListener.bind(globals));
  page = new Page();
  page.on('hidden', (hidden) => told.push(hidden));
  page.on('leaving', () => told.push('leaving'));
  page.on('revived', () => told.push('revived'));
});

afterEach(() => {
  page.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a page', () => {
  it('is hidden when its tab stays in the background, and seen at once', async () => {
    document.become('hidden');
    await pass(1_000);
    document.become('visible');
    await pass(10_000);
    expect(told).toEqual([]);
    document.become('hidden');
    await pass(4_000);
    expect(told).toEqual([true]);
    document.become('visible');
    expect(told).toEqual([true, false]);
  });

  it('is seen while one of its videos is above other windows', async () => {
    document.pictureInPictureElement = {};
    document.become('hidden');
    await pass(10_000);
    expect(told).toEqual([]);
    document.pictureInPictureElement = null;
    document.dispatchEvent(new Event('leavepictureinpicture'));
    await pass(10_000);
    expect(told).toEqual([true]);
  });

  it('is seen while a window of its own is above others', async () => {
    document.become('hidden');
    await pass(4_000);
    above.window = Object.assign(new EventTarget(), { closed: false });
    above.dispatchEvent(new Event('enter'));
    expect(told).toEqual([true, false]);
    const closing = above.window;
    above.window = null;
    closing.dispatchEvent(new Event('pagehide'));
    await pass(4_000);
    expect(told).toEqual([true, false, true]);
  });

  it('says when it leaves, and when it is back from the cache rather than new', () => {
    globals.dispatchEvent(new Event('pagehide'));
    globals.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    globals.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect(told).toEqual(['leaving', 'revived']);
  });
});

describe('the wake lock', () => {
  it('is taken again when the page is seen again, and given back in the end', async () => {
    page.keepAwake(true);
    await pass(0);
    expect(locks).toHaveLength(1);
    // Browsers take it away from hidden pages.
    void locks[0]?.release();
    document.become('hidden');
    document.become('visible');
    await pass(0);
    expect(locks).toHaveLength(2);
    page.keepAwake(false);
    expect(locks[1]?.released).toBe(true);
  });

  it('is not held twice', async () => {
    page.keepAwake(true);
    await pass(0);
    document.become('visible');
    await pass(0);
    expect(locks).toHaveLength(1);
  });
});
