/** A stand-in for Plenum's signalling, for looking at the page without a media server: it answers, it forwards nothing. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { Server } from 'socket.io';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** Serves `dist` and plays a room with `others` in it. Returns the origin and a function that
 * closes it. `refusal` is the code with which every join is refused; `polling` refuses websockets.
 */
export async function startFakeServer({ dist, others = [], rooms = [], secureUrl, refusal, polling = false }) {
  const http = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (path === '/api/info') return response.end(JSON.stringify({ secureUrl }));
    const file = join(dist, path);
    const found = existsSync(file) && statSync(file).isFile() ? file : join(dist, 'index.html');
    response.setHeader('content-type', types[extname(found)] ?? 'application/octet-stream');
    createReadStream(found).pipe(response);
  });
  const io = new Server(http, polling ? { transports: ['polling'] } : {});
  io.on('connection', (socket) => {
    const ok = (body) => ({ ok: true, ...body });
    let room;
    socket.on('lobby', (_body, reply) => reply(ok({ rooms })));
    socket.on('join', (body, reply) => {
      if (refusal) {
        reply({ ok: false, error: { code: refusal, message: '' } });
        if (refusal === 'waiting') socket.emit('waiting', { state: 'waiting', host: true, ahead: 1 });
        return;
      }
      const member = (id, name, extra = {}) => ({
        id,
        name,
        presence: 'here',
        role: 'member',
        hand: false,
        joinedAt: Date.now(),
        camera: { id: 0, audio: true, video: true },
        screen: { id: 0, audio: false, video: false },
        ...extra,
      });
      const all = [member('me', body.name, { role: 'host' }), ...others.map((other, index) => member(`m${index}`, other.name, other))];
      all.forEach((one, index) => {
        one.camera = { ...one.camera, id: 10 + index * 2 };
        one.screen = { ...one.screen, id: 11 + index * 2 };
      });
      const rules = { microphone: true, camera: true, screen: true, screenAudio: true, chat: true };
      const facts = { listed: false, locked: false, password: false, waitingRoom: false, rules };
      room = { id: body.room, revision: 1, ...facts, members: all };
      const publish = ['microphone', 'camera', 'screen', 'screenAudio'];
      const may = { subscribe: true, chat: true, data: true, rename: true, moderate: true, record: false };
      const permissions = { role: 'host', publish, ...may };
      const limits = { messageBytes: 524288, chatChars: 2000, seats: 49, members: 100 };
      reply(ok({ member: 'me', resume: 'secret', resumed: false, room, permissions, chat: [], limits }));
    });
    const changeMe = (change) => {
      const me = room?.members[0];
      if (!me) return;
      change(me);
      room.revision += 1;
      socket.emit('room', { since: room.revision - 1, revision: room.revision, changes: [{ kind: 'changed', member: me }] });
    };
    socket.on('media', (body, reply) => {
      reply(ok());
      changeMe((me) => {
        me.camera = { ...me.camera, audio: body.microphone, video: body.camera };
        me.screen = { ...me.screen, audio: body.screenAudio, video: body.screen };
      });
    });
    socket.on('hand', ({ raised }, reply) => {
      reply(ok());
      changeMe((me) => (me.hand = raised));
    });
    socket.on('chat', (body, reply) => reply(ok({ id: Math.floor(Math.random() * 1e9), at: Date.now() })));
    socket.on('offer', (_body, _reply) => undefined);
    socket.onAny((event, ...args) => {
      const reply = args[args.length - 1];
      if (['wishes', 'rename', 'leave', 'react', 'mute', 'settings', 'role', 'admit', 'deny', 'remove', 'allow'].includes(event) && typeof reply === 'function') reply(ok());
    });
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    port: http.address().port,
    origin: `http://localhost:${http.address().port}`,
    io,
    close: () => new Promise((resolve) => io.close(resolve)),
  };
}
