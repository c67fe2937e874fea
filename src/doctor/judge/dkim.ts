/** Whether what a domain sends is signed, and by keys that receivers find. */
import type { KeyFacts } from '../facts/dkim.ts';
import type { Finding } from '../finding.ts';
import { named, pass, unsure, warn } from '../finding.ts';

/** Of a domain that sends, or of the gateway itself. */
export function judgeDkim(name: string, keys: readonly KeyFacts[]): Finding {
  const check = `DKIM ${name}`;
  const needed = keys.filter(({ isOld }) => !isOld);
  if (needed.length === 0)
    return warn(check, 'mail is not signed: there is no key', `sluice dkim keygen ${name}`);
  const wrong = needed.find(({ state }) => state === 'missing' || state === 'differs');
  if (wrong !== undefined) {
    const isSigned = keys.some(({ state }) => state === 'matches');
    const text = `${wrong.name}: ${wrong.text}${isSigned ? '' : '; mail is not signed'}`;
    return warn(check, text, `publish the record; sluice dkim check ${name} has it`);
  }
  const untold = needed.find(({ state }) => state === 'unsure');
  if (untold !== undefined) return unsure(check, `${untold.name}: ${untold.text}`);
  const weak = needed.find(({ key: { key } }) => key.algorithm === 'rsa-sha256' && key.bits < 2048);
  if (weak !== undefined) {
    const text = `${weak.name} has only ${weak.key.key.bits} bits (RFC 8301)`;
    return warn(check, text, `sluice dkim rotate ${name}`);
  }
  return pass(
    check,
    named(needed.map(({ name: record, key }) => `${record} (${kindOf(key.key)})`)),
  );
}

function kindOf({ algorithm, bits }: KeyFacts['key']['key']): string {
  return algorithm === 'rsa-sha256' ? `RSA ${bits}` : 'Ed25519';
}
