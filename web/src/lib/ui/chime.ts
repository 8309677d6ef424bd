/** A short sound for trying a loudspeaker: two notes, soft enough for a headset. */

const NOTES_HZ = [523.25, 783.99];
const EACH_S = 0.28;
const VOLUME = 0.22;

/** Plays on the device; settles when it has sounded. Throws what the browser says when it may not play there. */
export async function chime(deviceId: string): Promise<void> {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const element = new Audio();
  try {
    element.srcObject = out.stream;
    if (deviceId && 'setSinkId' in element) await element.setSinkId(deviceId);
    await element.play();
    await context.resume();
    NOTES_HZ.forEach((hertz, index) => note(context, out, hertz, context.currentTime + 0.05 + index * EACH_S));
    await new Promise((done) => setTimeout(done, (NOTES_HZ.length * EACH_S + 0.5) * 1_000));
  } finally {
    element.srcObject = null;
    void context.close();
  }
}

function note(context: AudioContext, out: AudioNode, hertz: number, at: number): void {
  const [tone, level] = [context.createOscillator(), context.createGain()];
  tone.frequency.value = hertz;
  level.gain.setValueAtTime(0, at);
  level.gain.linearRampToValueAtTime(VOLUME, at + 0.02);
  level.gain.exponentialRampToValueAtTime(0.001, at + EACH_S + 0.3);
  tone.connect(level).connect(out);
  tone.start(at);
  tone.stop(at + EACH_S + 0.35);
}
