/** Somebody hears when a customer's server is down and when it is back, by every way there is. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: one\r\n\r\nbody\r\n';

test('down and back: by log, web hook and mail that goes another way; and a test of them', async () => {
  const customer = await new Destination().start();
  const operators = await new Destination().start();
  await customer.stop();
  const heard: { alert: string; state: string; subject: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push(JSON.parse(body) as (typeof heard)[number]);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP
  const gateway = await Gateway.run({
    node: [
      'queue: { probe: 1s }',
      'alerts:',
      '  after: 0s',
      '  free_space: null',
      `  webhook: http://127.0.0.1:${port}/`,
      '  mail: oncall@ops.test',
      '  command: [/bin/false]',
    ].join('\n'),
    domains: {
      'example.org': domainFile(customer.port),
      'ops.test': domainFile(operators.port, {}, 'ops.test'),
    },
  });
  try {
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
    const raised = await gateway.event('alert.raise', () => true);
    assert.equal(raised['alert'], 'destination_down');
    await until('the hook to hear of it', () => heard.some(({ state }) => state === 'raised'));
    const subject = `127.0.0.1:${customer.port}`;
    assert.deepEqual(
      [heard[0]?.alert, heard[0]?.subject],
      ['destination_down', subject],
      JSON.stringify(heard),
    );
    await until('the mail', () => operators.arrived.length === 1);
    const text = operators.arrived[0]?.content.toString() ?? '';
    assert.match(text, /^Subject: \[mx\.sluice\.test\] raised: destination_down/m);
    assert.equal(operators.arrived[0]?.from, '', 'from the null reverse-path');
    const list = await gateway.cli('alert', 'list');
    assert.match(list.stdout, new RegExp(`destination_down +${subject}`));
    await customer.start();
    await until('the end of it', () => heard.some(({ state }) => state === 'cleared'));
    const tested = await gateway.cli('alert', 'test');
    assert.deepEqual(
      [tested.code, tested.stdout],
      [2, 'log      taken\nwebhook  taken\ncommand  ended with 1\nmail     taken\n'],
    );
    assert.equal(heard.at(-1)?.state, 'test');
  } finally {
    await gateway.remove();
    await customer.stop();
    await operators.stop();
    server.closeAllConnections();
    server.close();
  }
});

test('the queue speaks to monitoring, and shows its shape', async () => {
  const customer = await new Destination().start();
  await customer.stop();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(customer.port) } });
  try {
    const well = await gateway.cli('queue', 'health');
    assert.equal(
      well.stdout,
      'OK queue 0 oldest 0s | messages=0;50;500 oldest=0s;1800;14400 held=0\n',
    );
    assert.equal((await gateway.cli('queue', 'shape')).code, 1);
    for (let n = 0; n < 3; n++)
      await sendMail(gateway.port(), `x${n}@b.example`, ['anna@example.org'], MAIL);
    const warned = await gateway.cli('queue', 'health', '--warn', '3:1h', '--crit', '9:2h');
    assert.equal(warned.code, 1);
    assert.match(warned.stdout, /^WARNING queue 3 oldest \d+s \| messages=3;3;9 /);
    assert.equal((await gateway.cli('queue', 'health', '--crit', '3:2h')).code, 2);
    const shape = await gateway.cli('queue', 'shape', '--by', 'from');
    assert.match(
      shape.stdout,
      /^WHAT +T +5 +10 .* 1280\+\nTOTAL +3 +3 +0 .*\n@b\.example +3 +3 +0 /,
    );
    assert.deepEqual(await gateway.cli('queue', 'shape', '-s'), shape, 'as qshape -s');
    await gateway.stop();
    const gone = await gateway.cli('queue', 'health');
    assert.deepEqual([gone.code, gone.stdout.startsWith('UNKNOWN ')], [3, true]);
  } finally {
    await gateway.remove();
  }
});
