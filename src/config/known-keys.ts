/**
 * The keys that a schema knows, and where: for the advice about a key that is not known where it
 * stands. A slip of the pen is likelier than a wrong place, and that likelier than a wrong file.
 */
import * as z from 'zod';
import type { Path } from './problem.ts';
import { didYouMean } from './suggestion.ts';
import { isGroup } from './yaml-source.ts';

/** Keys that mean something in another kind of file. */
export interface OtherFile {
  readonly keys: readonly string[];
  /** `into sluice.yaml` */
  readonly place: string;
}

export interface KeySight {
  readonly schema: z.ZodType;
  /** Keys that are known at the root beside those of the schema. */
  readonly extraKeys?: readonly string[];
  readonly otherFile?: OtherFile;
  /** What a key at the root that is known nowhere may be. */
  readonly maybe?: string;
}

/** A key in more places than these says nothing about the one that was meant. */
const MAX_PLACES = 2;

/** `; did you mean "x"?`, `; belongs under "limits"` or nothing. */
export function keyAdvice(key: string, path: Path, sight: KeySight): string {
  const { schema, extraKeys = [], otherFile, maybe = '' } = sight;
  const isTop = path.length === 0;
  const here = knownKeys(schema, path);
  if (here.includes(key)) return '; belongs to another form of this setting';
  const near = didYouMean(key, [...here, ...(isTop ? extraKeys : [])]);
  if (near !== '') return near;
  if (knownKeys(schema, []).includes(key)) return '; belongs further left, to the first column';
  const all = [...new Set(placesOf(schema, key, ''))];
  // Of a group and one within it that know it both the outer one is meant.
  const outer = all.filter((group) => !all.some((other) => group.startsWith(`${other}.`)));
  const places = outer.length > MAX_PLACES ? [] : outer.map((group) => `under "${group}"`);
  if (isTop && otherFile?.keys.includes(key) === true) places.push(otherFile.place);
  if (places.length > 0) return `; belongs ${places.join(' or ')}`;
  return isTop ? maybe : '';
}

/** Whether a file of one kind stands where one of another kind should: by most of its keys. */
export function looksLike(other: z.ZodType, own: z.ZodType, value: unknown): boolean {
  const keys = isGroup(value) ? Object.keys(value) : [];
  const knownTo = (schema: z.ZodType) => {
    const known = knownKeys(schema, []);
    return keys.filter((key) => known.includes(key)).length;
  };
  return knownTo(other) > knownTo(own);
}

/** The keys a schema knows at a path; those of all forms where there are several. */
export function knownKeys(schema: z.core.$ZodType, path: Path): string[] {
  if (schema instanceof z.ZodObject) {
    const [first, ...rest] = path;
    if (first === undefined) return Object.keys(schema.shape);
    const next: z.core.$ZodType | undefined = schema.shape[String(first)];
    return next === undefined ? [] : knownKeys(next, rest);
  }
  if (schema instanceof z.ZodArray) return knownKeys(schema.element, path.slice(1));
  return formsOf(schema).flatMap((form) => knownKeys(form, path));
}

/** The groups that know a key, as `destination.hosts`. */
function placesOf(schema: z.core.$ZodType, key: string, place: string): string[] {
  if (schema instanceof z.ZodObject) {
    const members = Object.entries(schema.shape).flatMap(([name, member]) =>
      placesOf(member, key, place === '' ? name : `${place}.${name}`),
    );
    return Object.hasOwn(schema.shape, key) ? [place, ...members] : members;
  }
  if (schema instanceof z.ZodArray) return placesOf(schema.element, key, place);
  return formsOf(schema).flatMap((form) => placesOf(form, key, place));
}

function formsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options;
  if (schema instanceof z.ZodPipe) return [schema.in];
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault
  ) {
    return [schema.unwrap()];
  }
  return [];
}
