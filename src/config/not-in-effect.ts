/**
 * The one list of settings that are understood and checked but do nothing in this version. Each that
 * is used gives a warning, so that nobody relies on it. Who builds the feature removes its line.
 */
import type { Path, Problem } from './problem.ts';
import { isGroup } from './yaml-source.ts';
import type { YamlSource } from './yaml-source.ts';

export interface Feature {
  /** `*` stands for every item of a list. */
  readonly path: readonly string[];
  /** Any value asks for it but nothing, false and the empty list or group. */
  readonly text: string;
}

/** The plugin that tells bulk mail and the like from ordinary mail. */
export const CLASSIFIER = 'mail-class';

export const DOMAIN_FEATURES: readonly Feature[] = [
  { path: ['attachments'], text: withoutPlugin('attachments') },
];

export function withoutPlugin(name: string): string {
  return `not in effect: the plugin ${name} is not among the plugins of sluice.yaml`;
}

export function notInEffect(
  features: readonly Feature[],
  value: unknown,
  source: YamlSource,
): Problem[] {
  return features.flatMap((feature) =>
    matches(value, feature.path, []).flatMap(({ path, found }) =>
      asksFor(found) ? [source.problemAt(path, feature.text, 'warning')] : [],
    ),
  );
}

function asksFor(found: unknown): boolean {
  if (Array.isArray(found)) return found.length > 0;
  if (isGroup(found)) return Object.keys(found).length > 0;
  return found !== undefined && found !== null && found !== false;
}

interface Match {
  readonly path: Path;
  readonly found: unknown;
}

function matches(value: unknown, pattern: readonly string[], path: Path): Match[] {
  const [step, ...rest] = pattern;
  if (step === undefined) return [{ path, found: value }];
  if (step === '*') {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item: unknown, index) => matches(item, rest, [...path, index]));
  }
  return isGroup(value) && Object.hasOwn(value, step)
    ? matches(value[step], rest, [...path, step])
    : [];
}
