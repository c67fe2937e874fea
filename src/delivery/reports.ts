/**
 * Reports to senders (DSN): who is owed one, and how it travels. Only a sender whose domain stands
 * behind the message is ever told, never the null reverse-path and never against NOTIFY; everybody
 * else's failures wait for a person, for a report to a forged sender is spam sent by us. A report is
 * a message of its own in the spool, committed before the recipient it speaks of is let go.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import { messageId, randomToken } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import { memoryContent } from '../mail/content.ts';
import type { ReportedRecipient, Returned } from '../mail/dsn.ts';
import { buildDsn } from '../mail/dsn.ts';
import { HeaderCollector } from '../mail/header.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';

/** What becomes of a recipient that is given up. `waived`: its sender does not want to hear of it. */
export type Fate = 'report' | 'waived' | 'hold';

export function fateOf(entry: SpoolEntry, recipient: SpooledRecipient): Fate {
  if (!entry.senderProven || entry.reversePath === null) return 'hold';
  return dsnOwed(entry, recipient, 'failed') ? 'report' : 'waived';
}

/** RFC 3461 4.1: without NOTIFY a failure is reported and a delay is not. */
export function dsnOwed(
  entry: SpoolEntry,
  { parameters }: SpooledRecipient,
  kind: 'failed' | 'delayed',
): boolean {
  if (!entry.senderProven || entry.reversePath === null) return false;
  const { notify } = parameters;
  if (notify === undefined) return kind === 'failed';
  return notify !== 'NEVER' && notify.includes(kind === 'failed' ? 'FAILURE' : 'DELAY');
}

export interface Reports {
  /**
   * Spools one report about all of `recipients`; false when there is no way to send it, or no room
   * to store it. Rejects when the store failed.
   */
  failed(entry: SpoolEntry, recipients: readonly SpooledRecipient[]): Promise<boolean>;
}

export interface ReportsOptions {
  readonly store: Pick<SpoolStore, 'commit' | 'readContent'>;
  /** The one source of ids of the process: two would give the same id twice. */
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostname: () => string;
  readonly lifetimeMs: () => number;
  /** The hosted domain, by its own name, that mail for `domain` goes to; undefined: not ours. */
  readonly hosted: (domain: string) => string | undefined;
  /** There is new mail for a hosted domain. */
  readonly wake: (dest: string) => void;
}

/** More than this of a message does not come back; its header then stands for it. */
const MAX_RETURNED_BYTES = 64 * 1024;
const BOUNDARY_BYTES = 16;

export function createReports(options: ReportsOptions): Reports {
  const { store, log, hosted, wake } = options;
  return {
    async failed(entry, recipients) {
      const to = entry.reversePath;
      if (!entry.senderProven || to === null) return false;
      const dest = hosted(to.domain);
      if (dest === undefined) return false;
      const returned = await returnedPart(store, entry);
      const { report, bytes } = reportOf(options, entry, recipients, { to, dest, returned });
      try {
        await store.commit(report, report.queuedAt, memoryContent([bytes]));
      } catch (error) {
        if (!(error instanceof CodedError && error.code === 'STORE_FULL')) throw error;
        log.emit('store.full', { id: report.id, err: errorText(error) });
        return false;
      }
      log.emit('dsn.out', {
        id: report.id,
        sid: report.id.slice(0, report.id.indexOf('.')),
        to: pathText(to),
        for: recipients.map(({ address }) => formatAddress(address)),
        orig: entry.id,
        proven: entry.senderProven,
      });
      wake(dest);
      return true;
    },
  };
}

function reportOf(
  options: ReportsOptions,
  entry: SpoolEntry,
  recipients: readonly SpooledRecipient[],
  way: { readonly to: Address; readonly dest: string; readonly returned: Returned | undefined },
): { readonly report: SpoolEntry; readonly bytes: Buffer } {
  const { ids, clock } = options;
  const hostname = options.hostname();
  const now = clock.now();
  const id = messageId(ids.session(), 1);
  const { envid, smtpUtf8 } = entry.parameters;
  const { bytes, isUtf8, isEightBit } = buildDsn({
    kind: 'failed',
    hostname,
    id,
    boundary: randomToken(BOUNDARY_BYTES),
    at: now,
    arrivedAt: entry.queuedAt,
    to: way.to,
    envid,
    smtpUtf8: smtpUtf8 === true,
    recipients: recipients.map(reported),
    returned: way.returned,
  });
  const report: SpoolEntry = {
    v: 1,
    id,
    dest: way.dest,
    direction: 'out',
    reversePath: null,
    parameters: {
      ...(isEightBit && { body: '8BITMIME' as const }),
      ...(isUtf8 && { smtpUtf8: true }),
    },
    // RFC 3461 6.1: nobody is told of a report that fails.
    recipients: [{ address: way.to, parameters: { notify: 'NEVER' } }],
    sizeBytes: bytes.length,
    queuedAt: now,
    expiresAt: now + options.lifetimeMs(),
    attempts: 0,
    senderProven: false,
    maybeDelivered: false,
    client: { address: '', hello: hostname },
  };
  return { report, bytes };
}

function reported({ address, parameters, last }: SpooledRecipient): ReportedRecipient {
  return {
    address,
    orcpt: parameters.orcpt,
    // RFC 3463 3.5: its time was over before anybody said no.
    status: last?.code === undefined ? '4.4.7' : (last.enhanced ?? '5.0.0'),
    answer: last?.text,
    isReply: last?.code !== undefined,
    host: last?.host,
    lastAttemptAt: last?.at,
  };
}

/** Undefined when the content cannot be read: the report is worth more than what it returns. */
async function returnedPart(
  store: Pick<SpoolStore, 'readContent'>,
  { id, sizeBytes, parameters }: SpoolEntry,
): Promise<Returned | undefined> {
  const wantsAll = parameters.ret === 'FULL' && sizeBytes <= MAX_RETURNED_BYTES;
  const chunks: Uint8Array[] = [];
  const header = new HeaderCollector(MAX_RETURNED_BYTES);
  let seenBytes = 0;
  try {
    for await (const chunk of store.readContent(id)) {
      header.add(chunk);
      seenBytes += chunk.length;
      if (wantsAll) chunks.push(chunk);
      else if (seenBytes >= MAX_RETURNED_BYTES) break;
    }
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return undefined;
    throw error;
  }
  if (wantsAll) return { kind: 'content', bytes: Buffer.concat(chunks) };
  // A header without an end is cut behind its last whole line.
  const { bytes } = header;
  return { kind: 'header', bytes: bytes.subarray(0, bytes.lastIndexOf('\r\n') + 2) };
}
