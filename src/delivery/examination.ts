/**
 * The examination of a destination: does it meet the conditions under which a gateway can serve it?
 * It asks and times over connections of its own and yields a row for each test as it goes. Sends no
 * content unless told to, and never more than eight refused recipients in one session.
 */
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { randomToken } from '../base/ids.ts';
import type { Destination, DestinationHost } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import { memoryContent } from '../mail/content.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { isClosing, isPermanent, isPositive, isTemporary } from '../mail/reply.ts';
import { EICAR, GTUBE } from '../mail/test-patterns.ts';
import { dateTime } from '../mail/trace-fields.ts';
import type { AddressHistory } from './address-history.ts';
import type { HealthNote } from './destination-health.ts';
import * as judge from './examination-judgements.ts';
import type { ExaminationStep, TestName, TestRow } from './examination-row.ts';
import { row } from './examination-row.ts';
import type { Opened, Samples, SessionOptions } from './examined-session.ts';
import { ExaminedSession, MAX_REFUSED } from './examined-session.ts';

export interface ExaminationOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly destination: Destination;
  readonly domain: string;
  /** Somebody who is there; postmaster when nobody is named. */
  readonly known: Address | undefined;
  /** Sends five mails to the known recipient, with the test patterns of filters among them. */
  readonly sendTests: boolean;
  readonly declared: judge.Declared;
  readonly atWork: judge.SeenAtWork;
  readonly health: HealthNote | undefined;
  readonly watchedSince: number;
  readonly addresses: Pick<AddressHistory, 'look'>;
}

/** Quick connections, as a busy gateway makes them. */
const QUICK = 5;
/** Greylisting lets in after seconds or minutes: tried again after these. */
const GREYLIST_WAITS_MS = [10_000, 55_000, 245_000];
const FINAL_REPLY_MS = 120_000;
const BIG_BYTES = 1024 * 1024;
const NOT_REACHED: readonly TestName[] = [
  'tls',
  'ext',
  'unknown-rcpt',
  'accept-all',
  'greylist',
  'tarpit',
];

export async function* examine(
  options: ExaminationOptions,
  signal: AbortSignal,
): AsyncGenerator<ExaminationStep> {
  const { clock, destination, declared, atWork } = options;
  const samples: Samples = { banner: [], ehlo: [], mail: [], rcpt: [] };
  const session: SessionOptions = { ...options, tls: destination.tls, samples };
  const connect = (host: DestinationHost) => ExaminedSession.open(host, session, signal);
  const say = (test: TestRow): ExaminationStep => ({ kind: 'row', row: test });
  const doing = (text: string): ExaminationStep => ({ kind: 'doing', text });

  const reached = await reachAll(destination.hosts, connect);
  yield say(
    judge.judgeReach(
      reached.map(({ host, opened }) => ({
        host: nameOf(host),
        fault: opened.ok ? undefined : opened.text,
      })),
    ),
  );
  yield say(await fixedRow(options));
  yield say(judge.judgePermanent(options.health, clock.now(), options.watchedSince));
  const first = reached.find(({ opened }) => opened.ok);
  if (first === undefined || !first.opened.ok) {
    for (const test of NOT_REACHED) yield say(row(test, 'SKIP', 'not reached'));
    return;
  }
  for (const { opened } of reached)
    if (opened.ok && opened !== first.opened) opened.session.leave();
  const { host } = first;
  yield say(tlsRow(first.opened.session, destination));
  yield say(row('ext', 'PASS', first.opened.session.offers.join(', ').slice(0, 300) || 'none'));

  const asked = await askUnknown(first.opened.session, options);
  yield say(judge.judgeUnknown(asked, declared));
  yield say(judge.judgeAcceptAll(asked, declared));

  const known = options.known ?? { local: 'postmaster', domain: options.domain };
  const answers: (Reply | undefined)[] = [];
  for (const waitMs of [0, ...GREYLIST_WAITS_MS]) {
    if (waitMs > 0) {
      yield doing(`put off: trying again in ${waitMs / 1000} s whether it greylists`);
      await clock.sleep(waitMs, signal);
    }
    answers.push(await askKnown(await connect(host), known, options.hostname));
    const last = answers.at(-1);
    if (last === undefined || !isTemporary(last)) break;
  }
  yield say(judge.judgeGreylist(answers, formatAddress(known), atWork));

  yield doing('taking times');
  yield say(judge.judgeTimes(samples, await hurry(() => connect(host), options), atWork));
  const last = answers.at(-1);
  if (!options.sendTests || options.known === undefined)
    yield say(row('content', 'SKIP', 'sends mail: only with --send-tests and --rcpt'));
  else if (last !== undefined && isPermanent(last)) {
    // Of another server of a split domain, perhaps.
    const text = `no mail was sent: <${formatAddress(known)}>: ${replyText(last)}`;
    yield say(row('content', 'SKIP', text, 'name a recipient who is there with --rcpt'));
  } else {
    yield doing(`sending test mails to ${formatAddress(options.known)}`);
    yield say(await contentRow(() => connect(host), options.known, options));
  }
}

async function reachAll(
  hosts: readonly DestinationHost[],
  connect: (host: DestinationHost) => Promise<Opened>,
) {
  const reached: { readonly host: DestinationHost; readonly opened: Opened }[] = [];
  for (const host of hosts) reached.push({ host, opened: await connect(host) });
  return reached;
}

async function fixedRow({ destination, addresses, clock }: ExaminationOptions): Promise<TestRow> {
  const names = destination.hosts.map(({ host }) => host).filter((host) => isIP(host) === 0);
  const looks: judge.NamedHost[] = [];
  for (const name of new Set(names)) looks.push(await addresses.look(name));
  return judge.judgeFixed(looks, clock.now());
}

function tlsRow({ client, tlsFault }: ExaminedSession, { tls }: Destination): TestRow {
  if (tlsFault === undefined) return row('tls', 'PASS', client.tls);
  if (tls === 'required')
    return row('tls', 'FAIL', tlsFault, 'offer STARTTLS, or set tls: opportunistic');
  if (tls === 'off') return row('tls', 'SKIP', tlsFault);
  return row('tls', 'WARN', `${tlsFault}: mail goes in plaintext`, 'offer STARTTLS on that server');
}

/** Two who cannot be there, for a bounce and for a person. */
async function askUnknown(
  session: ExaminedSession,
  { hostname, domain }: ExaminationOptions,
): Promise<(Reply | undefined)[]> {
  const answers: (Reply | undefined)[] = [];
  for (const sender of [null, { local: 'postmaster', domain: hostname }]) {
    const mail = await session.mail(sender);
    for (let n = 0; n < 2; n++) {
      const isOpen = mail !== undefined && isPositive(mail);
      answers.push(isOpen ? await session.rcpt(stranger(domain)) : mail);
    }
    await session.reset();
  }
  session.leave();
  return answers;
}

function stranger(domain: string): Address {
  return { local: `check-${randomToken(8)}`, domain };
}

async function askKnown(
  opened: Opened,
  known: Address,
  hostname: string,
): Promise<Reply | undefined> {
  if (!opened.ok) return opened.reply;
  const { session } = opened;
  const mail = await session.mail({ local: 'postmaster', domain: hostname });
  const rcpt = mail !== undefined && isPositive(mail) ? await session.rcpt(known) : mail;
  await session.reset();
  session.leave();
  return rcpt;
}

/** Several connections in a row and a session with refused recipients; why it hung up, if it did. */
async function hurry(
  connect: () => Promise<Opened>,
  { domain }: ExaminationOptions,
): Promise<string | undefined> {
  for (let n = 0; n < QUICK; n++) {
    const opened = await connect();
    if (!opened.ok) return `connection ${n + 1} in a row: ${opened.text}`;
    if (n < QUICK - 1) {
      opened.session.leave();
      continue;
    }
    await opened.session.mail(null);
    for (let asked = 0; asked < MAX_REFUSED; asked++) {
      const reply = await opened.session.rcpt(stranger(domain));
      if (reply !== undefined && isClosing(reply)) return replyText(reply);
      if (opened.session.lost !== undefined) return `after ${asked + 1} unknown recipients`;
    }
    opened.session.leave();
  }
  return undefined;
}

async function contentRow(
  connect: () => Promise<Opened>,
  known: Address,
  { hostname, clock }: ExaminationOptions,
): Promise<TestRow> {
  const from = { local: 'postmaster', domain: hostname };
  const refused: string[] = [];
  const date = dateTime(clock.now());
  for (const [name, text] of testMails(formatAddress(from), formatAddress(known), date)) {
    const opened = await connect();
    if (!opened.ok) return row('content', 'SKIP', `${name}: ${opened.text}`);
    const content = memoryContent([Buffer.from(text)]);
    const reply = await opened.session.send(from, known, content, FINAL_REPLY_MS);
    opened.session.leave();
    if (reply === undefined || !isPositive(reply)) {
      refused.push(`${name}: ${reply === undefined ? 'no answer' : replyText(reply)}`);
    }
  }
  if (refused.length === 0)
    return row('content', 'PASS', 'took plain text, GTUBE, EICAR, 1 MiB, 8-bit');
  const fix = 'let filters of that server mark or quarantine mail of this gateway, never refuse it';
  return row('content', 'FAIL', refused.join('; ').slice(0, 600), fix);
}

function testMails(from: string, to: string, date: string): [string, string][] {
  const mail = (subject: string, body: string) =>
    `From: <${from}>\r\nTo: <${to}>\r\nDate: ${date}\r\nSubject: ${subject}\r\n` +
    `Message-ID: <${randomToken(12)}@${from.slice(from.indexOf('@') + 1)}>\r\n` +
    `MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Transfer-Encoding: 8bit\r\n\r\n${body}\r\n`;
  const line = `${'x'.repeat(76)}\r\n`;
  return [
    ['plain', mail('test mail of the gateway', 'A test. Nothing to do.')],
    ['GTUBE', mail('test mail of the gateway: spam pattern', GTUBE)],
    ['EICAR', mail('test mail of the gateway: virus pattern', EICAR)],
    ['1 MiB', mail('test mail of the gateway: size', line.repeat(BIG_BYTES / line.length))],
    ['8-bit', mail('test mail of the gateway: Grüße', 'Grüße, 8 bit.')],
  ];
}

function nameOf({ host, port }: DestinationHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
