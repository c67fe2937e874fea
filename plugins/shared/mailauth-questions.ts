/**
 * The questions of the library to the gateway's resolver, in the shapes and with the error codes of
 * `node:dns`, which it knows. A doubt is an error without a code that means "not there"; a name that
 * cannot be in the DNS is not there.
 *
 * A message has so many questions and so much time; `exhausted` says that they did not suffice. The
 * policy of the author's domain is asked for even then, lest slow servers of his own free a forger
 * from it.
 */
import { isIPv4 } from 'node:net';
import type { Dns, DnsAnswer } from 'sluice-mx/plugin';

type Answer = string[] | string[][] | { priority: number; exchange: string }[];

export interface Questions {
  readonly ask: (name: string, type: string) => Promise<Answer>;
  readonly exhausted: () => boolean;
  /** The record of a key was asked for, and nobody answered. */
  readonly keyUnanswered: () => boolean;
}

/** More than SPF with its ten terms, ten signatures and an ARC chain of fifty can need. */
const MAX_QUESTIONS = 400;

export function questions(dns: Dns, deadline: number, signal: AbortSignal): Questions {
  let asked = 0;
  let isExhausted = false;
  let isKeyUnanswered = false;
  const ask = async (name: string, type: string): Promise<Answer> => {
    signal.throwIfAborted();
    asked += 1;
    const isSpent = asked > MAX_QUESTIONS || Date.now() > deadline;
    if (isSpent && !name.startsWith('_dmarc.')) {
      isExhausted = true;
      throw failure('ETIMEOUT', 'too many questions, or no time left');
    }
    if (!isPossible(name)) throw failure('ENOTFOUND', 'not a name');
    switch (type) {
      case 'A':
        return found(await dns.a(name));
      case 'AAAA':
        return found(await dns.aaaa(name));
      case 'TXT': {
        const answer = await dns.txt(name);
        if (answer.kind === 'unsure' && /\._domainkey\./i.test(name)) isKeyUnanswered = true;
        return found(answer).map((text) => [text]);
      }
      case 'PTR':
        return found(await dns.ptr(addressOf(name)));
      case 'MX':
        return found(await dns.mx(name)).map(({ preference, exchange }) => ({
          priority: preference,
          exchange,
        }));
      default:
        throw failure('ENODATA', 'not asked for');
    }
  };
  return { ask, exhausted: () => isExhausted, keyUnanswered: () => isKeyUnanswered };
}

/** RFC 1035 2.3.4: what no server can have is known without asking. */
function isPossible(name: string): boolean {
  const labels = name.replace(/\.$/, '').split('.');
  return name.length <= 254 && labels.every((label) => /^[\x20-\x7e]{1,63}$/.test(label));
}

/** The address of a name such as `1.2.0.192.in-addr.arpa`. */
function addressOf(name: string): string {
  const parts = name.toLowerCase().split('.').slice(0, -2).reverse();
  const dotted = parts.join('.');
  return isIPv4(dotted) ? dotted : (parts.join('').match(/.{4}/g) ?? []).join(':');
}

function found<T>(answer: DnsAnswer<T>): T[] {
  switch (answer.kind) {
    case 'found':
      return [...answer.records];
    case 'none':
      throw failure('ENODATA', 'no such record');
    case 'no-domain':
      throw failure('ENOTFOUND', 'no such name');
    case 'unsure':
      throw failure('ESERVFAIL', answer.text);
  }
}

function failure(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}
