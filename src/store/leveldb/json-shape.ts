/**
 * Readers that turn parsed JSON into typed values: each returns a value of the type it names or
 * throws. For stored forms only; what people write is checked by config/ with line and column.
 */
export type Json = Readonly<Record<string, unknown>>;

export function object(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('an object');
  return value as Json; // parsed JSON: an object that is neither null nor a list
}

export function list<T>(value: unknown, of: (element: unknown) => T): T[] {
  if (!Array.isArray(value)) throw wrong('a list');
  return value.map((element: unknown) => of(element));
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw wrong('a text');
  return value;
}

export function number(value: unknown): number {
  if (typeof value !== 'number') throw wrong('a number');
  return value;
}

/** A whole number that is not negative. */
export function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw wrong('a count');
  return value;
}

export function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw wrong('true or false');
  return value;
}

export function oneOf<const T extends string | number>(value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw wrong(`one of ${words.join(' ')}`);
  return found;
}

export function optional<T>(value: unknown, of: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : of(value);
}

/** Without the members that are undefined. */
export function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // Of each record that is read: lists of its members would cost more than the members.
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in value) {
    const member = value[name];
    if (member !== undefined) kept[name] = member as Exclude<T[typeof name], undefined>;
  }
  return kept;
}

function wrong(expected: string): TypeError {
  return new TypeError(`stored form: ${expected} was expected`);
}
