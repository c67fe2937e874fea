/**
 * The SASL mechanisms of AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login),
 * each a dialogue of challenges and responses in base64 that ends with credentials or with a reply
 * that says what is wrong. Checks the form only; whether the credentials are right is for others.
 * Secrets leave this file as part of the credentials and nowhere else.
 */
import { isUtf8 } from 'node:buffer';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';

export interface Credentials {
  readonly mechanism: Mechanism;
  readonly user: string;
  readonly password: Buffer;
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
export const MECHANISMS = ['PLAIN', 'LOGIN'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

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
): { readonly exchange: SaslExchange; readonly step: SaslStep } {
  const exchange = mechanism === 'PLAIN' ? plain() : login();
  if (initial !== undefined) {
    return { exchange, step: exchange.respond(initial === '=' ? '' : initial) };
  }
  const challenge = mechanism === 'PLAIN' ? '' : 'Username:';
  return { exchange, step: ask(challenge) };
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

const BAD: SaslStep = { kind: 'failed', reply: replies.badAuthResponse() };

function ask(challenge: string): SaslStep {
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
