/**
 * What is made of what was found: the decision by the domain's options, whether the sender is proven,
 * and the facts for log and trace. Does not ask anybody.
 *
 * A DMARC policy is obeyed only on certain failure. A question without an answer is a doubt only where
 * the answer could have proven the author: a forger's own servers may be silent without any use to him.
 */
import type { ARCResult, AuthenticateResult, DKIMResult } from 'mailauth';
import type { Action, Evidence, ReversePath, Verdict } from 'sluice-mx/plugin';
import { judgedByActions } from '../shared/by-actions.ts';
import { mayHideAuthor } from './hidden-author.ts';
import type { HostedAuthor } from './hosted-author.ts';
import { isUnder } from './names.ts';

export interface Rules {
  readonly dmarc: 'enforce' | 'quarantine' | 'mark';
  readonly spf: 'mark' | 'reject';
  readonly temperror: 'accept' | 'defer';
  readonly from_hosted: Action;
  readonly trusted_sealers: readonly string[] | undefined;
}

export interface Circumstances {
  readonly reversePath: ReversePath;
  readonly isException: boolean;
  /** Questions remained unasked, for they were too many or took too long. */
  readonly exhausted: boolean;
  /** A name server was silent about a key. */
  readonly keyUnanswered: boolean;
  /** The author is of a domain served here, and not proven. */
  readonly hostedAuthor: HostedAuthor | undefined;
}

export interface Judgement {
  readonly decision: Verdict;
  readonly proven: boolean;
  readonly results: NonNullable<Evidence['results']>;
}

const PASS: Verdict = { kind: 'pass' };
const NO_ANSWER: Verdict = {
  ...{ kind: 'defer', reason: 'dmarc', detail: '7.0' },
  text: 'The DNS of the sender does not answer just now',
};
/** No policy can be found for it, and a reader sees the author whom the forger wants. */
const NO_ONE_AUTHOR: Verdict = {
  ...{ kind: 'quarantine', reason: 'dmarc' },
  text: 'The mail names no one author: several, or one that cannot be read',
};
const SPF_FAILS: Verdict = {
  ...{ kind: 'refuse', reason: 'spf', detail: '7.23' },
  text: 'The domain of the sender says that this server may not send for it',
};

export function judgement(
  found: AuthenticateResult,
  rules: Rules,
  circumstances: Circumstances,
): Judgement {
  const { spf, dmarc, arc, dkim } = found;
  const from = dmarc === false ? undefined : dmarc.status.header?.['from'];
  return {
    decision: withAuthor(decide(found, rules, circumstances), found, rules, circumstances),
    proven: isProven(found, circumstances.reversePath),
    results: {
      spf: spf === false ? 'none' : spf.status.result,
      dkim: summary(dkim.results),
      dmarc: dmarc === false ? 'none' : dmarc.status.result,
      arc: arc === false ? 'none' : chainResult(arc, circumstances),
      ...(typeof from === 'string' ? { from: from.replace(/[^\x21-\x7e]+/g, '?') } : {}),
    },
  };
}

/** The evidence of a hosted author, in mail that nothing else decides about or frees from doubt. */
function withAuthor(
  decision: Verdict,
  found: AuthenticateResult,
  rules: Rules,
  { isException, hostedAuthor }: Circumstances,
): Verdict {
  const isFree = isException || isSealed(found, rules.trusted_sealers ?? []);
  if (decision.kind !== 'pass' || isFree || hostedAuthor === undefined) return decision;
  return judgedByActions([hostedAuthor], rules) ?? decision;
}

/** To the library all that is not a chain that holds has failed. */
function chainResult({ status }: ARCResult, { exhausted, keyUnanswered }: Circumstances): string {
  const isUnsure = status.result === 'fail' && (exhausted || keyUnanswered);
  return isUnsure ? 'temperror' : status.result;
}

function decide(found: AuthenticateResult, rules: Rules, circumstances: Circumstances): Verdict {
  const { spf, dmarc, dkim } = found;
  const bySpf =
    spf !== false && rules.spf === 'reject' && spf.status.result === 'fail' ? SPF_FAILS : undefined;
  if (circumstances.isException || isVouchedFor(found, rules.trusted_sealers ?? [])) return PASS;
  if (rules.dmarc !== 'mark' && mayHideAuthor(found)) return bySpf ?? NO_ONE_AUTHOR;
  if (dmarc !== false && dmarc.status.result === 'pass') return PASS;
  if (rules.dmarc !== 'mark') {
    const verdict = byDmarc(found, rules.dmarc, circumstances.exhausted);
    if (verdict !== undefined) return verdict.kind === 'refuse' ? verdict : (bySpf ?? verdict);
  }
  if (bySpf !== undefined) return bySpf;
  if (rules.temperror === 'accept') return PASS;
  const all = [spf, dmarc, ...dkim.results].map((one) => one !== false && one.status.result);
  return all.includes('temperror') ? NO_ANSWER : PASS;
}

function byDmarc(
  found: AuthenticateResult,
  rule: 'enforce' | 'quarantine',
  exhausted: boolean,
): Verdict | undefined {
  const { dmarc } = found;
  if (dmarc === false || dmarc.status.result !== 'fail' || dmarc.policy === 'none') {
    return undefined;
  }
  // Unsure, and only because the mail asks for so much.
  if (exhausted) return NO_ANSWER;
  if (isInDoubt(found, dmarc.domain)) return undefined;
  const from = String(dmarc.status.header?.['from'] ?? '').replace(/[^\x21-\x7e]+/g, '?');
  const text = `Not proven to be from ${from.slice(0, 150)}, whose DMARC policy forbids it`;
  if (dmarc.policy === 'reject' && rule === 'enforce') {
    return { kind: 'refuse', reason: 'dmarc', text, detail: '7.1' };
  }
  const isHeld = dmarc.policy === 'reject' || dmarc.policy === 'quarantine';
  return isHeld ? { kind: 'quarantine', reason: 'dmarc', text } : undefined;
}

/** Whether an answer that did not come could have proven an author of this organisation. */
function isInDoubt({ spf, dkim }: AuthenticateResult, organisation: string): boolean {
  const isSpf = spf !== false && isTemporary(spf) && isUnder(spf.domain, organisation);
  return (
    isSpf ||
    dkim.results.some((one) => isTemporary(one) && isUnder(one.signingDomain, organisation))
  );
}

function isTemporary({ status }: { readonly status: { readonly result: string } }): boolean {
  return status.result === 'temperror';
}

/** Whether a sealer that is trusted says, in a chain that holds, that the author was proven to it. */
function isVouchedFor(found: AuthenticateResult, sealers: readonly string[]): boolean {
  const { arc, dmarc } = found;
  if (arc === false || dmarc === false || !isSealed(found, sealers)) return false;
  const told: unknown = arc.authenticationResults?.['dmarc'];
  if (!isObject(told) || told['result'] !== 'pass') return false;
  const header = told['header'];
  const author = isObject(header) ? header['from'] : undefined;
  const from: unknown = dmarc.status.header?.['from'];
  return typeof author === 'string' && author.toLowerCase() === from;
}

/** Whether the last in a chain that holds is trusted. */
function isSealed({ arc }: AuthenticateResult, sealers: readonly string[]): boolean {
  if (arc === false || arc.status.result !== 'pass') return false;
  const sealer = sealerOf(arc);
  return sealer !== undefined && sealers.some((trusted) => isUnder(sealer, trusted));
}

/** The domain of the last seal; its chain is not in the library's types. */
function sealerOf(arc: ARCResult): string | undefined {
  const chain: unknown = Reflect.get(arc, 'chain');
  let at: unknown = Array.isArray(chain) ? chain.at(-1) : undefined;
  for (const key of ['arc-seal', 'parsed', 'd', 'value']) at = isObject(at) ? at[key] : undefined;
  return typeof at === 'string' ? at : undefined;
}

function isProven({ spf, dkim }: AuthenticateResult, reversePath: ReversePath): boolean {
  if (reversePath === null) return false;
  if (spf !== false && spf.status.result === 'pass') return true;
  return dkim.results.some(
    ({ status, signingDomain }) =>
      status.result === 'pass' &&
      // A signature over a part of the body proves nothing of the rest.
      Number(Reflect.get(status, 'underSized') ?? 0) === 0 &&
      signingDomain !== undefined &&
      isUnder(reversePath.domain, signingDomain),
  );
}

function summary(results: readonly DKIMResult[]): string {
  const words = results.map(({ status }) => status.result);
  return (
    ['pass', 'temperror', 'fail'].find((word) => words.some((one) => one === word)) ??
    words[0] ??
    'none'
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
