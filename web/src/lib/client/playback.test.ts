import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Playback } from './playback';

/** What browsers do: nothing sounds before a click. */
let clicked = false;
let played: FakeElement[] = [];
let made: FakeElement[] = [];
let speakers = ['a', 'b'];
const mediaDevices = new EventTarget();

class FakeElement {
  srcObject: unknown = null;
  sink = '';
  volume = 1;
  hidden = false;

  async play(): Promise<void> {
    if (!clicked) throw new DOMException('', 'NotAllowedError');
    played.push(this);
  }

  async setSinkId(id: string): Promise<void> {
    if (id && !speakers.includes(id)) throw new DOMException('', 'NotFoundError');
    this.sink = id;
  }

  append(): void {}
  remove(): void {}
}

beforeEach(() => {
  [clicked, played, made, speakers] = [false, [], [], ['a', 'b']];
  vi.stubGlobal('navigator', { mediaDevices });
  vi.stubGlobal('HTMLAudioElement', FakeElement);
  vi.stubGlobal('HTMLMediaElement', FakeElement);
  vi.stubGlobal('MediaStream', class {});
  const createElement = (): FakeElement => {
    const element = new FakeElement();
    made.push(element);
    return element;
  };
  vi.stubGlobal('document', { createElement, body: new FakeElement() });
});
afterEach(() => void vi.unstubAllGlobals());

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const track = () => ({}) as MediaStreamTrack;
const elements = () => made.filter(({ srcObject }) => srcObject !== null);

it('one click starts every element that the browser held back', async () => {
  const playback = new Playback();
  const told: boolean[] = [];
  playback.on('blocked', (blocked) => told.push(blocked));
  playback.use([track(), track()]);
  await settled();
  expect(told).toEqual([true]);
  clicked = true;
  await playback.unblock();
  expect(played).toHaveLength(2);
  expect(told).toEqual([true, false]);
});

it('nothing is blocked any more when the refused voice is gone', async () => {
  const playback = new Playback();
  playback.use([track()]);
  await settled();
  expect(playback.blocked).toBe(true);
  playback.use([]);
  expect(playback.blocked).toBe(false);
});

it('a refused voice that comes by another track goes on being blocked, without a moment between', async () => {
  const playback = new Playback();
  const told: boolean[] = [];
  playback.on('blocked', (blocked) => told.push(blocked));
  playback.use([track()]);
  await settled();
  playback.use([track()]);
  expect(playback.blocked).toBe(true);
  await settled();
  expect(told).toEqual([true]);
  clicked = true;
  playback.use([track()]);
  await settled();
  expect(told).toEqual([true, false]);
});

it('a voice keeps its element while it lives', () => {
  const playback = new Playback();
  const [one, two] = [track(), track()];
  playback.use([one]);
  playback.use([one, two]);
  expect(elements()).toHaveLength(2);
  playback.use([two]);
  expect(elements()).toHaveLength(1);
});

it('the chosen speaker plays what comes later too, gives way when it is pulled out, and is taken again', async () => {
  clicked = true;
  const playback = new Playback();
  await playback.setSink('b');
  playback.use([track()]);
  await settled();
  expect(elements().map(({ sink }) => sink)).toEqual(['b']);
  speakers = ['a'];
  mediaDevices.dispatchEvent(new Event('devicechange'));
  await settled();
  expect(elements().map(({ sink }) => sink)).toEqual(['']);
  speakers = ['a', 'b'];
  mediaDevices.dispatchEvent(new Event('devicechange'));
  await settled();
  expect(elements().map(({ sink }) => sink)).toEqual(['b']);
});
