/** The schema of `alerts` in sluice.yaml: when somebody is told that something is wrong, and how. */
import * as z from 'zod';
import { domainName, duration, mailAddress, size, text, whole } from './values.ts';

const MAX_URL = 2000;

const webhook = () => {
  const expected = 'expected an address such as https://alerts.example.net/hook';
  return text(expected, (value) => {
    const url = value.length <= MAX_URL && URL.canParse(value) ? new URL(value) : undefined;
    const fits = url?.protocol === 'https:' || url?.protocol === 'http:';
    return fits ? { ok: true, value } : { ok: false, problem: expected };
  });
};

const command = () => {
  const error = 'expected a program and its arguments, such as [/usr/local/bin/page, --sluice]';
  return z
    .array(z.string({ error }), { error })
    .min(1, { error })
    .max(50, { error })
    .refine(([program = '']) => program.startsWith('/'), {
      error: 'the program must be given with its full path',
    });
};

export const alertsSchema = z
  .strictObject({
    after: duration('0s', '1d').prefault('2m'),
    remind: duration('1h', '30d').nullable().prefault('1d'),
    queue_age: duration('1m', '60d').nullable().prefault('4h'),
    queue_messages: whole(1, 1_000_000_000).nullable().prefault(10_000),
    held_age: duration('1m', '60d').nullable().prefault('1d'),
    free_space: size('0B', '1024GiB').nullable().prefault('2GiB'),
    block_lists: z
      .array(domainName(), { error: 'expected a list of zones such as [bl.example.net]' })
      .max(20, { error: 'expected at most 20 lists' })
      .prefault([]),
    webhook: webhook().optional(),
    command: command().optional(),
    mail: mailAddress().optional(),
  })
  .prefault({});
