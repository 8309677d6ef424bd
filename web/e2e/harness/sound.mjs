/** A sound card that leads nowhere: Firefox runs no audio graph, and so makes and hears no tone, without an output device. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.mjs';

/** The other of two sound cards: what programs call the microphone that it is. */
export const OTHER_MICROPHONE = 'Monitor of Other';

/** Starts a PulseAudio of our own with two null outputs, of which programs take the first; `variables` lead a program to it. */
export async function startSoundCard() {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-e2e-sound-'));
  const socket = join(folder, 'socket');
  const modules = [
    'module-null-sink rate=48000',
    'module-null-sink rate=48000 sink_name=other sink_properties=device.description=Other',
    `module-native-protocol-unix socket=${socket} auth-anonymous=1`,
  ];
  const settings = ['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--log-level=error'];
  const child = spawn('pulseaudio', [...settings, ...modules.flatMap((module) => ['-L', module])], {
    env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  let ended = false;
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  child.on('error', (error) => ([said, ended] = [`${error.message}: scripts/test-tools.sh installs it on Debian`, true]));
  const end = new Promise((done) => child.on('exit', () => done((ended = true))));
  await until('PulseAudio to start', () => {
    if (ended) throw new Error(`PulseAudio ended: ${said}`);
    return existsSync(socket);
  });
  return {
    variables: { PULSE_SERVER: `unix:${socket}` },
    async close() {
      child.kill('SIGKILL');
      await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
