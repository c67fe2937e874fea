/**
 * The transfer encodings of RFC 2045 and uuencode, undone piece by piece: what a piece ends in the
 * middle of waits for the next one. Nothing is an error; what is no code is left out.
 */
export type TransferEncoding = 'base64' | 'quoted-printable' | 'uuencode' | 'identity';

export interface Decoder {
  push(raw: Buffer): Buffer;
  end(): Buffer;
}

/** Those that the words of the fields name, in one way or another; `identity` when they name none. */
export function encodingsOf(words: readonly string[]): ReadonlySet<TransferEncoding> {
  const found = words.flatMap((word) => NAMES.find(([name]) => name.test(word))?.[1] ?? []);
  return new Set<TransferEncoding>(found.length === 0 ? ['identity'] : found);
}

const NAMES: readonly (readonly [name: RegExp, encoding: TransferEncoding])[] = [
  [/base-?64/, 'base64'],
  [/quoted-?printable/, 'quoted-printable'],
  [/^(?:x-)?uue?(?:ncode)?$/, 'uuencode'],
  [/^(?:7bit|8bit|binary)$/, 'identity'],
];

export function decoderOf(encoding: TransferEncoding): Decoder {
  switch (encoding) {
    case 'base64':
      return base64();
    case 'quoted-printable':
      return quotedPrintable();
    case 'uuencode':
      return uuencoded();
    case 'identity':
      return { push: (raw) => raw, end: () => Buffer.alloc(0) };
  }
}

/**
 * Characters beyond the alphabet are left out (RFC 2045 6.8), those of base64url too. Padding ends a run
 * of code and what follows begins anew, as for most who go on behind it.
 */
function base64(): Decoder {
  let carry = '';
  return {
    push(raw) {
      const text = carry + raw.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '');
      const begin = text.lastIndexOf('=') + 1;
      const whole = text.length - ((text.length - begin) % 4);
      carry = text.slice(whole);
      const last = Buffer.from(text.slice(begin, whole), 'base64');
      return begin === 0 ? last : Buffer.concat([padded(text.slice(0, begin)), last]);
    },
    end: () => Buffer.from(carry, 'base64'),
  };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = Int8Array.from({ length: 128 }, (_, code) =>
  ALPHABET.indexOf(String.fromCharCode(code)),
);

/** Code with padding anywhere, in one pass: there may be as many runs as characters. */
function padded(code: string): Buffer {
  const octets = Buffer.alloc(Math.ceil((code.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let count = 0;
  for (let at = 0; at < code.length; at++) {
    const value = VALUES[code.charCodeAt(at)] ?? -1;
    if (value < 0) {
      count = 0;
      continue;
    }
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    octets[length++] = bits >> count;
  }
  return octets.subarray(0, length);
}

/** The longest that a soft line break is taken for one, and more than a code. */
const BREAK_CHARS = 84;

function quotedPrintable(): Decoder {
  let carry = '';
  const octets = (text: string) =>
    Buffer.from(
      text
        .replace(/=[ \t]{0,80}\r?\n/g, '')
        .replace(/=([0-9a-f]{2})/gi, (_, code: string) =>
          String.fromCharCode(Number.parseInt(code, 16)),
        ),
      'latin1',
    );
  return {
    push(raw) {
      const text = carry + raw.toString('latin1');
      const equals = text.lastIndexOf('=');
      const isOpen =
        equals > text.length - BREAK_CHARS &&
        /^=(?:[0-9a-f]?|[ \t]*\r?)$/i.test(text.slice(equals));
      const whole = isOpen ? equals : text.length;
      carry = text.slice(whole);
      return octets(text.slice(0, whole));
    },
    end: () => octets(carry),
  };
}

/** Lines come whole: none is longer than a piece. */
function uuencoded(): Decoder {
  let carry = '';
  const octets = (lines: readonly string[]) => Buffer.concat(lines.map(uuLine));
  return {
    push(raw) {
      const lines = (carry + raw.toString('latin1')).split('\n');
      carry = lines.pop()?.slice(0, UU_LINE_CHARS) ?? '';
      return octets(lines);
    },
    end: () => octets([carry]),
  };
}

const UU_LINE_CHARS = 100;
const UU_BEGIN = /^(?:begin|end)\b/;

function uuLine(line: string): Buffer {
  if (UU_BEGIN.test(line)) return Buffer.alloc(0);
  const code = (at: number) => ((line.charCodeAt(at) || 32) - 32) & 0x3f;
  const length = line === '' ? 0 : code(0);
  const octets = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    const first = 1 + Math.floor(at / 3) * 4 + (at % 3);
    const pair = (code(first) << 6) | code(first + 1);
    octets[at] = pair >> (4 - (at % 3) * 2);
  }
  return octets;
}
