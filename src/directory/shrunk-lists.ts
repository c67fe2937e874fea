/**
 * Lists of recipients that lost most of their addresses from one reading to the next. A file that is
 * being written, or that an export left half-done, looks like that; taking it would refuse mail for
 * people who are there. A person who means it says so with `sluice reload`.
 */
import type { Problem } from '../config/problem.ts';
import { fileProblem } from '../config/problem.ts';
import type { Directory } from './domain.ts';

/** Of short lists people do remove half. */
const LEAST = 20;

export function shrunkLists(before: Directory, after: Directory): Problem[] {
  return after.domains.flatMap(({ name, file, recipients }) => {
    const old = before.find(name)?.recipients;
    if (recipients.kind !== 'list' || old?.kind !== 'list') return [];
    const { size } = recipients.addresses;
    if (old.addresses.size < LEAST || size >= old.addresses.size / 2) return [];
    const text =
      `recipients of ${name}: only ${size} addresses are left of ${old.addresses.size}; ` +
      'if that is meant, run "sluice reload"';
    return [fileProblem(file, text)];
  });
}
