/**
 * LDAP filters with places for an address: `%s` the whole of it, `%u` its local part, `%d` its
 * domain. What is put in is escaped (RFC 4515 3), so that an address from the network can only ever
 * be a value: `*@example.org` finds a person of that name and nobody else.
 */
import { FilterParser } from 'ldapts';
import { errorText } from '../../base/errors.ts';

export interface FilterValues {
  readonly local: string;
  readonly domain: string;
}

const PLACE = /%([sud%])/g;

/** The filter that finds the entry of one address. */
export function filterFor(template: string, { local, domain }: FilterValues): string {
  const values: Readonly<Record<string, string>> = {
    s: escaped(`${local}@${domain}`),
    u: escaped(local),
    d: escaped(domain),
    '%': '%',
  };
  return template.replace(PLACE, (_place, name: string) => values[name] ?? '');
}

/** The filter that finds anybody at all who has an address in the places. */
export function filterForAnybody(template: string): string {
  return template.replace(PLACE, (_place, name: string) => (name === '%' ? '%' : '*'));
}

/** What is wrong with a filter, in words; undefined: nothing. */
export function filterProblem(template: string): string | undefined {
  if (/%(?![sud%])/.test(template)) return 'after % only s, u, d or % may stand';
  if (!/%[su]/.test(template.replaceAll('%%', ''))) {
    return 'needs %s, the address that is looked for, or %u, its local part';
  }
  if (!template.startsWith('(')) return 'must begin with a parenthesis, such as (mail=%s)';
  // Of others nobody can ask whether they find anybody at all.
  if (/[:<>~]=[^)]*%[sud]/.test(template)) return 'places for the address may only stand behind =';
  // The parser tells of faults by throwing.
  try {
    for (const filter of [
      filterFor(template, { local: 'a', domain: 'b.example' }),
      filterForAnybody(template),
    ])
      FilterParser.parseString(filter);
  } catch (error) {
    return `is no filter: ${errorText(error)}`;
  }
  return undefined;
}

/** RFC 4515 3: of other octets none needs it, and the library reads `\c3\a4` as two letters. */
function escaped(value: string): string {
  return value.replace(
    // oxlint-disable-next-line no-control-regex -- NUL is one of those that must be escaped
    /[\0()*\\]/g,
    (char) => `\\${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
