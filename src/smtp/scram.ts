/**
 * The dialogue of SCRAM-SHA-256 (RFC 5802 5 and 7, RFC 7677) up to the client's proof: its first message,
 * ours with salt and count, its last. Checks the form only, and strictly; extensions and channel
 * binding are not understood, so a client that insists on them is refused.
 */
import { randomToken } from '../base/ids.ts';

/** What a client needs to make its keys from the password. */
export interface ScramSalt {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export interface FirstMessage {
  readonly user: string;
  /** Whom it wants to act for; empty: itself. */
  readonly authority: string;
  /** Flags of channel binding with the authority, as they must come back in the last message. */
  readonly prefix: string;
  readonly nonce: string;
  /** Without the prefix. */
  readonly bare: string;
}

export interface LastMessage {
  readonly proof: Buffer;
  readonly messages: string;
}

const NONCE_BYTES = 18;
// RFC 5802 7: printable, no comma; nobody needs a longer one.
const FIRST = /^([ny],(?:a=([^,]{1,510}))?,)(n=([^,]{1,510}),r=([\x21-\x2b\x2d-\x7e]{1,128}))$/;
const LAST =
  /^(c=([A-Za-z0-9+/=]{1,1400}),r=([\x21-\x2b\x2d-\x7e]{1,200})),p=([A-Za-z0-9+/]{43}=)$/;

export function parseFirst(text: string): FirstMessage | undefined {
  const [, prefix, authority = '', bare, name, nonce] = FIRST.exec(text) ?? [];
  if (prefix === undefined || bare === undefined || nonce === undefined) return undefined;
  const user = unescaped(name ?? '');
  const whom = unescaped(authority);
  if (user === undefined || whom === undefined) return undefined;
  return { user, authority: whom, prefix, nonce, bare };
}

/** Our answer; its nonce is the client's with ours behind it. */
export function serverFirst({ nonce }: FirstMessage, { salt, iterations }: ScramSalt) {
  const own = `${nonce}${randomToken(NONCE_BYTES)}`;
  const text = `r=${own},s=${Buffer.from(salt).toString('base64')},i=${iterations}`;
  return { nonce: own, text };
}

export function parseLast(
  text: string,
  first: FirstMessage,
  answer: { readonly nonce: string; readonly text: string },
): LastMessage | undefined {
  const [, unproven, binding, nonce, proof] = LAST.exec(text) ?? [];
  if (unproven === undefined || binding === undefined || proof === undefined) return undefined;
  if (nonce !== answer.nonce) return undefined;
  if (binding !== Buffer.from(first.prefix).toString('base64')) return undefined;
  const messages = `${first.bare},${answer.text},${unproven}`;
  return { proof: Buffer.from(proof, 'base64'), messages };
}

/** RFC 5802 5.1: `=` begins an escape and nothing else. */
function unescaped(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
