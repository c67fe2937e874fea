/** Filters before the 250: real scanners say no in the session; a broken one never lets mail by. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EICAR, GTUBE } from '../../src/mail/test-patterns.ts';
import { CORPUS, corpusFiles, hasCorpus } from '../support/corpus.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import type { Behaviour } from '../support/fake-service.ts';
import { FakeService } from '../support/fake-service.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { missingScanners, startRealScanners } from '../support/real-scanners.ts';
import { sendMail } from '../support/smtp-talk.ts';

const HAM = 'Subject: lunch\r\nFrom: a@b.example\r\n\r\nAt noon?\r\n';
const withBody = (body: string) => `Subject: x\r\nFrom: a@b.example\r\n\r\n${body}\r\n`;

/** A mail that carries a file, as base64. */
function withFile(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
  return (
    'Subject: file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name="x.bin"\r\n' +
    `Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="x.bin"\r\n\r\n${lines}\r\n`
  );
}

test('real clamd and spamd: virus and spam are refused, ham passes with its fields on top', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined || !hasCorpus()) {
    missing(t, lacks ?? 'the mail corpus in ../shared/corpus');
    return;
  }
  const signatures = join(CORPUS, 'clamav-signatures', 'db');
  const scanners = await startRealScanners(signatures);
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    plugins: `[{ clamav: { address: "${scanners.clamav}" } }, { spamassassin: { address: "${scanners.spamassassin}" } }]`,
    domains: {
      'example.org': domainFile(destination.port),
      'quarantine.test': domainFile(destination.port, { virus: 'quarantine' }, 'quarantine.test'),
      'plain.test': domainFile(destination.port, { services: '[relay, fallback]' }, 'plain.test'),
    },
  });
  try {
    const send = (content: string, to = 'anna@example.org') =>
      sendMail(gateway.port(), 'a@b.example', [to], content);
    assert.match(await send(HAM), /^250 .* delivered/);
    const text = destination.arrived[0]?.content.toString('latin1') ?? '';
    assert.match(text, /^X-Virus-Status: Clean\r\n/m);
    assert.match(text, /^X-Spam-Score: -?\d+\.\d\r\n/m);
    assert.ok(text.endsWith(HAM));
    assert.match(await send(withBody(EICAR)), /^554 5\.7\.1 .*\(virus\)$/);
    assert.match(await send(withBody(GTUBE)), /^550 5\.7\.1 .*\(spam\)$/);
    for (const file of corpusFiles('clamav-testfiles-GPL2', /^clam\./)) {
      const reply = await send(withFile(readFileSync(join(CORPUS, file))));
      assert.match(reply, /^554 5\.7\.1 .*\(virus\)$/, file);
    }
    assert.equal(destination.arrived.length, 1, 'nothing refused was delivered');
    assert.equal(gateway.events('dsn.out').length, 0, 'nothing refused made a bounce');

    assert.match(await send(withBody(EICAR), 'x@quarantine.test'), /^250 .* queued/);
    const kept = await gateway.event('quar.add');
    assert.deepEqual([kept['dest'], kept['why']], ['quarantine.test', 'virus']);
    assert.match(
      await send(withBody(GTUBE), 'x@plain.test'),
      /^250 .* delivered/,
      'a domain without filters',
    );
    const refusals = gateway.events('msg.in').filter((line) => line['res'] === 'reject');
    assert.ok(refusals.some((line) => line['why'] === 'virus' && String(line['virus']).length > 0));
    assert.ok(refusals.some((line) => line['why'] === 'spam' && Number(line['score']) > 900));
  } finally {
    await gateway.remove();
    await scanners.stop();
    await destination.stop();
  }
});

const FAULTS: Record<string, Behaviour> = {
  hangs: () => undefined,
  'dies at once': (socket) => socket.destroy(),
  'dies in the middle': (socket, input) => {
    if (input.length > 2000) socket.destroy();
  },
  'ends without a word': (socket, _input, isEnd) => {
    if (isEnd) socket.end();
    else socket.end();
  },
  'talks rubbish': (socket) => socket.end('\u0000\u0001rubbish\nOK\u0000stream: maybe OK\u0000'),
  'says OK and more': (socket) => socket.end('stream: OK\u0000stream: OK\u0000'),
  'reports an error': (socket) => socket.end('INSTREAM size limit exceeded. ERROR\u0000'),
};

for (const plugin of ['clamav', 'spamassassin']) {
  test(`a ${plugin} daemon that misbehaves never lets mail by unscanned`, async () => {
    const destination = await new Destination().start();
    const scanner = await FakeService.start(() => undefined);
    const gateway = await Gateway.run({
      plugins: `[{ ${plugin}: { address: "${scanner.address}", timeout: 1s } }]`,
      domains: {
        'defer.test': domainFile(destination.port, {}, 'defer.test'),
        'accept.test': domainFile(
          destination.port,
          { [plugin]: '{ on_error: accept }' },
          'accept.test',
        ),
        'reject.test': domainFile(
          destination.port,
          { [plugin]: '{ on_error: reject }' },
          'reject.test',
        ),
      },
    });
    try {
      const content = withBody('x'.repeat(5000));
      const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], content);
      for (const [name, behaviour] of Object.entries(FAULTS)) {
        scanner.behaviour = behaviour;
        assert.match(await send('anna@defer.test'), /^451 4\.7\.1 .*scanner_down/, name);
      }
      await scanner.stop();
      assert.match(await send('anna@defer.test'), /^451 4\.7\.1 .*scanner_down/, 'is down');
      assert.equal(destination.arrived.length, 0);
      assert.match(await send('anna@reject.test'), /^5\d\d 5\.7\.1/);
      assert.match(await send('anna@accept.test'), /^250/);
      assert.match(
        destination.arrived[0]?.content.toString() ?? '',
        new RegExp(`^X-Sluice-Unchecked: ${plugin}`, 'm'),
      );
      assert.ok(gateway.events('scan.error').length >= Object.keys(FAULTS).length);
    } finally {
      await gateway.remove();
      await scanner.stop();
      await destination.stop();
    }
  });
}

test("signatures: an unknown age is nobody's trouble, an old one stands in log and status", async () => {
  let version = 'ClamAV 1.4.3';
  const clamd = await FakeService.start((socket) => socket.end(`1: ${version}\0`));
  const gateway = await Gateway.run({
    plugins: `[{ clamav: { address: "${clamd.address}", signatures_age: 2d } }]`,
    domains: { 'example.org': domainFile(1) },
  });
  try {
    const well = await gateway.cli('status');
    assert.deepEqual([well.code, /signatures/.test(well.stdout)], [0, false], well.stdout);
    const { stdout } = await gateway.cli('status', '--json');
    const { scanners } = JSON.parse(stdout) as { scanners: { signatures?: { age: string } }[] };
    assert.equal(scanners[0]?.signatures?.age, 'unknown');
    assert.equal(gateway.events('scanner.signatures_old').length, 0);
    await gateway.stop();
    const days = 3 * 86_400_000;
    version = `ClamAV 1.4.3/27449/${new Date(Date.now() - days).toString().slice(0, 24)}`;
    await gateway.start();
    assert.equal((await gateway.event('scanner.signatures_old'))['engine'], 'clamav');
    const old = await gateway.cli('status');
    assert.match(
      old.stdout,
      /scanners clamav=ok .*old signatures: clamav \(27449 is 3 days old\)/s,
    );
    assert.equal(old.code, 0);
  } finally {
    await gateway.remove();
    await clamd.stop();
  }
});

test('status says of a scanner what it is now', async () => {
  let clamd = await FakeService.start((socket) => socket.end('1: ClamAV 1.4.3\0'));
  const { address } = clamd;
  const gateway = await Gateway.run({
    plugins: `[{ clamav: { address: "${address}" } }]`,
    domains: { 'example.org': domainFile(1) },
  });
  const stateOf = async (command: string) =>
    /clamav[= ]+(\w+)/i.exec((await gateway.cli(...command.split(' '))).stdout)?.[1];
  try {
    assert.equal(await stateOf('status'), 'ok');
    await clamd.stop();
    assert.deepEqual(await stateOf('status'), 'down');
    clamd = await FakeService.start(clamd.behaviour, Number(address.split(':')[1]));
    assert.equal(await stateOf('plugins list'), 'up');
  } finally {
    await gateway.remove();
    await clamd.stop();
  }
});

test('a filter that puts mail off before the content is in the ledger as that', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({
    plugins: '[{ later: {} }]',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const plugin = `export default { name: 'later', hooks: { data: () => ({ kind: 'defer', reason: 'plugin:later', text: 'come back' }) } };`;
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'plugins', 'later.mjs'), plugin);
    await gateway.start();
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], HAM);
    assert.match(reply, /^451 4\.7\.1 come back \(plugin:later\)$/);
    const entry = await gateway.event('msg.in');
    assert.deepEqual([entry['res'], entry['why']], ['tempfail', 'plugin:later']);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
