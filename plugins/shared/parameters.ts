/**
 * What the header of a MIME part says: its fields, the parameters of a field (RFC 2045 5.1, RFC 2231)
 * and the words in them (RFC 2047). Everything that is there counts, the second field of a name and
 * the second parameter too, with comments and without, for programs differ in what they take. Each
 * step is linear in the length of the header.
 */
import { textIn } from './charset-text.ts';

export interface FieldValue {
  /** What stands before the first semicolon, in lower case. */
  readonly word: string;
  readonly parameters: readonly Parameter[];
}
export interface Parameter {
  readonly name: string;
  readonly value: string;
}

/** Header as text, a character a byte, to the values of the fields called `name`. */
export function fieldsOf(header: string, name: string): FieldValue[] {
  return valuesOf(header, name).map((folded) => {
    const value = folded.replace(FOLD, ' ');
    const plain = withoutComments(value);
    // Some programs put nothing in the place of a fold.
    const readings = new Set([plain, value, folded.replace(FOLD, '')]);
    return {
      word: wordOf(pieces(plain).parts[0] ?? ''),
      parameters: distinct([...readings].flatMap(allParameters)),
    };
  });
}

/** All words of the fields called `name`, in lower case. */
export function wordsOf(header: string, name: string): string[] {
  return valuesOf(header, name).flatMap(
    (value) =>
      withoutComments(value)
        .toLowerCase()
        .match(/[^\s,;"]+/g) ?? [],
  );
}

const FOLD = /\r?\n[ \t]+/g;

function valuesOf(header: string, name: string): string[] {
  return header.split(/\r?\n(?![ \t])/).flatMap((field) => {
    const colon = field.indexOf(':');
    const isWanted = colon >= 0 && field.slice(0, colon).trim().toLowerCase() === name;
    return isWanted ? [field.slice(colon + 1)] : [];
  });
}

/** Longer than any type (RFC 6838 4.2), with blanks. */
const MAX_WORD = 400;

/** `text/plain`, whatever else stands around it. */
function wordOf(text: string): string {
  const tight = text
    .trimStart()
    .slice(0, MAX_WORD)
    .replace(/\s*\/\s*/, '/')
    .replaceAll('"', ' ')
    .trim();
  return (/^[^\s,]+/.exec(tight)?.[0] ?? '').toLowerCase();
}

function allParameters(value: string): Parameter[] {
  const { parts, isBalanced } = pieces(value);
  const found = parametersOf(parts);
  // A quote that nobody closes hides what follows from one reader alone.
  return isBalanced ? found : [...found, ...parametersOf(value.split(';'))];
}

function distinct(parameters: readonly Parameter[]): Parameter[] {
  const seen = new Map(parameters.map((one) => [`${one.name}=${one.value}`, one]));
  return [...seen.values()];
}

/** Splits at semicolons outside of quotes. */
function pieces(value: string): {
  readonly parts: readonly string[];
  readonly isBalanced: boolean;
} {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value[at];
    if (char === '\\' && isQuoted) at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === ';' && !isQuoted) {
      parts.push(value.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(value.slice(start));
  return { parts, isBalanced: !isQuoted };
}

/** RFC 5322 3.2.2: comments nest, and there are none in quotes. What does not end is none. */
function withoutComments(value: string): string {
  let out = '';
  let depth = 0;
  let isQuoted = false;
  let begin = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    if (char === '\\') {
      if (depth === 0) out += value.slice(at, at + 2);
      at++;
    } else if (char === '(' && !isQuoted) {
      if (depth === 0) begin = at;
      depth++;
    } else if (char === ')' && depth > 0) {
      depth--;
      if (depth === 0) out += ' ';
    } else if (depth === 0) {
      if (char === '"') isQuoted = !isQuoted;
      out += char;
    }
  }
  return depth > 0 ? out + value.slice(begin) : out;
}

function parametersOf(parts: readonly string[]): Parameter[] {
  const found: Parameter[] = [];
  /** Values in several pieces: `name*0`, `name*1*` (RFC 2231 3). */
  const pieced = new Map<string, Piece[]>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    // The word before it may have lost its semicolon.
    const words = part.slice(0, equals).trimEnd().toLowerCase().split(/[\s,]/);
    const name = words.at(-1) ?? '';
    const [, base = name, order, star] = /^([^*]*)\*(\d{1,4})?(\*)?$/.exec(name) ?? [];
    for (const text of textsOf(part.slice(equals + 1).trim())) {
      if (order === undefined) {
        const values = base === name ? [plainText(text), decodeWords(text)] : [percentText(text)];
        found.push(...values.map((value) => ({ name: base, value })));
        continue;
      }
      const list = pieced.get(base) ?? [];
      list.push({ order: Number(order), text: star === undefined ? encodePercent(text) : text });
      pieced.set(base, list);
    }
  }
  for (const [name, list] of pieced) {
    for (const text of joined(list)) found.push({ name, value: decodeWords(percentText(text)) });
  }
  return found;
}

interface Piece {
  readonly order: number;
  readonly text: string;
}

/** All of them in their order; and up to a gap, with the first or the last of those that are there twice. */
function joined(list: readonly Piece[]): ReadonlySet<string> {
  const sorted = list.toSorted((a, b) => a.order - b.order);
  const readings = [sorted.map(({ text }) => text).join('')];
  for (const ranked of [sorted.toReversed(), sorted]) {
    const byOrder = new Map(ranked.map(({ order, text }) => [order, text]));
    let value = '';
    for (let order = 0; byOrder.has(order); order++) value += byOrder.get(order) ?? '';
    if (value !== '') readings.push(value);
  }
  return new Set(readings);
}

/** A value with what stands behind its quotes, or behind its first word, and without. */
function textsOf(text: string): ReadonlySet<string> {
  if (!text.startsWith('"')) return new Set([text, /^[^\s(]*/.exec(text)?.[0] || text]);
  const whole = text.slice(1).replace(/"\s*$/, '');
  const quoted = /^(?:[^"\\]|\\.)*/.exec(text.slice(1))?.[0] ?? '';
  return new Set([whole, quoted].map((one) => one.replace(/\\(.)/g, '$1')));
}

function encodePercent(text: string): string {
  return text.replaceAll('%', '%25').replaceAll("'", '%27');
}

/** `charset'language'text`, or text alone, with octets as `%XX`. */
function percentText(text: string): string {
  const [, charset = 'utf-8', rest = text] = /^([^']{0,40})'[^']{0,40}'(.*)$/s.exec(text) ?? [];
  const octets = rest.replace(/%([0-9a-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return textOf(Buffer.from(octets, 'latin1'), charset);
}

const WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bq])\?([^?]*)\?=/gi;

function plainText(text: string): string {
  return textOf(Buffer.from(text, 'latin1'), 'utf-8');
}

/**
 * With the words of RFC 2047 in it read, as generously as anybody does: code and letters that are cut
 * between two words in base64 are joined.
 */
export function decodeWords(text: string): string {
  const raw = plainText(text);
  if (!raw.includes('=?')) return raw;
  let code = '';
  let octets: Buffer[] = [];
  const read = raw
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(
      WORD,
      (all, charset: string, encoding: string, word: string, at: number, words: string) => {
        if (encoding.toLowerCase() !== 'b') return textOf(quotedOctets(word), charset);
        code += word.replace(/[^A-Za-z0-9+/=]+/g, '');
        const begin = `=?${charset}?b?`.toLowerCase();
        const next = at + all.length;
        const goesOn = words.slice(next, next + begin.length).toLowerCase() === begin;
        const whole = goesOn && !code.includes('=') ? code.length - (code.length % 4) : code.length;
        octets.push(Buffer.from(code.slice(0, whole), 'base64'));
        code = code.slice(whole);
        if (goesOn) return '';
        const joined = textOf(Buffer.concat(octets), charset);
        octets = [];
        return joined;
      },
    );
  // What seemed to go on did not.
  return octets.length === 0 ? read : read + textOf(Buffer.concat(octets), 'utf-8');
}

function quotedOctets(word: string): Buffer {
  const text = word.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_all, code: string) => {
    return String.fromCharCode(Number.parseInt(code, 16));
  });
  return Buffer.from(text, 'latin1');
}

function textOf(bytes: Uint8Array, charset: string): string {
  return textIn(charset, bytes, true) ?? Buffer.from(bytes).toString('latin1');
}
