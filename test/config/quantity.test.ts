/** Durations and sizes are exact, and nothing without a unit passes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/quantity.ts';

const DURATIONS: readonly [string, number | undefined][] = [
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['4h', 14_400_000],
  ['5d', 432_000_000],
  ['0s', 0],
  ['30', undefined],
  ['', undefined],
  ['5 m', undefined],
  ['-5m', undefined],
  ['1.5h', undefined],
  ['1h30m', undefined],
  ['5M', undefined],
  ['5min', undefined],
  ['5constructor', undefined],
  ['9999999999d', undefined],
];

const SIZES: readonly [string, number | undefined][] = [
  ['0B', 0],
  ['64KiB', 65_536],
  ['10MiB', 10_485_760],
  ['2GiB', 2_147_483_648],
  ['10MB', undefined],
  ['10', undefined],
  ['10 MiB', undefined],
  ['10mib', undefined],
  ['1.5MiB', undefined],
];

test('a duration is a number and a unit', () => {
  for (const [text, ms] of DURATIONS) assert.equal(parseDuration(text), ms, text);
});

test('a size is a number and a binary unit', () => {
  for (const [text, bytes] of SIZES) assert.equal(parseSize(text), bytes, text);
});

test('what is formatted is read back as the same number', () => {
  for (const ms of [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000, 172_800_000]) {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }
  assert.equal(formatDuration(90_000), '90s');
  assert.equal(formatDuration(86_400_000), '1d');
  for (const bytes of [0, 1, 1023, 1024, 1536, 1024 ** 2, 3 * 1024 ** 3]) {
    assert.equal(parseSize(formatSize(bytes)), bytes);
  }
  assert.equal(formatSize(1536), '1536B');
  assert.equal(formatSize(262_144), '256KiB');
});
