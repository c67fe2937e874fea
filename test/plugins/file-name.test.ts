/** Names of files: what tricks come to, and that no name takes long. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isDisguised, matches, realName, realNames } from '../../plugins/shared/file-name.ts';
import { cpuMs } from '../support/cpu-time.ts';

test('a name is what Windows makes of it', () => {
  const names: [given: string, real: string][] = [
    ['C:\\Users\\a\\run.EXE', 'run.exe'],
    ['a/b/run.exe', 'run.exe'],
    ['run.exe/', 'run.exe'],
    ['run.exe \\ / ', 'run.exe'],
    ['run.exe. . .', 'run.exe'],
    ['\u200brun\u00ad.exe', 'run.exe'],
    ['ｒｕｎ．ｅｘｅ', 'run.exe'],
    ['run.exe:stream', 'run.exe'],
    ['"run.exe"', '"run.exe'],
    ['', ''],
    ['///', ''],
  ];
  for (const [given, real] of names) assert.equal(realName(given), real, given);
  assert.deepEqual(realNames('a.exe\0.txt'), ['a.exe.txt', 'a.exe']);
});

test('an end behind blanks, a false extension and turned writing are disguises', () => {
  for (const name of ['a      .exe', 'a.pdf.exe', 'a.pdf ._.exe', 'a\u202egpj.exe']) {
    assert.ok(isDisguised(name), name);
  }
  for (const name of ['a.exe', 'a b c.pdf', 'a.tar.gz', 'a     b', 'a.b     ']) {
    assert.ok(!isDisguised(name), name);
  }
});

test('patterns', () => {
  const found = (pattern: string, ...names: string[]) => names.map((one) => matches(pattern, one));
  assert.deepEqual(found('*.exe', 'a.exe', '.exe', 'a.exe.txt', 'exe'), [true, true, false, false]);
  assert.deepEqual(found('*.ex?', 'a.exe', 'a.ex'), [true, false]);
  assert.deepEqual(found('a*.b*c', 'a.bc', 'axx.bxxc', 'a.b'), [true, true, false]);
  assert.deepEqual(found('*', '', 'a'), [true, true]);
  assert.deepEqual(found('run.exe', 'run.exe', 'xrun.exe'), [true, false]);
});

test('hostile names are linear work', () => {
  const patterns = Array.from({ length: 90 }, (_, index) => `*.x${index}`);
  const hostile: [what: string, name: string][] = [
    ['blanks', `a.pdf${' '.repeat(990)}x`],
    ['dots', '.'.repeat(1000)],
    ['slashes', `${'/'.repeat(990)}x`],
    ['a long folder', `${'a'.repeat(990)}/x`],
    ['extensions', '.pdf'.repeat(250)],
    ['letters that become many', '\ufdfa'.repeat(1000)],
    ['much more than a name', 'a '.repeat(100_000)],
  ];
  for (const [what, name] of hostile) {
    const startedAt = cpuMs();
    for (let times = 0; times < 1000; times++) {
      isDisguised(name);
      for (const one of realNames(name)) patterns.some((pattern) => matches(pattern, one));
    }
    const ms = cpuMs() - startedAt;
    assert.ok(ms < 2000, `${what}: ${Math.round(ms)} ms for a thousand of them`);
  }
});
