/**
 * Judges one message that lies in the spool because filters could not (`on_error: hold`): asks those
 * that are missing, puts what they say to what was said in the session, and says what becomes of the
 * message. Decides and changes nothing in the store. A filter that is not in force any more, or no
 * more for this domain, is not waited for, and that is said.
 */
import { CodedError } from '../base/errors.ts';
import type { Domain } from '../directory/domain.ts';
import { domainFor } from '../directory/mailbox-policy.ts';
import type { Content } from '../mail/content.ts';
import { HeaderCollector, headerFields } from '../mail/header.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import { taggedSubject } from '../mail/subject-tag.ts';
import type { Unjudged } from '../mail/unjudged.ts';
import type { Verdict } from '../mail/verdict.ts';
import type { Findings } from '../plugin-host/run-hooks.ts';
import type { Edit, SpoolStore } from '../store/spool-store.ts';
import { filterPolicy } from './filter-policy.ts';
import { forwarderSeal } from './forwarder-seal.ts';
import type { Generation } from './generation.ts';
import type { Kept } from './judge.ts';
import { fieldsText, judgeAccepted } from './judge.ts';
import type { SignatureDeps } from './outgoing-signature.ts';
import { evidenceOf } from './unjudged-mail.ts';

export type LateJudgement =
  | { readonly kind: 'left'; readonly failed: readonly string[] }
  | { readonly kind: 'damaged' }
  | {
      readonly kind: 'judged';
      readonly judgement: Kept;
      readonly verdict: Verdict;
      /** By whom it was said. */
      readonly said: Findings['said'];
      readonly edit: Edit;
      readonly sizeBytes: number;
      readonly header: Buffer;
      /** What came of the seal. */
      readonly facts: Readonly<Record<string, unknown>>;
      /** Whose policy it was judged by. */
      readonly domain: Domain;
      /** Those that have judged it now, and those that nobody waits for any more. */
      readonly by: readonly string[];
      readonly gone: readonly string[];
    };

export interface Late {
  readonly deps: SignatureDeps & { readonly store: Pick<SpoolStore, 'readContent'> };
  readonly generation: Generation;
  readonly entry: SpoolEntry;
  readonly unjudged: Unjudged;
}

type Facts = Readonly<Record<string, unknown>>;

interface Headers {
  /** Our own fields on top of what is stored. */
  readonly own: Buffer;
  /** Of what the client sent. */
  readonly header: HeaderCollector;
}

export async function judgeLate(late: Late, signal: AbortSignal): Promise<LateJudgement> {
  const { entry, unjudged } = late;
  const { store } = late.deps;
  const { directory, filters } = late.generation;
  const served = directory.find(unjudged.domain);
  if (served === undefined) return { kind: 'left', failed: [] };
  // Those of one message were taken by one policy, that of the first.
  const [first] = entry.recipients;
  const domain = first === undefined ? served : domainFor(served, first.address);
  // The policy of his own mail is in force for a customer whose account is gone, too.
  const sender = domain.outgoing.accounts.find(({ name }) => name === unjudged.account) ?? {};
  const policy = filterPolicy(domain, entry.direction === 'out' ? sender : undefined);
  const by = unjudged.missing.filter((name) => filters.serves(name, policy));
  const gone = unjudged.missing.filter((name) => !by.includes(name));
  const headers = await readHeaders(late);
  if (headers === 'damaged') return { kind: 'damaged' };
  const content: Content = {
    sizeBytes: entry.sizeBytes - unjudged.ownBytes,
    read: () => behind(store.readContent(entry.id), unjudged.ownBytes),
  };
  const { id, direction, reversePath, parameters, recipients } = entry;
  const { session, account, received } = unjudged;
  const view = {
    ...{ session, id, direction, content, domain: domain.name },
    envelope: { reversePath, parameters, recipients },
    isHosted: (name: string) => directory.find(name) !== undefined,
    received: Buffer.from(received),
    ...(account !== undefined && { account }),
  };
  const found = await filters.content(view, policy, signal, evidenceOf(unjudged), by);
  const { verdict, missing } = found;
  const judgement = judgeAccepted(verdict, policy);
  if (missing.length > 0 || judgement === 'later' || signal.aborted)
    return { kind: 'left', failed: missing };
  const { edit, facts } = await editFor(late, headers, content, { judgement, verdict });
  const cutBytes = edit.cuts.reduce((sum, { start, end }) => sum + end - start, 0);
  const sizeBytes = entry.sizeBytes + edit.top.length - cutBytes;
  const { bytes: header } = headers.header;
  const { said } = found;
  const judged = { judgement, verdict, said, edit, facts, sizeBytes, header };
  return { kind: 'judged', ...judged, domain, by, gone };
}

/** What filters add on top, above our own fields; the subject that is written anew; the seal. */
async function editFor(
  { deps, generation, entry, unjudged }: Late,
  { own, header }: Headers,
  content: Content,
  { judgement, verdict }: { readonly judgement: Kept; readonly verdict: Verdict },
): Promise<{ readonly edit: Edit; readonly facts: Facts }> {
  const { direction } = entry;
  const subjectTag = judgement.kind === 'clean' ? judgement.subjectTag : undefined;
  const isTagged = subjectTag !== undefined && direction === 'in';
  const tagged = isTagged
    ? taggedSubject(header.bytes, headerFields(header.bytes), subjectTag)
    : undefined;
  const cuts = tagged?.cuts ?? [];
  const marks = Buffer.concat([
    Buffer.from(fieldsText(judgement, entry.dest)),
    tagged?.field ?? Buffer.alloc(0),
  ]);
  let facts: Facts = {};
  const note = (more: Facts) => {
    facts = { ...facts, ...more };
  };
  // Without a header of its own an empty line ends our fields, and it is none.
  const fields = header.isMissing ? own.subarray(0, Math.max(0, own.length - 2)) : own;
  const top = Buffer.concat([marks, fields]);
  const seal = await forwarderSeal(
    deps,
    { generation, direction, note },
    {
      ...{ top, header: header.bytes, cuts, content, verdict, isChanged: tagged !== undefined },
      bodyStart: header.isMissing ? 0 : (header.bodyStart ?? content.sizeBytes),
    },
  );
  const { ownBytes } = unjudged;
  const edit = {
    top: Buffer.concat([Buffer.from(seal ?? ''), marks]),
    cuts: cuts.map(({ start, end }) => ({ start: start + ownBytes, end: end + ownBytes })),
  };
  return { edit, facts };
}

/** Our own fields, and the header of what the client sent; all of the content is read and proven. */
async function readHeaders({
  deps: { store },
  generation,
  entry: { id },
  unjudged: { ownBytes },
}: Late): Promise<Headers | 'damaged'> {
  const header = new HeaderCollector(generation.settings.headerBytes);
  const own: Uint8Array[] = [];
  let at = 0;
  try {
    for await (const chunk of store.readContent(id)) {
      const ours = Math.max(0, Math.min(chunk.length, ownBytes - at));
      if (ours > 0) own.push(chunk.slice(0, ours));
      if (ours < chunk.length) header.add(chunk.subarray(ours));
      at += chunk.length;
    }
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return 'damaged';
    throw error;
  }
  return { own: Buffer.concat(own), header };
}

async function* behind(
  content: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of content) {
    const passed = Math.min(left, chunk.length);
    left -= passed;
    if (passed < chunk.length) yield chunk.subarray(passed);
  }
}

/** A sender's domain that a filter has found to stand behind the message. */
export function isProven({ direction, reversePath }: SpoolEntry, { senderProven }: Verdict) {
  return direction === 'out' || (senderProven === true && reversePath !== null);
}
