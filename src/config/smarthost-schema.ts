/** The schema of `delivery.smarthost`: a destination, perhaps one that wants a login. */
import * as z from 'zod';
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

export type SmarthostSettings = z.output<typeof smarthost>;
