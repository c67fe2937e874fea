/**
 * The resolver on `node:dns` (c-ares): asks the configured servers, or the system's. Every question
 * has a deadline; so many may be open at one time, more wait (question-lines.ts), and beyond that the
 * answer is "unsure" at once, for a resolver that is behind must not gather the whole of the mail behind
 * it.
 */
import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import type { Turn } from './question-lines.ts';
import { QuestionLines } from './question-lines.ts';
import { reverseName } from './reverse-name.ts';
import type { AddressRecord, FilterResolver, Lookup, MxRecord } from './resolver.ts';
import { checkedAddresses, checkedMx, checkedNames, checkedTexts, eitherOf } from './resolver.ts';
import { zoneOf } from './zone.ts';

export interface SystemResolverOptions {
  readonly clock: Clock;
  /** `address:port` of each server, as configured now; undefined: the system's. */
  readonly servers: () => readonly string[] | undefined;
  /** Hears of each question: the record type, the kind of the answer, milliseconds. */
  readonly onAnswer?: ((type: string, result: string, ms: number) => void) | undefined;
}

/** All tries of a question together. */
const DEADLINE_MS = 12_000;
const TRY_MS = 2_500;
const TRIES = 2;

export function createSystemResolver({
  clock,
  servers,
  onAnswer,
}: SystemResolverOptions): FilterResolver {
  const lines = new QuestionLines();
  let current: { readonly key: string; readonly asker: dns.Resolver } | undefined;

  const asker = (): dns.Resolver => {
    const wanted = servers();
    const key = wanted?.join(' ') ?? '';
    if (current?.key !== key) {
      current = { key, asker: new dns.Resolver({ timeout: TRY_MS, tries: TRIES }) };
      if (wanted !== undefined) current.asker.setServers(wanted);
    }
    return current.asker;
  };

  async function ask<T>(
    type: string,
    name: string,
    question: (asker: dns.Resolver) => Promise<readonly T[]>,
    checked: (records: readonly T[]) => Lookup<T>,
  ): Promise<Lookup<T>> {
    const zone = zoneOf(isIP(name) === 0 ? name : reverseName(name));
    const turn = lines.enter(zone);
    if (turn === undefined) return { kind: 'unsure', text: 'too many questions' };
    const startedAt = clock.mono();
    const lookup = await answered(`${type} ${name}`, turn, () => heard(zone, question), checked);
    turn.leave();
    onAnswer?.(type, lookup.kind, clock.mono() - startedAt);
    return lookup;
  }

  /** What the DNS says is an answer, whatever it is; node:dns throws most of them. */
  async function answered<T>(
    what: string,
    turn: Turn,
    question: () => Promise<readonly T[]>,
    checked: (records: readonly T[]) => Lookup<T>,
  ): Promise<Lookup<T>> {
    try {
      const work = (signal: AbortSignal) =>
        turn.run(async () => {
          // Else those who wait would wait behind what nobody wants to know any more.
          signal.throwIfAborted();
          return question();
        });
      return checked(await withDeadline(clock, DEADLINE_MS, what, work));
    } catch (error) {
      return answerOf(error);
    }
  }

  /** Also when nobody waits for the answer any more. */
  async function heard<T>(
    zone: string,
    question: (asker: dns.Resolver) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    try {
      const records = await question(asker());
      lines.heard(zone, 'answer');
      return records;
    } catch (error) {
      lines.heard(zone, answerOf(error).kind === 'unsure' ? 'nothing' : 'answer');
      throw error;
    }
  }

  const v4 = (name: string) =>
    ask('A', name, async (by) => timed(await by.resolve4(name, { ttl: true })), checkedAddresses);
  const v6 = (name: string) =>
    ask(
      'AAAA',
      name,
      async (by) => timed(await by.resolve6(name, { ttl: true })),
      checkedAddresses,
    );

  return {
    mx: (name) =>
      ask<MxRecord>(
        'MX',
        name,
        async (by) =>
          (await by.resolveMx(name)).map(({ priority, exchange }) => ({
            preference: priority,
            exchange,
          })),
        checkedMx,
      ),
    a: v4,
    aaaa: v6,
    txt: (name) => ask('TXT', name, async (by) => joined(await by.resolveTxt(name)), checkedTexts),
    // Not `reverse`, which makes of a server's failure that there is no name.
    ptr: async (address) =>
      isIP(address) === 0
        ? { kind: 'no-domain' }
        : ask('PTR', address, (by) => by.resolvePtr(reverseName(address)), checkedNames),
    async addresses(name) {
      const [four, six] = await Promise.all([v4(name), v6(name)]);
      return eitherOf(four, six);
    },
  };
}

function joined(records: readonly (readonly string[])[]): string[] {
  return records.map((strings) => strings.join(''));
}

function timed(records: readonly { address: string; ttl: number }[]): AddressRecord[] {
  return records.map(({ address, ttl }) => ({ address, ttlMs: ttl * 1000 }));
}

function answerOf(error: unknown): Lookup<never> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // What is no name in the DNS cannot be there either.
  if (code === 'ENOTFOUND' || code === 'EBADNAME') return { kind: 'no-domain' };
  if (code === 'ENODATA') return { kind: 'none' };
  return { kind: 'unsure', text: errorText(error) };
}
