/**
 * Answers to reports about caught mail, by which a customer asks for its release. They are noted on
 * their way, whatever the filters make of them, and go on to the operator like any other mail. Only
 * what a person has written counts: programs that answer everything would ask for everything. Trouble
 * here is nobody's who sends mail.
 */
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { formatAddress } from '../mail/address.ts';
import { decodeWords } from '../mail/encoded-words.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue } from '../mail/header.ts';
import { kindOf } from '../outbound/mail-kinds.ts';
import type { Transaction } from './transaction.ts';

export interface ReleaseRequest {
  readonly subject: string;
  /** The reverse-path of the mail that asks, which anybody may write, and the id of that mail. */
  readonly by: string;
  readonly mail: string;
}

export interface ReleaseRequestDeps {
  /** Takes note of it if it is about mail in the quarantine. */
  readonly asked?: (request: ReleaseRequest) => Promise<void>;
  readonly log: Log;
}

const MAX_FIELD = 2000;
/** Bulk mail is no answer of a person, and neither is what says so of itself (RFC 3834 5). */
const BY_PROGRAM: ReadonlyMap<string, RegExp> = new Map([
  ['auto-submitted', /^(?!no\b)/i],
  ['precedence', /^(?:bulk|junk|list)\b/i],
]);

/** Undefined for mail that asks for nothing, which is almost all. */
export function readIfRequest(
  deps: ReleaseRequestDeps,
  transaction: Transaction,
  header: Buffer,
  fields: readonly HeaderField[],
): Promise<void> | undefined {
  const { generation, recipients, reversePath } = transaction;
  const { releaseRequests } = generation.settings;
  if (releaseRequests === undefined || reversePath === null) return undefined;
  const isMeant = recipients.some(
    ({ address }) => formatAddress(address).toLowerCase() === releaseRequests,
  );
  if (!isMeant || kindOf(header, fields, reversePath, undefined) !== undefined) return undefined;
  const valueOf = (field: HeaderField) => fieldValue(header, field, MAX_FIELD);
  if (fields.some((field) => BY_PROGRAM.get(field.name)?.test(valueOf(field)))) return undefined;
  const subject = fields.find(({ name }) => name === 'subject');
  if (subject === undefined) return undefined;
  const request = { subject: decodeWords(valueOf(subject)), by: formatAddress(reversePath) };
  return noteRequest(deps, transaction, request);
}

async function noteRequest(
  { asked, log }: ReleaseRequestDeps,
  { id, logFields }: Transaction,
  request: Omit<ReleaseRequest, 'mail'>,
): Promise<void> {
  try {
    await asked?.({ ...request, mail: id });
  } catch (error) {
    const msg = 'wish for a release not noted';
    log.emit('store.error', { ...logFields, msg, err: errorText(error) });
  }
}
