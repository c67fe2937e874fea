/** What the doctor makes of clamd's configuration and of the day of its signatures. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  judgeClamdLimits,
  judgeClamdSilence,
  judgeNoFilters,
  judgeScanners,
} from '../../src/doctor/judge/scanner.ts';

const MIB = 1024 * 1024;

test('clamd must take what the gateway takes; what is not set has its default', () => {
  const told = (conf: string, size = 50 * MIB) => judgeClamdLimits(conf, size);
  assert.equal(told('').status, 'PASS');
  assert.equal(told('', 101 * MIB).status, 'WARN');
  assert.match(told('StreamMaxLength 25M\nMaxFileSize 0\n').detail, /^StreamMaxLength 25MiB, but/);
  assert.equal(told('#StreamMaxLength 25M\n').status, 'PASS', 'a comment');
  assert.match(told('  maxscansize 1M\nMaxScanSize 10m').detail, /^MaxScanSize 10MiB/);
  assert.match(told('MaxFileSize 1024').detail, /^MaxFileSize 1KiB/);
});

test('a clamd that calls clean what it has not seen', () => {
  const told = (conf: string) => judgeClamdSilence(conf).status;
  assert.equal(told(''), 'WARN');
  assert.equal(told('AlertExceedsMax false\n'), 'WARN');
  assert.equal(told('# AlertExceedsMax yes\n'), 'WARN');
  assert.equal(told('MaxFiles 1\nalertexceedsmax  true\n'), 'PASS');
  assert.equal(told('AlertExceedsMax yes'), 'PASS');
});

test('signatures that are old or of an unknown day', () => {
  const told = (age?: string) =>
    judgeScanners([
      {
        ...{ name: 'clamav', up: true, text: 'ClamAV 1.4.3' },
        signatures: age === undefined ? undefined : { age, text: '27449' },
      },
    ]).map(({ status }) => status);
  assert.deepEqual(told('fresh'), ['PASS', 'PASS']);
  assert.deepEqual(told('old'), ['PASS', 'WARN']);
  assert.deepEqual(told('unknown'), ['PASS', 'WARN']);
  assert.deepEqual(told(), ['PASS']);
  assert.equal(judgeScanners([])[0]?.status, 'SKIP');
  assert.equal(judgeNoFilters([]).status, 'SKIP');
  const none = judgeNoFilters(['example.org']);
  assert.equal(none.status, 'WARN');
  assert.match(none.detail, /nothing looks for spam and viruses of example\.org/);
});
