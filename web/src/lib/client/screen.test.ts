import { describe, expect, it } from 'vitest';
import { readScreen, screenRequest } from './screen';

const asked = (supported: object) => screenRequest('text', supported) as { video: MediaTrackConstraints; audio: object };

function share(surface: string, audio?: MediaTrackSettings & { restrictOwnAudio?: boolean }): MediaStream {
  const track = (settings: object) => ({ contentHint: '', getSettings: () => settings });
  return { getVideoTracks: () => [track({ displaySurface: surface })], getAudioTracks: () => (audio ? [track(audio)] : []) } as unknown as MediaStream;
}

describe('a screen is asked for', () => {
  it('in 1080p at most, with its sound as it is', () => {
    expect(asked({}).video).toMatchObject({ width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } });
    expect(asked({}).audio).toEqual({ echoCancellation: false, noiseSuppression: false, autoGainControl: false });
  });

  it('without our own voices where the browser can leave them out', () => {
    expect(asked({ restrictOwnAudio: true }).audio).toHaveProperty('restrictOwnAudio', true);
    expect(asked({}).audio).not.toHaveProperty('restrictOwnAudio');
  });
});

describe('a shared screen', () => {
  it('is sharp for text and smooth for a film', () => {
    expect(readScreen(share('monitor'), 'text').track.contentHint).toBe('detail');
    expect(readScreen(share('monitor'), 'film').track.contentHint).toBe('motion');
  });

  it('echoes when it carries the sound of the whole system, our own included', () => {
    expect(readScreen(share('monitor', {}), 'text').mayEcho).toBe(true);
    expect(readScreen(share('monitor', { restrictOwnAudio: true }), 'text').mayEcho).toBe(false);
    expect(readScreen(share('browser', {}), 'text').mayEcho).toBe(false);
    expect(readScreen(share('monitor'), 'text').mayEcho).toBe(false);
  });
});
