/**
 * Reads what a request asks for: query strings and bodies, strictly and within bounds. An unknown
 * member is an error, so that a misspelt filter never means "everything".
 */
import { messageOf, parseMessageId } from '../base/ids.ts';
import type { Address } from '../mail/address.ts';
import { parseAddress } from '../mail/address.ts';
import type { TraceQuery } from '../records/trace-query.ts';
import type { QuarantineFilter, QueueFilter } from './queue-filter.ts';
import type { ShapeBy } from './queue-shape.ts';
import { SHAPE_BY } from './queue-shape.ts';
import type { QueueState } from './rows.ts';

/** A request that cannot be served as it is; the text is for the person who made it. */
export class RequestFault extends Error {
  readonly statusCode: number;
  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'RequestFault';
    this.statusCode = statusCode;
  }
}

export const MAX_IDS = 1000;
const MAX_PARAMETER = 320;
const MAX_WHY = 200;
const MAX_TRACES = 1000;
const DEFAULT_TRACES = 100;
const STATES: readonly QueueState[] = ['active', 'deferred', 'hold', 'damaged', 'quarantine'];

type Members = ReadonlyMap<string, string>;

/** The members of a query string or body object: known, single, bounded strings. */
export function members(source: unknown, known: readonly string[]): Members {
  if (typeof source !== 'object' || source === null) return new Map();
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(source)) {
    if (!known.includes(name)) throw fault(`unknown parameter "${name.slice(0, 40)}"`);
    if (typeof value !== 'string') throw fault(`parameter "${name}" must be given once, as text`);
    if (value.length > MAX_PARAMETER) throw fault(`parameter "${name}" is too long`);
    found.set(name, value);
  }
  return found;
}

const QUEUE_FILTERS = ['from', 'to', 'dest', 'account', 'state', 'before', 'since', 'larger'];

export function queueFilter(query: unknown): QueueFilter {
  const given = members(query, QUEUE_FILTERS);
  const from = given.get('from');
  const to = given.get('to');
  const dest = given.get('dest');
  const account = given.get('account');
  const state = oneOf(given, 'state', STATES);
  const before = time(given, 'before');
  const since = time(given, 'since');
  const largerBytes = whole(given, 'larger', 0, Number.MAX_SAFE_INTEGER);
  return {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(dest !== undefined && { dest }),
    ...(account !== undefined && { account }),
    ...(state !== undefined && { state }),
    ...(before !== undefined && { before }),
    ...(since !== undefined && { since }),
    ...(largerBytes !== undefined && { largerBytes }),
  };
}

export function quarantineFilter(query: unknown): QuarantineFilter {
  const { dir, asked, ...others } = record(query ?? {});
  const own = { ...(dir !== undefined && { dir }), ...(asked !== undefined && { asked }) };
  const given = members(own, ['dir', 'asked']);
  const wanted = oneOf(given, 'dir', ['in', 'out'] as const);
  const { state, ...filter } = queueFilter(others);
  if (state !== undefined) throw fault('unknown parameter "state"');
  const isAsked = oneOf(given, 'asked', ['true'] as const) !== undefined;
  return { ...filter, asked: isAsked, ...(wanted !== undefined && { dir: wanted }) };
}

/** Members of a trace query that are texts. */
const TRACE_TEXTS = ['from', 'to', 'client', 'domain', 'account', 'subject'] as const;

/** `by` and the filters of a listing. */
export function shapeQuery(query: unknown): { by: ShapeBy; filter: QueueFilter } {
  const { by = 'dest', ...filter } = record(query ?? {});
  const wanted = SHAPE_BY.find((known) => known === by);
  if (wanted === undefined) throw fault(`parameter "by" must be ${SHAPE_BY.join(', ')}`);
  return { by: wanted, filter: queueFilter(filter) };
}

export function traceQuery(query: unknown, results: readonly string[]): TraceQuery {
  const known = ['q', ...TRACE_TEXTS, 'result', 'since', 'until', 'dir', 'limit', 'cursor'];
  const given = members(query, known);
  const text = given.get('q');
  const since = time(given, 'since');
  const until = time(given, 'until');
  const dir = oneOf(given, 'dir', ['in', 'out'] as const);
  const result = given.get('result')?.toLowerCase();
  if (result !== undefined && !results.some((one) => result !== '' && one.startsWith(result)))
    throw fault(`parameter "result" must be ${results.join(', ')}, or the beginning of one`);
  const cursor = given.get('cursor');
  if (cursor !== undefined && !isTraceId(cursor)) throw fault('parameter "cursor" is none of ours');
  const texts = TRACE_TEXTS.flatMap((name) => {
    const value = given.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  // Of a script whose variable is empty: everything from nobody was not meant.
  for (const name of ['q', ...TRACE_TEXTS])
    if (given.get(name)?.trim() === '')
      throw fault(`parameter "${name}" is empty; the null sender is "<>"`);
  return {
    ...Object.fromEntries(texts),
    limit: whole(given, 'limit', 1, MAX_TRACES) ?? DEFAULT_TRACES,
    ...(text !== undefined && { text }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(dir !== undefined && { dir }),
    ...(result !== undefined && { result }),
    ...(cursor !== undefined && { cursor }),
  };
}

/** Who asks, as the client on the control socket says; whoever reaches the socket is trusted. */
export function requester(header: unknown): string {
  const name = typeof header === 'string' ? header.replace(/[^\w.@-]/g, '').slice(0, 64) : '';
  return name === '' ? 'operator' : name;
}

export interface QuarantineStep {
  readonly step: 'release' | 'delete';
  readonly ids: readonly string[];
  /** The only one it is released to. */
  readonly to: Address | undefined;
  readonly why: string;
  /** Whether the filters are told: released is ham, deleted is spam. */
  readonly learn: boolean;
}

export function quarantineStep(step: string, body: unknown): QuarantineStep {
  if (step !== 'release' && step !== 'delete') throw new RequestFault(404, 'no such action');
  const { ids, to, why, learn = false } = record(body);
  if (to !== undefined && step === 'delete') throw fault('"to" goes with release');
  if (typeof learn !== 'boolean') throw fault('"learn" must be true or false');
  return {
    step,
    ids: messageIds(ids),
    to: to === undefined ? undefined : mailbox(to),
    why: sentence(why),
    learn,
  };
}

export function messageIds(ids: unknown): string[] {
  if (!Array.isArray(ids) || ids.length > MAX_IDS) {
    throw fault(`"ids" must be a list of at most ${MAX_IDS} message ids`);
  }
  return ids.map(messageId);
}

/** `alone`: only this domain, not all that share its destination. */
export function holdRequest(body: unknown): {
  readonly alone: boolean;
  readonly until: number | undefined;
  readonly why: string;
} {
  const { alone = false, until, why } = record(body);
  if (typeof alone !== 'boolean') throw fault('"alone" must be true or false');
  return { alone, until: until === undefined ? undefined : moment(until), why: sentence(why) };
}

export function moment(until: unknown): number {
  const at = Date.parse(typeof until === 'string' ? until : '');
  if (Number.isNaN(at)) throw fault('"until" must be a time such as 2026-06-02T06:42Z');
  return at;
}

/** An account, or an identity behind it; `until`: when the lock ends by itself. */
export function lockRequest(body: unknown): {
  readonly account: string;
  readonly identity: string | undefined;
  readonly until: number | undefined;
  readonly why: string;
} {
  const { account, identity, ...rest } = record(body);
  const { until, why } = holdRequest(rest);
  const texts = named({ account, ...(identity !== undefined && { identity }) }, [
    'account',
    'identity',
  ]);
  if (texts.account === undefined || texts.account === '') throw fault('"account" must be given');
  return { account: texts.account, identity: texts.identity, until, why };
}

/** Members of a query string that stand for themselves. */
export function named<Name extends string>(
  query: unknown,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  return Object.fromEntries(members(query, names)) as Partial<Record<Name, string>>; // by `members`
}

export function examinationRequest(body: unknown): {
  known: Address | undefined;
  sendTests: boolean;
} {
  const { rcpt, send_tests: sendTests = false } = record(body);
  if (typeof sendTests !== 'boolean') throw fault('"send_tests" must be true or false');
  return { known: rcpt === undefined ? undefined : mailbox(rcpt), sendTests };
}

export function pinRequest(body: unknown): {
  address: Address;
  answer: 'known' | 'unknown';
  server: string | undefined;
} {
  const { address, answer, server } = record(body);
  if (answer !== 'known' && answer !== 'unknown') {
    throw fault('"answer" must be known or unknown');
  }
  if (server !== undefined && (typeof server !== 'string' || server === '')) {
    throw fault('"server" must be text');
  }
  return { address: mailbox(address), answer, server };
}

/** What is to be imported: texts that may or may not be addresses, some with a server behind them. */
export function addresses(body: unknown): readonly string[] {
  const { addresses: texts } = record(body);
  if (!Array.isArray(texts) || texts.length > MAX_IDS) {
    throw fault(`"addresses" must be a list of at most ${MAX_IDS} addresses`);
  }
  return texts.map((text: unknown) => {
    if (typeof text !== 'string') throw fault('"addresses" must be a list of texts');
    return text.slice(0, MAX_PARAMETER);
  });
}

export function mailbox(text: unknown): Address {
  const parsed = parseAddress(typeof text === 'string' ? text : '');
  if (!parsed.ok) throw fault(parsed.problem);
  return parsed.value;
}

/** Of one message in a path: what has not even the form of an id is no message either. */
export function namedMessage(text: string): string {
  const id = parseMessageId(text);
  if (id === undefined) throw new RequestFault(404, `"${text.slice(0, 40)}" is no message id`);
  return id;
}

function messageId(text: unknown): string {
  if (typeof text !== 'string') throw fault('a message id is text');
  const id = parseMessageId(text);
  if (id === undefined) throw fault(`"${text.slice(0, 40)}" is no message id`);
  return id;
}

/** What a trace is asked for by: a message, a part of it (`4K7QZ2M9XT.1-100002`) or a session. */
export function traceId(text: string): string {
  if (!isTraceId(messageOf(text))) throw fault(`"${text.slice(0, 40)}" is no id`);
  return text;
}

/** Of a message or a session. */
function isTraceId(text: string): boolean {
  return parseMessageId(text.length === 10 ? `${text}.0` : text) !== undefined;
}

export function record(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw fault('the body must be a JSON object');
  }
  return { ...body };
}

export function sentence(why: unknown): string {
  if (why === undefined) return '';
  if (typeof why !== 'string') throw fault('"why" must be text');
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return why.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, MAX_WHY);
}

export function time(given: Members, name: string): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw fault(`parameter "${name}" must be a time such as 2026-06-02T06:42Z`);
  return at;
}

export function whole(given: Members, name: string, min: number, max: number): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw fault(`parameter "${name}" must be ${min} to ${max}`);
  return value;
}

function oneOf<T extends string>(
  given: Members,
  name: string,
  values: readonly T[],
): T | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = values.find((known) => known === text);
  if (value === undefined) throw fault(`parameter "${name}" must be ${values.join(', ')}`);
  return value;
}

export function fault(text: string): RequestFault {
  return new RequestFault(400, text);
}
