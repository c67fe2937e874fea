/**
 * Templates of what people read: a line `Subject: ...`, an empty line and the text, in which names in
 * braces stand for what only the moment knows. An operator may write his own.
 */

const PLACE = /\{([a-z]*)\}/g;
const FORM = /^Subject: ([^\r\n]+)\r?\n\r?\n([^]*)$/;
/** Of one template: a page, not a book. */
const MAX_TEMPLATE = 8000;
const MAX_SUBJECT = 200;
/** RFC 5322 2.1.1. */
const MAX_LINE = 900;

/** What keeps a text from being a template with these places, in words; undefined: nothing. */
export function templateFault(text: string, places: readonly string[]): string | undefined {
  const [, subject = '', body] = FORM.exec(text) ?? [];
  if (body === undefined) return 'must begin with a line "Subject: ..." and an empty line';
  if (text.length > MAX_TEMPLATE) return `is longer than ${MAX_TEMPLATE} characters`;
  if (subject.length > MAX_SUBJECT) return `its subject is longer than ${MAX_SUBJECT} characters`;
  if (subject.includes('{')) return 'its subject can have no {...}';
  if (body.split('\n').some((line) => line.length > MAX_LINE)) return 'has a line that is too long';
  // oxlint-disable-next-line no-control-regex -- they have no place in a mail
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text)) return 'has control characters';
  const unknown = [...body.matchAll(PLACE)].find(([, name = '']) => !places.includes(name));
  return unknown && `${unknown[0]} means nothing: only ${listed(places)} do`;
}

export interface FilledTemplate {
  readonly subject: string;
  /** Without line ends. */
  readonly lines: readonly string[];
}

/** `fill` has what stands for each place, as lines. */
export function filledTemplate(
  template: string,
  fill: (place: string) => readonly string[],
): FilledTemplate {
  const [, subject = '', body = ''] = FORM.exec(template) ?? [];
  const text = body.replace(PLACE, (_whole, name: string) => fill(name).join('\n'));
  return { subject, lines: text.replace(/\s+$/, '').split(/\r?\n/) };
}

function listed(places: readonly string[]): string {
  const names = places.map((place) => `{${place}}`);
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
