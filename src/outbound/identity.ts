/**
 * Who is behind an account: by login, by envelope sender, or by what header fields say. Pure; values
 * come from the network and are cut to what a key of the counters and a line of the log can hold.
 */
import type { Account } from '../directory/account.ts';
import { loginKey } from '../directory/account.ts';
import type { ReversePath } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue } from '../mail/header.ts';

type Whose = Pick<Account, 'identity' | 'isSmarthost'>;

/** Longest identity, in bytes; what is longer counts by its beginning. */
export const MAX_IDENTITY = 128;
/** Of one field: what a pattern is held against. */
const MAX_VALUE = 256;

/** What is known before the content; undefined: nobody, or only the header says. */
export function identityOfEnvelope(
  { identity }: Whose,
  { login, reversePath }: { readonly login: string | undefined; readonly reversePath: ReversePath },
): string | undefined {
  if (identity?.kind === 'login') return login === undefined ? undefined : bounded(loginKey(login));
  return identity?.kind === 'sender' ? senderOf(reversePath) : undefined;
}

/** What the header says of an account that is asked so; undefined: nothing. */
export function identityOfHeader(
  { identity, isSmarthost }: Whose,
  reversePath: ReversePath,
  header: Buffer,
  fields: readonly HeaderField[],
): string | undefined {
  if (identity?.kind !== 'header') return undefined;
  const values = identity.names.flatMap((name) => {
    const field = fields.find((one) => one.name === name);
    const value = field && matched(fieldValue(header, field, MAX_VALUE), identity.pattern);
    return value === undefined || value === '' ? [] : [value];
  });
  if (values.length > 0) return bounded(values.join(' '));
  // Who leaves the field out must not go uncounted where the account itself is never locked.
  return isSmarthost ? senderOf(reversePath) : undefined;
}

/** The fields that do not go on. */
export function removedFields(
  { identity }: Whose,
  fields: readonly HeaderField[],
): readonly HeaderField[] {
  if (identity?.kind !== 'header' || !identity.remove) return [];
  return fields.filter(({ name }) => identity.names.includes(name));
}

/** Bounces are somebody's too: who sends from `<>` must not go uncounted. */
function senderOf(reversePath: ReversePath): string {
  return reversePath === null ? '<>' : bounded(formatAddress(reversePath).toLowerCase());
}

function matched(value: string, pattern: RegExp | undefined): string | undefined {
  if (pattern === undefined) return value;
  const found = pattern.exec(value);
  return found === null ? undefined : (found[1] ?? found[0]);
}

function bounded(text: string): string {
  // oxlint-disable-next-line no-control-regex -- keys of the counters are parted by one
  const clean = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  const bytes = Buffer.from(clean);
  if (bytes.length <= MAX_IDENTITY) return clean;
  return bytes.toString('utf8', 0, MAX_IDENTITY).replace(/\ufffd+$/, '');
}
