/**
 * URIs in HTML: where a click, a form, a picture or a style sheet leads, what is shown as the link, and
 * whether a reader sees it. References go on from `base`. What is within a `data:` page counts too,
 * and so do addresses written out in the text and in scripts.
 */
import type { HtmlToken } from './html-tokens.ts';
import { htmlTokens } from './html-tokens.ts';
import type { RawMention } from './mention.ts';
import { placeOf } from './place.ts';
import { urisInText } from './plain-text.ts';
import type { Turn } from './turn.ts';
import type { Visibility } from './visibility.ts';
import { SEEN, visibilityOf } from './visibility.ts';

export interface HtmlLinks {
  readonly mention: (mention: RawMention) => void;
}

type Open = Extract<HtmlToken, { kind: 'open' }>;

const VOID: ReadonlySet<string> = new Set(
  'area base br col embed hr img input link meta source track wbr'.split(' '),
);
const CLICKED = ['href', 'action', 'formaction', 'xlink:href', 'ping'] as const;
const FETCHED = ['src', 'background', 'poster', 'data', 'lowsrc', 'dynsrc', 'longdesc'] as const;
const STYLE_URL = /url\(\s*["']?([^"')\s]{1,2000})|@import\s+["']([^"']{1,2000})/gi;
const REFRESH = /^\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?["']?([^"']+)/i;
const MAX_STACK = 100;
const MAX_SHOWN = 300;
/** Of a page within a link; pages within that one are not looked at. */
const MAX_DATA = 64 * 1024;

export async function linksInHtml(html: string, found: HtmlLinks, turn: Turn): Promise<void> {
  const reader = new LinkReader(found);
  for (const token of htmlTokens(html)) {
    reader.take(token);
    if (turn.isOver) await turn.next();
  }
  reader.end();
}

class LinkReader {
  readonly #found: HtmlLinks;
  /** It reads a page within a link. */
  readonly #isNested: boolean;
  readonly #stack: { readonly name: string; readonly seen: Visibility }[] = [];
  #base: URL | undefined;
  /** The links that are open, and what has been shown of them; a new one ends the last. */
  #link: { uris: readonly string[]; shown: string; isHidden: boolean } | undefined;
  #text = '';

  constructor(found: HtmlLinks, isNested = false) {
    this.#found = found;
    this.#isNested = isNested;
  }

  take(token: HtmlToken): void {
    switch (token.kind) {
      case 'open':
        this.#open(token);
        break;
      case 'close':
        this.#close(token.name);
        break;
      case 'text':
        this.#texts(token.text);
        break;
      case 'raw':
        if (token.name === 'style') this.#styled(token.text);
        else this.#written(token.text, 'image');
        break;
    }
  }

  end(): void {
    this.#linkEnds();
    this.#textEnds();
  }

  get #seen(): Visibility {
    return this.#stack.at(-1)?.seen ?? SEEN;
  }

  #open({ name, attributes }: Open): void {
    const seen = visibilityOf(attributes, this.#seen);
    if (name === 'base') this.#base ??= placeOf(attributes.get('href') ?? '')?.url;
    if (name === 'a') this.#linkEnds();
    if (!INLINE.test(name)) this.#textEnds();
    const clicked = name === 'link' || name === 'base' ? [] : this.#uris(attributes, CLICKED);
    if (name === 'a' && clicked.length > 0) {
      this.#link = { uris: clicked, shown: '', isHidden: seen.isHidden };
    } else for (const uri of clicked) this.#clicks(uri, undefined, seen.isHidden);
    if (name === 'meta' && /refresh/i.test(attributes.get('http-equiv') ?? '')) {
      this.#clicks(REFRESH.exec(attributes.get('content') ?? '')?.[1] ?? '', undefined, false);
    }
    const fetched = this.#uris(attributes, name === 'link' ? ['href', ...FETCHED] : FETCHED);
    const sets = (attributes.get('srcset') ?? '').split(',').map((one) => one.trim().split(' ')[0]);
    for (const uri of [...fetched, ...sets.slice(0, 10)]) this.#mention('image', uri ?? '');
    this.#styled(attributes.get('style') ?? '');
    if (!VOID.has(name) && this.#stack.length < MAX_STACK) this.#stack.push({ name, seen });
  }

  #close(name: string): void {
    if (name === 'a') this.#linkEnds();
    if (!INLINE.test(name)) this.#textEnds();
    const level = this.#stack.findLastIndex((one) => one.name === name);
    if (level >= 0) this.#stack.length = level;
  }

  #texts(text: string): void {
    if (this.#link !== undefined && this.#link.shown.length < MAX_SHOWN) {
      this.#link.shown += text.slice(0, MAX_SHOWN);
      // What is shown as a link is no mention of its own.
      return;
    }
    this.#text += text;
  }

  #linkEnds(): void {
    const link = this.#link;
    this.#link = undefined;
    for (const uri of link?.uris ?? []) this.#clicks(uri, link?.shown, link?.isHidden ?? false);
    if (link !== undefined) this.#written(link.shown, 'text');
  }

  #textEnds(): void {
    if (this.#text !== '') this.#written(this.#text, 'text');
    this.#text = '';
  }

  #written(text: string, kind: 'text' | 'image'): void {
    for (const one of urisInText(text)) {
      this.#found.mention(kind === 'text' ? one : { ...one, kind });
    }
  }

  #styled(css: string): void {
    if (css.length < 6) return;
    for (const match of css.matchAll(STYLE_URL)) this.#mention('image', match[1] ?? match[2] ?? '');
  }

  #uris(attributes: ReadonlyMap<string, string>, names: readonly string[]): string[] {
    return names.flatMap((name) => attributes.get(name) ?? []);
  }

  #clicks(uri: string, shown: string | undefined, isHidden: boolean): void {
    // oxlint-disable-next-line no-control-regex -- browsers leave them out
    const scheme = /^[a-z]+:/i.exec(uri.slice(0, 100).replace(/[\x00-\x20]+/g, ''))?.[0];
    const lower = scheme?.toLowerCase();
    if (lower === 'javascript:' || lower === 'vbscript:' || lower === 'data:') {
      this.#within(uri, lower);
      return;
    }
    this.#mention('link', uri, {
      ...(shown === undefined ? {} : { shown: shown.replace(/\s+/g, ' ').trim() }),
      ...(isHidden ? { isHidden: true as const } : {}),
    });
  }

  #within(uri: string, scheme: string): void {
    const text = decoded(uri.slice(0, MAX_DATA));
    if (scheme !== 'data:') {
      this.#written(text, 'image');
      return;
    }
    if (/^\s*data:\s*image\/(?!svg)/i.test(uri)) return;
    if (this.#isNested) return;
    const page = new LinkReader(this.#found, true);
    for (const token of htmlTokens(text)) page.take(token);
    page.end();
  }

  #mention(
    kind: RawMention['kind'],
    uri: string,
    more: Pick<RawMention, 'shown' | 'isHidden'> = {},
  ): void {
    if (uri === '' || uri.startsWith('#')) return;
    const base = this.#base === undefined ? {} : { base: this.#base };
    this.#found.mention({ kind, uri, ...base, ...more });
  }
}

/** They do not end a word. */
const INLINE = /^(?:a|b|i|u|em|strong|span|font|small|big|wbr|s|tt|code|abbr|mark|sub|sup|img)$/;

function decoded(uri: string): string {
  const comma = uri.indexOf(',');
  if (/;\s*base64\s*$/i.test(uri.slice(0, comma))) {
    return Buffer.from(uri.slice(comma + 1), 'base64').toString('utf8');
  }
  return uri.replace(/(?:%[0-9a-f]{2})+/gi, (codes) =>
    Buffer.from(codes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
