/**
 * The ARC set of an inbound message that goes on, where `arc_seal` asks for one: the filters have said
 * what was found of it, and its body is read once more to be signed. What came of it stands in the ledger
 * line: `sealed`, or why it is `unsealed`. Mail without a seal goes on all the same.
 */
import type { ChainState } from '../dkim/arc-seal.ts';
import { arcSeal } from '../dkim/arc-seal.ts';
import type { WatchedKey } from '../dkim/record-watch.ts';
import { recordName } from '../dkim/record.ts';
import { BodyHash } from '../dkim/signature.ts';
import type { Content } from '../mail/content.ts';
import { headerFields } from '../mail/header.ts';
import type { Cut } from '../mail/trace-fields.ts';
import type { Field, Verdict } from '../mail/verdict.ts';
import type { SignatureDeps } from './outgoing-signature.ts';
import type { Transaction } from './transaction.ts';

export interface LeavingMail {
  /** Our fields for the top of it. */
  readonly top: Buffer;
  /** As it came. */
  readonly header: Buffer;
  readonly cuts: readonly Cut[];
  readonly content: Content;
  /** In the content. */
  readonly bodyStart: number;
  /** Something that signatures cover is not as it came. */
  readonly isChanged: boolean;
  readonly verdict: Verdict;
}

type Sealing = Pick<Transaction, 'generation' | 'direction' | 'note'>;

/** Whole fields to stand above all others, or nothing; undefined where none are asked for. */
export function forwarderSeal(
  deps: SignatureDeps,
  transaction: Sealing,
  mail: LeavingMail,
): Promise<string> | undefined {
  const { settings, directory } = transaction.generation;
  const [keys] = directory.sealing.domains;
  const [named] = keys?.all ?? [];
  if (keys === undefined || named === undefined || transaction.direction === 'out') {
    return undefined;
  }
  if (settings.sealed === 'changed' && !mail.isChanged) return undefined;
  return sealedBy({ domain: keys.domain, ...named }, deps, transaction, mail);
}

async function sealedBy(
  key: WatchedKey,
  { records, clock }: SignatureDeps,
  transaction: Sealing,
  mail: LeavingMail,
): Promise<string> {
  const leave = (why: string) => {
    transaction.note({ unsealed: why });
    return '';
  };
  if (!records.isSeen(key)) return leave('no_record');
  const { results: facts, fields = [] } = mail.verdict;
  const results = ownResults(fields, transaction.generation.settings.hostname);
  const chain = chainOf(facts?.['arc']);
  if (results === undefined || chain === undefined) return leave('unexamined');
  const header = Buffer.concat([mail.top, ...without(mail.header, mail.cuts)]);
  const sealed = await arcSeal(
    {
      ...{ header, fields: headerFields(header), results, chain, at: clock.now() },
      bodyHash: await bodyHash(mail.content, mail.bodyStart),
    },
    key,
  );
  if (sealed.kind === 'unsealed') return leave(sealed.why);
  transaction.note({ sealed: recordName(key.domain, key.selector) });
  return sealed.top;
}

/** Undefined: nobody has looked, or could not say. */
function chainOf(told: unknown): ChainState | undefined {
  return told === 'none' || told === 'pass' || told === 'fail' ? told : undefined;
}

function ownResults(fields: readonly Field[], hostname: string): string | undefined {
  const own = fields.find(({ name, value }) => {
    return name.toLowerCase() === 'authentication-results' && value.startsWith(`${hostname};`);
  });
  return own?.value;
}

/** `cuts` are in rising order and do not overlap. */
function without(header: Buffer, cuts: readonly Cut[]): Buffer[] {
  const ends = [0, ...cuts.map(({ end }) => end)];
  return ends.map((at, i) => header.subarray(at, cuts[i]?.start ?? header.length));
}

async function bodyHash(content: Content, bodyStart: number): Promise<string> {
  const body = new BodyHash();
  let at = 0;
  for await (const chunk of content.read()) {
    body.write(chunk.subarray(Math.max(0, bodyStart - at)));
    at += chunk.length;
  }
  return body.end();
}
