/**
 * The SASL mechanisms of AUTH (RFC 4954): SCRAM-SHA-256 with and without channel binding (scram.ts), PLAIN (RFC 4616) and LOGIN
 * (draft-murchison-sasl-login), each a dialogue of challenges and responses in base64 that ends with credentials or with a reply
 * that says what is wrong. Checks the form only; whether the credentials are right is for others.
 * Secrets leave this file as part of the credentials and nowhere else.
 */
import { isUtf8 } from 'node:buffer';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { FirstMessage, LastMessage, ScramSalt } from './scram.ts';
import { parseFirst, parseLast, serverFirst } from './scram.ts';

export type Credentials =
  | { readonly mechanism: 'PLAIN' | 'LOGIN'; readonly user: string; readonly password: Buffer }
  | {
      readonly mechanism: ScramMechanism;
      readonly user: string;
      readonly proven: LastMessage;
    };

export interface ScramSide {
  /** Also for names that are no account: what it says must not tell. */
  readonly saltOf: (user: string) => ScramSalt;
  /** Of this connection, where it has one. */
  readonly binding: Uint8Array | undefined;
  /** The client has been told that it may bind its login. */
  readonly isBindingOffered: boolean;
}

export type SaslStep =
  /** The reply goes to the client, whose next line is the response. */
  | { readonly kind: 'challenge'; readonly reply: Reply }
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  | { readonly kind: 'failed'; readonly reply: Reply };

/** Takes the client's next line. */
export interface SaslExchange {
  respond(line: string): SaslStep;
}

/** In the order they are offered. */
export const MECHANISMS = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN'] as const;
export type Mechanism = (typeof MECHANISMS)[number];
type ScramMechanism = Extract<Mechanism, `SCRAM-${string}`>;

const MAX_BYTES = 255; // RFC 4616 2, of each part
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

export function isMechanism(word: string): word is Mechanism {
  return MECHANISMS.some((mechanism) => mechanism === word);
}

/** `initial` is the initial response as sent; `=` stands for an empty one. */
export function beginExchange(
  mechanism: Mechanism,
  initial: string | undefined,
  side: ScramSide,
): { readonly exchange: SaslExchange; readonly step: SaslStep } {
  const exchange = exchangeOf(mechanism, side);
  if (initial !== undefined) {
    return { exchange, step: exchange.respond(initial === '=' ? '' : initial) };
  }
  const challenge = mechanism === 'LOGIN' ? 'Username:' : '';
  return { exchange, step: ask(challenge) };
}

function exchangeOf(mechanism: Mechanism, side: ScramSide): SaslExchange {
  if (mechanism === 'PLAIN') return plain();
  return mechanism === 'LOGIN' ? login() : scram(mechanism, side);
}

function plain(): SaslExchange {
  return {
    respond: (line) =>
      decoded(line, (bytes) => {
        const parts = splitAtNul(bytes);
        const [authority, user, password] = parts;
        const name = user && nameOf(user);
        if (authority === undefined || password === undefined || parts.length !== 3) return BAD;
        if (name === undefined || password.length > MAX_BYTES) return BAD;
        // To act for somebody else is not possible here.
        if (authority.length > 0 && nameOf(authority) !== name) {
          return { kind: 'failed', reply: replies.authFailed() };
        }
        return { kind: 'credentials', credentials: { mechanism: 'PLAIN', user: name, password } };
      }),
  };
}

function login(): SaslExchange {
  let user: string | undefined;
  return {
    respond: (line) =>
      decoded(line, (bytes) => {
        if (user === undefined) {
          user = nameOf(bytes);
          return user === undefined ? BAD : ask('Password:');
        }
        if (bytes.length > MAX_BYTES) return BAD;
        return { kind: 'credentials', credentials: { mechanism: 'LOGIN', user, password: bytes } };
      }),
  };
}

function scram(
  mechanism: ScramMechanism,
  { saltOf, binding, isBindingOffered }: ScramSide,
): SaslExchange {
  let opened: { first: FirstMessage; answer: ReturnType<typeof serverFirst> } | undefined;
  return {
    respond: (line) =>
      decoded(line, (bytes) => {
        if (!isUtf8(bytes)) return BAD;
        const text = bytes.toString();
        if (opened === undefined) {
          const first = parseFirst(text);
          const user = first && nameOf(Buffer.from(first.user));
          if (first === undefined || user === undefined) return BAD;
          const isBound = mechanism === 'SCRAM-SHA-256-PLUS';
          if (isBound !== (first.binding === 'bound')) return BAD;
          // RFC 5802 6: somebody between us has hidden from the client that we could.
          if (first.binding === 'not-offered' && isBindingOffered) {
            return { kind: 'failed', reply: replies.authFailed() };
          }
          if (first.authority !== '' && first.authority !== user) {
            return { kind: 'failed', reply: replies.authFailed() };
          }
          opened = { first, answer: serverFirst(first, saltOf(user)) };
          return ask(opened.answer.text);
        }
        const { first, answer } = opened;
        const proven = parseLast(text, first, answer, binding);
        if (proven === undefined) return BAD;
        return { kind: 'credentials', credentials: { mechanism, user: first.user, proven } };
      }),
  };
}

const BAD: SaslStep = { kind: 'failed', reply: replies.badAuthResponse() };

export function ask(challenge: string): SaslStep & { readonly kind: 'challenge' } {
  const reply = replies.authChallenge(Buffer.from(challenge).toString('base64'));
  return { kind: 'challenge', reply };
}

function decoded(line: string, next: (bytes: Buffer) => SaslStep): SaslStep {
  if (line === '*') return { kind: 'failed', reply: replies.authCancelled() };
  return BASE64.test(line) ? next(Buffer.from(line, 'base64')) : BAD;
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return [...parts, bytes.subarray(at)];
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
}

/** A name that may be shown, or undefined. */
function nameOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0 || bytes.length > MAX_BYTES || !isUtf8(bytes)) return undefined;
  const name = bytes.toString();
  return CONTROL.test(name) ? undefined : name;
}
