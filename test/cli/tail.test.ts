/** `sluice tail` on a log: what of it is shown. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { tempFolder } from '../support/temp-folder.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const time = '2026-06-02T06:42:41.131Z';
const refused = { evt: 'smtp.reject.rcpt', code: 550, enh: '5.1.1', why: 'unknown_rcpt' };
const LOG = [
  { level: 'debug', evt: 'smtp.open', ip: '192.0.2.1', sid: 'A' },
  { level: 'debug', evt: 'smtp.open', ip: '192.0.2.2', sid: 'B' },
  { level: 'debug', evt: 'scan.result', sid: 'A', id: 'A.1', engine: 'clamav' },
  { level: 'debug', evt: 'scan.result', sid: 'B', id: 'B.1', engine: 'clamav' },
  { level: 'info', ...refused, ip: '192.0.2.1', sid: 'A', to: 'x@example.org', from: 'a@b.test' },
  {
    level: 'info',
    evt: 'msg.in',
    ip: '192.0.2.1',
    sid: 'A',
    id: 'A.2',
    res: 'tempfail',
    code: 451,
  },
];

function tail(t: TestContext, ...args: string[]) {
  const file = join(tempFolder(t), 'log');
  writeFileSync(file, LOG.map((event) => `${JSON.stringify({ time, ...event })}\n`).join(''));
  const input = openSync(file, 'r');
  const stdio = [input, 'pipe', 'pipe'] as const;
  const { stdout, status } = spawnSync(process.execPath, [MAIN, 'tail', ...args], {
    stdio: [...stdio],
    encoding: 'utf8',
  });
  closeSync(input);
  return { lines: stdout.split('\n').filter((line) => line !== ''), status };
}

test('the events of a client are those of his sessions, whether they name him or not', (t) => {
  const { lines } = tail(t, '--json', '--ip', '192.0.2.1');
  const shown = lines.map((line) => JSON.parse(line) as { evt: string; sid: string }); // our own
  assert.deepEqual(
    shown.map(({ evt, sid }) => `${evt} ${sid}`),
    ['smtp.open A', 'scan.result A', 'smtp.reject.rcpt A', 'msg.in A'],
  );
});

test('only what became of mail as it is asked for', (t) => {
  const { lines } = tail(t, '--result', 'reject');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', / REJECT .* x@example\.org /);
  assert.equal(tail(t, '--result', 'reject', '--json').status, 64);
  assert.equal(tail(t, '--result', 'perhaps').status, 64);
});
