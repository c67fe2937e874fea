/**
 * Names that pass for another: in letters that look alike, one letter off, or with the whole name of the
 * other in front of their own.
 */
import { domainToUnicode } from 'node:url';
import type { Place } from '../shared/uris/place.ts';
import { ownLabel } from '../shared/uris/place.ts';
import { skeleton } from './skeleton.ts';

export interface Likeness {
  readonly rule: 'lookalike' | 'misspelt';
  readonly of: string;
}

/** A name that others may want to pass for. */
export interface Model {
  readonly domain: string;
  readonly label: string;
  readonly skeleton: string;
}

/** Shorter names have too many honest neighbours. */
const MIN_MISSPELT = 7;

export function modelsOf(domains: readonly string[]): readonly Model[] {
  return domains.map((domain) => ({ domain, ...labelOf(domain) }));
}

/** Of a place that is none of the models. */
export function likenessOf(
  { host, domain }: Place,
  models: readonly Model[],
): Likeness | undefined {
  if (domain === undefined) return undefined;
  const own = labelOf(domain);
  let near: Likeness | undefined;
  for (const model of models) {
    if (model.label === '' || domain === model.domain) continue;
    const isLike = own.label !== model.label && own.skeleton === model.skeleton;
    if (isLike || isInFront(model.domain, host, domain)) {
      return { rule: 'lookalike', of: model.domain };
    }
    const isNear = model.label.length >= MIN_MISSPELT && isOneOff(own.label, model.label);
    if (isNear) near ??= { rule: 'misspelt', of: model.domain };
  }
  return near;
}

function labelOf(domain: string): { readonly label: string; readonly skeleton: string } {
  const label = domainToUnicode(ownLabel(domain));
  return { label, skeleton: skeleton(label) };
}

/** `bank.example.evil.test` and `bank.example-login.test`, but not `bank.example.uk`. */
function isInFront(name: string, host: string, domain: string): boolean {
  const at = `.${host}`.indexOf(`.${name}`);
  const next = host[at + name.length] ?? '';
  return at >= 0 && at < host.length - domain.length && '.-'.includes(next);
}

/** One letter too many, too few or another, or two that have changed places; figures count things. */
function isOneOff(one: string, other: string): boolean {
  if (one === other || one[0] !== other[0] || Math.abs(one.length - other.length) > 1) return false;
  const [longer, shorter] = one.length >= other.length ? [one, other] : [other, one];
  let at = 0;
  while (longer[at] === shorter[at]) at++;
  if (/\d/.test(`${longer[at] ?? ''}${shorter[at] ?? ''}`)) return false;
  if (longer.length > shorter.length) return longer.slice(at + 1) === shorter.slice(at);
  if (longer.slice(at + 1) === shorter.slice(at + 1)) return true;
  const isSwapped = longer[at] === shorter[at + 1] && longer[at + 1] === shorter[at];
  return isSwapped && longer.slice(at + 2) === shorter.slice(at + 2);
}
