/** Both plugins against real daemons: every test virus is found, spam scores, ham passes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'node:test';
import { ping } from '../../plugins/clamav/ping.ts';
import { CORPUS, corpusFiles, hasCorpus, wireForm } from '../support/corpus.ts';
import { filterOf } from '../support/filter-host.ts';
import { missing } from '../support/real-component.ts';
import { missingScanners, startRealScanners } from '../support/real-scanners.ts';
import { storedZip } from '../support/stored-zip.ts';

const SIGNATURES = 'clamav-signatures';
/** Found by nothing: negatives, a marker for mail files only, and what needs DetectPUA. */
const CLEAN = ['beta-not-at-start.txt', 'delta.txt', 'epsilon-pua.bin', 'clean.eml', 'gtube.eml'];

/** A file as the only attachment of a mail. */
function attached(file: string, bytes: Uint8Array = readFileSync(join(CORPUS, file))): Buffer {
  const base64 = Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
  return Buffer.from(
    'From: a@example.com\r\nTo: b@example.org\r\nSubject: file\r\nMIME-Version: 1.0\r\n' +
      'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n' +
      'See there.\r\n--b\r\nContent-Type: application/octet-stream\r\n' +
      `Content-Disposition: attachment; filename="${basename(file)}"\r\n` +
      `Content-Transfer-Encoding: base64\r\n\r\n${base64}\r\n--b--\r\n`,
  );
}

test('real clamd and spamd', async (t) => {
  const lacks = missingScanners() ?? (hasCorpus() ? undefined : 'the corpus in ../shared/corpus');
  if (lacks !== undefined) return missing(t, lacks);
  const scanners = await startRealScanners(join(CORPUS, SIGNATURES, 'db'));
  t.after(() => scanners.stop());
  const clamav = await filterOf('clamav', { address: scanners.clamav });
  const spamassassin = await filterOf('spamassassin', { address: scanners.spamassassin });

  await t.test('every clamav test file is found, as an attachment', async () => {
    const files = corpusFiles('clamav-testfiles-GPL2');
    assert.ok(files.length >= 20);
    const verdicts = await Promise.all(
      files.map(async (file) => [file, (await clamav.judge(attached(file))).kind]),
    );
    assert.deepEqual(
      verdicts,
      files.map((file) => [file, 'refuse']),
    );
  });

  await t.test('each sample of the signature set is judged as it should be', async () => {
    for (const file of corpusFiles(`${SIGNATURES}/samples`)) {
      const bytes = readFileSync(join(CORPUS, file));
      const content = file.endsWith('.eml') ? wireForm(bytes) : attached(file);
      const verdict = await clamav.judge(content);
      const isClean = CLEAN.includes(basename(file));
      assert.equal(verdict.kind, isClean ? 'pass' : 'refuse', file);
    }
  });

  await t.test('clamd finds a virus at the end of a large mail', async () => {
    const [eicar] = corpusFiles(`${SIGNATURES}/samples`, /^alpha\.bin$/);
    assert.ok(eicar !== undefined);
    const marker = readFileSync(join(CORPUS, eicar));
    const line = `${'x'.repeat(76)}\r\n`;
    const text = Buffer.from(`Subject: large\r\n\r\n${line.repeat(100_000)}`);
    const verdict = await clamav.judge(Buffer.concat([text, marker, Buffer.from('\r\n')]));
    assert.equal(verdict.kind, 'refuse');
  });

  await t.test('clamd gives a sign of life', async () => {
    const [host = '', port] = scanners.clamav.split(':');
    const endpoint = port === undefined ? { path: host } : { host, port: Number(port) };
    await ping(endpoint, AbortSignal.timeout(5000));
  });

  await t.test('what is beyond its limits is not clean; a virus beside it is a virus', async () => {
    const [eicar] = corpusFiles(`${SIGNATURES}/samples`, /^alpha\.bin$/);
    assert.ok(eicar !== undefined);
    const deep = Array.from({ length: 20 }).reduce<Uint8Array>(
      (inner) => storedZip({ 'inner.zip': inner }),
      Buffer.from('hello'),
    );
    assert.equal((await clamav.judge(attached('deep.zip', deep))).kind, 'defer');
    const error = clamav.log.of('scan.error')[0]?.['err'];
    assert.match(String(error), /limit of clamd's: Heuristics\.Limits\.Exceeded\.MaxRecursion/);
    const both = storedZip({ 'a.zip': deep, 'b.bin': readFileSync(join(CORPUS, eicar)) });
    assert.equal((await clamav.judge(attached('both.zip', both))).kind, 'refuse');
  });

  await t.test('GTUBE scores 1000, and the tests name it', async () => {
    const [gtube] = corpusFiles(`${SIGNATURES}/samples`, /^gtube\.eml$/);
    assert.ok(gtube !== undefined);
    const verdict = await spamassassin.judge(wireForm(readFileSync(join(CORPUS, gtube))));
    assert.ok((verdict.score ?? 0) > 900, `score ${verdict.score}`);
    assert.ok(verdict.tests?.includes('GTUBE'));
  });

  await t.test('spamd sees the name of a client that has one', async () => {
    const dns = {
      names: { '192.0.2.1': ['a.example'] },
      zones: { 'a.example': { a: ['192.0.2.1'] } },
    };
    const named = await filterOf('spamassassin', { address: scanners.spamassassin }, dns);
    const mail = wireForm(Buffer.from('Subject: x\n\ntext\n'));
    assert.ok((await spamassassin.judge(mail)).tests?.includes('RDNS_NONE'));
    assert.ok(!(await named.judge(mail)).tests?.includes('RDNS_NONE'));
  });

  await t.test('compressed and not, spamd gives the same', async () => {
    const [clean] = corpusFiles(`${SIGNATURES}/samples`, /^clean\.eml$/);
    assert.ok(clean !== undefined);
    const content = wireForm(readFileSync(join(CORPUS, clean)));
    const options = { address: scanners.spamassassin, compress: 'always' };
    const compressing = await filterOf('spamassassin', options);
    const plain = await spamassassin.judge(content);
    assert.equal(plain.kind, 'pass');
    assert.ok(plain.score !== undefined);
    assert.equal((await compressing.judge(content)).score, plain.score);
  });
});
