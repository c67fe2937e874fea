/**
 * What a person says of mail in quarantine is learnt: by a real rspamd and by a real
 * spamd. What could not be learnt stays where it is.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { findSystemUser, isRoot } from '../../src/scanners/system-user.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { missingRspamd, startRealRspamd } from '../support/real-rspamd.ts';
import { missingScanners } from '../support/real-scanners.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

/** Keeps every mail back, whatever it says. */
const KEEPER = `export default {
  name: 'keeper',
  options: {},
  hooks: { content: () => ({ kind: 'quarantine', reason: 'policy', text: 'looked at first' }) },
};
`;
const SPAM =
  'cheap pills from our honest pharmacy buy now unlimited offer winner casino bonus today';
const HAM =
  'minutes of our meeting about the budget of the garden club with the next dates attached';

async function keeping(plugins: string, files: Readonly<Record<string, string>> = {}) {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({
    domains: { 'example.org': domainFile(destination.port) },
    plugins: `[${plugins}, keeper]`,
  });
  mkdirSync(join(gateway.folder, 'plugins'));
  writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries({ keeper: KEEPER, ...files })) {
    writeFileSync(join(gateway.folder, 'plugins', `${name}.js`), text);
  }
  await gateway.start();
  return {
    destination,
    gateway,
    /** The id of the message that was kept. */
    keep: async (text: string): Promise<string> => {
      const mail = `Subject: x\r\nMessage-ID: <${Math.random()}@x.example>\r\n\r\n${text}\r\n`;
      const reply = await sendMail(gateway.port(), 'x@x.example', ['anna@example.org'], mail);
      return /^250 2\.0\.0 Ok: (\S+) queued/.exec(reply)?.[1] ?? reply;
    },
    stop: async () => {
      await gateway.remove();
      await destination.stop();
    },
  };
}

test('rspamd learns what is deleted as spam and what is released as ham', async (t) => {
  const lacks = missingRspamd();
  if (lacks !== undefined) return missing(t, lacks);
  const rspamd = await startRealRspamd();
  t.after(() => rspamd.stop());
  const options = `{ address: ${rspamd.normal}, controller: ${rspamd.controller}, password: ${rspamd.password} }`;
  const { gateway, destination, keep, stop } = await keeping(`{ rspamd: ${options} }`);
  t.after(stop);

  const spam = await keep(SPAM);
  const deleted = await gateway.cli('quarantine', 'delete', spam, '--learn');
  assert.deepEqual([deleted.code, deleted.stdout], [0, `${spam}  deleted\n`], deleted.stderr);
  const ham = await keep(HAM);
  const released = await gateway.cli('quarantine', 'release', ham, '--learn');
  assert.deepEqual([released.code, released.stdout], [0, `${ham}  released\n`], released.stderr);
  await until('delivery', () => destination.arrived.length === 1);
  const lessons = gateway.events('quar.learn').map(({ id, as, engines }) => [id, as, engines]);
  assert.deepEqual(lessons, [
    [spam, 'spam', ['rspamd']],
    [ham, 'ham', ['rspamd']],
  ]);

  assert.equal(await rspamd.learnt(), 2);
});

test('spamd learns with --allow-tell; what no filter learns stays in quarantine', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined) return missing(t, lacks);
  const folder = tempFolder(t);
  const socket = join(folder, 'spamd.sock');
  chmodSync(folder, 0o777); // spamd gives up root
  const name = isRoot() ? findSystemUser(['debian-spamd', 'nobody'])?.name : undefined;
  const user = name === undefined ? [] : [`--username=${name}`];
  const spamd = spawn('spamd', [
    ...['--local', '--nouser-config', '--max-children=1', '--allow-tell', ...user],
    ...[`--socketpath=${socket}`, '--syslog=stderr', `--helper-home-dir=${folder}`],
    ...[`--cf=bayes_path ${join(folder, 'bayes')}`, '--cf=use_bayes 1'],
  ]);
  const gone = new Promise((resolve) => spamd.once('exit', resolve));
  t.after(async () => {
    spamd.kill('SIGTERM');
    await gone;
  });
  await until('spamd listens', () => existsSync(socket), 60_000);
  const { gateway, keep, stop } = await keeping(
    `{ spamassassin: { address: ${socket}, learn: true } }`,
  );
  t.after(stop);

  const spam = await keep(SPAM);
  const deleted = await gateway.cli('quarantine', 'delete', spam, '--learn');
  assert.deepEqual([deleted.code, deleted.stdout], [0, `${spam}  deleted\n`], deleted.stderr);
  assert.ok(existsSync(join(folder, 'bayes_toks')), 'spamd has a database now');

  const kept = await keep(HAM);
  spamd.kill('SIGTERM');
  await gone;
  const failed = await gateway.cli('quarantine', 'release', kept, '--learn');
  assert.equal(failed.code, 2);
  assert.match(failed.stdout, new RegExp(`^${kept}  not learnt: spamassassin: spamd at `));
  const unwilling = await gateway.cli('quarantine', 'list');
  assert.match(unwilling.stdout, new RegExp(kept.replace('.', '\\.')));
});

/** Gives points and a field, and says in the log what it is taught. */
const PUPIL = `export default {
  name: 'pupil',
  options: {},
  setup: (host) => ({
    hooks: {
      content: () => ({ kind: 'pass', score: 3, tests: ['PUPIL'], fields: [{ name: 'X-Spam-Level', value: 'high' }] }),
    },
    async learn({ as, content }) {
      const parts = [];
      for await (const chunk of content.read()) parts.push(chunk);
      const bytes = Buffer.concat(parts);
      host.log('info', JSON.stringify([as, content.sizeBytes, bytes.toString('latin1')]));
      return true;
    },
  }),
};
`;

test('what is learnt is the message as it came, without what we wrote on it', async (t) => {
  const { gateway, stop } = await keeping('sender-auth, pupil', { pupil: PUPIL });
  t.after(stop);
  const ours =
    'Received: from a by mx.sluice.test (Sluice) with ESMTP id 0000000000.1;\r\n\tnow\r\n';
  const mails = [
    'Received: from b by c.example; now\r\nSubject: x\r\nX-Sluice-Class: y\r\n\r\ntext\r\n',
    `${ours}Subject: through another of ours\r\n\r\n${'long '.repeat(60_000)}\r\n`,
    'Subject: x\r\n',
    '\r\nonly a body\r\n',
  ];
  for (const mail of mails) {
    const reply = await sendMail(gateway.port(), 'x@x.example', ['anna@example.org'], mail);
    const id = /^250 2\.0\.0 Ok: (\S+) queued/.exec(reply)?.[1] ?? reply;
    const learnt = await gateway.cli('quarantine', 'delete', id, '--learn');
    assert.equal(learnt.code, 0, learnt.stdout);
    const line = gateway.events('plugin.log').at(-1);
    assert.deepEqual(JSON.parse(String(line?.['msg'])), ['spam', mail.length, mail]);
  }
});

test('without a filter that learns, --learn says so and changes nothing', async (t) => {
  const { gateway, keep, stop } = await keeping(
    '{ clamav: { address: "127.0.0.1:1", on_error: accept } }',
  );
  t.after(stop);
  const kept = await keep(HAM);
  const released = await gateway.cli('quarantine', 'release', kept, '--learn');
  assert.deepEqual([released.code, released.stdout], [2, `${kept}  no filter learns\n`]);
  assert.equal((await gateway.cli('quarantine', 'release', kept)).code, 0);
});
