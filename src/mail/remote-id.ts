/**
 * The id under which the next server took a message, as its final reply tells it: what its
 * administrator is asked for. Every server words it in its own way; what is not known is undefined,
 * never a guess.
 */
const ID = String.raw`[\w.+/=-]{4,120}`;

const FORMS: readonly RegExp[] = [
  // Postfix, and ourselves: `Ok: queued as 4bHzXk0vJ2z1`, `Ok: 4K7QZ2M9XT.1 queued`
  new RegExp(String.raw`\bqueued as (${ID})`, 'i'),
  /\bok: ([0-9A-Z]{10}\.\d{1,6}) (?:delivered|queued)\b/i,
  // Exim: `OK id=1rABcd-0001Xy-2z`
  new RegExp(String.raw`\bid=(${ID})`, 'i'),
  // Exchange: `<a@b> [InternalId=12345, Hostname=...] Queued mail for delivery`
  /\[InternalId=(\d{1,40})\b/i,
  // Sendmail: `2.0.0 41BCD3abc012345 Message accepted for delivery`
  new RegExp(String.raw`(?:^|\s)(${ID}) message accepted for delivery`, 'i'),
  // qmail: `ok 1700000000 qp 12345`
  /\bok (\d{9,11} qp \d{1,10})\b/i,
  // Google: `2.0.0 OK  1700000000 abc-20020a05.123 - gsmtp`
  new RegExp(String.raw`\bok\s+\d{9,11}\s+(${ID}) - gsmtp`, 'i'),
  // Haraka: `Message Queued (1AB2C3D4-....1)`
  new RegExp(String.raw`\bqueued \((${ID})\)`, 'i'),
];

export function remoteId(text: string): string | undefined {
  const bounded = text.slice(0, 400);
  for (const form of FORMS) {
    const found = form.exec(bounded)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
