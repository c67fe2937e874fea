/** spam.subject_tag: the subject of tagged mail is marked, of all other mail no byte is changed. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const POINTS = `export default {
  name: 'points',
  options: {},
  hooks: { mail: ({ envelope }) => ({ kind: 'pass', score: { six: 6, nine: 9 }[envelope.reversePath?.local] ?? 1 }) },
};
`;

test('the subject of tagged mail is marked, and of no other', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({
    domains: {
      'example.org': domainFile(destination.port, {
        spam: '{ subject_tag: "[SPAM?]", quarantine: 8 }',
      }),
    },
    plugins: '[points]',
  });
  mkdirSync(join(gateway.folder, 'plugins'));
  writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(gateway.folder, 'plugins', 'points.js'), POINTS);
  try {
    await gateway.start();
    const mail = 'From: a@x.example\r\nSubject: deal\r\nTo: anna@example.org\r\n\r\nbuy\r\n';
    for (const local of ['one', 'six']) {
      const reply = await sendMail(
        gateway.port(),
        `${local}@x.example`,
        ['anna@example.org'],
        mail,
      );
      assert.match(reply, /^250 /);
    }
    const [plain = '', marked = ''] = destination.arrived.map(({ content }) => content.toString());
    assert.ok(plain.endsWith(mail), plain);
    const [top = '', rest] = marked.split('Subject: [SPAM?] deal\r\n');
    assert.match(top, /^X-Spam-Flag: YES\r\n/m);
    assert.equal(rest, mail.replace('Subject: deal\r\n', ''));
    // Who lets mail go that was kept back has decided that it is none.
    assert.match(
      await sendMail(gateway.port(), 'nine@x.example', ['anna@example.org'], mail),
      /^250 /,
    );
    assert.equal((await gateway.cli('quarantine', 'release', 'ALL', '--yes')).code, 0);
    const released = await until('it is released', () =>
      destination.arrived[2]?.content.toString(),
    );
    assert.ok(released.endsWith(mail), released);
    assert.doesNotMatch(released, /^X-Spam-Flag/m);
    assert.match(released, /^X-Sluice-Score: 9\.0\r$/m);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
