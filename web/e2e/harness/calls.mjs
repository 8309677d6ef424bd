/** What tests of pictures ask of a call: wishes of their own, and what comes of them. The functions passed to `run` run in the page. */

import { until } from './until.mjs';

/** All come at once, in no order. */
export async function joinAll(bots, origin, room) {
  await Promise.all(bots.map((bot) => bot.join(origin, room)));
}

/** Each of them sees and hears all others under their names. */
export async function seeAndHearEachOther(...bots) {
  const looks = (bot) => {
    const others = bots.filter((other) => other !== bot);
    return [bot.seesAll(...others), bot.hearsAll(...others)];
  };
  await Promise.all(bots.flatMap(looks));
}

/** From now on `bot` wishes for the camera of `name` at this height, and for nothing else, whatever its page says. */
export function wishOnly(bot, name, height) {
  return bot.run(
    (wanted, tall) => {
      const { room } = window.__plenum;
      const wish = window.__wish ?? room.wish.bind(room);
      window.__wish = wish;
      room.wish = () => undefined;
      const other = room.members.find((member) => member.name === wanted);
      wish([{ source: other.camera.id, width: (tall * 16) / 9, height: tall, priority: 100 }]);
    },
    name,
    height,
  );
}

/** How the picture of `name` comes at `bot`: codec, size and counts of its line, and which layer the server says it is. */
export function incoming(bot, name) {
  return bot.run(async (wanted) => {
    const { room, pc } = window.__plenum;
    const source = room.members.find((member) => member.name === wanted)?.camera.id;
    const seat = room.seats.findIndex(({ shown }) => shown === source);
    const mid = room.link.lines.seats[seat]?.video.mid;
    const report = await pc().getStats();
    const line = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video' && entry.mid === mid);
    if (!line) return undefined;
    const quality = room.quality.get(source);
    return {
      codec: report.get(line.codecId)?.mimeType.toLowerCase().replace('video/', ''),
      height: line.frameHeight,
      frames: line.framesDecoded,
      freezes: line.freezeCount ?? 0,
      frozen: line.totalFreezesDuration ?? 0,
      plis: line.pliCount,
      layer: quality?.layer ?? undefined,
      trouble: quality?.pictureTrouble ?? undefined,
      paused: room.paused.includes(source),
    };
  }, name);
}

/** Requests for key frames that `bot` got for its camera. */
export function requests(bot) {
  return bot.run(async () => {
    const report = await window.__plenum.room.link.lines.up.camera.sender.getStats();
    return [...report.values()].filter(({ type }) => type === 'outbound-rtp').reduce((sum, { pliCount = 0, firCount = 0 }) => sum + pliCount + firCount, 0);
  });
}

/** Video codecs in the common profile that the page makes and decodes. */
export function codecsOf(bot) {
  return bot.run(() => {
    const common = ({ mimeType, sdpFmtpLine = '' }) => !/h264/i.test(mimeType) || (/packetization-mode=1/.test(sdpFmtpLine) && /42e0/i.test(sdpFmtpLine));
    const names = ({ codecs }) => [...new Set(codecs.filter(common).map(({ mimeType }) => mimeType.toLowerCase().replace('video/', '')))];
    return { makes: names(RTCRtpSender.getCapabilities('video')), decodes: names(RTCRtpReceiver.getCapabilities('video')) };
  });
}

/** `sender` sends the smallest layer alone while `watcher`, who sees nobody else, looks at it small, and larger ones again afterwards. */
export async function sendsWhatIsLookedAt(sender, watcher) {
  const sent = () => sender.run(() => window.__plenum.room.link.lines.up.camera.sender.getParameters().encodings.map(({ rid, active }) => active && rid).filter(Boolean));
  await wishOnly(watcher, sender.name, 90);
  await until(`${sender.name} to send the smallest alone`, async () => (await sent()).join() === 'q', { lastSeen: sent });
  await watcher.sees(sender);
  await wishOnly(watcher, sender.name, 720);
  await until(`${sender.name} to send a larger one again`, async () => (await sent()).some((rid) => rid !== 'q'), { lastSeen: sent });
  await watcher.sees(sender);
}
