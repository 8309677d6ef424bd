/**
 * A network namespace for one run: Firefox never pairs a LAN candidate with 127.0.0.1, so the browsers need an address
 * of their own, and no packet of a test leaves the machine. It ends with its last process; nothing is left to tear down.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Told to the process inside, so that it does not enter another. */
const INSIDE = 'PLENUM_E2E_NETWORK';
/** What stands for the network between browsers and server. Its name is none that Plenum takes for a container's. */
const INTERFACE = 'e2e0';
/** The kinds of interface that carry an address, the plainest first; kernels are built with some of them. */
const KINDS = [['dummy'], ['ifb'], ['veth', 'peer', 'name', 'e2e1']];

/** Where the server is: an address of the loopback interface, where browsers gather no candidates. */
export const SERVER_ADDRESS = '10.77.0.1';
/** Where the browsers are. */
export const BROWSER_ADDRESS = '10.78.0.1';
const PREFIX = 24;

/** True inside the namespace. */
export function ownNetwork() {
  return process.env[INSIDE] === 'own';
}

/**
 * Runs `script` again inside a new namespace and takes over its exit code; true for the process that is to run the
 * tests. Where namespaces are not permitted that is this process, with Chromium alone; never in CI.
 */
export async function enterOwnNetwork(script) {
  if (process.env[INSIDE]) {
    if (ownNetwork()) setUp();
    // The first process of a namespace is spared all signals that it does not ask for.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
    return true;
  }
  const unshare = waysIn().find((way) => spawnSync('unshare', [...way, 'sh', '-c', PROBE]).status === 0);
  if (!unshare) {
    const why = 'no network namespace of our own (it takes unshare and ip, and root or user namespaces)';
    if (process.env.CI && process.env.CI !== 'false') {
      console.error(`plenum e2e: ${why}: refusing to test without Firefox in CI`);
      process.exit(1);
    }
    console.error(`\n!!! plenum e2e: ${why}.\n!!! FIREFOX IS NOT TESTED. Chromium plays its part.\n`);
  }
  // A browser that did not end must not keep a finished run alive.
  const node = [process.execPath, '--test-reporter=spec', '--test-force-exit', script, ...process.argv.slice(2)];
  const [command, ...args] = unshare ? ['unshare', ...unshare, ...node] : node;
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: unshare ? 'own' : 'none' } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill('SIGKILL'));
  process.exitCode = await new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
  return false;
}

/** The browsers' machine moves to another network: the old address goes, a new one comes. Returns the new one. */
export function changeBrowserAddress(from = BROWSER_ADDRESS) {
  const to = from.replace(/\d+$/, (last) => String(Number(last) + 1));
  ip('address', 'add', `${to}/${PREFIX}`, 'dev', INTERFACE);
  ip('address', 'delete', `${from}/${PREFIX}`, 'dev', INTERFACE);
  ip('route', 'replace', 'default', 'dev', INTERFACE);
  return to;
}

/** Back to how the run began. */
export function restoreBrowserAddress() {
  ip('address', 'flush', 'dev', INTERFACE);
  ip('address', 'add', `${BROWSER_ADDRESS}/${PREFIX}`, 'dev', INTERFACE);
  ip('route', 'replace', 'default', 'dev', INTERFACE);
}

/** Where the server and the publishers are for {@link makeFarNetwork}; the near end is the test's own. */
const FAR_ADDRESS = '10.79.0.1';
const NEAR_ADDRESS = '10.79.0.2';
const FAR = 'far0';

/**
 * A second namespace at the other end of a cable. What the tests start in it reaches the browsers beside the tests through
 * that cable alone, whose way down can be narrowed. It ends with {@link end}, or with the run.
 */
export async function makeFarNetwork() {
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  // What `cat` returns, it returns from inside.
  holder.stdin.write('there\n');
  await once(holder.stdout, 'data');
  const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`];
  const inside = (...args) => run(...enter, ...args);
  ip('link', 'add', FAR, 'type', 'veth', 'peer', 'name', 'near0', 'netns', String(holder.pid));
  ip('address', 'add', `${NEAR_ADDRESS}/${PREFIX}`, 'dev', FAR);
  ip('link', 'set', FAR, 'up');
  inside('ip', 'link', 'set', 'lo', 'up');
  inside('ip', 'address', 'add', `${FAR_ADDRESS}/${PREFIX}`, 'dev', 'near0');
  inside('ip', 'link', 'set', 'near0', 'up');
  inside('ip', 'route', 'add', 'default', 'via', NEAR_ADDRESS);
  return {
    address: FAR_ADDRESS,
    /** What goes in front of a command that is to run there. */
    enter,
    /** Narrows the way from there to here, e.g. to `1mbit`: what comes faster than `burst` allows waits up to 200 ms, and the rest is lost. */
    narrow: (rate, burst = '16kb') => inside('tc', 'qdisc', 'replace', 'dev', 'near0', 'root', 'tbf', 'rate', rate, 'burst', burst, 'latency', '200ms'),
    widen: () => inside('tc', 'qdisc', 'delete', 'dev', 'near0', 'root'),
    async end() {
      // The cable goes with the namespace, and that with its last process.
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
      spawnSync('ip', ['link', 'delete', FAR]);
    },
  };
}

const PROBE = KINDS.map((kind) => `ip link add ${INTERFACE} type ${kind.join(' ')}`).join(' || ');

/**
 * Root makes a namespace at once; others need a user namespace around it. Where processes may have one too, no browser
 * outlives the run, however it ends.
 */
function waysIn() {
  const processes = ['--pid', '--fork', '--kill-child', '--mount-proc'];
  const ways = [['--net', ...processes], ['--net']];
  return [...ways, ...ways.map((way) => ['--map-root-user', ...way])];
}

function setUp() {
  ip('link', 'set', 'lo', 'up');
  ip('address', 'add', `${SERVER_ADDRESS}/32`, 'dev', 'lo');
  const made = KINDS.find((kind) => spawnSync('ip', ['link', 'add', INTERFACE, 'type', ...kind]).status === 0);
  if (!made) throw new Error('this kernel makes no interface that could carry an address');
  ip('link', 'set', INTERFACE, 'up');
  if (made[0] === 'veth') ip('link', 'set', 'e2e1', 'up');
  ip('address', 'add', `${BROWSER_ADDRESS}/${PREFIX}`, 'dev', INTERFACE);
  // Browsers ask which address leads to the world; packets that go there end in the interface.
  ip('route', 'add', 'default', 'dev', INTERFACE);
}

function ip(...args) {
  run('ip', ...args);
}

function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr ?? error}`);
}
