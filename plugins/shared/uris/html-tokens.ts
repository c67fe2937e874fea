/**
 * HTML as a row of tags and texts, in one pass that never goes back (HTML 13.2.5, as far as links need
 * it). Nothing is an error: what is no tag is text. Comments are left out, but what Outlook reads in
 * them (`<!--[if`) is not.
 */
import { withoutEntities } from './entities.ts';

export type HtmlToken =
  | {
      readonly kind: 'open';
      readonly name: string;
      readonly attributes: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'close'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string }
  /** What stands in `style` and `script`. */
  | { readonly kind: 'raw'; readonly name: string; readonly text: string };

const TAG_NAME = /[a-z][^\s/>]{0,40}/iy;
/** A name, and a value in one of three ways; the first of a name counts. */
const ATTRIBUTE = /[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?/y;
const MAX_ATTRIBUTES = 60;
const RAW: readonly string[] = ['style', 'script'];
/** No tags and no comments are in these. */
const TEXT_ONLY: readonly string[] = ['title', 'textarea', 'xmp', 'iframe', 'noembed', 'noframes'];

export function* htmlTokens(html: string): Generator<HtmlToken> {
  let at = 0;
  while (at < html.length) {
    const tag = html.indexOf('<', at);
    if (tag < 0) {
      yield textOf(html.slice(at));
      return;
    }
    if (tag > at) yield textOf(html.slice(at, tag));
    if (html.startsWith('<!--', tag)) {
      at = afterComment(html, tag);
      continue;
    }
    const isClose = html[tag + 1] === '/';
    TAG_NAME.lastIndex = tag + (isClose ? 2 : 1);
    const name = TAG_NAME.exec(html)?.[0].toLowerCase();
    if (name === undefined) {
      const isMarkup = isClose || html[tag + 1] === '!' || html[tag + 1] === '?';
      if (!isMarkup) yield textOf('<');
      at = isMarkup ? after(html, '>', tag) : tag + 1;
      continue;
    }
    if (isClose) {
      yield { kind: 'close', name };
      at = after(html, '>', tag);
      continue;
    }
    const { attributes, end } = attributesAt(html, TAG_NAME.lastIndex);
    yield { kind: 'open', name, attributes };
    at = end;
    if (RAW.includes(name) || TEXT_ONLY.includes(name)) {
      const close = endOfRaw(html, name, at);
      const text = html.slice(at, close);
      yield RAW.includes(name) ? { kind: 'raw', name, text } : textOf(text);
      at = close;
    }
  }
}

function textOf(text: string): HtmlToken {
  return { kind: 'text', text: withoutEntities(text) };
}

function attributesAt(
  html: string,
  start: number,
): { readonly attributes: ReadonlyMap<string, string>; readonly end: number } {
  const attributes = new Map<string, string>();
  let at = start;
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const match = ATTRIBUTE.exec(html);
    if (match === null) break;
    at = ATTRIBUTE.lastIndex;
    const [, given = '', double, single, bare] = match;
    const name = given.toLowerCase();
    if (attributes.size < MAX_ATTRIBUTES && !attributes.has(name)) {
      attributes.set(name, withoutEntities(double ?? single ?? bare ?? ''));
    }
  }
  return { attributes, end: after(html, '>', at) };
}

const COMMENT_END = /--!?>/g;

function afterComment(html: string, start: number): number {
  if (html.startsWith('<!--[if', start)) return after(html, '>', start);
  const [abrupt] = /^<!--(?:-?>)/.exec(html.slice(start, start + 6)) ?? [];
  if (abrupt !== undefined) return start + abrupt.length;
  COMMENT_END.lastIndex = start + 4;
  return COMMENT_END.test(html) ? COMMENT_END.lastIndex : html.length;
}

function endOfRaw(html: string, name: string, from: number): number {
  const close = new RegExp(`</${name}`, 'gi');
  close.lastIndex = from;
  return close.exec(html)?.index ?? html.length;
}

/** Without an end the rest belongs to it. */
function after(html: string, end: string, from: number): number {
  const found = html.indexOf(end, from);
  return found < 0 ? html.length : found + end.length;
}
