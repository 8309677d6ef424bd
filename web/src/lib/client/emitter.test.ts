import { afterEach, expect, it, vi } from 'vitest';
import { Emitter } from './emitter';

class Bell extends Emitter<{ ring: number; other: undefined }> {
  wanted: string[] = [];

  ring(times: number): void {
    this.emit('ring', times);
  }

  protected override heard(event: string, heard: boolean): void {
    this.wanted.push(`${heard ? '+' : '-'}${event}`);
  }
}

afterEach(() => void vi.unstubAllGlobals());

it('listeners are called in order, until they stop', () => {
  const bell = new Bell();
  const heard: string[] = [];
  const stop = bell.on('ring', (times) => heard.push(`a${times}`));
  bell.on('ring', (times) => heard.push(`b${times}`));
  bell.ring(1);
  stop();
  stop();
  bell.ring(2);
  expect(heard).toEqual(['a1', 'b1', 'b2']);
});

it('what costs something is begun with the first listener and ended with the last', () => {
  const bell = new Bell();
  const stops = [bell.on('ring', () => undefined), bell.on('ring', () => undefined)];
  for (const stop of stops) stop();
  expect(bell.wanted).toEqual(['+ring', '-ring']);
});

it('a listener that throws is reported, and keeps nobody else from hearing', () => {
  const reported = vi.fn();
  vi.stubGlobal('reportError', reported);
  const bell = new Bell();
  const heard = vi.fn();
  bell.on('ring', () => {
    throw new Error('broken page');
  });
  bell.on('ring', heard);
  bell.ring(3);
  expect(heard).toHaveBeenCalledWith(3);
  expect(reported).toHaveBeenCalledOnce();
});
