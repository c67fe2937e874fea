/**
 * The DKIM-Signature field of a message (RFC 6376 3.5), relaxed in header and body, without a length and
 * without an end. Fields that a reader shows or acts on are signed once more often than they are there,
 * so that none can be added (RFC 6376 8.15). Header bytes are read as they are and never written anew.
 */
import { createHash } from 'node:crypto';
import type { HeaderField } from '../mail/header.ts';
import { RelaxedBody } from '../mail/relaxed-body.ts';
import type { SigningKey } from './signing-key.ts';

/** Signed and closed against addition whether the message has them or not. */
const CLOSED: readonly string[] = [
  ...['from', 'reply-to', 'subject', 'cc'],
  ...['mime-version', 'content-type', 'content-transfer-encoding'],
];
/** Likewise if the message has them; a relay on the way may add the one that is missing. */
const CLOSED_WHERE_THERE: readonly string[] = [
  ...['to', 'date', 'message-id', 'in-reply-to', 'references', 'sender'],
  ...['list-unsubscribe', 'list-unsubscribe-post'],
];
/** Signed as they are: list servers and forwarders may add theirs. */
const PLAIN: readonly string[] = [
  ...['content-id', 'content-description', 'content-disposition', 'auto-submitted'],
  ...['list-id', 'list-help', 'list-subscribe', 'list-post', 'list-owner', 'list-archive'],
  ...['feedback-id', 'precedence'],
];
/** Fields of one name beyond these are no mail of an honest sender; what is signed stays bounded. */
const MAX_OF_ONE_NAME = 50;
/** RFC 5322 2.1.1 */
const LINE = 76;

/** The hash of a body in relaxed form, made while it streams by. */
export class BodyHash {
  readonly #hash = createHash('sha256');
  readonly #relaxed = new RelaxedBody((bytes) => void this.#hash.update(bytes));

  write(chunk: Uint8Array): void {
    this.#relaxed.write(chunk);
  }

  /** Base64; once. */
  end(): string {
    this.#relaxed.end();
    return this.#hash.digest('base64');
  }
}

export interface SignedMessage {
  readonly header: Buffer;
  readonly fields: readonly HeaderField[];
  readonly bodyHash: string;
  /** Names of further fields to be signed, in lower case. */
  readonly more: readonly string[];
  /** When it is signed, milliseconds since the epoch. */
  readonly at: number;
}

export interface SigningIdentity {
  /** The author's, in ASCII. */
  readonly domain: string;
  readonly selector: string;
  readonly key: SigningKey;
}

/** The field with its line ends. */
export function signatureField(message: SignedMessage, identity: SigningIdentity): Promise<string> {
  return messageSignature('DKIM-Signature', 'v=1;', message, identity);
}

/** A signature of the message under the name of a field, with a first tag of its own. */
export function messageSignature(
  name: string,
  firstTag: string,
  { header, fields, bodyHash, more, at }: SignedMessage,
  { domain, selector, key }: SigningIdentity,
): Promise<string> {
  const { names, texts } = signedFields(header, fields, more);
  const tags = [
    firstTag,
    `a=${key.algorithm};`,
    'c=relaxed/relaxed;',
    `d=${domain};`,
    `s=${selector};`,
    `t=${Math.floor(at / 1000)};`,
    ...names.map((name, i) => `${i === 0 ? 'h=' : ''}${name}${i === names.length - 1 ? ';' : ':'}`),
    `bh=${bodyHash};`,
  ];
  return signedField(name, tags, texts, key);
}

/** A field that ends with the signature of relaxed fields, of itself last (RFC 6376 3.7). */
export async function signedField(
  name: string,
  tags: readonly string[],
  texts: readonly string[],
  key: SigningKey,
): Promise<string> {
  const field = `${name}: ${folded(tags, name.length + 2)}\r\n\tb=`;
  const own = relaxed(name.toLowerCase(), field.slice(field.indexOf(':') + 1));
  const data = Buffer.from([...texts, own].join('\r\n'), 'latin1');
  const value = (await key.sign(data)).toString('base64');
  const lines = value.match(new RegExp(`.{1,${LINE - 4}}`, 'g')) ?? [];
  return `${field}${lines.join('\r\n\t')}\r\n`;
}

/** RFC 6376 5.4.2: fields of one name are named from the last to the first. */
function signedFields(header: Buffer, fields: readonly HeaderField[], more: readonly string[]) {
  const byName = Map.groupBy(fields, ({ name }) => name);
  const names: string[] = [];
  const texts: string[] = [];
  for (const name of new Set([...CLOSED, ...CLOSED_WHERE_THERE, ...PLAIN, ...more])) {
    const there = (byName.get(name) ?? []).toReversed();
    const own = there.slice(0, MAX_OF_ONE_NAME);
    for (const { valueStart, end } of own) {
      names.push(name);
      texts.push(relaxed(name, header.toString('latin1', valueStart, end)));
    }
    const isClosed = own.length > 0 ? !PLAIN.includes(name) : CLOSED.includes(name);
    // Once more would mean one that is there.
    if (isClosed && own.length === there.length) names.push(name);
  }
  return { names, texts };
}

/** RFC 6376 3.4.2, without the line end. Only space and tab are blanks: other bytes are text. */
export function relaxed(name: string, value: string): string {
  const line = value.replace(/\r\n/g, '').replace(/[ \t]+/g, ' ');
  return `${name}:${line.replace(/^ | $/g, '')}`;
}

/** Blanks may stand between tags and around the colons of `h=`; the first line has begun already. */
function folded(parts: readonly string[], begun: number): string {
  let out = '';
  let length = begun;
  for (const [i, part] of parts.entries()) {
    const isTag = i > 0 && parts[i - 1]?.endsWith(';') === true;
    const blank = isTag ? ' ' : '';
    if (i > 0 && length + blank.length + part.length > LINE) {
      out += `\r\n\t${part}`;
      length = 8 + part.length;
    } else {
      out += blank + part;
      length += blank.length + part.length;
    }
  }
  return out;
}
