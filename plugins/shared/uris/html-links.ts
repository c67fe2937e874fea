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
import { isDot, isTextSeen, SEEN, visibilityOf } from './visibility.ts';

export interface HtmlLinks {
  readonly mention: (mention: RawMention) => void;
  readonly sign: (sign: PageSign) => void;
}

/**
 * Schemes of links that run a script or hold a page of their own; `password`: a field to fill one in;
 * `file`: a script that makes a file for the reader.
 */
export type PageSign = LinkScheme | 'password' | 'file';
type LinkScheme = 'javascript' | 'vbscript' | 'data';

/** A link that is open, and what has come of it so far. */
interface OpenLink {
  readonly uris: readonly string[];
  readonly isGone: boolean;
  text: string;
  /** Of its text what a reader sees. */
  shown: string;
  content: 'none' | 'hidden' | 'seen';
}

type Open = Extract<HtmlToken, { kind: 'open' }>;

const VOID: ReadonlySet<string> = new Set(
  'area base br col embed hr img input link meta source track wbr'.split(' '),
);
const ENDING_EACH_OTHER: ReadonlySet<string> = new Set('p li dt dd tr td th option'.split(' '));
const CLOSED: ReadonlySet<string> = new Set('table ul ol dl div blockquote'.split(' '));
const CLICKED = ['href', 'xlink:href', 'ping'] as const;
const POSTED = ['action', 'formaction'] as const;
const FETCHED = ['src', 'background', 'poster', 'data', 'lowsrc', 'dynsrc', 'longdesc'] as const;
const STYLE_URL = /url\(\s*["']?([^"')\s]{1,2000})|@import\s+["']([^"']{1,2000})/gi;
const REFRESH = /^\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?["']?([^"']+)/i;
/** Sizes of one picture. */
const MAX_SET = 10;
const MAX_STACK = 100;
const MAX_SHOWN = 300;
/** Of scripts; others open a window or print the page. */
const LEADS_AWAY = /https?:|location|\bopen\b|document\.write|\batob\b|\beval\b/i;
/** What a file is made with, and out of what; pages that show or export a picture have one of them alone. */
const FILE_MADE = /\bcreateObjectURL\b|\bmsSave(?:OrOpen)?Blob\b|\.download\b/;
const OUT_OF_CODE = /\batob\b|\bUint8Array\b|\bfromCharCode\b|\bunescape\b/;
/** Of a page within a link; pages within that one are not looked at. */
const MAX_DATA = 64 * 1024;

/** Text in which URIs may be written out, and what they are then. */
interface Written {
  readonly text: string;
  readonly kind: 'text' | 'image';
}

export async function linksInHtml(html: string, found: HtmlLinks, turn: Turn): Promise<void> {
  const written: Written[] = [];
  const reader = new LinkReader(found, written);
  const readWritten = async () => {
    for (const { text, kind } of written.splice(0)) {
      for (const one of urisInText(text)) {
        found.mention(kind === 'text' ? one : { ...one, kind });
        if (turn.isOver) await turn.next();
      }
    }
  };
  for (const token of htmlTokens(html)) {
    reader.take(token);
    if (written.length > 0) await readWritten();
    if (turn.isOver) await turn.next();
  }
  reader.end();
  await readWritten();
}

class LinkReader {
  readonly #found: HtmlLinks;
  /** What is to be read with time for others in between. */
  readonly #written: Written[];
  /** It reads a page within a link. */
  readonly #isNested: boolean;
  readonly #stack: { readonly name: string; readonly seen: Visibility }[] = [];
  #base: URL | undefined;
  /** A new one ends the last. */
  #link: OpenLink | undefined;
  #text = '';

  constructor(found: HtmlLinks, written: Written[], isNested = false) {
    this.#found = found;
    this.#written = written;
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
        else {
          this.#runs(token.text);
          this.#written.push({ text: token.text, kind: 'image' });
        }
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
    this.#impliedClose(name);
    const seen = visibilityOf(name, attributes, this.#seen);
    if (name === 'base') this.#base ??= placeOf(attributes.get('href') ?? '')?.url;
    if (name === 'a') this.#linkEnds();
    if (!INLINE.test(name)) this.#textEnds();
    const clicked = name === 'link' || name === 'base' ? [] : this.#uris(attributes, CLICKED);
    if (name === 'a' && clicked.length > 0) {
      this.#link = { uris: clicked, isGone: seen.isGone, text: '', shown: '', content: 'none' };
    } else for (const uri of clicked) this.#clicks('link', uri, undefined, seen.isGone);
    for (const uri of this.#uris(attributes, POSTED)) this.#clicks('form', uri);
    if (name === 'input' && /^\s*password\s*$/i.test(attributes.get('type') ?? '')) {
      this.#found.sign('password');
    }
    for (const [key, script] of attributes) if (key.startsWith('on')) this.#runs(script);
    if (name === 'img') this.#fills(!seen.isGone && !isDot(attributes));
    if (name === 'meta' && /refresh/i.test(attributes.get('http-equiv') ?? '')) {
      this.#clicks('link', REFRESH.exec(attributes.get('content') ?? '')?.[1] ?? '');
    }
    const fetched = this.#uris(attributes, name === 'link' ? ['href', ...FETCHED] : FETCHED);
    const sets = (attributes.get('srcset') ?? '').split(',', MAX_SET);
    const inSets = sets.map((one) => /\S+/.exec(one)?.[0] ?? '');
    for (const uri of [...fetched, ...inSets]) this.#mention('image', uri);
    this.#styled(attributes.get('style') ?? '');
    if (!VOID.has(name) && this.#stack.length < MAX_STACK) this.#stack.push({ name, seen });
  }

  /** `<td>` ends a `<td>` that is open, unless it stands in a table of its own (HTML 13.1.2.4). */
  #impliedClose(name: string): void {
    if (!ENDING_EACH_OTHER.has(name)) return;
    const level = this.#stack.findLastIndex((one) => one.name === name || CLOSED.has(one.name));
    if (this.#stack[level]?.name === name) this.#stack.length = level;
  }

  #close(name: string): void {
    if (name === 'a') this.#linkEnds();
    if (!INLINE.test(name)) this.#textEnds();
    const level = this.#stack.findLastIndex((one) => one.name === name);
    if (level >= 0) this.#stack.length = level;
  }

  #runs(script: string): void {
    if (FILE_MADE.test(script) && OUT_OF_CODE.test(script)) this.#found.sign('file');
  }

  #texts(text: string): void {
    if (this.#link !== undefined && this.#link.text.length < MAX_SHOWN) {
      const isSeen = isTextSeen(this.#seen);
      if (/\S/.test(text)) this.#fills(isSeen);
      this.#link.text += text.slice(0, MAX_SHOWN);
      if (isSeen) this.#link.shown += text.slice(0, MAX_SHOWN);
      // What is shown as a link is no mention of its own.
      return;
    }
    this.#text += text;
  }

  /** Something stands in the link. */
  #fills(isSeen: boolean): void {
    if (this.#link === undefined || this.#link.content === 'seen') return;
    this.#link.content = isSeen ? 'seen' : 'hidden';
  }

  #linkEnds(): void {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    const isHidden = link.isGone || link.content === 'hidden';
    for (const uri of link.uris) this.#clicks('link', uri, link.shown, isHidden);
    this.#written.push({ text: link.text, kind: 'text' });
  }

  #textEnds(): void {
    if (this.#text !== '') this.#written.push({ text: this.#text, kind: 'text' });
    this.#text = '';
  }

  #styled(css: string): void {
    if (css.length < 6) return;
    for (const match of css.matchAll(STYLE_URL)) this.#mention('image', match[1] ?? match[2] ?? '');
  }

  #uris(attributes: ReadonlyMap<string, string>, names: readonly string[]): string[] {
    return names.flatMap((name) => attributes.get(name) ?? []);
  }

  #clicks(kind: 'link' | 'form', uri: string, shown?: string, isHidden = false): void {
    // oxlint-disable-next-line no-control-regex -- browsers leave them out
    const scheme = /^([a-z]+):/i.exec(uri.slice(0, 100).replace(/[\x00-\x20]+/g, ''))?.[1];
    const lower = scheme?.toLowerCase();
    if (lower === 'javascript' || lower === 'vbscript' || lower === 'data') {
      this.#within(uri, lower);
      return;
    }
    this.#mention(kind, uri, {
      ...(shown === undefined ? {} : { shown: shown.replace(/\s+/g, ' ').trim() }),
      ...(isHidden ? { isHidden: true as const } : {}),
    });
  }

  #within(uri: string, scheme: LinkScheme): void {
    const text = decoded(uri.slice(0, MAX_DATA));
    if (scheme !== 'data') {
      if (LEADS_AWAY.test(text)) this.#found.sign(scheme);
      this.#written.push({ text, kind: 'image' });
      return;
    }
    if (/^\s*data:\s*image\/(?!svg)/i.test(uri)) return;
    this.#found.sign(scheme);
    if (this.#isNested) return;
    const page = new LinkReader(this.#found, this.#written, true);
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
