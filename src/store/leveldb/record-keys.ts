/**
 * The keys of a day of records, by first letter:
 *
 *     r!place!0        the first segment of a record
 *     r!place!1time    a later one
 *     i!term!place     the record has this term; no value
 *     s!name           the day's own state
 *
 * A place is an id turned round: session and number both count downwards, at a fixed width, so that
 * reading forwards gives the newest first. The form of the keys is part of the stored form.
 */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SESSION_CHARS = 10;
const NUMBER_CHARS = 4;
const MAX_NUMBER = 32 ** NUMBER_CHARS - 1;
const PLACE_CHARS = SESSION_CHARS + NUMBER_CHARS;
const TIME_CHARS = 9;
/** Behind all characters of places. */
const BEHIND = '~';

export const FORM = '1';
export const FORM_KEY = 's!form';
export const REWRITTEN_KEY = 's!rewritten';
export const SKEW_KEY = 's!skew';

/** The digit that counts down, by character code; what is no digit of ids comes last. */
const TURNED: readonly string[] = Array.from({ length: 128 }, (_, code) => {
  const digit = ALPHABET.indexOf(String.fromCharCode(code));
  return digit < 0 ? '0' : ALPHABET.charAt(31 - digit);
});

export function placeOf(id: string): string {
  const number = id.length > SESSION_CHARS ? Number(id.slice(SESSION_CHARS + 1)) : 0;
  return turned(id.slice(0, SESSION_CHARS)) + digits(MAX_NUMBER - number, NUMBER_CHARS);
}

export function idAt(place: string): string {
  const session = turned(place.slice(0, SESSION_CHARS));
  let value = 0;
  for (const char of place.slice(SESSION_CHARS)) value = value * 32 + ALPHABET.indexOf(char);
  const number = MAX_NUMBER - value;
  return number === 0 ? session : `${session}.${number}`;
}

/** Places from `first` to `last`, both included; each may be a mere beginning of places. */
export interface Places {
  readonly first: string;
  readonly last: string;
}

/** The places of sessions opened from one id on up to but without another. */
export function placesBetween(oldest: string, beyond: string): Places {
  return { first: turned(beyond) + BEHIND, last: turned(oldest) + BEHIND };
}

/** Those behind the record with this id. */
export function placesBehind(places: Places, id: string): Places {
  const behind = placeOf(id) + BEHIND;
  return behind > places.first ? { ...places, first: behind } : places;
}

export const segmentsPrefix = (place: string): string => `r!${place}!`;
export const firstKey = (place: string): string => `r!${place}!0`;

export function laterKey(place: string, at: number): string {
  return `r!${place}!1${digits(Math.max(Math.floor(at), 0), TIME_CHARS)}`;
}

export function placeInRecordKey(key: string): string {
  return key.slice(2, 2 + PLACE_CHARS);
}

export function termPrefix(term: string): string {
  return `i!${plain(term)}!`;
}

export function placeInTermKey(key: string): string {
  return key.slice(-PLACE_CHARS);
}

export function segmentRange(places: Places): { readonly gte: string; readonly lt: string } {
  return { gte: `r!${places.first}`, lt: `r!${places.last}` };
}

export function termRange(term: string, places: Places) {
  const prefix = termPrefix(term);
  return { gte: prefix + places.first, lt: prefix + places.last };
}

/** All keys of all terms that begin so. */
export function prefixRange(prefix: string) {
  const start = `i!${plain(prefix)}`;
  return { gte: start, lt: `${start}\u{10ffff}` };
}

export function sessionRange(sid: string) {
  const prefix = `r!${turned(sid)}`;
  return { gte: prefix, lt: prefix + BEHIND };
}

/** `!` ends a term, so it cannot stand in one. */
function plain(term: string): string {
  return term.includes('!') || term.includes('%')
    ? term.replace(/[%!]/g, (char) => (char === '!' ? '%21' : '%25'))
    : term;
}

function turned(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += TURNED[text.charCodeAt(i)] ?? '0';
  return out;
}

function digits(value: number, width: number): string {
  let rest = value;
  let text = '';
  for (let i = 0; i < width; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
