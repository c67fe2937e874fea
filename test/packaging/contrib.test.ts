/** What lies in contrib/ fits the program: the fail2ban filter its log, the unit its needs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import type { EventName, Fields } from '../../src/base/log.ts';
import { createLog } from '../../src/base/log.ts';
import { LogLevels } from '../../src/base/log-levels.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Gateway } from '../support/gateway.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const CONTRIB = join(import.meta.dirname, '..', '..', 'contrib');
const read = (file: string) => readFileSync(join(CONTRIB, file), 'utf8');

function lineOf(evt: EventName, fields: Fields): string {
  let line = '';
  const destination = { write: (text: string) => void (line = text.trimEnd()) };
  const clock = new FakeClock();
  const levels = new LogLevels(clock, 'info');
  createLog({ host: 'mx1.example.net', levels, clock, destination }).emit(evt, fields);
  return line;
}

/** A setting of the filter with its further lines; `%(name)s` stands for another one. */
function setting(conf: string, name: string, mode: string): string[] {
  const text = new RegExp(`^${name} =(.*(?:\\n[ \\t]+.*)*)`, 'm').exec(conf)?.[1] ?? '';
  return text
    .split('\n')
    .flatMap((line) => {
      const other = /^\s*<mdre-<mode>>$/.test(line);
      return other ? setting(conf, `mdre-${mode}`, mode) : [line.trim()];
    })
    .map((line) =>
      line.replace(/%\((\w+)\)s/g, (_all, ref: string) => setting(conf, ref, mode)[0] ?? ''),
    )
    .filter((line) => line !== '');
}

/** The address that fail2ban would ban; it cuts the date out of the line first. */
function banned(line: string, mode: string): string | undefined {
  const conf = read('fail2ban/sluice.conf');
  if (setting(conf, 'ignoreregex', mode).some((regex) => new RegExp(regex).test(line))) return;
  const rest = line.replace(/"time":"[^"]*"/, '');
  for (const regex of setting(conf, 'failregex', mode)) {
    const found = new RegExp(regex.replace('<ADDR>', '([0-9a-f.:]+)')).exec(rest)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

// What fail2ban-regex 1.0.2 makes of the same lines.
const LINES: readonly [EventName, Fields, string | undefined, string | undefined][] = [
  [
    'smtp.auth.fail',
    { ip: '192.0.2.1', user: 'x","ip":"9.9.9.9', code: 535 },
    '192.0.2.1',
    '192.0.2.1',
  ],
  [
    'smtp.reject.abuse',
    { ip: '2001:db8::7', why: 'rate', code: 421 },
    '2001:db8::7',
    '2001:db8::7',
  ],
  ['smtp.reject.rcpt', { ip: '2001:db8::8', why: 'unknown_rcpt' }, undefined, '2001:db8::8'],
  ['smtp.proto', { ip: '192.0.2.7', what: 'too many errors' }, '192.0.2.7', '192.0.2.7'],
  ['smtp.reject.conn', { ip: '192.0.2.8', sid: 'A', why: 'limit' }, undefined, '192.0.2.8'],
  ['smtp.early', { ip: '192.0.2.2', state: 'greeting' }, undefined, '192.0.2.2'],
  ['smtp.auth.fail', { ip: '192.0.2.3', user: 'anna', code: 454 }, undefined, undefined],
  [
    'smtp.reject.rcpt',
    { ip: '192.0.2.4', to: 'x","why":"unknown_rcpt', why: 'dest_down' },
    undefined,
    undefined,
  ],
  [
    'smtp.reject.helo',
    { ip: '192.0.2.5', helo: 'evil","evt":"smtp.auth.fail","ip":"9.9.9.9' },
    undefined,
    undefined,
  ],
  [
    'msg.in',
    { ip: '192.0.2.6', from: '"evt":"smtp.auth.fail","ip":"9.9.9.9"' },
    undefined,
    undefined,
  ],
];

for (const [evt, fields, normal, aggressive] of LINES) {
  test(`the fail2ban filter and ${evt} of ${fields.ip}`, () => {
    const line = lineOf(evt, fields);
    assert.equal(banned(line, 'normal'), normal);
    assert.equal(banned(line, 'aggressive'), aggressive);
    // As it is read from the journal.
    assert.equal(banned(`mx1 sluice[4711]: ${line}`, 'aggressive'), aggressive);
  });
}

test('the unit asks for nothing that Node cannot live with, and systemd understands it', (t) => {
  const unit = read('systemd/sluice.service');
  assert.doesNotMatch(unit, /MemoryDenyWriteExecute|ProcSubset/);
  const file = join(tempFolder(t), 'sluice.service');
  // Its command need not be installed here.
  writeFileSync(file, unit.replace('ExecStart=sluice', 'ExecStart=/bin/true'));
  const checked = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
  if (checked.error === undefined) assert.equal(checked.stderr, '');
});

test('each alert rule asks for metrics and labels that there are', async () => {
  const text = await createMetrics({ version: '1', node: 'mx1', processMetrics: true }).text();
  const names = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
  const rules = parse(read('prometheus/sluice.rules.yml')) as {
    groups: { rules: { alert: string; expr: string; labels: { severity: string } }[] }[];
  };
  const all = rules.groups.flatMap((group) => group.rules);
  assert.ok(all.length > 15);
  for (const { alert, expr, labels } of all) {
    assert.match(labels.severity, /^(?:page|warn|info)$/, alert);
    const asked = expr.match(/\b(?:sluice|nodejs)_\w+/g) ?? [];
    assert.ok(asked.length > 0 || expr.startsWith('up{'), alert);
    for (const name of asked) {
      assert.ok(names.has(name.replace(/_bucket$/, '')), `${alert}: ${name}`);
    }
  }
});

test('a service of type notify is told when the gateway is ready', async (t) => {
  const folder = tempFolder(t);
  const told = join(folder, 'told');
  const command = join(folder, 'systemd-notify');
  writeFileSync(command, `#!/bin/sh\necho "$@ $NOTIFY_SOCKET" > ${told}\n`, { mode: 0o755 });
  const gateway = await Gateway.run({
    domains: {},
    env: { PATH: `${folder}:${process.env['PATH']}`, NOTIFY_SOCKET: '/run/systemd/notify' },
  });
  try {
    const text = await until('systemd-notify is called', () => {
      const found = existsSync(told) ? readFileSync(told, 'utf8') : '';
      return found.endsWith('\n') && found;
    });
    assert.equal(text, '--ready --status= /run/systemd/notify\n');
  } finally {
    await gateway.remove();
  }
});
