/** `sluice tail` beside a gateway that is restarted. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

test('tail says that the gateway has ended, goes on with the next one, and Ctrl-C ends it', async (t) => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(destination.port) } });
  t.after(async () => {
    await gateway.remove();
    await destination.stop();
  });
  const args = [MAIN, '-c', gateway.configFile, 'tail', '--live'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const isTold = async (from: string) => {
    // It may not follow yet: what happened before is not told.
    await sendMail(gateway.port(), from, ['anna@example.org'], 'Subject: x\r\n\r\nx\r\n');
    return / SENT /.test(out) && out.includes(from);
  };
  await until('a line of the first gateway', () => isTold('first@b.example'));
  await gateway.stop();
  await until('the end to be told', () => /has ended; waiting/.test(err));
  await gateway.start();
  await until('the return to be told', () => /is back/.test(err));
  await until('a line of the second gateway', () => isTold('second@b.example'));
  assert.equal(child.exitCode, null);
  assert.equal(err.trim().split('\n').length, 2, err);

  await gateway.stop();
  await until('the end to be told again', () => err.trim().split('\n').length === 3);
  child.kill('SIGINT');
  await until('tail to end', () => child.signalCode === 'SIGINT');
});

test('tail without a gateway is an error at once', async () => {
  const gateway = await Gateway.make({ domains: { 'example.org': domainFile(1) } });
  try {
    const { code, stderr } = await gateway.cli('tail', '--live');
    assert.equal(code, 69);
    assert.match(stderr, /^sluice: no gateway is running/);
  } finally {
    await gateway.remove();
  }
});
