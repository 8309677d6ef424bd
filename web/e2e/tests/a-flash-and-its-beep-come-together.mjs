import assert from 'node:assert/strict';
import { behaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';
import { until } from '../harness/until.mjs';

const SKEW_MS = 60;
const FLASHES = 11;

behaviour('a flash and its beep come together', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', init: [[installFlash]] });
  const grace = stage.bot({ name: 'Grace', init: [[installFlash]] });
  await joinAll([ada, grace], origin, 'flash');
  await ada.run(async () => {
    const { video, audio } = window.__flashing();
    const { room } = window.__plenum;
    room.publish('camera', video);
    room.publish('microphone', audio);
  });
  const there = () =>
    grace.run(() => {
      const { room } = window.__plenum;
      const source = room.members.find(({ name }) => name === 'Ada').camera.id;
      return room.seats.findIndex(({ shown }) => shown === source) + 1;
    });
  const seat = (await until('Grace to see Ada flash', there)) - 1;
  const call = median(
    await grace.run(
      (index, count) => {
        const { room } = window.__plenum;
        const { audio, video } = room.link.lines.seats[index];
        return window.__skews(video.receiver.track, audio.receiver.track, count);
      },
      seat,
      FLASHES,
    ),
  );
  console.log(JSON.stringify({ call }));
  if (Math.abs(call) < SKEW_MS) return;
  // A machine that is slow at one of them is so without a server between them, too.
  const direct = median(await grace.run((count) => window.__direct(count), FLASHES));
  assert.ok(Math.abs(call - direct) < SKEW_MS, `picture and sound are ${call} ms apart through the server, ${direct} ms without it`);
});

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Math.round(10 * (sorted[Math.floor(sorted.length / 2)] ?? NaN)) / 10;
}

/** Gives the page a camera that flashes as its microphone beeps, and the eye and ear to tell when each comes. Runs in the page. */
function installFlash() {
  const [EVERY_MS, LASTS_MS, LOUD, LIGHT] = [700, 120, 0.05, 128];
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  window.__flashing = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const pen = canvas.getContext('2d', { alpha: false });
    const context = new AudioContext();
    const [source, level, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
    source.frequency.value = 1_000;
    level.gain.value = 0;
    source.connect(level).connect(out);
    source.start();
    let lit = 0;
    let next = performance.now() + EVERY_MS;
    // Painted at every step, so that frames come evenly.
    setInterval(() => {
      const now = performance.now();
      if (now >= next) {
        lit = now + LASTS_MS;
        next = now + EVERY_MS;
        level.gain.setValueAtTime(0.5, context.currentTime);
        level.gain.setValueAtTime(0, context.currentTime + LASTS_MS / 1_000);
      }
      pen.fillStyle = now < lit ? '#fff' : `rgb(0 0 ${Math.round(now / 33) % 40})`;
      pen.fillRect(0, 0, 320, 180);
    }, 33);
    return { video: canvas.captureStream(30).getVideoTracks()[0], audio: out.stream.getAudioTracks()[0] };
  };

  /** How many ms later than its beep each of `count` flashes is seen. */
  window.__skews = async (video, audio, count) => {
    const element = Object.assign(document.createElement('video'), { muted: true, playsInline: true, srcObject: new MediaStream([video]) });
    element.style.cssText = 'position:fixed;inset:auto 0 0 auto;width:96px;z-index:99';
    document.body.append(element);
    await element.play();
    const pen = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
    const [flashes, beeps] = [[], []];
    let bright = false;
    const look = (_, { expectedDisplayTime }) => {
      pen.drawImage(element, 0, 0, 8, 8);
      const now = pen.getImageData(4, 4, 1, 1).data[0] > LIGHT;
      if (now && !bright) flashes.push(expectedDisplayTime);
      bright = now;
      element.requestVideoFrameCallback(look);
    };
    element.requestVideoFrameCallback(look);
    const context = new AudioContext();
    await context.resume();
    const ear = Object.assign(context.createAnalyser(), { fftSize: 4096 });
    context.createMediaStreamSource(new MediaStream([audio])).connect(ear);
    const heard = new Float32Array(ear.fftSize);
    let last = 0;
    const timer = setInterval(() => {
      ear.getFloatTimeDomainData(heard);
      const now = performance.now();
      const first = heard.findIndex((sample) => Math.abs(sample) > LOUD);
      // What was loud at the very beginning began earlier.
      if (first <= 0) return;
      const began = now - ((heard.length - first) / context.sampleRate) * 1_000;
      if (began - last > EVERY_MS / 2) beeps.push((last = began));
    }, 10);
    for (let turn = 0; turn < 10 * count && Math.min(flashes.length, beeps.length) < count + 2; turn++) await wait(EVERY_MS / 2);
    clearInterval(timer);
    void context.close();
    element.remove();
    const skews = flashes.map((flash) => flash - beeps.reduce((near, beep) => (Math.abs(beep - flash) < Math.abs(near - flash) ? beep : near), -1e9));
    // The first ones may have begun before we listened, or before both streams had told their clocks.
    return skews.filter((skew) => Math.abs(skew) < EVERY_MS / 2).slice(1, count + 1);
  };

  /** The same between two connections of this page. */
  window.__direct = async (count) => {
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
    to.onicecandidate = ({ candidate }) => candidate && from.addIceCandidate(candidate);
    const { video, audio } = window.__flashing();
    const stream = new MediaStream([video, audio]);
    for (const track of [video, audio]) from.addTrack(track, stream);
    const tracks = {};
    to.ontrack = ({ track }) => (tracks[track.kind] = track);
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription);
    await to.setLocalDescription();
    await from.setRemoteDescription(to.localDescription);
    // Chromium gives WebAudio a remote voice only while an element plays it.
    const element = Object.assign(document.createElement('audio'), { srcObject: new MediaStream([tracks.audio]) });
    await element.play();
    const skews = await window.__skews(tracks.video, tracks.audio, count);
    from.close();
    to.close();
    return skews;
  };
}
