/** A Plenum of its own for a test: the development build, on free ports, ended by the process that was started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SERVER_ADDRESS, ownNetwork } from './network.mjs';

const START_WITHIN_MS = 20_000;
/** A drain takes 0.3 s and what an open request still needs. */
const END_WITHIN_MS = 5_000;

/** `$PLENUM_BIN`, or what `cargo build` made. */
export function serverBinary() {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../../target');
  const binary = resolve(process.env.PLENUM_BIN ?? join(target, 'debug/plenum'));
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run \`cargo build\`, or name a binary by PLENUM_BIN`);
  return binary;
}

/** `far` is what `makeFarNetwork` made: the server runs there, and its page comes over the cable, as from `localhost`. */
export async function startServer(flags = [], far = undefined) {
  // No configuration file of the working directory, no certificate of the user.
  const folder = mkdtempSync(join(tmpdir(), 'plenum-e2e-'));
  const place = far?.address ?? (ownNetwork() ? SERVER_ADDRESS : undefined);
  const announced = place && !flags.includes('--announced-addresses') ? ['--announced-addresses', place] : [];
  const args = ['--http-address', `${far ? '0.0.0.0' : '127.0.0.1'}:0`, '--udp-port', '0', '--tcp-port', '0', '--state-dir', folder, ...announced, ...flags];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PLENUM_')));
  const [command, ...before] = [...(far?.enter ?? []), serverBinary()];
  const child = spawn(command, [...before, ...args], { cwd: folder, env });
  const log = [];
  child.stderr.setEncoding('utf8').on('data', (text) => log.push(text));
  const ended = new Promise((done) => child.on('exit', (code, signal) => done(code ?? signal)));
  const address = await greeting(child, ended, log);
  const relay = far && (await relayTo(far.address, Number(address.port)));
  return {
    host: far ? '127.0.0.1' : address.hostname,
    port: Number(address.port),
    pid: child.pid,
    /** As browsers see it: a secure context, although it is plain http. */
    origin: `http://localhost:${address.port}`,
    log: () => log.join(''),
    /** Settles with the exit code. */
    async end() {
      relay?.close();
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
      const code = await ended;
      clearTimeout(hard);
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}

/** The same port of our own loopback interface: browsers take a page for a secure context from there alone. */
async function relayTo(host, port) {
  const relay = createServer((near) => {
    const far = connect(port, host);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
  });
  relay.listen(port, '127.0.0.1');
  await once(relay, 'listening');
  return relay;
}

/** The address in the line that the server greets with. */
function greeting(child, ended, log) {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the server did not greet:\n${log.join('')}`)), START_WITHIN_MS);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more) => {
      text += more;
      const found = / is at (http:\S+)/.exec(text);
      if (!found) return;
      clearTimeout(timer);
      done(new URL(found[1]));
    });
    void ended.then((code) => {
      clearTimeout(timer);
      fail(new Error(`the server ended with ${code}:\n${log.join('')}`));
    });
    child.on('error', fail);
  });
}
