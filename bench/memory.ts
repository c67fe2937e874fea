/**
 * Memory: `npm run bench:memory`. What an idle connection costs (greeted, EHLO said, then silence),
 * and how far memory rises while 20 messages of 25 MiB come in at once, with the destination up and
 * with it down. Memory is that of the whole process tree; for our own gateway the JavaScript heap is
 * asked for too, after a collection.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { heapAfterCollection, inspectorOf } from './inspector.ts';
import type { Heap } from './inspector.ts';
import { haraka } from './peers/haraka.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import type { Peer, Scene } from './peers/peer.ts';
import { postfix } from './peers/postfix.ts';
import { sluice } from './peers/sluice.ts';
import { memoryKiB } from './process-tree.ts';

const SETTLE_MS = 1500;
const LOOK_MS = 50;
const OPEN_AT_ONCE = 50;
const EHLO_MS = 30_000;
const LARGE = { sessions: 20, size: 25 * 1024 * 1024, maxMs: 120_000 };
/** One small message each warms the paths up, so that idle memory is that of a server at work. */
const WARM_UP = { sessions: 20, size: 10_240, count: 500, maxMs: 5000 };

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: 'sluice,postfix,haraka' },
    idle: { type: 'string', default: '1000' },
    large: { type: 'string', default: '20' },
  },
});
const idle = Number(values.idle);
const large = Number(values.large);
if (!(idle >= 0 && idle <= 20_000 && large >= 0 && large <= 1000)) {
  console.error(
    'usage: npm run bench:memory -- [--peers sluice,...] [--idle 0-20000] [--large 0-1000]',
  );
  process.exit(64);
}
for (const peer of [sluice, postfix, haraka]) {
  if (!values.peers.split(',').includes(peer.name)) continue;
  const why = peer.missing();
  if (why !== undefined) {
    console.log(`${peer.name} is left out: ${why}`);
    continue;
  }
  // More sessions than Postfix has processes would measure its backlog.
  if (idle > 0)
    await attempt(() => idleConnections(peer, Math.min(idle, peer === postfix ? 1000 : idle)));
  if (large > 0) await attempt(() => largeMessages(peer, 'relay'));
  if (large > 0) await attempt(() => largeMessages(peer, 'queue'));
}

async function attempt(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Started extends Scene {
  readonly pid: number;
  readonly heap: () => Promise<Heap | undefined>;
}

async function withPeer(
  peer: Peer,
  mode: Scene['mode'],
  body: (started: Started) => Promise<void>,
): Promise<void> {
  const folder = makeFolder(peer.name);
  const sink = mode === 'relay' ? await startSinkProcess() : undefined;
  const destinationPort = sink?.port ?? (await freePort());
  const scene = { folder, port: await freePort(), destinationPort, mode };
  const isOurs = peer === sluice;
  try {
    const running = isOurs
      ? await sluice.start({ ...scene, nodeOptions: '--inspect=127.0.0.1:0' })
      : await peer.start(scene);
    try {
      await runSourceProcess({ ...steady(scene.port), ...WARM_UP });
      const heap = async () => (isOurs ? heapAfterCollection(inspectorOf(folder)) : undefined);
      await sleep(SETTLE_MS);
      await body({ ...scene, pid: running.pid, heap });
    } finally {
      await running.stop();
    }
  } finally {
    await sink?.stop();
    removeFolder(folder);
  }
}

function steady(port: number) {
  return { port, perConnection: 1, pipeline: false, unknown: 0 };
}

function idleConnections(peer: Peer, count: number): Promise<void> {
  return withPeer(peer, 'relay', async ({ port, pid, heap }) => {
    const heapBefore = await heap();
    const before = memoryKiB(pid);
    const sockets: Socket[] = [];
    try {
      while (sockets.length < count) {
        const some = Math.min(OPEN_AT_ONCE, count - sockets.length);
        sockets.push(...(await Promise.all(Array.from({ length: some }, () => idleSession(port)))));
      }
      await sleep(SETTLE_MS);
      const heapAfter = await heap();
      const after = memoryKiB(pid);
      const lost = sockets.filter((socket) => socket.readyState !== 'open').length;
      if (lost > 0) throw new Error(`${peer.name}: ${lost} of ${count} connections did not last`);
      const each = (kib: number) => `${(kib / count).toFixed(1)} KiB`;
      let text = `${peer.name}: ${count} idle connections, ${each(after - before)} of memory each`;
      if (heapBefore !== undefined && heapAfter !== undefined) {
        text += `, ${each(heapAfter.usedKiB - heapBefore.usedKiB)} of heap`;
        text += ` and ${each(heapAfter.outsideKiB - heapBefore.outsideKiB)} of buffers`;
      }
      console.log(text);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
}

/** Resolves once the reply to EHLO is there; the connection stays open. */
function idleSession(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let text = '';
    const late = setTimeout(() => fail('no reply to EHLO'), EHLO_MS);
    const fail = (why: string) => {
      clearTimeout(late);
      socket.destroy();
      reject(new Error(why));
    };
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('closed by the server'));
    socket.on('data', (chunk) => {
      const before = text;
      text = (text + chunk.toString('latin1')).slice(-4096);
      if (before === '') socket.write('EHLO idle.test\r\n');
      if (!/^250 /m.test(text)) return;
      clearTimeout(late);
      resolve(socket);
    });
  });
}

function largeMessages(peer: Peer, mode: Scene['mode']): Promise<void> {
  return withPeer(peer, mode, async ({ port, pid }) => {
    const idleKiB = memoryKiB(pid);
    let peak = idleKiB;
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        peak = Math.max(peak, memoryKiB(pid));
        await sleep(LOOK_MS);
      }
    };
    const load = { ...steady(port), ...LARGE, count: large };
    const sending = runSourceProcess(load).finally(() => {
      isOver = true;
    });
    const [result] = await Promise.all([sending, watch()]);
    const mib = (kib: number) => `${(kib / 1024).toFixed(0)} MiB`;
    const where = mode === 'relay' ? 'up' : 'down';
    console.log(
      `${peer.name}: ${result.done} messages of 25 MiB, ${LARGE.sessions} at once, destination ${where}: ` +
        `${mib(peak - idleKiB)} above idle (${mib(idleKiB)}), ${result.errors} errors, ` +
        `${((result.endedAt - result.startedAt) / 1000).toFixed(1)} s`,
    );
    for (const sample of result.samples) console.log(`    ${sample}`);
  });
}
