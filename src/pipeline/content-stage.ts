/**
 * The content of one transaction: taken into staging as it streams in, judged by the filters after
 * the final dot, and handed to the one door (accept.ts) with our fields on top. A connection lost
 * before the final dot, or while the filters think, leaves nothing behind.
 */
import type { Clock } from '../base/clock.ts';
import type { Ending } from '../base/lazy-abort.ts';
import type { Log } from '../base/log.ts';
import type { Happening } from '../delivery/happening.ts';
import type { Domain } from '../directory/domain.ts';
import type { Content } from '../mail/content.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue, HeaderCollector, headerFields } from '../mail/header.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive, replies } from '../mail/reply.ts';
import type { Unjudged } from '../mail/unjudged.ts';
import { PASS } from '../mail/verdict.ts';
import type { Findings } from '../plugin-host/run-hooks.ts';
import type { ContentFault, ContentSink } from '../smtp/conversation.ts';
import type { Accept, Acceptance, JudgedMessage } from './accept.ts';
import type { Kept } from '../archive/archive.ts';
import type { ArchivingDeps } from './archiving.ts';
import { archived } from './archiving.ts';
import { filterPolicy } from './filter-policy.ts';
import type { Judgement } from './judge.ts';
import { fieldsText, judge } from './judge.ts';
import { leavingContent } from './leaving-content.ts';
import { resultOf } from './ledger-result.ts';
import type { SignatureDeps } from './outgoing-signature.ts';
import { OutgoingSignature } from './outgoing-signature.ts';
import { ownMessageId } from './own-message-id.ts';
import { fieldText, quarantineFacts } from './quarantine-facts.ts';
import { receivedOf } from './received.ts';
import type { RecipientLessons } from './recipient-lessons.ts';
import type { ReleaseRequestDeps } from './release-requests.ts';
import { readIfRequest } from './release-requests.ts';
import type { ReturnedDeps } from './returned.ts';
import { readIfReturned } from './returned.ts';
import type { Way } from './relay-policy.ts';
import type { Staging, StagingArea } from './staging.ts';
import type { Transaction } from './transaction.ts';
import { UNVERIFIED_HOLD, unjudgedHold, unjudgedOf } from './unjudged-mail.ts';
import { logStorageFault } from './storage-fault.ts';

export interface ContentDeps
  extends SignatureDeps, ArchivingDeps, ReturnedDeps, ReleaseRequestDeps {
  readonly accept: Accept;
  readonly lessons: Pick<RecipientLessons, 'sender'>;
  readonly happened?: (one: Happening) => void;
  /** A filter keeps mail of a customer back. */
  readonly caught?: (id: string) => void;
  readonly staging: StagingArea;
  readonly clock: Clock;
  readonly log: Log;
}

/** It is ours, or at its destination. */
const TAKEN: ReadonlySet<Acceptance['how']> = new Set(['delivered', 'queued', 'held', 'discarded']);
/** Tests that the ledger line names; the lines of the filters have all. */
const NAMED_TESTS = 30;

/** The fields that every message is asked for, and how many servers it has passed. */
function lookedFor(fields: readonly HeaderField[]) {
  let given: HeaderField | undefined;
  let subject: HeaderField | undefined;
  let hops = 0;
  for (const field of fields) {
    if (field.name === 'received') hops += 1;
    else if (field.name === 'message-id') given ??= field;
    else if (field.name === 'subject') subject ??= field;
  }
  return { given, subject, hops };
}

export class ContentStage implements ContentSink {
  readonly #deps: ContentDeps;
  readonly #transaction: Transaction;
  readonly #domain: Domain;
  readonly #way: Way;
  readonly #over: Ending;
  readonly #staging: Staging;
  readonly #header: HeaderCollector;
  readonly #signature: OutgoingSignature | undefined;
  /** As it leaves. */
  #messageId: string | undefined;
  #storeFault: Error | undefined;

  constructor(
    deps: ContentDeps,
    transaction: Transaction,
    { domain, way }: { readonly domain: Domain; readonly way: Way },
    over: Ending,
  ) {
    this.#deps = deps;
    this.#transaction = transaction;
    this.#domain = domain;
    this.#way = way;
    this.#over = over;
    this.#staging = deps.staging.begin(transaction.id);
    this.#header = new HeaderCollector(transaction.generation.settings.headerBytes);
    this.#signature = OutgoingSignature.begin(deps, transaction);
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#header.add(bytes);
    this.#signature?.write(bytes, this.#header.bodyStart);
    // A disk that fails is answered after the final dot; until then the bytes are let go by.
    if (this.#storeFault !== undefined) return undefined;
    return this.#staging.write(bytes)?.catch((error: unknown) => {
      this.#storeFault = error as Error;
    });
  }

  async end(fault: ContentFault | undefined): Promise<Reply> {
    try {
      return this.#faultReply(fault) ?? (await this.#judged());
    } finally {
      // After a surprise too, or its generation of the configuration would never be let go.
      this.abort();
    }
  }

  abort(): void {
    this.#transaction.end('abort', undefined);
    const fields = this.#transaction.logFields;
    // Nobody waits for it: a disk that stands still would keep the answer back.
    this.#staging.discard().catch((error) => logStorageFault(this.#deps.log, fields, error));
  }

  /** What is wrong with the content before anybody looks into it. */
  #faultReply(fault: ContentFault | undefined): Reply | undefined {
    const { settings } = this.#transaction.generation;
    if (fault === 'bare-line-end') return this.#refuse(replies.bareLineEndInContent());
    if (fault === 'too-large') return this.#refuse(replies.sizeExceeded(settings.messageBytes));
    if (this.#header.isTooLarge) return this.#refuse(replies.headerTooLarge(settings.headerBytes));
    return undefined;
  }

  async #judged(): Promise<Reply> {
    const { clock, log } = this.#deps;
    const transaction = this.#transaction;
    const { settings, filters } = transaction.generation;
    let content: Content;
    try {
      if (this.#storeFault !== undefined) throw this.#storeFault;
      content = await this.#staging.finish();
    } catch (error) {
      logStorageFault(log, transaction.logFields, error);
      return this.#refuse(replies.storageTrouble());
    }
    const header = this.#header.bytes;
    const fields = headerFields(header);
    const { given, subject, hops } = lookedFor(fields);
    const added = ownMessageId(transaction, fields);
    this.#messageId = added ?? (given && fieldValue(header, given, 300));
    transaction.note({ size: content.sizeBytes, msgid: this.#messageId });
    if (settings.recordsSubject && subject) transaction.keepSubject(fieldText(header, subject));
    const { sending } = transaction;
    const misnamed = sending?.read(header, fields);
    if (misnamed !== undefined) return this.#refuse(misnamed);
    const removed = sending?.removed(fields) ?? [];
    if (hops > settings.hops) return this.#refuse(replies.mailLoop());

    const returned = readIfReturned(this.#deps, transaction, content);
    if (returned !== undefined) await returned;
    const request = readIfRequest(this.#deps, transaction, header, fields);
    if (request !== undefined) await request;

    const received = receivedOf(transaction, clock.now());
    const policy = filterPolicy(this.#domain, transaction.account);
    let findings: Findings = { verdict: PASS, missing: [], said: [] };
    if (filters.has('content') || !transaction.evidence.isEmpty) {
      const startedAt = clock.mono();
      const view = {
        ...transaction.view,
        domain: this.#domain.name,
        content,
        received: Buffer.from(received),
      };
      findings = await filters.content(view, policy, this.#over.signal, transaction.evidence);
      const { verdict } = findings;
      const score = verdict.score === undefined ? undefined : Math.round(verdict.score * 10) / 10;
      const scan = Math.round(clock.mono() - startedAt);
      const { virus, spf, dkim, dmarc, class: mailClass } = verdict.results ?? {};
      const tests = verdict.tests?.slice(0, NAMED_TESTS);
      const facts = { score, virus, spf, dkim, dmarc, class: mailClass, scan_ms: scan };
      transaction.note(tests === undefined || tests.length === 0 ? facts : { ...facts, tests });
    }
    const { verdict, missing } = findings;
    const judgement = judge(verdict, policy);
    const refused = judgement.kind === 'refuse' ? judgement.reply : undefined;
    const against =
      sending === undefined ? refused : await sending.judged(judgement, verdict.results?.['class']);
    if (judgement.kind === 'refuse' || against !== undefined) {
      return this.#refuse(against ?? replies.fault());
    }
    // Who has left does not hear our answer and will come again: taking it would make two of it.
    if (this.#over.aborted) {
      transaction.end('abort', undefined);
      return replies.fault();
    }
    // Filters judge by what others do not learn.
    const hides = transaction.account !== undefined && this.#domain.outgoing.hidesClients;
    const isJudged = missing.length === 0 || judgement.kind === 'discard';
    const leaving = await leavingContent(this.#deps, transaction, {
      content,
      header: this.#header,
      fields,
      removed,
      verdict,
      judgement,
      isJudged,
      received: hides ? receivedOf(transaction, clock.now(), true) : received,
      messageId: added,
      signature: this.#signature,
      lane: this.#way.lane,
    });
    const unjudged = isJudged
      ? undefined
      : unjudgedOf(findings, {
          ...{ domain: this.#domain.name, session: transaction.session, received },
          ...{ account: transaction.account?.name, identity: sending?.identity },
          ...{ ownBytes: leaving.ownBytes, fields: fieldsText(judgement, this.#way.lane) },
          isUnverified: transaction.holdsUnverified,
        });
    return this.#take(judgement, leaving.content, findings, unjudged);
  }

  async #take(
    judgement: Exclude<Judgement, { kind: 'refuse' }>,
    content: Content,
    findings: Findings,
    unjudged: Unjudged | undefined,
  ): Promise<Reply> {
    const transaction = this.#transaction;
    const { id, account, direction, envelope } = transaction;
    const { senderProven = false, results } = findings.verdict;
    // From here on the size that queue, deliveries and log speak of: our own fields belong to it.
    transaction.note({ size: content.sizeBytes });
    const { accept } = this.#deps;
    const mailClass = results?.['class'];
    let acceptance: Acceptance;
    let kept: Kept | undefined;
    if (judgement.kind === 'discard') acceptance = accept.discard(id, judgement.reason);
    else {
      const header = { bytes: this.#header.bytes, messageId: this.#messageId };
      const keeping = archived(this.#deps, transaction, header, content);
      const found = keeping && (await keeping);
      if (found === 'failed') return this.#refuse(replies.storageTrouble());
      kept = found;
      const { session, generation } = transaction;
      const { directory } = generation;
      acceptance = await accept.accept(
        {
          id,
          direction,
          envelope,
          way: this.#way,
          mayQueue: direction === 'out' || this.#domain.services.has('fallback'),
          hosted: (name) => directory.find(name),
          content,
          client: { address: session.remote.address, hello: session.hello?.name ?? '' },
          arrivedAt: transaction.openedAt,
          account: account?.name,
          mailClass: typeof mailClass === 'string' ? mailClass : undefined,
          // Who sends as an account is who it says; of a stranger a filter may know.
          senderProven: direction === 'out' || (senderProven && envelope.reversePath !== null),
          hold: unjudged === undefined ? this.#hold(judgement, findings) : unjudgedHold(unjudged),
        },
        generation.settings.delivery,
        this.#over,
      );
    }
    if (isPositive(acceptance.reply)) this.#learnSender();
    if (kept !== undefined) await (TAKEN.has(acceptance.how) ? kept.taken() : kept.dropped());
    const result = resultOf(acceptance);
    // What a filter keeps back or throws away is not accepted, whatever its sender hears.
    if (result === 'accept') {
      const text = acceptance.reply.lines.join(' ');
      this.#deps.happened?.({ stage: 'accepted', id, direction, envelope, text });
    }
    if (account !== undefined && result === 'quarantine') this.#deps.caught?.(id);
    if (result !== 'abort') transaction.note({ how: acceptance.how, why: acceptance.why });
    transaction.end(result, result === 'abort' ? undefined : acceptance.reply);
    return acceptance.reply;
  }

  /** Who sends as a customer has a mailbox there. */
  #learnSender(): void {
    const { account, reversePath } = this.#transaction;
    if (account === undefined || reversePath === null) return;
    this.#deps.lessons.sender(this.#domain, reversePath);
  }

  #hold(judgement: Judgement, findings: Findings): JudgedMessage['hold'] {
    if (judgement.kind === 'quarantine') {
      const { reason, text } = judgement;
      const account = this.#transaction.account?.name;
      const quarantine = quarantineFacts(this.#header.bytes, findings, account);
      // An account may want its people to hear of it.
      const isTold = this.#transaction.account?.quarantineReply === 'reject';
      return {
        reason,
        text,
        quarantine,
        ...(isTold && { answer: replies.keptBack(this.#transaction.id, text, reason) }),
      };
    }
    return this.#transaction.holdsUnverified ? UNVERIFIED_HOLD : undefined;
  }

  #refuse(reply: Reply): Reply {
    const transaction = this.#transaction;
    this.#deps.log.emit('smtp.reject.data', {
      ...transaction.logFields,
      ...transaction.envelopeFields,
      why: reply.reason,
      code: reply.code,
      enh: reply.enhanced,
      text: reply.lines.join(' '),
    });
    transaction.end(isPermanent(reply) ? 'reject' : 'tempfail', reply);
    return reply;
  }
}
