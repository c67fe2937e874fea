/** The log holds nothing that a terminal would obey, and mail goes on when it cannot be written. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { createLog, logDestination } from '../../src/base/log.ts';
import { LogLevels } from '../../src/base/log-levels.ts';

const LOG = join(import.meta.dirname, '..', '..', 'src', 'base', 'log.ts');

test('control characters of every kind are escaped, and come back when the line is parsed', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = createLog({
    ...{ host: 'mx.test', destination, clock: systemClock },
    levels: new LogLevels(systemClock, 'info'),
  });
  const text = '\x1b[31m \x9b31m \x7f \x85 \u2028 \u202e \u2066 "\n\r\0 caf\u00e9';
  log.emit('rcpt.defer', { text, msg: text });
  const [line = ''] = lines;
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  assert.match(line, /^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\u2066]*\n$/);
  const parsed = JSON.parse(line) as { text: string; msg: string }; // our own line
  assert.deepEqual([parsed.text, parsed.msg], [text, text]);
});

test('ip stands behind evt, what is not there is left out, values of others are cut', () => {
  const lines: string[] = [];
  const log = createLog({
    ...{ host: 'mx.test', destination: { write: (line: string) => lines.push(line) } },
    ...{ clock: systemClock, levels: new LogLevels(systemClock, 'info') },
  });
  const long = 'x'.repeat(300);
  log.emit('smtp.lost', { sid: 'S', why: undefined, ip: '192.0.2.1' });
  log.emit('smtp.lost', { ip: '192.0.2.1', sid: 'S', why: long });
  log.emit('smtp.lost', { sid: 'S', msg: long });
  const told = lines.map((line) => line.replace(/^.*"evt":"smtp.lost",/, ''));
  assert.deepEqual(told, [
    '"ip":"192.0.2.1","sid":"S"}\n',
    `"ip":"192.0.2.1","sid":"S","why":"${'x'.repeat(256)}"}\n`,
    `"sid":"S","msg":"${long}"}\n`,
  ]);
  for (const line of lines) {
    assert.match(line, /^\{"level":"info","time":"[^"]+","host":"mx\.test","evt":"smtp\.lost","/);
  }
});

test('a line is in the file when its turn is over, and in the new file when the old one was moved away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-log-'));
  try {
    const path = join(folder, 'deep', 'sluice.log');
    const destination = logDestination(path);
    destination.write('one\n');
    await turn();
    assert.equal(await readFile(path, 'utf8'), 'one\n');
    destination.write('last\n');
    await rename(path, `${path}.1`);
    destination.reopen?.();
    destination.write('two\n');
    await turn();
    assert.equal(await readFile(path, 'utf8'), 'two\n');
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'one\nlast\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Writes log lines in a process of its own; returns what it said on standard error. */
function writer(script: string, stdout: 'ignore' | 'pipe' = 'ignore', before = ''): string {
  const code = `import { logDestination } from ${JSON.stringify(LOG)};\n${script}`;
  const node = `'${process.execPath}' --input-type=module -e "$CODE"`;
  const { stderr, status } = spawnSync('sh', ['-c', before.replace('NODE', node) || node], {
    env: { ...process.env, CODE: code },
    stdio: ['ignore', stdout, 'pipe'],
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(status, 0, stderr);
  return stderr;
}

test('lines said right before the process exits are written, in their order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-log-'));
  try {
    const path = join(folder, 'sluice.log');
    writer(`const log = logDestination(${JSON.stringify(path)});
      for (let i = 0; i < 10_000; i++) log.write(i + '\\n');
      process.exit(0);`);
    const expected = Array.from({ length: 10_000 }, (_, i) => `${i}\n`).join('');
    assert.equal(await readFile(path, 'utf8'), expected);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a full disk loses lines, not the process', { skip: !existsSync('/dev/full') }, () => {
  const said = writer(`const log = logDestination('/dev/full');
    for (let i = 0; i < 100; i++) log.write('line\\n');`);
  assert.match(said, /^sluice: cannot write the log, lines are lost: ENOSPC[^\n]*\n$/);
});

test('a reader that is gone loses lines, not the process', () => {
  const said = writer(
    `const log = logDestination(null);
    for (let i = 0; i < 100_000; i++) log.write('a line of the log\\n');`,
    'pipe',
    'NODE | head -1 >/dev/null',
  );
  assert.match(said, /^sluice: cannot write the log, lines are lost: EPIPE[^\n]*\n$/);
});

test('a reader that stands still is not waited for again and again; later lines are whole', () => {
  const said = writer(
    `process.stdout.isTTY; // makes the pipe one that does not block
    const log = logDestination(null);
    const startedAt = Date.now();
    for (let i = 0; i < 50_000; i++) log.write('a line of the log\\n');
    if (Date.now() - startedAt > 7500) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 8000));
    for (let i = 0; i < 100; i++) log.write('a line of the log\\n');`,
    'pipe',
    `NODE | { sleep 8; grep -vx 'a line of the log'; true; } >&2`,
  );
  assert.match(
    said,
    /^sluice: cannot write the log, lines are lost: EAGAIN[^\n]*\nsluice: the log can be written again, \d+ lines were lost\n$/,
  );
});
