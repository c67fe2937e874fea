/** Where mail to the outside goes, and what is demanded of the way: keys of `delivery`. */
import * as z from 'zod';
import { isDomain } from '../mail/address.ts';
import { severalHosts, SMTP_PORT } from './destination-schema.ts';
import { endpoint, path, text } from './values.ts';

const USER_FORM = 'expected the name to log in with, 1 to 255 characters';
// oxlint-disable-next-line no-control-regex -- NUL parts name and password in AUTH PLAIN
const CONTROL = /[\x00-\x1f\x7f]/;

const user = text(USER_FORM, (value) =>
  value !== '' && value.length <= 255 && !CONTROL.test(value)
    ? { ok: true, value }
    : { ok: false, problem: USER_FORM },
);

export const smarthost = z.union(
  [
    endpoint(SMTP_PORT),
    severalHosts.extend({
      auth: z
        .strictObject({
          user,
          password_file: path(),
          over: z.enum(['verified', 'tls', 'plaintext']).prefault('verified'),
        })
        .optional(),
    }),
  ],
  { error: 'expected host:port or { hosts: [...] }' },
);

const DOMAINS_FORM =
  'expected domains such as { partner.example: required, .bank.example: required }';

/** A domain, `.example.org` for what lies below it, or `*`. */
const remoteName = text(DOMAINS_FORM, (value) => {
  const name = value.startsWith('.') ? value.slice(1) : value;
  if (value === '*' || (isDomain(name) && !name.startsWith('['))) return { ok: true, value };
  return { ok: false, problem: DOMAINS_FORM };
});

export const remoteTls = z.record(remoteName, z.enum(['opportunistic', 'required', 'off']), {
  error: DOMAINS_FORM,
});

export type SmarthostSettings = z.output<typeof smarthost>;
