/** Reads the entries of a request about the block and allow lists: known members, each a bounded text. */
import type { ListStep } from './lists-view.ts';
import { RequestFault } from './request.ts';

/** In one request. */
const MAX_ENTRIES = 1000;
const MAX_TEXT = 320;
const TEXTS = ['list', 'who', 'domain', 'only_for', 'until', 'note'] as const;

export function listSteps(body: unknown): readonly ListStep[] {
  const entries: unknown = membersOf(body, 'the body')['entries'];
  if (!Array.isArray(entries) || entries.length > MAX_ENTRIES)
    throw fault(`"entries" must be a list of at most ${MAX_ENTRIES}`);
  return entries.map((entry: unknown) => listStep(membersOf(entry, 'an entry')));
}

function listStep(given: Readonly<Record<string, unknown>>): ListStep {
  for (const name of Object.keys(given))
    if (name !== 'unproven' && !TEXTS.some((known) => known === name))
      throw fault(`unknown parameter "${name.slice(0, 40)}"`);
  const { unproven } = given;
  if (unproven !== undefined && typeof unproven !== 'boolean')
    throw fault('"unproven" must be true or false');
  const texts = TEXTS.flatMap((name) => {
    const value = given[name];
    if (value === undefined) return [];
    if (typeof value !== 'string') throw fault(`"${name}" must be text`);
    if (value.length > MAX_TEXT) throw fault(`"${name}" is too long`);
    // oxlint-disable-next-line no-control-regex -- control characters are what must go
    return [[name, value.replace(/[\x00-\x1f\x7f]+/g, ' ')] as const];
  });
  return { ...Object.fromEntries(texts), ...(unproven === true && { unproven }) };
}

function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw fault(`${what} must be a JSON object`);
}

function fault(text: string): RequestFault {
  return new RequestFault(400, text);
}
