/** What a person at this page sees and hears, by the names on the tiles. Runs in the page: sent there as text. */

export function installWatch() {
  const EVERY_MS = 100;
  const EARS = 8192;
  let context;
  const ears = new Map();
  let followed = new Map();
  let timer;
  let interruptions = 0;
  // A video that is given a source anew says so, and is black until the next frame.
  document.addEventListener('emptied', () => (interruptions += 1), true);

  const room = () => window.__plenum?.room;
  const faces = () => [...document.querySelectorAll('[data-tile]')];
  const nameOf = (face) => face.querySelector('.name .text')?.textContent.trim() ?? '';
  const boxOf = (element) => element.getBoundingClientRect();

  /** The one video that is to be seen where this tile is. By place, not by what the page says of itself. */
  function videoAt(face) {
    const box = boxOf(face);
    const near = (a, b) => Math.abs(a - b) < 3;
    return [...document.querySelectorAll('video[data-seat]')].find((video) => {
      const at = boxOf(video);
      const same = near(at.x, box.x) && near(at.y, box.y) && near(at.width, box.width) && near(at.height, box.height);
      return same && Number(getComputedStyle(video).opacity) > 0.5;
    });
  }

  function picture(face) {
    const video = videoAt(face);
    return (video && window.__read(video)) ?? null;
  }

  function glimpse(video) {
    if (!video?.videoWidth) return null;
    const pen = new OffscreenCanvas(64, 36).getContext('2d');
    pen.drawImage(video, 0, 0, 64, 36);
    return pen.getImageData(0, 0, 64, 36).data.reduce((sum, part) => (Math.imul(sum, 31) + part) | 0, 0);
  }

  /** The loudest frequency of a track, in Hz; null in silence. The first call only begins to listen. */
  function tone(track) {
    context ??= new AudioContext();
    if (context.state === 'suspended') void context.resume();
    let ear = ears.get(track);
    if (!ear) {
      ear = context.createAnalyser();
      ear.fftSize = EARS;
      ear.smoothingTimeConstant = 0;
      context.createMediaStreamSource(new MediaStream([track])).connect(ear);
      ears.set(track, ear);
    }
    const levels = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(levels);
    let loudest = 0;
    for (let bin = 1; bin < levels.length; bin++) if (levels[bin] > levels[loudest]) loudest = bin;
    if (!(levels[loudest] > -60)) return null;
    return Math.round((loudest * context.sampleRate) / EARS);
  }

  /** The audio that plays with this tile: of the seat that is seen there, else of the line that the source was dealt. */
  function voice(face) {
    const { link, seats, loud } = room();
    const source = Number(face.dataset.source);
    const video = videoAt(face);
    const seat = video ? Number(video.dataset.seat) : seats.findIndex(({ expected }) => expected === source);
    const line = seat >= 0 ? link.lines.seats[seat]?.audio : link.lines.loud[loud.indexOf(source)];
    return line?.receiver.track;
  }

  function eachTile(look) {
    return Object.fromEntries(faces().map((face) => [nameOf(face), look(face)]));
  }

  function sample() {
    const now = performance.now();
    for (const face of faces()) {
      const [name, seen] = [nameOf(face), picture(face)];
      const one = followed.get(name) ?? { frames: 0, longestGap: 0, since: now, counter: -1, hues: {} };
      followed.set(name, one);
      if (!seen) continue;
      if (seen.counter !== one.counter) {
        one.longestGap = Math.max(one.longestGap, now - one.since);
        Object.assign(one, { since: now, counter: seen.counter, frames: one.frames + 1 });
      }
      one.hues[seen.hue] = (one.hues[seen.hue] ?? 0) + 1;
    }
  }

  window.__watch = {
    names: () => faces().map(nameOf),
    pictures: () => eachTile(picture),
    /** A number for what is seen on each tile, another for every other picture; null without one. */
    glimpses: () => eachTile((face) => glimpse(videoAt(face))),
    tones() {
      return eachTile((face) => {
        const track = voice(face);
        return track ? tone(track) : null;
      });
    },
    /** Looks at every tile ten times a second from now on. */
    follow() {
      followed = new Map();
      interruptions = 0;
      clearInterval(timer);
      timer = setInterval(sample, EVERY_MS);
    },
    /** How often a picture was torn down since then, our own included. */
    interruptions: () => interruptions,
    /** Per name: how many frames came, and the longest time without a new one until now. */
    followed() {
      const now = performance.now();
      const told = ([name, one]) => [name, { frames: one.frames, longestGap: Math.max(one.longestGap, now - one.since), hues: one.hues }];
      return Object.fromEntries([...followed].map(told));
    },
  };
}

/** Notes what the room tells, from the join on. Runs in the page. */
export function installDiary() {
  const diary = (window.__diary = { joined: [], left: [], presences: [], data: [], chat: [] });
  let model;
  let room;
  Object.defineProperty(window, '__plenum', {
    get: () => model,
    set(value) {
      model = value;
      if (value.room === room) return;
      room = value.room;
      room.on('joined', (member) => diary.joined.push(member.name));
      room.on('left', ({ member, reason }) => diary.left.push(`${member.name} ${reason}`));
      room.on('members', (members) => members.forEach(({ name, presence }) => diary.presences.push(`${name} ${presence}`)));
      room.on('chat', ({ text }) => diary.chat.push(text));
      room.on('data', ({ channel, from, payload }) => diary.data.push({ channel, from, bytes: [...payload] }));
    },
  });
}
