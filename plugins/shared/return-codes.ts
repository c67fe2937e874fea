/**
 * What a list's answer means (RFC 5782 2.1): addresses of 127.0.0.0/8 that say why something is
 * listed, held against patterns such as `127.0.0.2-11`, `127.0.*.2` or `127.0.0.&12`. Answers outside
 * that network, and 127.255.255.x, are no word about what was asked.
 */

const PART = String.raw`(?:\*|&\d{1,3}|\d{1,3}(?:-\d{1,3})?)`;

export const CODES = {
  pattern: new RegExp(String.raw`^127(?:\.${PART}){3}$`),
  hint: 'answers such as 127.0.0.2, 127.0.0.2-11, 127.0.*.2 or 127.0.0.&12',
};

export function matches(codes: readonly string[], address: string): boolean {
  const octets = address.split('.').map(Number);
  return codes.some((code) =>
    code.split('.').every((part, index) => isWithin(part, octets[index] ?? -1)),
  );
}

function isWithin(part: string, octet: number): boolean {
  if (part === '*') return true;
  if (part.startsWith('&')) return (octet & Number(part.slice(1))) !== 0;
  const [from = '', to = from] = part.split('-');
  return octet >= Number(from) && octet <= Number(to);
}

/** The list does not work for us: it has ended, or we may not ask it. */
export function isFailure(address: string): boolean {
  return !address.startsWith('127.') || address.startsWith('127.255.255.');
}
