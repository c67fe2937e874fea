/**
 * What is kept of a password for SCRAM-SHA-256 (RFC 5802 3, RFC 7677), as
 * `scram-sha-256:i=100000:SALT:STORED:SERVER` in base64url. The password cannot be had from it, nor can
 * whoever reads it log in by SCRAM. It serves to check passwords that come as they are, too.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { randomToken } from './ids.ts';
import { saslPrep } from './sasl-prep.ts';

export interface ScramKeys {
  readonly kind: 'scram';
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** The proof of a client that it knows the password, and the messages that it is about. */
export interface ScramProof {
  readonly proof: Buffer;
  readonly messages: string;
}

/** Some 30 ms of one core, the client's as well. RFC 7677 4 has 4096 as the least. */
export const ITERATIONS = 100_000;
const LEAST = 4096;
/** More would keep a thread busy for a second with one login. */
const MOST = 2_000_000;
export const SALT_BYTES = 16;
const KEY_BYTES = 32; // SHA-256
const FORM = /^scram-sha-256:i=(\d{4,7}):([\w-]{11,86}):([\w-]{43}):([\w-]{43})$/;

/** Undefined when it is not one of ours. */
export function parseScramKeys(text: string): ScramKeys | undefined {
  const [, count, ...parts] = FORM.exec(text) ?? [];
  const iterations = Number(count);
  const [salt, storedKey, serverKey] = parts.map((part) => Buffer.from(part, 'base64url'));
  if (!salt || !storedKey || !serverKey) return undefined;
  if (iterations < LEAST || iterations > MOST) return undefined;
  return { kind: 'scram', iterations, salt, storedKey, serverKey };
}

export function formatScramKeys({ iterations, salt, storedKey, serverKey }: ScramKeys): string {
  const parts = [salt, storedKey, serverKey].map((part) => part.toString('base64url'));
  return `scram-sha-256:i=${iterations}:${parts.join(':')}`;
}

/** Undefined for a password that SASLprep does not allow. */
export async function makeScramKeys(password: string): Promise<ScramKeys | undefined> {
  const prepared = saslPrep(password);
  if (prepared === undefined) return undefined;
  const salt = Buffer.from(randomToken(SALT_BYTES), 'hex');
  return {
    kind: 'scram',
    iterations: ITERATIONS,
    salt,
    ...(await derived(prepared, ITERATIONS, salt)),
  };
}

/** Keys that no password fits. */
export function unmatchedScramKeys(): ScramKeys {
  const random = (bytes: number) => Buffer.from(randomToken(bytes), 'hex');
  const [salt, storedKey, serverKey] = [random(SALT_BYTES), random(KEY_BYTES), random(KEY_BYTES)];
  return { kind: 'scram', iterations: ITERATIONS, salt, storedKey, serverKey };
}

export async function fitsScramKeys(password: Uint8Array, keys: ScramKeys): Promise<boolean> {
  // What is no UTF-8 becomes something that was never stored.
  const prepared = saslPrep(Buffer.from(password).toString()) ?? '\0';
  const { storedKey } = await derived(prepared, keys.iterations, keys.salt);
  return timingSafeEqual(storedKey, keys.storedKey);
}

/** RFC 5802 3: the client's key comes out of its proof, and its hash is what is kept. */
export function isProof({ proof, messages }: ScramProof, { storedKey }: ScramKeys): boolean {
  const signature = hmac(storedKey, messages);
  if (proof.length !== signature.length) return false;
  const clientKey = Buffer.from(signature.map((byte, at) => byte ^ (proof[at] ?? 0)));
  return timingSafeEqual(sha256(clientKey), storedKey);
}

/** Shows the client that we have its keys. */
export function serverSignature(messages: string, { serverKey }: ScramKeys): Buffer {
  return hmac(serverKey, messages);
}

function derived(
  prepared: string,
  iterations: number,
  salt: Buffer,
): Promise<Pick<ScramKeys, 'storedKey' | 'serverKey'>> {
  return new Promise((resolve, reject) => {
    pbkdf2(prepared, salt, iterations, KEY_BYTES, 'sha256', (error, salted) => {
      if (error !== null) reject(error);
      else {
        const storedKey = sha256(hmac(salted, 'Client Key'));
        resolve({ storedKey, serverKey: hmac(salted, 'Server Key') });
      }
    });
  });
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
