/**
 * Kinds of mail that are counted for themselves: bulk mail, bounces, and automatic replies, of which
 * nobody needs more than a few from the same sender (RFC 3834 2). Pure: what a message would take.
 */
import { createHash } from 'node:crypto';
import type { Outgoing } from '../directory/account.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue } from '../mail/header.ts';
import type { Demand } from '../store/counter-store.ts';

export type MailKind = 'reply' | 'bulk' | 'bounce';

export interface KindDemand extends Omit<Demand, 'timeZone'> {
  readonly by: number;
}

export interface KindFacts {
  readonly domain: string;
  readonly kind: MailKind;
  /** Who replies: the envelope sender, else what the From field says. */
  readonly author: string;
  readonly recipients: readonly Address[];
}

const MAX_VALUE = 320;
const REPORT_SIGNS: ReadonlyMap<string, RegExp> = new Map([
  ['content-type', /^multipart\/report\b/i],
  ['from', /\b(?:mailer-daemon|postmaster)@/i],
  ['x-failed-recipients', /@/],
]);

/** `mailClass`: what a filter has found. */
export function kindOf(
  header: Buffer,
  fields: readonly HeaderField[],
  reversePath: ReversePath,
  mailClass: unknown,
): MailKind | undefined {
  if (reversePath === null && isReport(header, fields)) return 'bounce';
  if (mailClass === 'auto' || isAutoReply(header, fields, reversePath)) return 'reply';
  if (mailClass === 'bulk') return 'bulk';
  return reversePath === null ? 'bounce' : undefined;
}

export function authorOf(
  header: Buffer,
  fields: readonly HeaderField[],
  reversePath: ReversePath,
): string {
  if (reversePath !== null) return formatAddress(reversePath).toLowerCase();
  const from = fields.find(({ name }) => name === 'from');
  return from === undefined ? '' : fieldValue(header, from, MAX_VALUE).toLowerCase();
}

export function demandsOfKind(
  { bulk, bulkPerDay, bouncesPerDay, repliesPerWeek }: Outgoing,
  { domain, kind, author, recipients }: KindFacts,
): readonly KindDemand[] {
  const by = recipients.length;
  switch (kind) {
    case 'bulk':
      if (bulk !== 'limit') return [];
      return [{ key: `bulk\t${domain}`, limits: { day: bulkPerDay }, by }];
    case 'bounce':
      if (bouncesPerDay === 0) return [];
      return [{ key: `bounces\t${domain}`, limits: { day: bouncesPerDay }, by }];
    case 'reply':
      if (repliesPerWeek === 0) return [];
      return recipients.map((recipient) => {
        const pair = `${domain}\n${author}\n${formatAddress(recipient).toLowerCase()}`;
        const digest = createHash('sha256').update(pair).digest('base64url');
        const key = `replies\t${digest}`;
        return { key, limits: { week: repliesPerWeek }, isOpen: true, by: 1 };
      });
    default:
      return kind satisfies never;
  }
}

/** Bounces and receipts (RFC 6522): each is about another message, though most say `auto-replied`. */
function isReport(header: Buffer, fields: readonly HeaderField[]): boolean {
  return fields.some((field) => {
    const sign = REPORT_SIGNS.get(field.name);
    return sign?.test(fieldValue(header, field, MAX_VALUE)) === true;
  });
}

/** RFC 3834 5, and what is written besides. */
function isAutoReply(
  header: Buffer,
  fields: readonly HeaderField[],
  reversePath: ReversePath,
): boolean {
  // Exchange generates its replies; what others generate answers nothing, or has a sender.
  const mayBeGenerated = reversePath === null && fields.some(({ name }) => name === 'in-reply-to');
  return fields.some((field) => {
    switch (field.name) {
      case 'auto-submitted': {
        const value = fieldValue(header, field, MAX_VALUE);
        return /^auto-replied/i.test(value) || (mayBeGenerated && /^auto-generated/i.test(value));
      }
      case 'precedence':
        return /^auto_reply/i.test(fieldValue(header, field, MAX_VALUE));
      case 'x-autoreply':
      case 'x-autorespond':
        return true;
      default:
        return false;
    }
  });
}
