/** What tests of voices ask of a call: a tone with options of the connection, and how it comes. The functions passed to `run` run in the page. */

/** From now on the voice is this tone, over a new connection with these options; `window.__loud` switches it off and on. */
export async function sendVoice(bot, options, tone) {
  await bot.run(
    (sound, frequency) => {
      const context = new AudioContext();
      const [source, level, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
      source.frequency.value = frequency;
      level.gain.value = 0.25;
      source.connect(level).connect(out);
      source.start();
      window.__loud = (on) => (level.gain.value = on ? 0.25 : 0);
      const { room } = window.__plenum;
      room.publish('microphone', out.stream.getAudioTracks()[0]);
      Object.assign(room.link.sound, sound);
      room.link.rebuild();
    },
    options,
    tone,
  );
  await bot.joined();
}

/** How the voice of `name` comes at `bot`, in its seat or on a line of its own, and what the server says of it. */
export function voiceOf(bot, name) {
  return bot.run(async (wanted) => {
    const { room, pc } = window.__plenum;
    const { id } = room.members.find((member) => member.name === wanted).camera;
    const seat = room.seats.findIndex(({ expected }) => expected === id);
    const line = seat < 0 ? room.link.lines.loud[room.loud.indexOf(id)] : room.link.lines.seats[seat].audio;
    const report = await pc().getStats();
    const flow = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && entry.mid === line?.mid);
    const quality = room.quality.get(id);
    return {
      packets: flow?.packetsReceived,
      octets: flow?.bytesReceived,
      lost: flow?.packetsLost,
      score: quality?.sound ?? null,
      trouble: quality?.soundTrouble ?? null,
      complaints: room.troubles.length,
    };
  }, name);
}
