/**
 * Mail that may speak of what customers have sent: to an address that takes complaints, or from the null
 * reverse-path. It is read on its way, whatever the filters make of it (a complaint holds the spam that it
 * is about), and goes on like any other mail. Trouble here is nobody's who sends mail.
 */
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import { MAX_RETURNED_READ, readReturned } from '../mail/returned-mail.ts';
import type { Feedback } from '../outbound/feedback.ts';
import type { Transaction } from './transaction.ts';

export interface ReturnedDeps {
  readonly feedback: Pick<Feedback, 'take'>;
  readonly log: Log;
}

/** Undefined for mail that is neither, which is almost all. */
export function readIfReturned(
  deps: ReturnedDeps,
  transaction: Transaction,
  content: Content,
): Promise<void> | undefined {
  const { generation, domain, recipients, reversePath, account } = transaction;
  const { complaintAddresses } = generation.settings;
  const isComplaint =
    complaintAddresses.size > 0 &&
    recipients.some(({ address }) => complaintAddresses.has(formatAddress(address).toLowerCase()));
  // Of a domain that sends nothing through us nothing of ours can come back.
  const mayBounce = reversePath === null && account === undefined && domain?.outgoing.enabled;
  if (!isComplaint && mayBounce !== true) return undefined;
  return readReturnedMail(deps, transaction, content, isComplaint);
}

async function readReturnedMail(
  { feedback, log }: ReturnedDeps,
  { id, generation, reversePath, logFields }: Transaction,
  content: Content,
  isComplaint: boolean,
): Promise<void> {
  const from = reversePath === null ? '' : formatAddress(reversePath);
  let kind: 'complaint' | 'bounce' = 'bounce';
  try {
    const says = readReturned(await beginningOf(content));
    // Mail from the address that takes complaints may bounce as well.
    if (isComplaint && (reversePath !== null || says.feedbackType !== undefined))
      kind = 'complaint';
    if (says.messageIds.length === 0 && kind === 'bounce') return;
    await feedback.take({ id, from, kind, says }, generation.directory);
  } catch (error) {
    // In a flood of bounces the records have no time for all of them, and that is no fault of theirs.
    if (kind === 'bounce' && error instanceof CodedError && error.code === 'LIMIT') return;
    log.emit('store.error', { ...logFields, msg: 'feedback not counted', err: errorText(error) });
  }
}

async function beginningOf(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content.read()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_RETURNED_READ) break;
  }
  return Buffer.concat(chunks);
}
