/**
 * The dialogue of SCRAM-SHA-256 (RFC 5802 5 and 7, RFC 7677) up to the client's proof: its first message,
 * ours with salt and count, its last. Checks the form only, and strictly; extensions are not
 * understood, so a client that insists on one is refused. Of channel bindings `tls-exporter` is known
 * (RFC 9266): a login that is bound is worth nothing on another connection.
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
  /** `not-offered`: the client could, and believes that we cannot. */
  readonly binding: 'bound' | 'not-offered' | 'none';
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
const FIRST =
  /^((n|y|p=tls-exporter),(?:a=([^,]{1,510}))?,)(n=([^,]{1,510}),r=([\x21-\x2b\x2d-\x7e]{1,128}))$/;
const LAST =
  /^(c=([A-Za-z0-9+/=]{1,1400}),r=([\x21-\x2b\x2d-\x7e]{1,200})),p=([A-Za-z0-9+/]{43}=)$/;

export function parseFirst(text: string): FirstMessage | undefined {
  const [, prefix, flag, authority = '', bare, name, nonce] = FIRST.exec(text) ?? [];
  if (prefix === undefined || bare === undefined || nonce === undefined) return undefined;
  const user = unescaped(name ?? '');
  const whom = unescaped(authority);
  if (user === undefined || whom === undefined) return undefined;
  const binding = flag === 'n' ? 'none' : flag === 'y' ? 'not-offered' : 'bound';
  return { user, authority: whom, prefix, binding, nonce, bare };
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
  /** Of the connection that it came over. */
  channel: Uint8Array | undefined,
): LastMessage | undefined {
  const [, unproven, binding, nonce, proof] = LAST.exec(text) ?? [];
  if (unproven === undefined || binding === undefined || proof === undefined) return undefined;
  if (nonce !== answer.nonce) return undefined;
  if (first.binding === 'bound' && channel === undefined) return undefined;
  const bound = first.binding === 'bound' ? channel : undefined;
  const expected = Buffer.concat([Buffer.from(first.prefix), bound ?? Buffer.alloc(0)]);
  if (binding !== expected.toString('base64')) return undefined;
  const messages = `${first.bare},${answer.text},${unproven}`;
  return { proof: Buffer.from(proof, 'base64'), messages };
}

/** RFC 5802 5.1: `=` begins an escape and nothing else. */
function unescaped(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
