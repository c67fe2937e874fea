/**
 * URIs in text as a mail program makes links of them: with a scheme, `www.` in front, or a bare name
 * under a known ending. One pass; each character is looked at a bounded number of times.
 */
import type { RawMention } from './mention.ts';
import { hasKnownEnding } from './place.ts';

/** With a scheme up to what cannot be in it, or a run of what names are made of. */
const CANDIDATE =
  /(?:https?|ftp):[/\\]{1,4}([^\s<>"'`,;()|{}^/?#\\]*)([/?#\\][^\s<>"]*)?|[\p{L}\p{N}][\p{L}\p{N}\p{M}._-]*/giu;
/** RFC 1035 2.3.4, and some for what it is in Unicode. */
const MAX_NAME = 260;
/** RFC 3986 3.2.2 */
const LITERAL = /^\[[\da-f:.]{2,45}\](?::\d{1,5})?/i;
const WWW = /^www\d{0,3}\./i;
export function* urisInText(text: string): Generator<RawMention> {
  for (const match of text.matchAll(CANDIDATE)) {
    const [all, authority, rest = ''] = match;
    if (authority !== undefined) {
      const host = LITERAL.exec(authority)?.[0] ?? authority.replace(/[.\-_:*!?\]]+$/, '');
      const scheme = all.slice(0, all.length - authority.length - rest.length);
      // What follows a host that was cut is no path of it.
      yield { kind: 'text', uri: scheme + host + (host === authority ? rest : '') };
      continue;
    }
    if (all.length > MAX_NAME || !all.includes('.')) continue;
    const before = text[match.index - 1];
    const after = text[match.index + all.length];
    if (before === '@' || after === '@') continue;
    const name = all.replace(/[._-]+$/, '');
    if (WWW.test(name)) yield { kind: 'text', uri: `http://${name}` };
    else if (isBareName(name)) yield { kind: 'bare', uri: `http://${name}` };
  }
}

function isBareName(name: string): boolean {
  return /^(?:[^._-][^.]*\.)+\p{L}[\p{L}\p{N}-]+$/u.test(name) && hasKnownEnding(name);
}
