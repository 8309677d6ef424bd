/** Devices that a page is given instead of real ones. The functions run in pages: they are sent there as text. */

/**
 * A camera and a microphone that always work, and a screen to share: `camera` and `screen` are painted
 * ({hue, width, height, fps}), `tone` is the microphone's frequency in Hz, `screenTone` the shared sound's. What is left out is not there.
 */
export function installDevices({ camera, tone, screen, screenTone }) {
  // The empty page before the first one is no secure context in Firefox.
  if (!navigator.mediaDevices) return;
  const missing = () => new DOMException('Requested device not found', 'NotFoundError');
  const sound = (frequency) => {
    const context = new AudioContext();
    const [source, level, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
    source.frequency.value = frequency;
    level.gain.value = 0.25;
    source.connect(level).connect(out);
    source.start();
    const track = out.stream.getAudioTracks()[0];
    track.stop = () => {
      void context.close();
      MediaStreamTrack.prototype.stop.call(track);
    };
    return track;
  };
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    if ((video && !camera) || (audio && !tone)) throw missing();
    return new MediaStream([...(audio ? [sound(tone)] : []), ...(video ? [window.__draw(camera)] : [])]);
  };
  navigator.mediaDevices.getDisplayMedia = async () => {
    if (!screen) throw missing();
    return new MediaStream([window.__draw(screen), ...(screenTone ? [sound(screenTone)] : [])]);
  };
  const device = (kind) => ({ kind, deviceId: `bot-${kind}`, groupId: 'bot', label: `Bot ${kind}` });
  navigator.mediaDevices.enumerateDevices = async () => [...(tone ? [device('audioinput')] : []), ...(camera ? [device('videoinput')] : [])];
}

/** Devices that cannot be had, where a browser cannot be brought to say so itself: `name` is the DOMException's. */
export function installFailingDevices(name) {
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException('Could not start source', name);
  };
}

/** Two speakers, and in `__sinks` for each element the one that it was led to. */
export function installSpeakers() {
  window.__sinks = new Map();
  HTMLMediaElement.prototype.setSinkId = async function (id) {
    window.__sinks.set(this, id);
  };
  const list = navigator.mediaDevices.enumerateDevices;
  const speaker = (number) => ({ kind: 'audiooutput', deviceId: `speaker-${number}`, groupId: 'bot', label: `Speaker ${number}` });
  navigator.mediaDevices.enumerateDevices = async () => [...(await list()), speaker(1), speaker(2)];
}
