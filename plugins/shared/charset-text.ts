/**
 * The characters of octets in a charset by its name: those of the WHATWG encodings, and UTF-7 (RFC 2152),
 * which no browser knows any more but mail programs do.
 */

/** Undefined for an unknown charset and, when `fatal`, for octets that are not in it. */
export function textIn(charset: string, bytes: Uint8Array, fatal: boolean): string | undefined {
  if (UTF_7.test(charset)) return ofUtf7(Buffer.from(bytes).toString('latin1'));
  try {
    return new TextDecoder(charset, { fatal }).decode(bytes);
  } catch {
    return undefined;
  }
}

const UTF_7 = /^(?:x-)?(?:unicode-1-1-)?utf-?7$/i;

/** What stands between `+` and `-`, or another character, is UTF-16 in base64; `+-` is a plus. */
function ofUtf7(text: string): string {
  return text.replace(/\+([A-Za-z0-9+/]*)(-?)/g, (_, code: string, end: string) => {
    if (code === '') return end === '' ? '' : '+';
    const octets = Buffer.from(code, 'base64');
    return octets
      .subarray(0, octets.length & ~1)
      .swap16()
      .toString('utf16le');
  });
}
