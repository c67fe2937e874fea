/**
 * URIs within URIs: what redirectors, trackers and rewriting filters are told to lead to, as it is,
 * with percent signs, in base64, or in the ways of the well-known rewriters.
 */
import type { Place } from './place.ts';
import { placeOf } from './place.ts';

const MAX_DEPTH = 3;
const MAX_EACH = 5;
/** Filters that write links anew, by their domains, and where in the new link the old one stands. */
const REWRITERS: readonly (readonly [domain: string, old: (url: URL) => string | undefined])[] = [
  ...['proofpoint.com', 'urldefense.com', 'urldefense.us'].map(
    (domain) => [domain, ofProofpoint] as const,
  ),
  ['avanan.click', ({ href }) => /___(.+?)___/.exec(href)?.[1]],
  // What the link was is not told, only its domain.
  ['mimecast.com', (url) => url.searchParams.get('domain')?.replace(/^/, 'http://')],
];

/** `http` in base64, whatever follows. */
const BASE64 = /(?:^|[=/])(aHR0c[\w+/-]{8,2000})/g;
const WITHIN = /https?:[/\\]{1,2}[^\s<>"'&]{3,}/gi;
/** A name without a scheme as a whole value of a parameter: `?q=www.example.org`. */
const VALUE = /[?&][^=&]{1,40}=(www\.[^&#]{4,200})/gi;

export function nestedPlaces(place: Place, depth = 0): Place[] {
  if (depth >= MAX_DEPTH) return [];
  const { url } = place;
  const rest = url.pathname + url.search + url.hash;
  if (rest.length < 8) return [];
  const plain = percentDecoded(rest);
  const old = rewritten(url);
  const texts =
    old === undefined
      ? [
          ...matches(plain, WITHIN, 0),
          ...matches(plain, VALUE, 1).map((name) => `http://${name}`),
          ...matches(plain, BASE64, 1).map((code) =>
            Buffer.from(code, 'base64').toString('latin1'),
          ),
        ]
      : [percentDecoded(old)];
  const found = texts.slice(0, MAX_EACH).flatMap((text) => placeOf(text) ?? []);
  return [...found, ...found.flatMap((one) => nestedPlaces(one, depth + 1))].slice(0, MAX_EACH);
}

function rewritten(url: URL): string | undefined {
  const rewriter = REWRITERS.find(([domain]) => `.${url.hostname}`.endsWith(`.${domain}`));
  return rewriter?.[1](url);
}

/** Version 2 has `-` for `%` and `_` for `/`; of version 1 nothing need be known. */
function ofProofpoint({ href, pathname, searchParams }: URL): string | undefined {
  if (!pathname.startsWith('/v2/')) return /\/v3\/__(.+?)__;/.exec(href)?.[1];
  return searchParams.get('u')?.replaceAll('-', '%').replaceAll('_', '/');
}

function matches(text: string, pattern: RegExp, group: number): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(pattern)) {
    found.push(match[group] ?? '');
    if (found.length >= MAX_EACH) break;
  }
  return found;
}

/** Twice, for redirectors lead to redirectors; what is no code stays. */
function percentDecoded(text: string): string {
  const once = (given: string) =>
    given.replace(/(?:%[0-9a-f]{2})+/gi, (codes) =>
      Buffer.from(codes.replaceAll('%', ''), 'hex').toString('utf8'),
    );
  return once(once(text));
}
