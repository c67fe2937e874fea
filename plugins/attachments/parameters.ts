/**
 * What the header of a MIME part says: its fields, the parameters of a field (RFC 2045 5.1, RFC 2231)
 * and the words in them (RFC 2047). Everything that is there counts, the second field of a name and
 * the second parameter too, for programs differ in which one they take. Each step is linear in the
 * length of the header.
 */
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
  const found: FieldValue[] = [];
  for (const line of header.replace(/\r?\n[ \t]/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== name) continue;
    const [first = '', ...rest] = pieces(line.slice(colon + 1));
    found.push({ word: first.trim().toLowerCase(), parameters: parametersOf(rest) });
  }
  return found;
}

/** Splits at semicolons outside of quotes. */
function pieces(value: string): string[] {
  const found: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value[at];
    if (char === '\\' && isQuoted) at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === ';' && !isQuoted) {
      found.push(value.slice(start, at));
      start = at + 1;
    }
  }
  found.push(value.slice(start));
  return found;
}

function parametersOf(parts: readonly string[]): Parameter[] {
  const found: Parameter[] = [];
  /** Values in several pieces: `name*0`, `name*1*` (RFC 2231 3). */
  const pieced = new Map<string, { readonly order: number; readonly text: string }[]>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim().toLowerCase();
    const text = unquoted(part.slice(equals + 1).trim());
    const [, base = name, order, star] = /^([^*]*)\*(\d{1,4})?(\*)?$/.exec(name) ?? [];
    if (order === undefined) {
      found.push({ name: base, value: base === name ? decodeWords(text) : percentText(text) });
      continue;
    }
    const list = pieced.get(base) ?? [];
    list.push({ order: Number(order), text: star === undefined ? encodePercent(text) : text });
    pieced.set(base, list);
  }
  for (const [name, list] of pieced) {
    const text = list.toSorted((a, b) => a.order - b.order).map((one) => one.text);
    found.push({ name, value: decodeWords(percentText(text.join(''))) });
  }
  return found;
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  return text.slice(1).replace(/"\s*$/, '').replace(/\\(.)/g, '$1');
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

function decodeWords(text: string): string {
  const raw = textOf(Buffer.from(text, 'latin1'), 'utf-8');
  if (!raw.includes('=?')) return raw;
  return raw
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(WORD, (_, charset: string, encoding: string, word: string) => {
      if (encoding.toLowerCase() === 'b') return textOf(Buffer.from(word, 'base64'), charset);
      const octets = word.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_all, code: string) => {
        return String.fromCharCode(Number.parseInt(code, 16));
      });
      return textOf(Buffer.from(octets, 'latin1'), charset);
    });
}

function textOf(bytes: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('latin1'); // an unknown charset, or not in that charset
  }
}
