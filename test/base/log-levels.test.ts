import assert from 'node:assert/strict';
import test from 'node:test';
import { LogLevels } from '../../src/base/log-levels.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('a focus ends with its time, and another one takes its place', async () => {
  const clock = new FakeClock();
  const levels = new LogLevels(clock, 'warn');
  assert.ok(levels.admits('error', {}) && levels.admits('warn', {}) && !levels.admits('info', {}));
  levels.set({ level: 'debug', until: clock.now() + 1000 });
  assert.ok(levels.admits('debug', {}) && !levels.admits('trace', {}));
  await clock.advance(999);
  assert.ok(levels.admits('debug', {}));
  await clock.advance(1);
  assert.ok(!levels.admits('info', {}));
  assert.equal(levels.focus, undefined);
});

test('sessions of a client in focus are known by their id, the newest thousand', () => {
  const clock = new FakeClock();
  const levels = new LogLevels(clock, 'info');
  const clients = { text: '192.0.2.1', includes: (address: string) => address === '192.0.2.1' };
  levels.set({ level: 'debug', until: clock.now() + 1000, clients });
  assert.ok(!levels.admits('debug', { id: '4K7QZ2M9XT.1' }));
  assert.ok(!levels.admits('debug', { ip: '192.0.2.2', sid: '4K7QZ2M9XT' }));
  assert.ok(levels.admits('debug', { ip: '192.0.2.1', sid: '4K7QZ2M9XT' }));
  assert.ok(levels.admits('debug', { id: '4K7QZ2M9XT.1' }));
  for (let i = 0; i < 1000; i++) levels.admits('debug', { ip: '192.0.2.1', sid: `S${i}` });
  assert.ok(!levels.admits('debug', { id: '4K7QZ2M9XT.1' }));
  assert.ok(levels.admits('debug', { id: 'S0.1' }));
});
