/**
 * Disk in use around an outage: `npm run bench:disk`. The data folder of an empty gateway, with the
 * queue full, when the last message has arrived after the drain, and a while later.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import { sluice } from './peers/sluice.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000' },
    size: { type: 'string', default: '10000' },
  },
});
const messages = Number(values.messages);
const size = Number(values.size);
if (!(messages > 0 && messages <= 200_000 && size > 0 && size <= 50_000_000)) {
  console.error('usage: npm run bench:disk -- [--messages N] [--size BYTES]');
  process.exit(64);
}

const LONGEST_MS = 300_000;
const LOOKS_S = [0, 10, 20, 30, 60];
const MIB = 1024 * 1024;

const folder = makeFolder('disk');
const data = join(folder, 'data');
try {
  const destinationPort = await freePort();
  const port = await freePort();
  const running = await sluice.start({ folder, port, destinationPort, mode: 'queue' });
  try {
    await sleep(1000);
    const empty = bytesIn(data);
    const load = { sessions: 20, perConnection: 1, pipeline: false, unknown: 0 };
    const { done } = await runSourceProcess({
      ...{ ...load, port, count: messages, size, maxMs: LONGEST_MS },
    });
    const full = bytesIn(data);
    console.log(`${done} of ${size} bytes queued: ${mib(full - empty)} over empty`);
    const sink = await startSinkProcess(destinationPort);
    const deadline = performance.now() + LONGEST_MS;
    while ((await sink.counts()).messages < done && performance.now() < deadline) await sleep(50);
    let waited = 0;
    for (const seconds of LOOKS_S) {
      await sleep((seconds - waited) * 1000);
      waited = seconds;
      console.log(
        `${seconds} s after the last had arrived: ${mib(bytesIn(data) - empty)} over empty`,
      );
    }
    await sink.stop();
  } finally {
    await running.stop();
  }
} finally {
  removeFolder(folder);
}

/** Of all files below, as the disk counts them. */
function bytesIn(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + blocksOf(join(parentPath, name)), 0);
}

function blocksOf(file: string): number {
  try {
    return statSync(file).blocks * 512;
  } catch {
    return 0; // gone since
  }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
