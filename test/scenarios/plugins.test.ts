/** An operator sees which filters run, his own too, and what they may say is done. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const OWN = `export default {
  name: 'night-watch',
  options: {},
  hooks: {
    helo: ({ session }) =>
      session.hello?.name === 'night.test' ? { kind: 'refuse', reason: 'policy', text: 'not at night' } : undefined,
    mail: () => undefined,
    data: () => undefined,
  },
};
`;

test('plugins list shows each filter with its state, hooks and error policy', async () => {
  const gateway = await Gateway.make({
    domains: {},
    plugins: '[{ night-watch: { on_error: accept } }, { clamav: { address: "127.0.0.1:1" } }]',
  });
  try {
    const file = join(gateway.folder, 'plugins', 'night-watch.js');
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(file, OWN);
    await gateway.start();
    const json = await gateway.cli('plugins', 'list', '--json');
    assert.equal(json.code, 0, json.stderr);
    const rows = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { file: shipped, ...clamav } = rows[1];
    assert.match(shipped, /plugins.clamav\.ts$/);
    assert.deepEqual(
      [rows[0], clamav],
      [
        {
          ...{ v: 1, kind: 'plugin', name: 'night-watch', source: 'own', file, state: 'loaded' },
          ...{
            hooks: ['helo', 'mail', 'data'],
            on_error: 'accept',
            timeout: 30,
            max_concurrent: 100,
          },
        },
        {
          ...{ v: 1, kind: 'plugin', name: 'clamav', source: 'shipped', service: 'virus' },
          ...{ state: 'down', hooks: ['content'], on_error: 'defer' },
          ...{ timeout: 30, max_concurrent: 10 },
        },
      ],
    );
    const table = await gateway.cli('plugins', 'list');
    assert.match(table.stdout, /^NAME +STATE +SERVICE +HOOKS +ON-ERROR/);
    assert.match(
      table.stdout,
      /^night-watch +loaded +- +helo,mail,data +accept .*night-watch\.js +-$/m,
    );
    assert.match(table.stdout, /^clamav +down +virus +content +defer .*shipped +-$/m);

    const order = await gateway.cli('plugins', 'order', '-H');
    assert.deepEqual(
      order.stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim()),
      ['helo', 'mail', 'data']
        .map((hook) => `${hook} 1 night-watch 30s accept`)
        .concat('content 1 clamav 30s defer', ''),
    );

    // A filter of HELO judges the name that is being said, not the one before.
    const talk = await SmtpTalk.open(gateway.port());
    assert.match(await talk.reply(), /^220/);
    assert.match(await talk.say('EHLO night.test'), /^550 .*not at night/);
    assert.match(await talk.say('EHLO day.test'), /^250/);
    assert.match(await talk.say('HELO night.test'), /^550 .*not at night/);
    assert.match(await talk.say('HELO day.test'), /^250/);
    await talk.quit();
    const refused = gateway.events('smtp.reject.helo').map(({ helo }) => helo);
    assert.deepEqual(refused, ['night.test', 'night.test']);
  } finally {
    await gateway.remove();
  }
});

/** Knows its friends by their word. */
const VOUCH = `export default {
  name: 'vouch',
  hooks: {
    async content(view) {
      for await (const bytes of view.content.read()) {
        return { kind: 'pass', senderProven: Buffer.from(bytes).includes('Subject: friend') };
      }
    },
  },
};
`;

test('who a filter has proven hears of a late failure; nobody else, and never the null sender', async () => {
  const refusing = await new Destination({ final: () => '450 4.2.0 Not now' }).start();
  const home = await new Destination().start();
  const gateway = await Gateway.make({
    node: 'queue: { retry: [1s, 1s], probe: 1s }',
    domains: {
      'example.org': domainFile(refusing.port, {}),
      'example.net': domainFile(home.port, {}, 'example.net'),
    },
    plugins: '[vouch]',
  });
  try {
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(gateway.folder, 'plugins', 'vouch.js'), VOUCH);
    await gateway.start();
    const send = async (from: string, subject: string) => {
      const content = `Subject: ${subject}\r\n\r\nbody\r\n`;
      const reply = await sendMail(gateway.port(), from, ['anna@example.org'], content);
      return /^250 2\.0\.0 Ok: (\S+) queued/.exec(reply)?.[1] ?? reply;
    };
    const friend = await send('friend@example.net', 'friend');
    const stranger = await send('stranger@example.net', 'hello');
    const bounce = await send('', 'friend');
    refusing.behaviour = { final: () => '550 5.7.1 No' };
    await until('the others held', () => gateway.events('rcpt.hold').length === 2);
    const held = gateway.events('rcpt.hold').map(({ id }) => String(id));
    assert.deepEqual(held.toSorted(), [stranger, bounce].toSorted());
    await until('a report', () => home.arrived.length > 0);
    const reports = gateway.events('dsn.out');
    assert.deepEqual(
      reports.map(({ orig, to, proven }) => [orig, to, proven]),
      [[friend, 'friend@example.net', true]],
    );
    assert.deepEqual(
      home.arrived.map(({ from, to }) => [from, ...to]),
      [['', 'friend@example.net']],
    );
  } finally {
    await gateway.remove();
    await refusing.stop();
    await home.stop();
  }
});

const LISTENER = `import { appendFileSync } from 'node:fs';
const note = (stage) => ({ id, direction, envelope, text }) =>
  appendFileSync(new URL('./heard.txt', import.meta.url),
    [stage, id, direction, envelope.reversePath?.local, envelope.recipients.map((r) => r.address.local), text].join(' ') + '\\n');
export default {
  name: 'listener',
  options: {},
  hooks: { mail: ({ envelope }) => envelope.reversePath?.local === 'kept' ? { kind: 'quarantine', reason: 'policy', text: 'kept' } : undefined,
    accepted: note('accepted'), delivered: note('delivered'), deferred: note('deferred'),
    failed: async (view) => { note('failed')(view); throw new Error('its own fault'); } },
};
`;

test('a filter hears what became of messages, and what it does with it harms nobody', async () => {
  const destination = await new Destination({
    rcpt: (to) => (to.startsWith('nobody') ? '550 5.1.1 no such user' : '250 2.1.5 Ok'),
  }).start();
  const gateway = await Gateway.make({
    node: 'queue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
    plugins: '[listener]',
  });
  try {
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(gateway.folder, 'plugins', 'listener.js'), LISTENER);
    const file = join(gateway.folder, 'plugins', 'heard.txt');
    const heard = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
    const count = (what: RegExp) => heard().filter((line) => what.test(line)).length;
    await gateway.start();
    const send = (...to: string[]) =>
      sendMail(
        gateway.port(),
        'a@b.example',
        to.map((local) => `${local}@example.org`),
        'Subject: x\r\n\r\nx\r\n',
      );
    assert.match(await send('anna'), /^250 /);
    await until('delivered', () => count(/^delivered \S+ in a anna 250 /) === 1);
    assert.equal(count(/^accepted \S+ in a anna /), 1);
    const kept = await sendMail(
      gateway.port(),
      'kept@b.example',
      ['anna@example.org'],
      'x: y\r\n\r\nx\r\n',
    );
    assert.match(kept, /^250 .* queued/);
    assert.equal(count(/ kept anna /), 0, 'kept back is not accepted');
    await send('nobody');
    await until('failed', () => count(/^failed \S+ in a nobody 550 5\.1\.1/) === 1);
    await gateway.event('plugin.error', ({ err }) => /its own fault/.test(String(err)));
    await destination.stop();
    assert.match(await send('bert'), /^250 .* queued/);
    await until('deferred', () => count(/^deferred \S+ in a bert /) >= 1);
    await destination.start();
    await until('delivered later', () => count(/^delivered \S+ in a bert 250 /) === 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
