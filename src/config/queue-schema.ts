/**
 * How long and how often mail is tried, and how much may wait: the keys below `queue`, which are the same for the node and,
 * where a customer needs other ones, for a domain.
 */
import * as z from 'zod';
import { duration, quotaKeys } from './values.ts';

const retry = () =>
  z
    .array(duration('100ms', '7d'), { error: 'expected a list such as [1m, 5m, 1h]' })
    .min(1, { error: 'expected at least one duration' })
    .max(100, { error: 'expected at most 100 durations' });
const lifetime = () => duration('1s', '60d');
const delayWarning = () => duration('1m', '60d').nullable();
const probe = () => duration('100ms', '1h');

export const nodeQueue = {
  retry: retry().prefault(['1m', '5m', '10m', '20m', '40m', '1h']),
  lifetime: lifetime().prefault('5d'),
  delay_warning: delayWarning().prefault('4h'),
  probe: probe().prefault('500ms'),
  ...quotaKeys(),
};

/** What a domain does not say is as for the node, but for the quota, which is its own. */
export const domainQueue = {
  retry: retry().optional(),
  lifetime: lifetime().optional(),
  delay_warning: delayWarning().optional(),
  probe: probe().optional(),
  ...quotaKeys(),
};
