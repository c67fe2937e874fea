/**
 * What is sound in a value that has faults, so that the checks behind the schema can go on and all
 * problems come at once: unknown keys are left out, and so is each setting with a fault, in whose
 * place stand-ins and defaults come. Nothing may rely on those but the shape of the value.
 */
import type * as z from 'zod';
import { isGroup } from './yaml-source.ts';

export interface SoundParts<T> {
  readonly value: T;
  /** The settings at the top that have faults. */
  readonly faulty: ReadonlySet<string>;
}

/** `standIns` are for settings that have no default. */
export function soundParts<T>(
  schema: z.ZodType<T>,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  standIns: Readonly<Record<string, unknown>>,
): SoundParts<T> | undefined {
  if (!isGroup(value)) return undefined;
  const copy: Record<string, unknown> = structuredClone(value);
  const faulty = new Set<string>();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') removeKeys(copy, issue.path, issue.keys);
    else faulty.add(String(issue.path[0]));
  }
  for (const name of faulty) {
    delete copy[name];
    if (Object.hasOwn(standIns, name)) copy[name] = standIns[name];
  }
  const parsed = schema.safeParse(copy);
  return parsed.success ? { value: parsed.data, faulty } : undefined;
}

function removeKeys(root: unknown, path: readonly PropertyKey[], names: readonly string[]): void {
  let at = root;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return;
    at = Reflect.get(at, step);
  }
  if (typeof at !== 'object' || at === null) return;
  for (const name of names) Reflect.deleteProperty(at, name);
}
