/**
 * The schema of `outgoing` in a domain file: who may send in the name of the domain, and how much.
 * An account is one address or network, one login, or the whole domain with a password.
 */
import * as z from 'zod';
import { selector } from './dkim-schema.ts';
import { identityPattern } from './identity-pattern.ts';
import {
  domainName,
  duration,
  mailAddress,
  name,
  network,
  recordName,
  score,
  secret,
  text,
  whole,
} from './values.ts';

const MAX_COUNT = 1_000_000_000;
const count = () => whole(0, MAX_COUNT).optional();

/** 0 is no limit. */
const limits = z.strictObject({
  connections_per_minute: count(),
  connections_per_hour: count(),
  connections_per_day: count(),
  connections_per_week: count(),
  connections_per_month: count(),
  messages_per_minute: count(),
  messages_per_hour: count(),
  messages_per_day: count(),
  messages_per_week: count(),
  messages_per_month: count(),
  recipients_per_minute: count(),
  recipients_per_hour: count(),
  recipients_per_day: count(),
  recipients_per_week: count(),
  recipients_per_month: count(),
  first_time_recipients_per_day: count(),
});

const PATTERN =
  'expected a regular expression of at most 200 letters in which nothing that repeats is repeated';

const pattern = () =>
  text(PATTERN, (value) =>
    identityPattern(value) === undefined ? { ok: false, problem: PATTERN } : { ok: true, value },
  );

/** Each field is looked for in each message. */
const MAX_IDENTITY_FIELDS = 10;

const identity = z.union(
  [
    z.enum(['login', 'sender']),
    z.strictObject({
      header: z
        .array(name('the name of a header field such as X-Client-ID'), {
          error: 'expected a list of header fields such as [X-Client-ID]',
        })
        .min(1, { error: 'expected at least one header field' })
        .max(MAX_IDENTITY_FIELDS, {
          error: `expected at most ${MAX_IDENTITY_FIELDS} header fields`,
        }),
      pattern: pattern().optional(),
      remove: z.boolean().optional(),
    }),
  ],
  { error: 'expected login, sender or { header: [X-Client-ID] }' },
);

const account = z
  .strictObject({
    ip: network().optional(),
    spf: recordName().optional(),
    user: mailAddress().optional(),
    domain: z.literal(true, { error: 'expected true' }).optional(),
    password: secret().optional(),
    identity: identity.optional(),
    smarthost: z.boolean().optional(),
    limits: limits.optional(),
    auto_lock: z.boolean().optional(),
    auto_lock_identities: z.boolean().optional(),
    lock_minutes: whole(1, 525_600).optional(),
    max_auto_unlocks: whole(0, 1000).optional(),
    lock_after: z
      .strictObject({
        messages: whole(1, 900).optional(),
        within: duration('1s', '7d').optional(),
      })
      .optional(),
    lock_after_complaints: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            messages: whole(1, 900).optional(),
            within: duration('1s', '30d').optional(),
          }),
        ],
        { error: 'expected { messages: 5, within: 1d } or false' },
      )
      .optional(),
    dkim_selector: selector().optional(),
    quarantine_reply: z.enum(['reject', 'accept']).optional(),
    archive: z.boolean().optional(),
    block_macros: z.boolean().optional(),
    refuse_new_domains: z.boolean().optional(),
    reauthentication: z.boolean().optional(),
    other_domains: z
      .union([z.boolean(), z.array(domainName())], {
        error: 'expected true, false or a list of domain names',
      })
      .optional(),
  })
  .superRefine((value, context) => {
    const { ip, spf, user, domain, password } = value;
    const refuse = (message: string, path: string[] = []) =>
      context.addIssue({ code: 'custom', message, path, input: undefined });
    if ([ip, spf, user, domain].filter((kind) => kind !== undefined).length !== 1) {
      refuse('needs exactly one of ip, spf, user or domain');
    } else if (ip === undefined && spf === undefined) {
      if (password === undefined) refuse('needs a password');
    } else if (password !== undefined) {
      refuse('an account by address has no password', ['password']);
    }
    if (spf === undefined) return;
    for (const key of ['other_domains', 'reauthentication'] as const) {
      if (value[key] === undefined) continue;
      refuse('not with spf: only a sender of the domain tells whose mail it is', [key]);
    }
    for (const window of ['minute', 'hour', 'day', 'week', 'month'] as const) {
      const key = `connections_per_${window}` as const;
      if (value.limits?.[key] === undefined) continue;
      refuse("not with spf: connections of servers of others are nobody's", ['limits', key]);
    }
  });

export type AccountSettings = z.output<typeof account>;

const FILTERS = ['spam', 'virus'] as const;

export const outgoingSchema = z.strictObject({
  services: z
    .array(z.enum(FILTERS), { error: `expected a list of ${FILTERS.join(', ')}` })
    .prefault([...FILTERS]),
  spam: z
    .strictObject({ quarantine: score().optional(), reject: score().prefault(null) })
    .prefault({}),
  virus: z.enum(['reject', 'quarantine']).prefault('reject'),
  enabled: z.boolean().prefault(false),
  null_sender: z.enum(['accept', 'refuse']).prefault('accept'),
  hide_clients: z.boolean().prefault(false),
  bulk: z.enum(['accept', 'refuse', 'limit']).prefault('accept'),
  bulk_per_day: whole(1, MAX_COUNT).prefault(100),
  bounces_per_day: whole(0, MAX_COUNT).prefault(0),
  auto_replies_per_week: whole(0, 1000).prefault(2),
  accounts: z.array(account, { error: 'expected a list of accounts' }).prefault([]),
});
