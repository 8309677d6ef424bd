/** Proxies between a page and its server: one that refuses WebSockets, and one whose cable can be pulled. */
import { createServer, request } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';

/** Passes plain requests on and refuses every Upgrade, as some company proxies do. */
export async function startPollingProxy(server) {
  const refused = { count: 0 };
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request({ host: server.host, port: server.port, method, path: url, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode, reply.headers);
      reply.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  proxy.on('upgrade', (_request, socket) => {
    refused.count += 1;
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  const port = await listening(proxy);
  return {
    origin: `http://localhost:${port}`,
    refused: () => refused.count,
    close() {
      proxy.closeAllConnections();
      return new Promise((done) => proxy.close(done));
    },
  };
}

/** Passes bytes on until it is cut; then nothing gets through until it is mended. Media does not come this way. `host` is where it listens. */
export async function startCuttableProxy(server, host = '127.0.0.1') {
  const sockets = new Set();
  let whole = true;
  const proxy = createTcpServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(server.port, server.host);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const port = await listening(proxy, host);
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    origin: `http://${host === '127.0.0.1' ? 'localhost' : host}:${port}`,
    cut,
    mend() {
      whole = true;
    },
    close() {
      cut();
      return new Promise((done) => proxy.close(done));
    },
  };
}

function listening(proxy, host = '127.0.0.1') {
  return new Promise((done, fail) => {
    proxy.on('error', fail);
    proxy.listen(0, host, () => done(proxy.address().port));
  });
}
