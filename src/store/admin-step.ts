/** What an operator's step makes of a message: pure, the same for every engine. */
import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { SpoolEntry, SpooledRecipient } from '../mail/spool-entry.ts';
import type { AdminStep, Edit } from './spool-store.ts';

export interface Scheduled {
  readonly entry: SpoolEntry;
  /** Undefined while held. */
  readonly dueAt: number | undefined;
}

/** Whether the step is for the message as it is. */
export function isMeantFor({ entry }: Scheduled, { seen }: AdminStep): boolean {
  return seen === undefined || isDeepStrictEqual(entry, seen);
}

/** How its content reads after the step; undefined: as before. */
export function editOf({ entry }: Scheduled, step: AdminStep): Edit | undefined {
  const isMeant = step.kind === 'judged' && entry.hold?.unjudged !== undefined;
  return isMeant ? step.edit : undefined;
}

/** The message after the step, or undefined when the step removes it. */
export function afterStep(before: Scheduled, step: AdminStep, now: number): Scheduled | undefined {
  switch (step.kind) {
    case 'remove':
      return undefined;
    case 'told':
      return { ...before, entry: { ...before.entry, delayToldAt: step.delayToldAt } };
    case 'part': {
      const entry = withoutRecipients(before.entry, step.recipients);
      return entry.recipients.length === 0 ? undefined : { ...before, entry };
    }
    case 'hold':
      return { entry: { ...before.entry, hold: step.hold }, dueAt: undefined };
    case 'judged': {
      const { hold, ...rest } = before.entry;
      if (hold?.unjudged === undefined) return before;
      const entry = { ...rest, ...step.changes, sizeBytes: step.sizeBytes };
      return step.hold === undefined
        ? { entry, dueAt: now }
        : { entry: { ...entry, hold: step.hold }, dueAt: undefined };
    }
    case 'due': {
      const { hold, ...rest } = before.entry;
      const { expiresAt = rest.expiresAt, dest = rest.dest } = step;
      const free = { ...rest, expiresAt, dest };
      // A hold outlasts being made due; only a release ends it.
      if (hold !== undefined && !step.release)
        return { entry: { ...free, hold }, dueAt: undefined };
      return { entry: free, dueAt: now };
    }
    default:
      return step satisfies never;
  }
}

function withoutRecipients(entry: SpoolEntry, gone: readonly Address[]): SpoolEntry {
  const { hold, ...rest } = entry;
  const names = new Set(gone.map(formatAddress));
  const isGone = ({ address }: SpooledRecipient) => names.has(formatAddress(address));
  const recipients = entry.recipients.filter((recipient) => !isGone(recipient));
  if (hold?.quarantine === undefined) return { ...entry, recipients };
  const parted = entry.recipients.filter(isGone).map(({ address }) => formatAddress(address));
  const released = [...(hold.quarantine.released ?? []), ...parted];
  return { ...rest, recipients, hold: { ...hold, quarantine: { ...hold.quarantine, released } } };
}
