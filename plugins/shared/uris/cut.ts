/** Log and trace tell when not all of a mail was looked at for URIs. */
import type { Verdict } from 'sluice-mx/plugin';

export function toldWhenCut(verdict: Verdict | undefined, isCut: boolean): Verdict | undefined {
  if (!isCut) return verdict;
  const { results, ...rest } = verdict ?? { kind: 'pass' };
  return { ...rest, results: { ...results, uri_cut: true } };
}
