/**
 * What the findings of an examination mean, as pure functions: replies, times and histories in, one
 * row out. The bounds are those of the conditions under which a gateway can serve a destination.
 */
import { isPermanent, isPositive, isTemporary } from '../mail/reply.ts';
import type { Reply } from '../mail/reply.ts';
import { replyText } from '../mail/outcome.ts';
import { saysUnknown } from './callout.ts';
import type { HealthNote } from './destination-health.ts';
import type { TestRow } from './examination-row.ts';
import { row } from './examination-row.ts';
import type { Samples } from './examined-session.ts';

const DAY_MS = 24 * 3600 * 1000;
const WEEK_MS = 7 * DAY_MS;

export interface Reached {
  readonly host: string;
  /** Undefined when it answered. */
  readonly fault: string | undefined;
}

export function judgeReach(hosts: readonly Reached[]): TestRow {
  const faults = hosts.flatMap(({ host, fault }) =>
    fault === undefined ? [] : [`${host}: ${fault}`],
  );
  const answering = hosts.filter(({ fault }) => fault === undefined).map(({ host }) => host);
  if (faults.length === 0)
    return row('reach', 'PASS', `${answering.join(', ')}: connected, greeted, EHLO taken`);
  const fix = 'look at its firewall, which must let this gateway in, and whether the server runs';
  if (answering.length === 0) return row('reach', 'FAIL', faults.join('; '), fix);
  return row('reach', 'WARN', `${faults.join('; ')}; ${answering.join(', ')} answers`, fix);
}

/** What it said about recipients who cannot be there; `undefined` stands for no answer. */
export type Answers = readonly (Reply | undefined)[];

const takenOf = (asked: Answers) => asked.find((reply) => reply !== undefined && isPositive(reply));

const VALIDATE = 'turn on recipient validation at RCPT and set "recipients" to "callout"';

export function judgeUnknown(asked: Answers, { takesAll }: Pick<Declared, 'takesAll'>): TestRow {
  const answers = asked.filter((reply) => reply !== undefined);
  const first = (is: (reply: Reply) => boolean) => answers.find(is);
  const taken = takenOf(asked);
  if (taken !== undefined && takesAll) {
    return row(
      'unknown-rcpt',
      'WARN',
      `takes everybody, as "recipients" declares: ${replyText(taken)}`,
      `mail for nobody is filtered and handed on too; if it need not be: ${VALIDATE}`,
    );
  }
  if (taken !== undefined) {
    return row(
      'unknown-rcpt',
      'FAIL',
      `took a recipient that cannot be there: ${replyText(taken)}`,
      'turn on recipient validation at RCPT, or give the gateway a list: recipients: { file: ... }',
    );
  }
  const later = first(isTemporary);
  if (later !== undefined) {
    return row(
      'unknown-rcpt',
      'WARN',
      `puts unknown recipients off instead of refusing them: ${replyText(later)}`,
      'unknown recipients must be refused with 550 5.1.1 (Postfix: unknown_local_recipient_reject_code = 550)',
    );
  }
  const other = first((reply) => isPermanent(reply) && !saysUnknown(reply));
  if (other !== undefined) {
    return row(
      'unknown-rcpt',
      'WARN',
      `refused, but not as unknown: ${replyText(other)}`,
      'let this gateway send to the domain (relay and sender restrictions of that server), and refuse unknown recipients with 550 5.1.1',
    );
  }
  const said = answers[0];
  if (said === undefined || answers.length < asked.length) {
    return row('unknown-rcpt', 'SKIP', 'no answer to some of the questions: cannot tell');
  }
  return row('unknown-rcpt', 'PASS', `refused: ${replyText(said)}`);
}

/** What was seen while mail went there, in the last days. */
export interface SeenAtWork {
  readonly greylists?: string;
  readonly limits?: string;
  readonly tarpits?: string;
}

export interface Declared {
  /** `recipients: any` */
  readonly takesAll: boolean;
  readonly refusesLate: boolean;
}

export function judgeAcceptAll(asked: Answers, { takesAll, refusesLate }: Declared): TestRow {
  if (refusesLate && takesAll) {
    return row(
      'accept-all',
      'WARN',
      'declared by "recipients", but it refused some after the content within the last week',
      VALIDATE,
    );
  }
  if (refusesLate) {
    return row(
      'accept-all',
      'FAIL',
      'takes recipients at RCPT and refused them after the content within the last week',
      'turn on recipient validation at RCPT (Exchange: recipient filtering on the receiving connector)',
    );
  }
  if (takenOf(asked) === undefined) return row('accept-all', 'SKIP', 'it does not take everybody');
  if (takesAll) return row('accept-all', 'PASS', 'declared by "recipients"');
  return row(
    'accept-all',
    'FAIL',
    'takes everybody, and nobody said so',
    'if that is meant, and it never returns mail for unknown recipients, set "recipients" to "any"',
  );
}

/** The answers for a known recipient, one after the other, until it was taken. */
export function judgeGreylist(
  answers: readonly (Reply | undefined)[],
  recipient: string,
  { greylists }: SeenAtWork = {},
): TestRow {
  const last = answers.at(-1);
  const exempt =
    'exempt this gateway from greylisting (Postfix: postscreen_access_list, postgrey whitelist)';
  if (last === undefined) return row('greylist', 'SKIP', 'no answer: cannot tell');
  const text = `<${recipient}>: ${replyText(last)}`;
  if (isPositive(last)) {
    const atOnce = `taken at the first try: ${text}`;
    if (answers.length === 1 && greylists !== undefined)
      return row('greylist', 'WARN', `${atOnce}; but mail was put off: ${greylists}`, exempt);
    if (answers.length === 1) return row('greylist', 'PASS', atOnce);
    return row(
      'greylist',
      'WARN',
      `taken only at try ${answers.length}: it greylists this gateway`,
      exempt,
    );
  }
  if (isPermanent(last)) {
    return row(
      'greylist',
      'SKIP',
      `refused, so it cannot be told: ${text}`,
      'name a recipient who is there with --rcpt',
    );
  }
  return row('greylist', 'FAIL', `put off ${answers.length} times: ${text}`, exempt);
}

const SLOW_MS = 2_000;
const TARPIT_MS = 10_000;

export function judgeTimes(
  samples: Samples,
  cutOff: string | undefined,
  { limits, tarpits }: SeenAtWork = {},
): TestRow {
  const parts = Object.entries(samples).filter(([, all]) => all.length > 0);
  const worst = Math.max(0, ...parts.map(([, all]) => Math.max(...all)));
  const detail = parts
    .map(([name, all]) => `${name} ${median(all)} ms (at most ${Math.max(...all)})`)
    .join(', ');
  const fix =
    'exempt this gateway from tarpitting, rate limits and error limits (Postfix: ' +
    'smtpd_client_event_limit_exceptions, smtpd_error_sleep_time; Exchange: TarpitInterval)';
  const atWork = [limits, tarpits].filter((text) => text !== undefined).join('; ');
  const judged =
    cutOff !== undefined
      ? row('tarpit', 'FAIL', `${detail}; it hung up: ${cutOff}`, fix)
      : worst > TARPIT_MS
        ? row('tarpit', 'FAIL', detail, fix)
        : worst >= SLOW_MS
          ? row('tarpit', 'WARN', detail, fix)
          : atWork !== ''
            ? row('tarpit', 'WARN', `${detail}; but mail of late: ${atWork}`, fix)
            : row('tarpit', 'PASS', detail);
  return { ...judged, samplesMs: samples };
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
}

/** From its history: the share of the last week in which it was not down. */
export function judgePermanent(
  note: HealthNote | undefined,
  now: number,
  watchedSince: number,
): TestRow {
  const from = now - WEEK_MS;
  const history = note?.history ?? [];
  const begin = Math.max(from, Math.min(watchedSince, history[0]?.at ?? watchedSince));
  const watched = now - begin;
  if (watched < DAY_MS / 24)
    return row('permanent', 'SKIP', 'watched for less than an hour: cannot tell yet');
  let down = 0;
  for (const [index, { at, state }] of history.entries()) {
    if (state !== 'down') continue;
    const until = history[index + 1]?.at ?? now;
    down += Math.max(0, until - Math.max(at, begin));
  }
  const share = (1 - down / watched) * 100;
  const days = Math.round((watched / DAY_MS) * 10) / 10;
  const detail = `up ${share.toFixed(share > 99.95 ? 1 : 2)}% of the last ${days} days`;
  const fix =
    'the server, or the line to it, should be up at all times: see "sluice destination show"';
  if (share >= 99.5) return row('permanent', 'PASS', detail);
  return row('permanent', share >= 95 ? 'WARN' : 'FAIL', detail, fix);
}

const SHORT_TTL_MS = 300_000;
/** Names that providers give to lines whose addresses change. */
const DIAL_UP = /(^|[.-])(dyn|dynamic|dial|dialup|dsl|adsl|pool|ppp|cable|dhcp)\d*([.-]|$)/i;

export interface NamedHost {
  readonly name: string;
  /** Undefined when the DNS could not say. */
  readonly addresses: readonly { readonly address: string; readonly ttlMs: number }[] | undefined;
  /** Changes within the last week, and since when it is watched. */
  readonly changes: number;
  readonly watchedSince: number;
}

/** `named` are the hosts that are given by name. */
export function judgeFixed(named: readonly NamedHost[], now: number): TestRow {
  const fix = 'give the server a fixed address and name it as "destination"';
  if (named.length === 0) return row('fixed-ip', 'PASS', 'given by address');
  const worst = named.map((host) => judgeNamed(host, now, fix));
  return (
    worst.find(({ status }) => status === 'FAIL') ??
    worst.find(({ status }) => status === 'WARN') ??
    worst.find(({ status }) => status === 'SKIP') ??
    row('fixed-ip', 'PASS', worst.map(({ detail }) => detail).join('; '))
  );
}

function judgeNamed(
  { name, addresses, changes, watchedSince }: NamedHost,
  now: number,
  fix: string,
): TestRow {
  if (addresses === undefined)
    return row('fixed-ip', 'WARN', `${name}: the DNS has no answer`, fix);
  const list = addresses.map(({ address }) => address).join(', ');
  if (changes > 1)
    return row(
      'fixed-ip',
      'FAIL',
      `${name}: its address changed ${changes} times in a week; now ${list}`,
      fix,
    );
  const days = Math.floor((now - watchedSince) / DAY_MS);
  const text = `${name} is ${list}, watched for ${days} days`;
  if (changes === 1)
    return row('fixed-ip', 'WARN', `${text}; its address changed within a week`, fix);
  const ttl = Math.min(...addresses.map(({ ttlMs }) => ttlMs));
  if (ttl < SHORT_TTL_MS)
    return row('fixed-ip', 'WARN', `${text}; its TTL is only ${Math.round(ttl / 1000)} s`, fix);
  if (DIAL_UP.test(name))
    return row('fixed-ip', 'WARN', `${text}; its name looks like a dial-up line`, fix);
  return row('fixed-ip', 'PASS', text);
}
