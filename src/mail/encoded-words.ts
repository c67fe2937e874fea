/**
 * Encoded words of a header field (RFC 2047), written for our own fields and read as text, for
 * people and for searching. Reading is strict in nothing: what cannot be read stays as it stands.
 * Bounded by the length of the value it is given.
 */
const WORD = /=\?([\w.:+-]{1,40})(?:\*[\w-]{1,20})?\?([bq])\?([^?\s]{0,998})\?=/gi;
/** Spaces between two encoded words are no part of the text (RFC 2047 6.2). */
const BETWEEN = /(\?=)\s+(?==\?[\w.:+*-]{1,60}\?[bq]\?)/gi;

/** `value` as it came, a character a byte; bytes beyond ASCII are taken as UTF-8 (RFC 6532). */
export function decodeWords(value: string): string {
  const raw = Buffer.from(value, 'latin1').toString('utf8');
  if (!raw.includes('=?')) return raw;
  return raw
    .replace(BETWEEN, '$1')
    .replace(WORD, (word, charset: string, encoding: string, text: string) => {
      const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : quoted(text);
      try {
        return new TextDecoder(charset).decode(bytes);
      } catch {
        return word; // a charset that nobody knows
      }
    });
}

function quoted(text: string): Buffer {
  const plain = text
    .replace(/_/g, ' ')
    .replace(/=([0-9A-F]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  return Buffer.from(plain, 'latin1');
}

/** Characters of one word, so that with its frame it has at most 75 (RFC 2047 2). */
const WORD_BYTES = 45;

/** Text for a field of ours: as it is, or as encoded words on folded lines. */
export function encodeWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let word = '';
  for (const char of text) {
    if (Buffer.byteLength(word + char) > WORD_BYTES) {
      words.push(word);
      word = '';
    }
    word += char;
  }
  return [...words, word]
    .map((one) => `=?utf-8?B?${Buffer.from(one).toString('base64')}?=`)
    .join('\r\n ');
}
