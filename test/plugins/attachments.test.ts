/**
 * The attachments plugin in the real host: what is found however it is written down, what each action
 * makes of it, and that no content, mangled or monstrous, is more than bounded work with a verdict.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { fileKind } from '../../plugins/attachments/file-kind.ts';
import { isDisguised, matches, realName } from '../../plugins/shared/file-name.ts';
import type { Part } from '../../plugins/shared/mime-walk.ts';
import { MimeWalk } from '../../plugins/shared/mime-walk.ts';
import { CORPUS, corpusFiles, corpusMail, hasCorpus, sample } from '../support/corpus.ts';
import { filterOf } from '../support/filter-host.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { missing } from '../support/real-component.ts';
import { walkCost } from '../support/walk-run.ts';

const PDF = 'Content-Type: application/pdf\r\n';
const ENCODED_MESSAGE = 'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n';

function mailOf(...parts: readonly string[]): Buffer {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('');
  const text = `Subject: x\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n${body}--b--\r\n`;
  return Buffer.from(text, 'latin1');
}

function named(disposition: string, more = ''): Buffer {
  return mailOf(`${PDF}Content-Disposition: attachment${disposition}\r\n${more}\r\nhello`);
}

function walked(mail: Uint8Array, step = mail.length, limits = { parts: 1000, depth: 20 }) {
  const parts: Part[] = [];
  const walk = new MimeWalk(limits, (part) => parts.push(part));
  for (let at = 0; at < mail.length; at += step) walk.push(mail.subarray(at, at + step));
  walk.end();
  const { problem } = walk;
  return { parts, problem };
}

async function judged(content: Uint8Array, options = {}) {
  const { judge } = await filterOf('attachments', options);
  return judge(content);
}

test('a forbidden name is found however it is written', async () => {
  const { judge } = await filterOf('attachments', {});
  const bad: Record<string, Buffer> = {
    plain: named('; filename=a.exe'),
    'in quotes, with a semicolon': named('; filename="a;b.EXE"'),
    'dots and spaces at the end': named('; filename="a.exe . "'),
    'a stream of NTFS': named('; filename="a.exe::$DATA"'),
    'a folder': named('; filename="C:\\\\x\\\\a.exe"'),
    'RFC 2231': named("; filename*=utf-8''a%2Eexe"),
    'RFC 2231 in pieces, out of order': named("; filename*1=xe; filename*0*=utf-8''a%2Ee"),
    'RFC 2047 in base64': named('; filename="=?utf-8?B?YS5leGU=?="'),
    'RFC 2047 cut within a code': named('; filename="=?utf-8?B?YS5leG?= =?UTF-8?b?U=?="'),
    'RFC 2047 cut within a letter': named('; filename="=?utf-8?B?YS5l4oA=?= =?utf-8?B?i3hl?="'),
    'RFC 2047 in two words': named('; filename="=?utf-8?Q?a=2E?= =?utf-8?Q?exe?="'),
    'the second parameter': named('; filename=a.pdf; filename=a.exe'),
    'the second field': named('; filename=a.pdf', 'Content-Disposition: x; filename=a.exe\r\n'),
    'Content-Type alone': named('', 'Content-Type: text/plain; name=a.exe\r\n'),
    'a folded field': named(';\r\n\tfilename=a.exe'),
    'characters that are not seen': named('; filename="=?utf-8?B?YS5l4oCLeGU=?="'),
    uuencoded: Buffer.from('Subject: x\r\n\r\nhello\r\nbegin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n'),
    'in a mail in the mail': mailOf(
      'Content-Type: message/rfc822\r\n\r\nContent-Type: text/plain; name=a.exe\r\n\r\nhello',
    ),
    'in a mail in the mail, in base64': mailOf(
      `${ENCODED_MESSAGE}${named('; filename=a.exe').toString('base64')}`,
    ),
    'in a digest': Buffer.from(
      'Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n' +
        'Content-Type: text/plain; name=a.exe\r\n\r\nhello\r\n--d--\r\n',
    ),
    'after the last boundary': Buffer.concat([
      mailOf(`${PDF}\r\nhello`),
      Buffer.from('--b\r\nContent-Type: text/plain; name=a.exe\r\n\r\nhello\r\n'),
    ]),
    'behind the other of two boundaries': Buffer.from(
      'Content-Type: multipart/mixed; boundary=x; boundary=y\r\n\r\n' +
        '--y\r\nContent-Type: text/plain; name=a.exe\r\n\r\nhello\r\n--y--\r\n',
    ),
  };
  for (const [what, mail] of Object.entries(bad)) {
    const verdict = await judge(mail);
    assert.equal(verdict.kind, 'refuse', what);
    assert.deepEqual(verdict.tests, ['ATTACHMENT_NAME'], what);
    assert.equal(verdict.results?.['attachment'], '*.exe', what);
  }
  for (const name of ['report.pdf', 'exe', 'a.exe.pdf', 'www.example.org', 'v1.2 (final).docx']) {
    const verdict = await judge(named(`; filename="${name}"`));
    assert.deepEqual([verdict.kind, verdict.tests], ['pass', []], name);
  }
});

test('what the bytes are counts, under any name and encoding', async () => {
  const { judge } = await filterOf('attachments', {});
  const program = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);
  const base64 = `Content-Transfer-Encoding: base64\r\n\r\n${program.toString('base64')}`;
  const quoted = `Content-Transfer-Encoding: Quoted-Printable\r\n\r\n=4DZ${'=00'.repeat(100)}`;
  const doubted = `Content-Transfer-Encoding: 8bit\r\n${base64}`;
  for (const part of [base64, quoted, doubted]) {
    const verdict = await judge(mailOf(`${PDF}${part}`));
    assert.deepEqual([verdict.kind, verdict.tests], ['refuse', ['ATTACHMENT_KIND']], part);
  }
  assert.equal(
    (await judge(mailOf(`${PDF}\r\nMZ is how this text begins, and it goes on`))).kind,
    'pass',
  );
  const at = (offset: number, text: string) =>
    Buffer.concat([Buffer.alloc(offset, 1), Buffer.from(text, 'latin1')]);
  assert.equal(fileKind(at(32_769, 'CD001')), 'iso');
  assert.equal(fileKind(at(257, 'ustar')), 'tar');
  assert.equal(fileKind(at(0, '\x7fELF')), 'elf');
  assert.equal(fileKind(at(0, '<svg onload="x()"/>')), 'svg-script');
  assert.equal(fileKind(at(0, '<svg><path d="M0"/></svg>')), undefined);
  assert.equal(fileKind(Buffer.alloc(0)), undefined);
});

test('disguises, and what a name really is', () => {
  assert.ok(isDisguised('invoice\u202efdp.exe'));
  assert.ok(isDisguised('invoice.pdf.exe'));
  assert.ok(isDisguised('invoice.pdf            .exe'));
  assert.ok(!isDisguised('backup.2026.01.pdf'));
  assert.ok(!isDisguised('page.html.zip'));
  assert.equal(realName('../x/A.Exe. .'), 'a.exe');
  assert.ok(matches('*.t?t', 'a.b.txt') && matches('*', '') && !matches('*.txt', 'txt'));
  assert.ok(!matches(`${'*a'.repeat(50)}b`, 'a'.repeat(1000)));
});

test('each rule has its action, and the worst of several wins', async () => {
  const mail = named('; filename=a.exe');
  const quarantined = await judged(mail, { names_action: 'quarantine' });
  assert.equal(quarantined.kind, 'quarantine');
  const tagged = await judged(mail, { names_action: 'tag' });
  assert.equal(tagged.kind, 'pass');
  const field = { name: 'X-Attachment-Rule', value: 'ATTACHMENT_NAME *.exe' };
  assert.deepEqual(tagged.fields, [field]);
  const weighed = await judged(mail, { names_action: 'score', score: 2.5 });
  assert.deepEqual([weighed.kind, weighed.score], ['pass', 2.5]);
  assert.deepEqual(
    await judged(mail, { names_action: 'off' }),
    await judged(mailOf(`${PDF}\r\nx`)),
  );
  const two = await judged(named('; filename=a.pdf.exe'), { names_action: 'tag' });
  assert.deepEqual([two.kind, two.tests], ['refuse', ['ATTACHMENT_NAME', 'ATTACHMENT_DISGUISED']]);
  const typed = await judged(mail, { names_action: 'off', types: 'application/*' });
  assert.deepEqual(typed.tests, ['ATTACHMENT_TYPE']);
});

test('what is beyond the limits is told, never passed by', async () => {
  const many = mailOf(...Array.from({ length: 12 }, () => `${PDF}\r\nx`));
  const verdict = await judged(many, { max_parts: 10 });
  assert.deepEqual([verdict.kind, verdict.tests], ['quarantine', ['ATTACHMENT_UNEXAMINED']]);
  assert.equal((await judged(many, { max_parts: 20 })).kind, 'pass');
  const nested = Array.from({ length: 500 }, (_, level) => {
    return `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`;
  });
  assert.equal(walked(Buffer.from(nested.join(''))).problem, 'parts are nested too deeply');
  assert.equal(walked(Buffer.alloc(400_000, 'x')).problem, 'a header is too long');
  const twice =
    'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n' +
    'Content-Transfer-Encoding: 8bit\r\n\r\nAAAA';
  assert.match(String(walked(mailOf(twice)).problem), /encoded/);
  const wrap = (mail: Buffer) => mailOf(`${ENCODED_MESSAGE}${mail.toString('base64')}`);
  let inner = named('; filename=a.exe');
  for (let level = 0; level < 4; level++) inner = wrap(inner);
  const { parts, problem } = walked(inner, 100);
  assert.deepEqual([parts.at(-1)?.names, problem], [[], undefined]);
  assert.ok(parts.some(({ names }) => names.includes('a.exe')));
  assert.match(String(walked(wrap(inner)).problem), /encoded/);
  const limits = { parts: 1000, depth: 6 };
  assert.match(String(walked(inner, 100, limits).problem), /too deeply/);
  assert.match(String(walked(inner, 100, { parts: 7, depth: 20 }).problem), /too many/);
});

test('100,000 parts: all are seen, one at a time', () => {
  const part = '--b\r\nContent-Type: a/b; name=x\r\n\r\n';
  const top = Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\n');
  let seen = 0;
  const walk = new MimeWalk({ parts: 100_001, depth: 5 }, () => seen++);
  walk.push(top);
  const thousand = Buffer.from(part.repeat(1000));
  for (let round = 0; round < 100; round++) walk.push(thousand);
  walk.end();
  assert.deepEqual([seen, walk.problem], [100_001, undefined]);
});

test('the same parts, wherever the chunks end; a verdict for whatever comes', async (t) => {
  if (!hasCorpus()) return missing(t, 'the corpus in ../shared/corpus');
  const { judge } = await filterOf('attachments', {});
  const random = seededRandom(4);
  const files = ['mime-mime4j', 'mime-mimekit', 'mime-stalwart'].flatMap((set) =>
    sample(corpusFiles(set, /\.(msg|eml)$/), 20),
  );
  assert.ok(files.length > 20);
  for (const file of files) {
    const mail = corpusMail(file);
    assert.ok(isDeepStrictEqual(walked(mail, 7), walked(mail)), file);
    for (let round = 0; round < 3; round++) {
      for (let flip = 0; flip < 20; flip++) {
        mail[Math.floor(random() * mail.length)] = Math.floor(random() * 256);
      }
      assert.ok(['pass', 'refuse', 'quarantine'].includes((await judge(mail)).kind), file);
    }
  }
});

test('the walk over a mail of the corpus takes neither long nor much memory', (t) => {
  if (!hasCorpus()) return missing(t, 'the corpus in ../shared/corpus');
  const large = corpusFiles('.').toSorted((a, b) => sizeOf(b) - sizeOf(a));
  for (const file of [...large.slice(0, 40), ...sample(large, 60)]) {
    const mail = corpusMail(file);
    const cost = walkCost(mail);
    // A busy machine may stall one run: what the walk needs it needs each time.
    const ms = cost.ms < 200 ? cost.ms : walkCost(mail).ms;
    assert.ok(ms < 200, `${file}: ${ms} ms`);
    assert.ok(cost.bytes < 64 * 1024 * 1024, `${file}: ${cost.bytes} bytes`);
  }
});

function sizeOf(file: string): number {
  return statSync(join(CORPUS, file)).size;
}
