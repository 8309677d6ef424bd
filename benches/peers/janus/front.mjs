// WHIP and WHEP before a Janus, as `plenum load --protocol whip,whep` speaks them:
//
//     node front.mjs ADDRESS PORT [ws://127.0.0.1:8188]
//
// Publishers come into a room of the VideoRoom plugin. What they send is forwarded, once, to a mountpoint of the Streaming
// plugin, which sends it to all players: only there may a player offer.
import { createServer } from 'node:http'

import Janode from 'janode'
import Streaming from 'janode/plugins/streaming'
import VideoRoom from 'janode/plugins/videoroom'

const [address = '127.0.0.1', port = '4800', janus = 'ws://127.0.0.1:8188'] = process.argv.slice(2)

/** Milliseconds between two requests for key frames, for those that came meanwhile: as often as Plenum asks. */
const KEY_FRAMES = 1000

Janode.Logger.setLevel('error')
const connection = await Janode.connect({ is_admin: false, address: { url: janus } })
const session = await connection.create()
const videoRoom = await session.attach(VideoRoom)
const streaming = await session.attach(Streaming)

/** Rooms by name: a promise of their number and of the ports of their mountpoint. */
const rooms = new Map()
/** What a session's address ends. */
const sessions = new Map()
let sessionCount = 0

function room(name) {
  if (!rooms.has(name)) rooms.set(name, open(rooms.size + 1))
  return rooms.get(name)
}

async function open(number) {
  const [id, audio, video] = [10_000 + number, 20_000 + 4 * number, 20_002 + 4 * number]
  await videoRoom.create({ room: id, publishers: 100, videocodec: 'vp8', audiocodec: 'opus', fir_freq: 0 })
  await streaming.createRtpMountpoint({
    id,
    media: [
      { type: 'audio', mid: '0', pt: 111, codec: 'opus', port: audio },
      { type: 'video', mid: '1', pt: 96, codec: 'vp8', port: video },
    ],
  })
  return { id, audio, video, publishers: new Set(), waiting: false }
}

setInterval(async () => {
  for (const room of await Promise.all(rooms.values())) {
    if (!room.waiting) continue
    room.waiting = false
    // A publisher that left meanwhile has no key frame for anybody.
    for (const publisher of room.publishers) publisher.configure({ keyframe: true }).catch(() => {})
  }
}, KEY_FRAMES)

async function publish(name, sdp) {
  const { id, audio, video, publishers } = await room(name)
  const handle = await session.attach(VideoRoom)
  const { feed, jsep } = await handle.joinConfigurePublisher({ room: id, jsep: { type: 'offer', sdp } })
  const streams = [
    { mid: '0', port: audio },
    { mid: '1', port: video },
  ]
  await videoRoom.startForward({ room: id, feed, host: '127.0.0.1', streams })
  publishers.add(handle)
  return { handle, sdp: jsep.sdp, end: () => publishers.delete(handle) }
}

async function play(name, sdp) {
  const opened = await room(name)
  const handle = await session.attach(Streaming)
  const { jsep } = await handle.watch({ id: opened.id, jsep: { type: 'offer', sdp } })
  opened.waiting = true
  return { handle, sdp: jsep.sdp, end: () => {} }
}

async function answer(method, path, body) {
  if (method === 'GET') return [200]
  if (method === 'DELETE') {
    const ended = sessions.get(path)
    sessions.delete(path)
    ended?.end()
    await ended?.handle.detach()
    return [ended ? 200 : 404]
  }
  const [, kind, name] = path.split('/')
  const enter = { whip: publish, whep: play }[kind]
  if (method !== 'POST' || !enter || !name) return [404]
  // The tester begins the handshake, whatever its offer leaves open.
  const entered = await enter(name, body.replaceAll('a=setup:actpass', 'a=setup:active'))
  const location = `/sessions/${++sessionCount}`
  sessions.set(location, entered)
  return [201, { location, 'content-type': 'application/sdp' }, entered.sdp]
}

const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const { pathname } = new URL(request.url, 'http://front')
  const [status, headers, text] = await answer(request.method, pathname, body).catch((error) => [502, {}, String(error)])
  response.writeHead(status, headers).end(text)
})
server.listen(Number(port), address)
