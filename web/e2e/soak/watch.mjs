/** What a member of a long call sees and counts. Runs in the page: sent there as text. */

/**
 * Looks at the tiles of `others` ({name, hue}) every `lookMs`, at their pixels each `looksPerRead`th time, and reads the
 * browser's counters every `countMs`. `window.__soak.end()` gives all of it.
 */
export async function watchCall(others, { lookMs, looksPerRead, countMs }) {
  const { room, pc } = window.__plenum;
  const far = (a, b) => Math.min(Math.abs(a - b), 360 - Math.abs(a - b)) > 15;
  const cameraOf = (name) => room.members.find((member) => member.name === name)?.camera.id;
  const tiles = Object.fromEntries(others.map(({ name }) => [name, { looks: 0, without: 0, inRow: 0, longest: 0, wrong: 0 }]));
  const states = [];
  const [sent, got] = [[], Object.fromEntries(others.map(({ name }) => [name, []]))];
  const voice = { lost: 0, made: 0, all: 0 };
  const [began, offers] = [performance.now(), room.link.offers];
  room.on('state', ({ phase, signalling, media }) => {
    if (phase !== 'joined' || signalling !== 'up' || media !== 'connected') states.push(`${phase}, signalling ${signalling}, media ${media}`);
  });

  let looks = 0;
  const look = () => {
    const pictures = looks++ % looksPerRead === 0 ? window.__watch.pictures() : undefined;
    const seated = new Set(room.seats.filter(({ ready }) => ready).map(({ expected }) => expected));
    for (const { name, hue } of others) {
      const tile = tiles[name];
      const there = seated.has(cameraOf(name)) && (!pictures || pictures[name]);
      tile.looks += 1;
      tile.inRow = there ? 0 : tile.inRow + 1;
      tile.longest = Math.max(tile.longest, tile.inRow);
      if (!there) tile.without += 1;
      if (pictures?.[name] && far(pictures[name].hue, hue)) tile.wrong += 1;
    }
  };

  /** One reading of everything; `timestamp` is the browser's own, of the moment of counting. */
  const count = async () => {
    const report = [...(await pc().getStats()).values()];
    const up = report.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    const mine = up.filter(({ mid }) => mid === room.link.lines.up.camera.mid);
    sent.push({
      at: mine[0]?.timestamp ?? 0,
      layers: mine.map(({ frameHeight, framesSent, framesEncoded, totalEncodeTime, qualityLimitationDurations: limited }) => ({ height: frameHeight, sent: framesSent, encoded: framesEncoded, encoding: totalEncodeTime, cpu: limited?.cpu ?? 0, bandwidth: limited?.bandwidth ?? 0 })),
    });
    for (const { name } of others) {
      const source = cameraOf(name);
      const mid = room.link.lines.seats[room.seats.findIndex(({ expected }) => expected === source)]?.video.mid;
      const line = report.find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video' && entry.mid === mid);
      if (!line) continue;
      const { timestamp: at, frameHeight: height, framesReceived: received, framesDecoded: decoded, framesDropped: dropped, packetsLost: lost, freezeCount: freezes, totalFreezesDuration: frozen } = line;
      got[name].push({ at, height, received, decoded, dropped, lost, freezes, frozen, layer: room.quality.get(source)?.layer ? JSON.stringify(room.quality.get(source).layer) : null });
    }
    const voices = report.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    const total = (field) => voices.reduce((sum, entry) => sum + (entry[field] ?? 0), 0);
    return { lost: total('packetsLost'), made: total('concealedSamples') - total('silentConcealedSamples'), all: total('totalSamplesReceived') };
  };

  const before = await count();
  const timers = [setInterval(look, lookMs), setInterval(() => void count(), countMs)];
  window.__soak = {
    async end() {
      timers.forEach(clearInterval);
      const after = await count();
      for (const key of Object.keys(voice)) voice[key] = after[key] - before[key];
      return { seconds: (performance.now() - began) / 1000, tiles, states, sent, got, voice, reoffers: room.link.offers - offers };
    },
  };
}
