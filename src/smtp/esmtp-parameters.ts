/**
 * Parameters of MAIL and RCPT (RFC 5321 4.1.2; RFC 1870, 6152, 6531, 3461,
 * 8689): one table per verb, from
 * keyword to the check of its value. Unknown keywords are refused, a keyword given twice as well,
 * for nobody can know which one was meant. Values that go on with the message are kept as received
 * and are checked down to what their xtext stands for.
 */
import type { BodyType, MailParameters, Notify, RcptParameters } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Puts a value into the draft, or answers with what is wrong. */
type Taker<T> = (value: string | undefined, draft: Draft<T>) => Reply | undefined;

const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
const VALUE = /^[\x21-\x3c\x3e-\x7e\u{a0}-\u{10ffff}]+$/u;
const SIZE = /^\d{1,20}$/; // RFC 1870 4
const ORCPT_TYPE = /^[A-Za-z0-9-]{1,60}$/;
const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[2-7][0-9A-F])+$/; // RFC 3461 4, printable only
const UNITEXT = /^[\x21-\x2a\x2c-\x3c\x3e-\x7e\u{a0}-\u{10ffff}]+$/u; // RFC 6533 3
const MAX_ENVID = 100; // RFC 3461 4.4
const MAX_ORCPT = 500; // RFC 3461 4.2

const MAIL: ReadonlyMap<string, Taker<MailParameters>> = new Map<string, Taker<MailParameters>>([
  [
    'SIZE',
    (value, draft) => {
      if (value === undefined || !SIZE.test(value)) return bad('SIZE');
      draft.size = Number(value);
      return undefined;
    },
  ],
  [
    'BODY',
    (value, draft) => {
      const body = value?.toUpperCase();
      if (body === 'BINARYMIME') return replies.unknownParameter('BODY=BINARYMIME');
      if (!isBodyType(body)) return bad('BODY');
      draft.body = body;
      return undefined;
    },
  ],
  [
    'SMTPUTF8',
    (value, draft) => {
      if (value !== undefined) return bad('SMTPUTF8');
      draft.smtpUtf8 = true;
      return undefined;
    },
  ],
  [
    'REQUIRETLS',
    (value, draft) => {
      if (value !== undefined) return bad('REQUIRETLS');
      draft.requireTls = true;
      return undefined;
    },
  ],
  [
    'RET',
    (value, draft) => {
      const ret = value?.toUpperCase();
      if (ret !== 'FULL' && ret !== 'HDRS') return bad('RET');
      draft.ret = ret;
      return undefined;
    },
  ],
  [
    'ENVID',
    (value, draft) => {
      if (value === undefined || value.length > MAX_ENVID || !isXtext(value)) return bad('ENVID');
      draft.envid = value;
      return undefined;
    },
  ],
]);

const RCPT: ReadonlyMap<string, Taker<RcptParameters>> = new Map<string, Taker<RcptParameters>>([
  [
    'NOTIFY',
    (value, draft) => {
      const notify = value === undefined ? undefined : parseNotify(value);
      if (notify === undefined) return bad('NOTIFY');
      draft.notify = notify;
      return undefined;
    },
  ],
  [
    'ORCPT',
    (value, draft) => {
      if (value === undefined || value.length > MAX_ORCPT || !isOrcpt(value)) return bad('ORCPT');
      draft.orcpt = value;
      return undefined;
    },
  ],
]);

export type ParsedParameters<T> =
  { readonly ok: true; readonly parameters: T } | { readonly ok: false; readonly reply: Reply };

/** `text` is what follows the path, without the space that parts them. */
export function parseMailParameters(text: string): ParsedParameters<MailParameters> {
  return parse(text, MAIL, {});
}
export function parseRcptParameters(text: string): ParsedParameters<RcptParameters> {
  return parse(text, RCPT, {});
}

function parse<T>(
  text: string,
  takers: ReadonlyMap<string, Taker<T>>,
  draft: Draft<T>,
): ParsedParameters<T> {
  if (text === '') return { ok: true, parameters: draft };
  const seen = new Set<string>();
  for (const parameter of text.split(/ +/)) {
    const equals = parameter.indexOf('=');
    const written = equals < 0 ? parameter : parameter.slice(0, equals);
    const value = equals < 0 ? undefined : parameter.slice(equals + 1);
    if (!KEYWORD.test(written) || (value !== undefined && !VALUE.test(value))) {
      return { ok: false, reply: replies.syntax('Malformed parameter') };
    }
    const keyword = written.toUpperCase();
    const taker = takers.get(keyword);
    if (taker === undefined) return { ok: false, reply: replies.unknownParameter(keyword) };
    if (seen.has(keyword)) {
      return { ok: false, reply: replies.badArgument(`Parameter ${keyword} given twice`) };
    }
    seen.add(keyword);
    const problem = taker(value, draft);
    if (problem !== undefined) return { ok: false, reply: problem };
  }
  return { ok: true, parameters: draft };
}

function bad(keyword: string): Reply {
  return replies.badArgument(`Bad value of parameter ${keyword}`);
}

function isBodyType(value: string | undefined): value is BodyType {
  return value === '7BIT' || value === '8BITMIME';
}

/** RFC 3461 4.1: NEVER stands alone. */
function parseNotify(value: string): Notify | undefined {
  const words = value.toUpperCase().split(',');
  if (words.length === 1 && words[0] === 'NEVER') return 'NEVER';
  const notify: ('SUCCESS' | 'FAILURE' | 'DELAY')[] = [];
  for (const word of words) {
    if (word !== 'SUCCESS' && word !== 'FAILURE' && word !== 'DELAY') return undefined;
    if (notify.includes(word)) return undefined;
    notify.push(word);
  }
  return notify;
}

/** An xtext whose hexadecimal characters are printable: it must not smuggle a line end into a DSN. */
function isXtext(value: string): boolean {
  return XTEXT.test(value) && !value.includes('+7F');
}

function isOrcpt(value: string): boolean {
  const semicolon = value.indexOf(';');
  const type = value.slice(0, semicolon);
  const address = value.slice(semicolon + 1);
  if (semicolon < 0 || !ORCPT_TYPE.test(type)) return false;
  return isXtext(address) || (type.toLowerCase() === 'utf-8' && UNITEXT.test(address));
}
