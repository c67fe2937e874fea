/**
 * Reports to senders (DSN): who is owed one, and how it travels. Only a sender whose domain stands
 * behind the message is ever told, never the null reverse-path and never against NOTIFY; everybody
 * else's failures wait for a person, and nobody else hears of success, for a report to a forged
 * sender is spam sent by us. A report is a message of its own in the spool, which comes there in the
 * step that lets the recipients go of whom it speaks.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import { messageId, randomToken, sessionOf } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { DsnFacts, ReportedRecipient, Returned } from '../mail/dsn.ts';
import { buildDsn } from '../mail/dsn.ts';
import type { Recipient } from '../mail/envelope.ts';
import { HeaderCollector } from '../mail/header.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import type { ReportLanguage, ReportTexts } from '../mail/report-words.ts';
import { languagesFor } from '../mail/report-words.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import { hasProvenSender } from '../mail/spool-entry.ts';
import type { NewMail, SpoolStore } from '../store/spool-store.ts';
import type { DeliveryReport } from './courier.ts';
import { ownMail, storeMail } from './own-message.ts';
import type { OwnMessage, OwnStorage } from './own-message.ts';
import { remoteLane } from './route.ts';

/** What becomes of a recipient that is given up. `waived`: its sender does not want to hear of it. */
export type Fate = 'report' | 'waived' | 'hold';

export function fateOf(entry: ReportedMessage, recipient: SpooledRecipient): Fate {
  if (!hasProvenSender(entry)) return 'hold';
  return dsnOwed(entry, recipient, 'failed') ? 'report' : 'waived';
}

/**
 * RFC 3461 4.1: without NOTIFY a failure is reported and a delay may be, a success is not. `relayed` is for
 * recipients handed to a host that sends no reports itself (5.2.2).
 */
export function dsnOwed(
  message: Pick<ReportedMessage, 'reversePath' | 'senderProven'>,
  { parameters }: Recipient,
  kind: DsnFacts['kind'],
): boolean {
  if (!hasProvenSender(message)) return false;
  const { notify } = parameters;
  if (notify === undefined) return kind !== 'relayed';
  return notify !== 'NEVER' && notify.includes(ASKED_BY[kind]);
}

const ASKED_BY = { failed: 'FAILURE', delayed: 'DELAY', relayed: 'SUCCESS' } as const;

/** What of a message a report needs to know; every `SpoolEntry` has it. */
export type ReportedMessage = Pick<
  SpoolEntry,
  'id' | 'reversePath' | 'parameters' | 'sizeBytes' | 'queuedAt' | 'senderProven'
>;

/** A recipient that a host has taken which sends no reports. */
export interface Handed {
  readonly recipient: Recipient;
  readonly reply: Reply;
  readonly host: string | undefined;
}

/** The recipient if it was taken by a host that sends no reports, whatever its sender wants. */
export function handedTo(
  { takesDsn, host }: Pick<DeliveryReport, 'takesDsn' | 'host'>,
  recipient: Recipient,
  outcome: Outcome | undefined,
): readonly Handed[] {
  if (takesDsn || outcome?.kind !== 'delivered') return [];
  return [{ recipient, reply: outcome.reply, host }];
}

/** A report that is to come into the spool. */
export interface OwnReport {
  readonly mail: NewMail;
  /** To be called when it is there. */
  readonly stored: () => void;
}

export interface Reports {
  /**
   * One report about all of `recipients` of a message in the spool; undefined when nobody may be told.
   * Rejects when the store failed.
   */
  failed(
    entry: SpoolEntry,
    recipients: readonly SpooledRecipient[],
  ): Promise<OwnReport | undefined>;
  /** The same of recipients who are still tried. */
  delayed(
    entry: SpoolEntry,
    recipients: readonly SpooledRecipient[],
  ): Promise<OwnReport | undefined>;
  /** The same about those of `handed` whose sender wants to hear of it. */
  handed(entry: SpoolEntry, handed: readonly Handed[]): Promise<OwnReport | undefined>;
  /**
   * Stores the same at once, for a message that is not in the spool; false when nobody is to be told or
   * there is no room.
   */
  relayed(
    message: ReportedMessage,
    handed: readonly Handed[],
    content: Pick<Content, 'read'>,
  ): Promise<boolean>;
}

/** Those that come with a step on the message of which they speak. */
export type DrawnReports = Pick<Reports, 'failed' | 'delayed' | 'handed'>;

export interface ReportsOptions {
  readonly store: Pick<SpoolStore, 'commit' | 'readContent'>;
  readonly sign?: OwnStorage['sign'];
  /** The one source of ids of the process: two would give the same id twice. */
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostname: () => string;
  readonly lifetimeMs: (dest: string) => number;
  /** The hosted domain, by its own name, that mail for `domain` goes to; undefined: not ours. */
  readonly hosted: (domain: string) => string | undefined;
  /** Of reports to a hosted domain. */
  readonly language: (dest: string) => ReportLanguage;
  /** Templates in place of ours. */
  readonly texts: () => ReportTexts;
  /** There is new mail for a hosted domain. */
  readonly wake: (dest: string) => void;
}

/** More than this of a message does not come back; its header then stands for it. */
export const MAX_RETURNED_BYTES = 64 * 1024;
const BOUNDARY_BYTES = 16;

export function createReports(options: ReportsOptions): Reports {
  const { store, sign, log, clock, hosted, wake } = options;

  async function draw(
    kind: DsnFacts['kind'],
    message: ReportedMessage,
    recipients: readonly ReportedRecipient[],
    content: Pick<Content, 'read'>,
    retryUntil?: number,
  ): Promise<OwnReport | undefined> {
    const to = message.reversePath;
    if (!message.senderProven || to === null) return undefined;
    const dest = hosted(to.domain) ?? remoteLane(to.domain);
    const returned = await returnedPart(content, message, kind);
    const contents = { kind, recipients, to, dest, returned, retryUntil };
    const report = reportOf(options, message, contents);
    const { id } = report;
    const stored = () => {
      log.emit('dsn.out', {
        id,
        sid: sessionOf(id),
        kind,
        to: pathText(to),
        for: recipients.map(({ address }) => formatAddress(address)),
        orig: message.id,
        proven: message.senderProven,
      });
      wake(dest);
    };
    return { mail: await ownMail(sign, report), stored };
  }

  const success = async (
    message: ReportedMessage,
    handed: readonly Handed[],
    content: Pick<Content, 'read'>,
  ) => {
    const owed = handed.filter(({ recipient }) => dsnOwed(message, recipient, 'relayed'));
    if (owed.length === 0) return undefined;
    const now = clock.now();
    const recipients = owed.map((one) => handedOn(one, now));
    return draw('relayed', message, recipients, content);
  };
  const stored = ({ id }: ReportedMessage) => ({ read: () => store.readContent(id) });
  return {
    failed: (entry, recipients) => draw('failed', entry, recipients.map(reported), stored(entry)),
    delayed: (entry, recipients) =>
      draw('delayed', entry, recipients.map(waiting), stored(entry), entry.expiresAt),
    handed: (entry, handed) => success(entry, handed, stored(entry)),
    async relayed(message, handed, content) {
      const report = await success(message, handed, content);
      if (report === undefined || !(await storeMail({ store, log }, report.mail))) return false;
      report.stored();
      return true;
    },
  };
}

interface Contents {
  readonly kind: DsnFacts['kind'];
  readonly recipients: readonly ReportedRecipient[];
  readonly to: Address;
  readonly dest: string;
  readonly returned: Returned | undefined;
  readonly retryUntil: number | undefined;
}

function reportOf(
  options: ReportsOptions,
  message: ReportedMessage,
  { kind, recipients, to, dest, returned, retryUntil }: Contents,
): OwnMessage {
  const { ids, clock } = options;
  const hostname = options.hostname();
  const now = clock.now();
  const id = messageId(ids.session(), 1);
  const { envid, smtpUtf8, requireTls } = message.parameters;
  const { bytes, isUtf8, isEightBit } = buildDsn({
    kind,
    hostname,
    id,
    boundary: randomToken(BOUNDARY_BYTES),
    at: now,
    arrivedAt: message.queuedAt,
    to,
    envid,
    smtpUtf8: smtpUtf8 === true,
    recipients,
    returned,
    languages: languagesFor(options.language(dest), Buffer.from(returned?.bytes ?? [])),
    texts: options.texts(),
    ...(retryUntil !== undefined && { retryUntil }),
  });
  const lifetimeMs = options.lifetimeMs(dest);
  return {
    ...{ id, dest, to, hostname, bytes, isUtf8, isEightBit, lifetimeMs },
    at: now,
    ...(requireTls === true && { requireTls }),
  };
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

/** RFC 3463 3.5: nobody answered, as long as nobody has said anything else. */
function waiting(recipient: SpooledRecipient): ReportedRecipient {
  const { enhanced } = recipient.last ?? {};
  const status = enhanced?.startsWith('4.') === true ? enhanced : '4.4.1';
  return { ...reported(recipient), status };
}

function handedOn({ recipient, reply, host }: Handed, at: number): ReportedRecipient {
  const { address, parameters } = recipient;
  return {
    address,
    orcpt: parameters.orcpt,
    status: reply.enhanced?.startsWith('2.') === true ? reply.enhanced : '2.0.0',
    answer: replyText(reply),
    isReply: true,
    host,
    lastAttemptAt: at,
  };
}

/** Undefined when the content cannot be read: the report is worth more than what it returns. */
async function returnedPart(
  content: Pick<Content, 'read'>,
  { sizeBytes, parameters }: ReportedMessage,
  kind: DsnFacts['kind'],
): Promise<Returned | undefined> {
  // RFC 3461 4.3: RET speaks of failures; who is told of anything else has the message.
  // RFC 8689 5: never all of what had to be protected.
  const mayHaveAll = parameters.ret === 'FULL' && parameters.requireTls !== true;
  return readBack(content, kind === 'failed' && mayHaveAll && sizeBytes <= MAX_RETURNED_BYTES);
}

/** The content, or the header up to its empty line; undefined when it is damaged. */
export async function readBack(
  content: Pick<Content, 'read'>,
  wantsAll: boolean,
): Promise<Returned | undefined> {
  const chunks: Uint8Array[] = [];
  const header = new HeaderCollector(MAX_RETURNED_BYTES);
  let seenBytes = 0;
  try {
    for await (const chunk of content.read()) {
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
