/** Attachments that are not let through are refused before the 250, by each domain's own rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { storedZip } from '../support/stored-zip.ts';

const withFile = (name: string) =>
  'Subject: file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n' +
  `Content-Disposition: attachment; filename="${name}"\r\n\r\nhello\r\n`;

test('a program is refused with its reason; another domain tags, one without filters takes it', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    plugins: '[attachments]',
    domains: {
      'example.org': domainFile(destination.port),
      'tag.test': domainFile(
        destination.port,
        { attachments: '{ names_action: tag }' },
        'tag.test',
      ),
      'hold.test': domainFile(
        destination.port,
        { attachments: '{ names: "*.pdf", names_action: quarantine }' },
        'hold.test',
      ),
      'plain.test': domainFile(destination.port, { services: '[relay, fallback]' }, 'plain.test'),
    },
  });
  try {
    const send = (name: string, to: string) =>
      sendMail(gateway.port(), 'a@b.example', [to], withFile(name));
    assert.equal(
      (await send('setup.exe', 'anna@example.org')).trim(),
      '550 5.7.1 Attachments named *.exe are not accepted (attachment)',
    );
    const refused = await gateway.event('smtp.reject.data');
    assert.equal(refused['why'], 'attachment');
    assert.deepEqual([refused['from'], refused['to']], ['a@b.example', 'anna@example.org']);
    const trace = await gateway.cli('trace', 'anna@example.org');
    assert.match(trace.stdout, /attachment/);
    assert.match(await send('report.pdf', 'anna@example.org'), /^250 .* delivered/);
    assert.match(await send('setup.exe', 'x@plain.test'), /^250 .* delivered/);
    assert.match(await send('setup.exe', 'x@tag.test'), /^250 .* delivered/);
    const text = destination.arrived.at(-1)?.content.toString('latin1') ?? '';
    assert.match(text, /^X-Attachment-Rule: ATTACHMENT_NAME \*\.exe\r\n/m);
    assert.match(await send('report.pdf', 'x@hold.test'), /^250 .* queued/);
    assert.equal((await gateway.event('quar.add'))['why'], 'attachment');
    assert.equal(gateway.events('dsn.out').length, 0, 'nothing refused made a bounce');
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a document with a macro is refused with its reason, one without arrives', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    plugins: '[attachments]',
    domains: {
      'example.org': domainFile(destination.port),
      'macro.test': domainFile(
        destination.port,
        { attachments: '{ macros_action: tag }' },
        'macro.test',
      ),
    },
  });
  try {
    const send = (members: Record<string, Uint8Array>, to: string) => {
      const base64 = storedZip(members)
        .toString('base64')
        .replace(/(.{76})/g, '$1\r\n');
      const header =
        'Subject: file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n' +
        'Content-Disposition: attachment; filename="plan.docx"\r\n' +
        'Content-Transfer-Encoding: base64\r\n\r\n';
      return sendMail(gateway.port(), 'a@b.example', [to], `${header}${base64}\r\n`);
    };
    const text = { 'word/document.xml': Buffer.from('<w:document/>') };
    const macro = { ...text, 'word/vbaProject.bin': Buffer.from('x') };
    assert.equal(
      (await send(macro, 'anna@example.org')).trim(),
      '550 5.7.1 Attachments with VBA macros are not accepted (attachment)',
    );
    const refused = await gateway.event('smtp.reject.data');
    assert.equal(refused['why'], 'attachment');
    const trace = await gateway.cli('trace', 'anna@example.org');
    assert.match(trace.stdout, /attachment/);
    assert.match(await send(text, 'anna@example.org'), /^250 .* delivered/);
    assert.match(await send(macro, 'x@macro.test'), /^250 .* delivered/);
    const arrived = destination.arrived.at(-1)?.content.toString('latin1') ?? '';
    assert.match(arrived, /^X-Attachment-Rule: ATTACHMENT_MACRO VBA macros\r\n/m);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
