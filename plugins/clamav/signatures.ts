/** How old the signatures are that clamd judges by, from its answer to VERSION. */
import type { Signatures } from 'sluice-mx/plugin';

const DAY_MS = 86_400_000;
/**
 * `ClamAV 1.4.3/27449/Thu Nov  7 09:33:20 2024`, in the local time of clamd. Without a database of
 * freshclam's (test signatures alone) there is the version and nothing else.
 */
const DAILY = /^[^/]+\/(\d{1,9})\/([^/]*\b\d{4}\b[^/]*)$/;

/** @param oldMs the age from which they are old */
export function signaturesOf(version: string, now: number, oldMs: number): Signatures {
  const [, number, day = ''] = DAILY.exec(version) ?? [];
  const ageMs = now - Date.parse(day);
  if (Number.isNaN(ageMs)) {
    return { age: 'unknown', text: 'clamd does not say of which day they are' };
  }
  const days = Math.floor(ageMs / DAY_MS);
  const when = days < 1 ? 'of the last day' : days === 1 ? '1 day old' : `${days} days old`;
  return { age: ageMs >= oldMs ? 'old' : 'fresh', text: `${number} is ${when}` };
}
