/** What is kept of a message for whoever looks through the quarantine. */
import { decodeWords } from '../mail/encoded-words.ts';
import type { HeaderField } from '../mail/header.ts';
import { fieldValue, headerFields } from '../mail/header.ts';
import type { Quarantined } from '../mail/spool-entry.ts';

/** Bytes of a field that are looked at. */
const MAX_FIELD = 2000;
const MAX_TEXT = 256;

export function quarantineFacts(
  header: Buffer,
  { score, account }: { readonly score: number | undefined; readonly account: string | undefined },
): Quarantined {
  const fields = headerFields(header);
  const textOf = (name: string) => {
    const field = fields.find((one) => one.name === name);
    return field && fieldText(header, field);
  };
  const facts = {
    score: score === undefined || !Number.isFinite(score) ? undefined : score,
    account,
    headerFrom: textOf('from'),
    subject: textOf('subject'),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

/** As a person reads it, and no longer than any other value that is kept. */
export function fieldText(header: Buffer, field: HeaderField): string {
  return decodeWords(fieldValue(header, field, MAX_FIELD)).slice(0, MAX_TEXT);
}
