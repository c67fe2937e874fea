/** The quarantine through the running program: kept, shown, released to who asks, and never by the way. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

/** Judges a mail by the first word of its subject. */
const JUDGE = `export default {
  name: 'judge',
  options: {},
  hooks: {
    async content(view) {
      for await (const bytes of view.content.read()) {
        const text = Buffer.from(bytes).toString();
        if (/^Subject: spam/m.test(text)) return { kind: 'pass', score: 9.25, tests: ['BUY', 'NOW'] };
        if (/^Subject: virus/m.test(text))
          return { kind: 'quarantine', reason: 'virus', text: 'Eicar-Test found' };
        return undefined;
      }
    },
  },
};
`;

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

const TEXT_AND_FILES = [
  ...['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', 'for nobody'],
  ...['--b', '', 'look at this', '--b', 'Content-Transfer-Encoding: base64'],
  ...['Content-Type: application/x-msdos-program; name="a b.exe"', '', 'TVqQ', 'AAM=', '--b'],
  ...['Content-Type: text/csv', "Content-Disposition: attachment; filename*=utf-8''%C3%A4.csv"],
  ...['', 'a,b', 'c,d', '--b--', ''],
].join('\r\n');

test('what a filter keeps is released to who asks, and no step on the queue frees it', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({
    domains: { 'example.org': domainFile(destination.port, { spam: '{ quarantine: 8 }' }) },
    plugins: '[judge]',
  });
  mkdirSync(join(gateway.folder, 'plugins'));
  writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(gateway.folder, 'plugins', 'judge.js'), JUDGE);
  try {
    await gateway.start();
    const send = async (subject: string, ...locals: string[]) => {
      const to = locals.map((local) => `${local}@example.org`);
      const rest = subject === 'virus' ? TEXT_AND_FILES : '\r\nbuy\r\n';
      const content = `From: "Big Sale" <sale@shop.example>\r\nSubject: ${subject}\r\n${rest}`;
      const reply = await sendMail(gateway.port(), 'x@shop.example', to, content);
      return /^250 2\.0\.0 Ok: (\S+) queued/.exec(reply)?.[1] ?? reply;
    };
    const spam = await send('spam =?utf-8?q?f=C3=BCr?= you', 'anna', 'bob');
    const virus = await send('virus', 'carl');
    const arrived = () => destination.arrived.map(({ to }) => to.join(','));

    const listed = await gateway.cli('quarantine', 'list', '--json');
    const [row, second] = listed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { ts, expires_at: expires, client: _client, size: _size, ...facts } = row;
    assert.equal(Date.parse(expires) - Date.parse(ts), 14 * 24 * 3600 * 1000);
    assert.deepEqual(facts, {
      ...{ v: 1, kind: 'quarantined', id: spam, dir: 'in', why: 'spam', score: 9.25 },
      ...{ engine: 'judge', tests: ['BUY', 'NOW'] },
      text: 'Message looks like spam, score 9.3',
      ...{ from: 'x@shop.example', header_from: '"Big Sale" <sale@shop.example>' },
      ...{ subject: 'spam für you', rcpts: ['anna@example.org', 'bob@example.org'] },
      ...{ dest: 'example.org', released: [] },
    });
    assert.deepEqual([second.id, second.why, second.text], [virus, 'virus', 'Eicar-Test found']);
    assert.deepEqual([second.score, second.tests], [null, []], 'nobody gave points');
    const parts = await gateway.cli('quarantine', 'show', virus, '--parts');
    const program = sha256(Buffer.from('TVqQAAM=', 'base64'));
    assert.deepEqual(parts.stdout.trimEnd().split('\n'), [
      `part         text/plain 12 ${sha256('look at this')} -`,
      `part         application/x-msdos-program 5 ${program} a b.exe`,
      `part         text/csv 8 ${sha256('a,b\r\nc,d')} ä.csv`,
    ]);
    const partRows = JSON.parse(
      (await gateway.cli('quarantine', 'show', virus, '--parts', '--json')).stdout,
    );
    assert.deepEqual(partRows.parts[2], {
      ...{ type: 'text/csv', name: 'ä.csv', size: 8, sha256: sha256('a,b\r\nc,d') },
    });
    const shown = await gateway.cli('quarantine', 'show', spam);
    assert.match(shown.stdout, /^filter +judge\nscore +9\.3\ntests +BUY, NOW\n/m);
    assert.match(shown.stdout, /^subject +spam für you\n/m);
    assert.match(shown.stdout, /^Subject: spam =\?utf-8/m, 'the header as it is');

    // No part of the queue, whoever says ALL.
    assert.equal((await gateway.cli('queue', 'list')).code, 1);
    assert.equal((await gateway.cli('queue', 'count')).stdout, '0\n');
    assert.match((await gateway.cli('status')).stdout, / {2}queue 0 {2}quarantine 2 {2}/);
    assert.equal((await gateway.cli('queue', 'release', 'ALL', '--yes')).code, 1);
    assert.equal(
      (await gateway.cli('queue', 'delete', '--from', '@shop.example', '--yes')).code,
      1,
    );
    const byState = await gateway.cli('queue', 'release', '--state', 'quarantine', '--yes');
    assert.deepEqual([byState.code, byState.stdout], [1, '']);
    const byId = await gateway.cli('queue', 'release', spam);
    assert.deepEqual([byId.code, byId.stdout], [2, `${spam}  in quarantine\n`]);
    assert.deepEqual(arrived(), []);

    // Over a restart, to Bob alone.
    await gateway.stop();
    await gateway.start();
    const toBob = ['--to', 'bob@example.org', '--yes'];
    const notHis = await gateway.cli('quarantine', 'release', virus, ...toBob);
    assert.deepEqual([notHis.code, notHis.stdout], [2, `${virus}  no such recipient\n`]);
    const released = await gateway.cli('quarantine', 'release', 'ALL', ...toBob);
    assert.deepEqual([released.code, released.stdout], [0, `${spam}  released\n`], released.stderr);
    await until('delivery to Bob', () => destination.arrived.length === 1);
    assert.deepEqual(arrived(), ['bob@example.org']);
    assert.match(destination.arrived[0]?.content.toString() ?? '', /\r\n\r\nbuy\r\n$/);
    const trace = await gateway.cli('trace', spam, '--json');
    assert.match(trace.stdout, /"evt":"quar\.release".*"to":"bob@example\.org"/);

    // A virus is not let go by the way, and what is deleted is gone.
    const refused = await gateway.cli('quarantine', 'release', virus);
    assert.equal(refused.code, 64);
    assert.match(refused.stderr, /1 message, 1 with a virus; say --yes/);
    assert.equal((await gateway.cli('quarantine', 'release', virus, '--yes')).code, 0);
    await until('delivery to Carl', () => destination.arrived.length === 2);
    assert.equal((await gateway.cli('quarantine', 'delete', '--reason', 'spam', '--yes')).code, 0);
    assert.equal((await gateway.cli('quarantine', 'list')).code, 1);
    assert.equal((await gateway.cli('quarantine', 'release', spam)).code, 1);
    assert.deepEqual(arrived(), ['bob@example.org', 'carl@example.org']);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
