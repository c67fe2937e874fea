/** The schema of `delivery.sources`: addresses from which mail goes to servers of others. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { hostName, name, text } from './values.ts';

const ADDRESS_FORM = 'expected an address of this machine such as 192.0.2.25';
const DATE_FORM = 'expected a day such as 2026-11-26';
const DATE = /^\d{4}-\d{2}-\d{2}$/;

const address = text(ADDRESS_FORM, (value) =>
  isIP(value) === 0 ? { ok: false, problem: ADDRESS_FORM } : { ok: true, value },
);

/** Midnight in UTC, milliseconds since the epoch. */
const day = text(DATE_FORM, (value) => {
  const at = DATE.test(value) ? Date.parse(`${value}T00:00:00Z`) : NaN;
  return Number.isNaN(at) ? { ok: false, problem: DATE_FORM } : { ok: true, value: at };
});

export const sourceAddresses = z
  .array(
    z.strictObject({
      ip: address,
      hostname: hostName().optional(),
      classes: z
        .array(name('a class of mail such as bulk'), {
          error: 'expected a list of classes such as [bulk]',
        })
        .prefault([]),
      new_since: day.optional(),
    }),
    { error: 'expected a list such as [{ ip: 192.0.2.25 }]' },
  )
  .max(100, { error: 'expected at most 100 addresses' });
