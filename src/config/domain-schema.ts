/**
 * The schema of one file in the domains folder: a customer domain, where its mail goes, who its
 * recipients are, what is done with spam and viruses. The names of plugins are keys as well; they
 * are taken out before this schema sees the file (`domain-file.ts`).
 */
import * as z from 'zod';
import { destination, severalHosts, SMTP_PORT } from './destination-schema.ts';
import { dkimSchema } from './dkim-schema.ts';
import { ldapSource } from './ldap-schema.ts';
import { outgoingSchema } from './outgoing-schema.ts';
import { domainQueue } from './queue-schema.ts';
import { domainName, endpoint, mailAddress, path, score, timeZone, whole } from './values.ts';

/** Each server is asked in turn: more would make the last ones wait for long. */
const MAX_SPLIT = 10;

const splitDestination = z.strictObject({
  split: z
    .array(destination, { error: 'expected a list of destinations' })
    .min(2, { error: 'expected at least two destinations' })
    .max(MAX_SPLIT, { error: `expected at most ${MAX_SPLIT} destinations` }),
});

const domainDestination = z.union([endpoint(SMTP_PORT), severalHosts, splitDestination], {
  error: 'expected host:port, { hosts: [...] } or { split: [...] }',
});

const SOURCE_FORM = 'expected exactly one of list, file or ldap';

const recipients = z.union(
  [
    z.enum(['callout', 'any']),
    z
      .strictObject({
        // The addresses are checked where the domain's names are known.
        list: z.array(z.string(), { error: 'expected a list of addresses' }).optional(),
        file: path().optional(),
        ldap: ldapSource.optional(),
      })
      .refine((source) => Object.keys(source).length === 1, { error: SOURCE_FORM }),
  ],
  { error: 'expected callout, any, { list: [...] }, { file: path } or { ldap: {...} }' },
);

/** All of them where a file names none. */
export const SERVICES = ['relay', 'fallback', 'spam', 'virus'] as const;

const services = z
  .array(z.enum(SERVICES), { error: `expected a list of ${SERVICES.join(', ')}` })
  .refine((list) => list.length === 0 || list.includes('relay') || list.includes('fallback'), {
    error: 'needs relay or fallback: without them no mail gets through',
  })
  .min(1, { error: `expected a list of ${SERVICES.join(', ')}` });

const SUBJECT_TAG = 'expected 1 to 40 letters, digits and signs of ASCII, such as "[SPAM]"';

const subjectTag = z
  .string({ error: SUBJECT_TAG })
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,38}[\x21-\x7e])?$/, { error: SUBJECT_TAG });

const THRESHOLDS = 'expected at least one of tag, quarantine and reject';

/** What is left out is the domain's. */
const mailboxThresholds = z
  .strictObject({
    only_for: z
      .array(mailAddress(), { error: 'expected a list of addresses' })
      .min(1, { error: 'expected at least one address' }),
    tag: score().optional(),
    quarantine: score().optional(),
    reject: score().optional(),
  })
  .refine((own) => Object.keys(own).length > 1, { error: THRESHOLDS });

export const domainSchema = z.strictObject({
  domain: domainName(),
  aliases: z.array(domainName(), { error: 'expected a list of domain names' }).prefault([]),
  licensed_users: whole(1, 1_000_000).optional(),
  destination: domainDestination,
  recipients: recipients.prefault('callout'),
  case_sensitive_local_parts: z.boolean().prefault(false),
  outage: z.enum(['defer', 'hold', 'accept']).prefault('defer'),
  services: services.optional(),
  spam: z
    .strictObject({
      tag: score().prefault(5),
      quarantine: score().prefault(null),
      reject: score().prefault(10),
      subject_tag: subjectTag.optional(),
      mailboxes: z.array(mailboxThresholds, { error: 'expected a list' }).prefault([]),
    })
    .prefault({}),
  queue: z.strictObject(domainQueue).prefault({}),
  virus: z.enum(['reject', 'quarantine']).prefault('reject'),
  attachments: z.record(z.string(), z.unknown()).nullable().optional(),
  contact: mailAddress().optional(),
  time_zone: timeZone().optional(),
  report_language: z.enum(['auto', 'en', 'de', 'both']).prefault('auto'),
  support: z
    .strictObject({ name: z.string().optional(), email: mailAddress().optional() })
    .optional(),
  outgoing: outgoingSchema.optional(),
  dkim: dkimSchema.prefault({}),
});

/**
 * A plugin of this name could not be told from a setting. `attachments` is here only so that the
 * key may stand while the plugin is not in use.
 */
export function isSetting(name: string): boolean {
  return name !== 'attachments' && Object.hasOwn(domainSchema.shape, name);
}

export type DomainSettings = z.output<typeof domainSchema>;
export type DomainDestinationSettings = z.output<typeof domainDestination>;
