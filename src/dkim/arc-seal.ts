/**
 * The ARC set that a mail gets which goes on from here (RFC 8617 5.1): what was found of it when it came,
 * a signature of it as it leaves, and a seal over the chain of sets. A chain that was broken is sealed as
 * broken, and only once; one that cannot be told is left alone.
 */
import type { HeaderField } from '../mail/header.ts';
import { fieldValue } from '../mail/header.ts';
import { formatField } from '../mail/trace-fields.ts';
import type { SignedMessage, SigningIdentity } from './signature.ts';
import { messageSignature, relaxed, signedField } from './signature.ts';

export type ChainState = 'none' | 'pass' | 'fail';

export interface ForwardedMail extends Omit<SignedMessage, 'more'> {
  /** What stands in our Authentication-Results field. */
  readonly results: string;
  /** Of the sets that it came with. */
  readonly chain: ChainState;
}

/**
 * `chain_failed`: it is sealed as broken already; `chain_full`: no set may follow; `chain_unread`: what
 * the verifier says of it is not what is there.
 */
export type WhyUnsealed = 'chain_failed' | 'chain_full' | 'chain_unread';

export type Sealed =
  | { readonly kind: 'sealed'; readonly top: string; readonly instance: number }
  | { readonly kind: 'unsealed'; readonly why: WhyUnsealed };

/** RFC 8617 4.2.1 */
const MAX_INSTANCE = 50;
/** In the order in which a seal covers them (RFC 8617 5.1.1). */
const NAMES = ['arc-authentication-results', 'arc-message-signature', 'arc-seal'] as const;
/** Signed too, that the author's signature cannot be changed below ours (RFC 8617 4.1.2). */
const MORE: readonly string[] = ['dkim-signature'];

export async function arcSeal(mail: ForwardedMail, identity: SigningIdentity): Promise<Sealed> {
  const { header, fields, results, at } = mail;
  const there = fields.filter(({ name }) => NAMES.some((one) => one === name));
  const instances = there.map((field) => instanceOf(fieldValue(header, field, Infinity)));
  const highest = Math.max(0, ...instances);
  const last = there.filter((_, i) => instances[i] === highest);
  if (last.some((field) => isFailedSeal(header, field))) return unsealed('chain_failed');
  if (highest >= MAX_INSTANCE) return unsealed('chain_full');
  const instance = highest + 1;
  const chain = chainState(mail.chain, there, instances);
  if (chain === undefined) return unsealed('chain_unread');
  const found = formatField({
    name: 'ARC-Authentication-Results',
    value: `i=${instance}; ${results}`,
  });
  const message = { ...mail, more: MORE };
  const tag = `i=${instance};`;
  const own = await messageSignature('ARC-Message-Signature', tag, message, identity);
  const { domain, selector, key } = identity;
  const seconds = Math.floor(at / 1000);
  const tags = [tag, `a=${key.algorithm};`, `cv=${chain};`, `d=${domain};`];
  // RFC 8617 5.1.2: the seal of a broken chain covers its own set alone.
  const before = chain === 'pass' ? chainTexts(header, there, instances) : [];
  const seal = await signedField(
    'ARC-Seal',
    [...tags, `s=${selector};`, `t=${seconds};`],
    [...before, relaxedLine(found), relaxedLine(own)],
    key,
  );
  return { kind: 'sealed', top: seal + own + found, instance };
}

function unsealed(why: WhyUnsealed): Sealed {
  return { kind: 'unsealed', why };
}

/** Undefined: what a verifier says of it does not fit what is there. */
function chainState(
  told: ChainState,
  there: readonly HeaderField[],
  instances: readonly number[],
): ChainState | undefined {
  if (there.length === 0) return told === 'none' ? 'none' : undefined;
  if (told !== 'pass') return 'fail';
  const sets = new Set(there.map(({ name }, i) => `${instances[i] ?? 0} ${name}`));
  const isWhole =
    sets.size === there.length &&
    there.length === Math.max(...instances) * NAMES.length &&
    !instances.includes(0);
  return isWhole ? 'pass' : undefined;
}

function chainTexts(
  header: Buffer,
  there: readonly HeaderField[],
  instances: readonly number[],
): string[] {
  const order = (i: number) =>
    (instances[i] ?? 0) * NAMES.length + NAMES.findIndex((name) => name === there[i]?.name);
  const rising = [...there.keys()].toSorted((a, b) => order(a) - order(b));
  return rising.flatMap((i) => {
    const field = there[i];
    if (field === undefined) return [];
    return [relaxed(field.name, header.toString('latin1', field.valueStart, field.end))];
  });
}

/** Of a field with a line end. */
function relaxedLine(field: string): string {
  const colon = field.indexOf(':');
  return relaxed(field.slice(0, colon).toLowerCase(), field.slice(colon + 1));
}

/** 0 where there is none. */
function instanceOf(value: string): number {
  return Number(/(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)/.exec(value)?.[1] ?? 0);
}

function isFailedSeal(header: Buffer, field: HeaderField): boolean {
  if (field.name !== 'arc-seal') return false;
  return /(?:^|;)\s*cv\s*=\s*fail\s*(?:;|$)/i.test(fieldValue(header, field, Infinity));
}
