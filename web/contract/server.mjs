/** Starts the real binary on ports of its own, and stops it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
/** A loaded machine takes a while to make a certificate and to bind. */
const STARTS_WITHIN_MS = 30_000;
const STOPS_WITHIN_MS = 15_000;

/** `$PLENUM_BIN`, else the development build. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? 'target';
  const path = process.env.PLENUM_BIN ?? resolve(isAbsolute(target) ? target : resolve(root, target), 'debug/plenum');
  if (!existsSync(path)) throw new Error(`there is no ${path}: run cargo build, or name the binary in PLENUM_BIN`);
  return path;
}

/** A running server: its origin, the process, and `stop`, which resolves to the exit code. */
export async function start(flags = []) {
  const args = ['--http-address=127.0.0.1:0', '--udp-port=0', '--tcp-port=0', '--shards=1', '--log-level=warn', ...flags];
  // The server takes every PLENUM_* variable for a setting.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PLENUM_')));
  const child = spawn(binary(), args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
    const code = await ended;
    clearTimeout(killer);
    return code;
  };
  try {
    return { origin: await address(child, ended), child, stop };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
}

function address(child, ended) {
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error('the server did not say where it is')), STARTS_WITHIN_MS);
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
      const origin = /is at (http:\/\/\S+)/.exec(said)?.[1];
      if (!origin) return;
      clearTimeout(timer);
      found(origin);
    });
    void ended.then((code) => {
      clearTimeout(timer);
      failed(new Error(`the server ended with ${code}`));
    });
  });
}
